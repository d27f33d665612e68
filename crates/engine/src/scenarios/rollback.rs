//! What makes a rollout go back by itself, and where to.

use expect_test::expect;

use super::check;

#[test]
fn errors_above_the_limit_go_to_stable() {
    check(
        "plan 5/10s 50/60s 100/60s evidence=observed
         look until=phase_advanced canary=100 stable=1900
         look
         look until=rollback_started canary=200/40 stable=200
         evidence
         look
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    split 50 % (epoch 2)
            11 s    phase_advanced phase 0 -> phase 1
            13 s    split 0 % (epoch 3)
            13 s    rollback_started phase 1 -> stable by errorRate
              because canary 20 % errors (40/200), limit 1 %; stable 0 % errors (0/200); evidence more than 10^14 : 1, limit 100 : 1
              because canary 20 % errors (40/200) against stable 0 % (0/200) in the same seconds; evidence 642 527 974 : 1, limit 100 : 1
              because canary Apdex 0.800 over 200 requests against stable 1.000 in the same seconds; evidence 20 851 779 : 1, limit 100 : 1
              because health score 54.0 (between 48.7 and 65.9 at every look) over 200 requests, limit 70
            14 s    rollback_completed phase 1 -> stable in 1 s
            rolled_back at stable, 0 %, attempt 2, inconclusive, clock stands at 0 s
        "#]],
    );
}

#[test]
fn errors_that_are_worse_than_on_stable_go_to_stable_without_any_limit() {
    check(
        "plan 5/60s 100/60s errors=off health=off
         look
         look until=rollback_started canary=100/5 stable=1900/1
         evidence",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            2 s     split 0 % (epoch 2)
            2 s     rollback_started phase 0 -> stable by errorsVsStable
              because canary 5 % errors (5/100) against stable 0.053 % (1/1 900) in the same seconds; evidence 2 226 : 1, limit 100 : 1
        "#]],
    );
}

#[test]
fn client_errors_that_are_worse_than_on_stable_go_to_stable() {
    check(
        "plan 5/60s 100/60s
         look
         look until=rollback_started canary=100~30 stable=1900~5
         evidence",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            2 s     split 0 % (epoch 2)
            2 s     rollback_started phase 0 -> stable by clientErrorsVsStable
              because canary 30 % 4xx answers (30/100) against stable 0.26 % (5/1 900) in the same seconds; evidence more than 10^14 : 1, limit 100 : 1
        "#]],
    );
}

#[test]
fn bad_health_goes_to_the_last_phase_that_ended_healthy() {
    check(
        "plan 5/10s 25/10s 50/60s 100/60s evidence=observed response=off health=90 interval=3600s
         look until=phase_advanced canary=200 stable=1900
         look
         look until=phase_advanced canary=200 stable=1900
         look
         look until=rollback_started canary=200@700 stable=200@700
         evidence
         look
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    split 25 % (epoch 2)
            11 s    phase_advanced phase 0 -> phase 1
            21 s    split 50 % (epoch 3)
            21 s    phase_advanced phase 1 -> phase 2
            23 s    split 25 % (epoch 4)
            23 s    rollback_started phase 2 -> phase 1 by health
              because health score 67.0 (between 31.5 and 79.2 at every look) over 200 requests, limit 90
            24 s    rollback_completed phase 2 -> phase 1 in 1 s
            rolled_back at phase 1, 25 %, attempt 2, inconclusive, clock stands at 0 s
              person since 24 s, no eta: rolled back to a lower phase: resume, advance, abort or start anew
        "#]],
    );
}

#[test]
fn bad_health_goes_to_stable_when_no_phase_ended_healthy() {
    check(
        "plan 5/10s 25/10s 50/60s 100/60s evidence=observed response=off health=90 interval=3600s
         look
         advance
         look
         look until=rollback_started canary=200@700 stable=200@700",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            1 s     split 25 % (epoch 2)
            1 s     phase_advanced phase 0 -> phase 1 by ann, over: 10 s left of this phase | no canary request in this phase yet: nothing can be judged
            3 s     split 0 % (epoch 3)
            3 s     rollback_started phase 1 -> stable by health
        "#]],
    );
}

