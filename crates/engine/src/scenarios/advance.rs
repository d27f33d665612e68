//! When a phase ends by itself.

use expect_test::expect;

use super::check;

#[test]
fn a_healthy_canary_goes_through_all_phases_and_becomes_the_version() {
    check(
        "plan 5/60s 50/60s 100/60s interval=3600s
         look x240 canary=100 stable=900
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            61 s    split 50 % (epoch 2)
            61 s    phase_advanced phase 0 -> phase 1
            121 s   split 100 % (epoch 3)
            121 s   phase_advanced phase 1 -> phase 2
            181 s   current version: canary
            181 s   rollout_completed
            completed at phase 2, 100 %, attempt 1, healthy, clock stands at 60 s
        "#]],
    );
}

#[test]
fn under_proven_a_phase_waits_until_each_criterion_is_shown() {
    check(
        "plan 5/10s:errors<1,mean<500 100/10s interval=3600s
         look x9 canary=20 stable=400
         show
         look
         show
         look until=phase_advanced canary=20 stable=400",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 8 s
              duration since 1 s, eta 2 s: 2 s left of this phase
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 9 s
              duration since 1 s, eta 1 s: 1 s left of this phase
            11 s    phase_held
            20 s    split 100 % (epoch 2)
            20 s    phase_advanced phase 0 -> phase 1
        "#]],
    );
}

#[test]
fn under_observed_ten_requests_inside_the_criteria_are_enough() {
    check(
        "plan 5/10s:errors<1,mean<500,health>85 100/10s evidence=observed
         look x9 canary=1 stable=10
         show
         look
         show
         look canary=1 stable=10
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 8 s
              duration since 1 s, eta 2 s: 2 s left of this phase
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 9 s
              duration since 1 s, eta 1 s: 1 s left of this phase
            11 s    split 100 % (epoch 2)
            11 s    phase_advanced phase 0 -> phase 1
            running at phase 1, 100 %, attempt 1, inconclusive, clock stands at 0 s
              duration since 11 s, eta 10 s: 10 s left of this phase
        "#]],
    );
}

#[test]
fn a_criterion_that_is_not_met_holds_the_phase() {
    check(
        "plan 5/10s:mean<40,health>99.9 100/10s evidence=observed
         look x11 canary=20@120 stable=400@120
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    phase_held
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 10 s
              criterion since 11 s, no eta: mean response time at most 40 ms: 120 ms over 220 requests, at most 120 ms (approximate bound); not met
              criterion since 11 s, no eta: health score at least 99.9: 99.4, at least 85.2 at every look; not met
        "#]],
    );
}

#[test]
fn without_criteria_the_rollback_limit_is_the_question() {
    check(
        "plan 5/10s 100/10s
         look x11 canary=10 stable=400
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    phase_held
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 10 s
              evidence since 11 s, eta 23 s: error rate at most 1 %: 0 % errors (0/110); about 253 more requests needed to show it
              evidence since 11 s, eta 63 s: error rate below 1.5 times stable's plus 0.5 points: 0 % errors (0/110) against stable 0 % (0/4 400); about 696 more requests needed to show it
        "#]],
    );
}

#[test]
fn without_auto_advance_a_person_is_waited_for() {
    check(
        "plan 5/10s 100/10s auto=off
         look x11 canary=200 stable=400
         show
         advance",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    phase_held
            running at phase 0, 5 %, attempt 1, healthy, clock runs at 10 s
              person since 11 s, no eta: the phase is over and healthy; autoAdvance is off, so a person advances it
            11 s    split 100 % (epoch 2)
            11 s    phase_advanced phase 0 -> phase 1 by ann, over: nothing
        "#]],
    );
}

#[test]
fn a_health_score_below_the_risk_threshold_holds_the_phase() {
    check(
        "plan 5/10s 100/10s threshold=95 health=off
         look x11 canary=200@400 stable=400@400
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    phase_held
            running at phase 0, 5 %, attempt 1, healthy, clock runs at 10 s
              criterion since 11 s, no eta: health score 91.0 is below riskThreshold 95
        "#]],
    );
}

#[test]
fn a_warning_holds_the_phase_even_when_every_question_is_answered() {
    check(
        "plan 5/10s:errors<5 100/10s evidence=observed errors=off health=off
         look x11 canary=100/1 stable=2000/4
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    phase_held
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 10 s
              evidence since 11 s, no eta: a warning stands: canary 1 % errors (11/1 100) against stable 0.2 % (44/22 000) in the same seconds; evidence 46 : 1, limit 100 : 1
        "#]],
    );
}

#[test]
fn at_100_percent_nothing_is_compared_with_stable() {
    check(
        "plan 100/10s:errors<5 errors=off health=off interval=3600s
         look x11 canary=200/4 stable=5
         show",
        expect![[r#"
            0 s     split 100 % (epoch 1)
            0 s     rollout_started
            11 s    current version: canary
            11 s    rollout_completed
            completed at phase 0, 100 %, attempt 1, healthy, clock stands at 10 s
        "#]],
    );
}
