//! A person's advance says what it went over.

use expect_test::expect;

use super::check;

#[test]
fn it_names_the_time_left_and_each_open_question() {
    check(
        "plan 5/60s:errors<1,mean<500 100/60s\nlook\nlook x5 canary=20 stable=100\nadvance",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            6 s     split 100 % (epoch 2)
            6 s     phase_advanced phase 0 -> phase 1 by ann, over: 55 s left of this phase | error rate at most 1 %: 0 % errors (0/100); about 263 more requests needed to show it
        "#]],
    );
}

#[test]
fn it_names_a_hold() {
    check(
        "plan 5/60s 100/60s\nlook\nplanes p1 p2:silent=4s\nlook canary=9 stable=9\nadvance",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            2 s     phase_held
            2 s     split 100 % (epoch 2)
            2 s     phase_advanced phase 0 -> phase 1 by ann, over: no report for 3 s from p2 | 60 s left of this phase | error rate at most 1 %: 0 % errors (0/9); about 353 more requests needed to show it | error rate below 1.5 times stable's plus 0.5 points: 0 % errors (0/9) against stable 0 % (0/9); more requests needed to show it | p90 less than 25 % above stable's: no requests of the canary's requests above 0.0 ms against no requests of stable's above its p90; not met
        "#]],
    );
}

#[test]
fn it_names_what_was_open_under_a_pause() {
    check(
        "plan 5/60s 100/60s\nlook\nlook canary=9 stable=9\npause\nadvance",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            2 s     rollout_paused by ann
            2 s     split 100 % (epoch 2)
            2 s     phase_advanced phase 0 -> phase 1 by ann, over: 59 s left of this phase | error rate at most 1 %: 0 % errors (0/9); about 353 more requests needed to show it | error rate below 1.5 times stable's plus 0.5 points: 0 % errors (0/9) against stable 0 % (0/9); more requests needed to show it | p90 less than 25 % above stable's: no requests of the canary's requests above 0.0 ms against no requests of stable's above its p90; not met
        "#]],
    );
}

#[test]
fn it_names_the_rollback_it_goes_over() {
    check(
        "plan 5/60s 100/60s\nlook\nlook canary=100/50 stable=900\nlook\nadvance\nshow",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            2 s     split 0 % (epoch 2)
            2 s     rollback_started phase 0 -> stable by errorRate
            3 s     rollback_completed phase 0 -> stable in 1 s
            3 s     split 5 % (epoch 3)
            3 s     phase_advanced stable -> phase 0 by ann, over: the rollback by errorRate: canary 50 % errors (50/100), limit 1 %; stable 0 % errors (0/900); evidence more than 10^14 : 1, limit 100 : 1; canary 50 % errors (50/100) against stable 0 % (0/900) in the same seconds; evidence more than 10^14 : 1, limit 100 : 1; canary Apdex 0.500 over 100 requests against stable 1.000 in the same seconds; evidence more than 10^14 : 1, limit 100 : 1; health score 45.0 (between 37.8 and 52.2 at every look) over 100 requests, limit 70
            running at phase 0, 5 %, attempt 3, inconclusive, clock stands at 0 s
              duration since 3 s, eta 60 s: 60 s left of this phase
        "#]],
    );
}