#[test]
fn a_second_fall_at_the_lower_phase_goes_to_stable() {
    check(
        "plan 5/10s 50/60s 100/60s evidence=observed response=off health=90 interval=3600s
         look until=phase_advanced canary=200 stable=1900
         look
         look until=rollback_completed canary=200@700 stable=200@700
         show
         look until=rollback_completed canary=200@700 stable=1900@700
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    split 50 % (epoch 2)
            11 s    phase_advanced phase 0 -> phase 1
            13 s    split 5 % (epoch 3)
            13 s    rollback_started phase 1 -> phase 0 by health
            14 s    rollback_completed phase 1 -> phase 0 in 1 s
            rolled_back at phase 0, 5 %, attempt 2, inconclusive, clock stands at 0 s
              person since 14 s, no eta: rolled back to a lower phase: resume, advance, abort or start anew
            211 s   split 0 % (epoch 4)
            211 s   rollback_started phase 0 -> stable by health
            212 s   rollback_completed phase 0 -> stable in 1 s
            rolled_back at stable, 0 %, attempt 3, inconclusive, clock stands at 0 s
        "#]],
    );
}

#[test]
fn several_triggers_at_once_go_to_stable() {
    check(
        "plan 5/10s 50/60s 100/60s evidence=observed
         look until=phase_advanced canary=100 stable=1900
         look
         look until=rollback_started canary=200/150@3000 stable=200
         evidence",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    split 50 % (epoch 2)
            11 s    phase_advanced phase 0 -> phase 1
            13 s    risk_alert responseTime (limit 1000)
            13 s    split 0 % (epoch 3)
            13 s    rollback_started phase 1 -> stable by errorRate
              because canary 75 % errors (150/200), limit 1 %; stable 0 % errors (0/200); evidence more than 10^14 : 1, limit 100 : 1
              because canary 75 % errors (150/200) against stable 0 % (0/200) in the same seconds; evidence more than 10^14 : 1, limit 100 : 1
              because canary Apdex 0.000 over 200 requests against stable 1.000 in the same seconds; evidence more than 10^14 : 1, limit 100 : 1
              because 100 % (200/200) of the canary's requests took more than 59 ms (stable's p50 and its margin) against 0 % (0/200) of stable's above its p50; evidence more than 10^14 : 1, limit 100 : 1
              because canary mean response time 3000 ms over 200 requests, limit 1000 ms; evidence more than 10^14 : 1, limit 100 : 1
              because health score 0.0 (between 0.0 and 4.5 at every look) over 200 requests, limit 70
        "#]],
    );
}

#[test]
fn a_slow_mean_alerts_at_once_and_goes_to_stable_when_shown() {
    check(
        "plan 5/60s 100/60s health=off
         look
         look canary=12@1100
         show
         look until=rollback_started canary=12@1100
         evidence",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            2 s     risk_alert responseTime (limit 1000)
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 1 s
              duration since 1 s, eta 59 s: 59 s left of this phase
            19 s    split 0 % (epoch 2)
            19 s    rollback_started phase 0 -> stable by responseTime
              because canary mean response time 1100 ms over 216 requests, limit 1000 ms; evidence 111 : 1, limit 100 : 1
        "#]],
    );
}

#[test]
fn a_hang_is_seen_before_any_request_ends() {
    check(
        "plan 5/60s 100/60s
         look
         look canary=20 stable=200
         look until=rollback_started hang=20@1500 stable=200
         evidence",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            3 s     split 0 % (epoch 2)
            3 s     rollback_started phase 0 -> stable by latencyVsStable
              because 100 % (20/20) of the canary's requests took more than 59 ms (stable's p99.9 and its margin) against 0 % (0/200) of stable's above its p99.9; evidence more than 10^14 : 1, limit 100 : 1
        "#]],
    );
}

#[test]
fn late_failures_of_an_older_epoch_belong_to_no_test_of_this_phase() {
    check(
        "plan 5/10s 50/60s 100/60s
         look
         advance
         look x5 canary=100 late=50/50 stable=100
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            1 s     split 50 % (epoch 2)
            1 s     phase_advanced phase 0 -> phase 1 by ann, over: 10 s left of this phase | no canary request in this phase yet: nothing can be judged
            running at phase 1, 50 %, attempt 2, inconclusive, clock runs at 5 s
              duration since 1 s, eta 55 s: 55 s left of this phase
        "#]],
    );
}

#[test]
fn a_pause_leaves_the_automatic_rollback_armed() {
    check(
        "plan 5/60s 100/60s
         look
         pause
         look until=rollback_completed canary=100/50 stable=1900
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            1 s     rollout_paused by ann
            2 s     split 0 % (epoch 2)
            2 s     rollback_started phase 0 -> stable by errorRate
            3 s     rollback_completed phase 0 -> stable in 1 s
            rolled_back at stable, 0 %, attempt 2, degraded, clock stands at 0 s
        "#]],
    );
}
