//! Gates of a phase: asked from its beginning, kept to its end, never in the way of going back.

use expect_test::expect;

use super::check;

#[test]
fn a_quorum_of_two_different_people_opens_the_gate() {
    check(
        "plan 5/10s:approvals=2 100/10s
         look x3 canary=200 stable=400
         approve ann
         approve ann
         look x20 canary=200 stable=400
         show
         approve bob
         look until=phase_advanced canary=200 stable=400",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            3 s     gate_answered 2 approvals, approve by ann
            approve: refused: gate 0 of phase 0 can't be answered: ann has approved it already, and 2 approvals are needed
            11 s    phase_held
            running at phase 0, 5 %, attempt 1, healthy, clock runs at 22 s
              gate since 11 s, no eta: waiting for 1 more of 2 approvals (so far ann)
            23 s    gate_answered 2 approvals, approve by bob
            23 s    phase_released after gate
            24 s    split 100 % (epoch 2)
            24 s    phase_advanced phase 0 -> phase 1
        "#]],
    );
}

#[test]
fn a_refusal_goes_back_to_stable() {
    check(
        "plan 5/10s:approvals=1 100/10s
         look x3 canary=200 stable=400
         reject bob
         approve ann
         look canary=200 stable=400
         evidence",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            3 s     gate_answered an approval, reject by bob
            3 s     split 0 % (epoch 2)
            3 s     rollback_started phase 0 -> stable by manual
            approve: refused: an answer to a gate is not possible while the rollout is rolling_back: abort is possible; it will be rolled back in a moment
            4 s     rollback_completed phase 0 -> stable in 1 s
              because an approval was refused by bob
        "#]],
    );
}

#[test]
fn nobody_answers_in_time() {
    check(
        "plan 5/10s:approvals=1,expires=20s 100/10s
         look x15 canary=200 stable=400
         show
         look until=rollback_completed canary=200 stable=400
         evidence
         plan 5/10s:approvals=1,expires=20s,default=approve 100/10s
         look until=phase_advanced canary=200 stable=400",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    phase_held
            running at phase 0, 5 %, attempt 1, healthy, clock runs at 14 s
              gate since 11 s, no eta: waiting for an approval; no answer within 5 s counts as a no
            20 s    gate_answered an approval, reject by default: nobody answered within 20 s
            20 s    split 0 % (epoch 2)
            20 s    rollback_started phase 0 -> stable by manual
            21 s    rollback_completed phase 0 -> stable in 1 s
              because an approval was not given in time, which counts as a no
            21 s    split 5 % (epoch 3)
            21 s    rollout_started
            32 s    phase_held
            41 s    gate_answered an approval, approve by default: nobody answered within 20 s
            41 s    split 100 % (epoch 4)
            41 s    phase_advanced phase 0 -> phase 1
        "#]],
    );
}

#[test]
fn a_window_holds_until_it_opens_and_closes_again() {
    check(
        "plan 5/10s:window=on 100/10s
         look x12 canary=200 stable=400 window=closed
         show
         look until=phase_advanced canary=200 stable=400 window=open",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    phase_held
            running at phase 0, 5 %, attempt 1, healthy, clock runs at 11 s
              gate since 11 s, no eta: waiting for the window Mon-Thu 09:00-16:00 Europe/Berlin
            13 s    split 100 % (epoch 2)
            13 s    phase_advanced phase 0 -> phase 1
        "#]],
    );
}

#[test]
fn a_persons_advance_says_which_gate_it_overrode_and_harm_waits_for_no_gate() {
    check(
        "plan 5/10s:approvals=2 50/10s:approvals=1 100/10s
         look x12 canary=200 stable=400
         advance
         look until=rollback_completed canary=200/40 stable=400",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    phase_held
            12 s    split 50 % (epoch 2)
            12 s    phase_advanced phase 0 -> phase 1 by ann, over: waiting for 2 approvals
            13 s    split 0 % (epoch 3)
            13 s    rollback_started phase 1 -> stable by errorRate
            14 s    rollback_completed phase 1 -> stable in 1 s
        "#]],
    );
}
