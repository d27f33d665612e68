//! Quarantine: nothing moves by itself until a person acts.

use expect_test::expect;

use super::check;

#[test]
fn traffic_stays_where_it_is_whatever_the_canary_does() {
    check(
        "plan 5/5s 100/60s evidence=observed
         look
         quarantine epochs went back
         look x10 canary=100/50 stable=900
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            1 s     phase_held
            running at phase 0, 5 %, attempt 1, degraded, clock stands at 0 s
              person since 1 s, no eta: quarantined: epochs went back; traffic stays where it is until a person resumes, advances, rolls back or aborts
        "#]],
    );
}

#[test]
fn a_person_takes_it_out_by_resume() {
    check(
        "plan 5/5s 100/60s evidence=observed
         look
         quarantine epochs went back
         look x10 canary=100 stable=900
         resume
         look",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            1 s     phase_held
            11 s    rollout_resumed by ann
            11 s    phase_released after person
        "#]],
    );
}

#[test]
fn a_rollback_by_a_person_arms_the_automatic_one_again() {
    check(
        "plan 5/60s 50/60s 100/60s
         look
         advance
         look
         quarantine epochs went back
         rollback
         look
         look until=rollback_started canary=100/50 stable=900",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            1 s     split 50 % (epoch 2)
            1 s     phase_advanced phase 0 -> phase 1 by ann, over: 60 s left of this phase | no canary request in this phase yet: nothing can be judged
            2 s     phase_held
            2 s     split 5 % (epoch 3)
            2 s     rollback_started phase 1 -> phase 0 by manual
            3 s     rollback_completed phase 1 -> phase 0 in 1 s
            4 s     split 0 % (epoch 4)
            4 s     rollback_started phase 0 -> stable by errorRate
        "#]],
    );
}

#[test]
fn an_advance_names_the_quarantine_it_went_over() {
    check(
        "plan 5/60s 100/60s\nlook\nquarantine epochs went back\nadvance",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            1 s     phase_held
            1 s     split 100 % (epoch 2)
            1 s     phase_advanced phase 0 -> phase 1 by ann, over: quarantined: epochs went back | 60 s left of this phase | no canary request in this phase yet: nothing can be judged
        "#]],
    );
}
