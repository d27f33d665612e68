//! A handful of unlucky first requests decides nothing; a canary that only fails is out at the tenth.

use expect_test::expect;

use super::check;

#[test]
fn three_errors_in_the_first_ten_requests_do_nothing() {
    check(
        "plan 5/60s 100/60s
         look
         look canary=10/3 stable=190
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 1 s
              duration since 1 s, eta 59 s: 59 s left of this phase
        "#]],
    );
}

#[test]
fn a_canary_that_only_fails_is_rolled_back_at_the_tenth_request() {
    check(
        "plan 5/60s 100/60s
         look
         look x9 canary=1/1 stable=19
         show
         look canary=1/1 stable=19
         evidence",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 9 s
              duration since 1 s, eta 51 s: 51 s left of this phase
            11 s    split 0 % (epoch 2)
            11 s    rollback_started phase 0 -> stable by errorRate
              because canary 100 % errors (10/10), limit 1 %; stable 0 % errors (0/190); evidence more than 10^14 : 1, limit 100 : 1
              because canary 100 % errors (10/10) against stable 0 % (0/190) in the same seconds; evidence 50 659 514 : 1, limit 100 : 1
              because canary Apdex 0.000 over 10 requests against stable 1.000 in the same seconds; evidence 11 216 638 : 1, limit 100 : 1
              because health score 30.0 (between 30.0 and 51.2 at every look) over 10 requests, limit 70
        "#]],
    );
}

#[test]
fn the_first_ten_failing_at_once_are_enough() {
    check(
        "plan 5/60s 100/60s
         look
         look canary=10/10 stable=190",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            2 s     split 0 % (epoch 2)
            2 s     rollback_started phase 0 -> stable by errorRate
        "#]],
    );
}

#[test]
fn comparisons_wait_for_a_warm_up_and_limits_do_not() {
    check(
        "plan 5/60s 100/60s warm=5s
         look
         look x4 canary=20@900 stable=400
         show
         look until=rollback_started canary=20@900 stable=400",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 4 s
              duration since 1 s, eta 56 s: 56 s left of this phase
            6 s     split 0 % (epoch 2)
            6 s     rollback_started phase 0 -> stable by latencyVsStable
        "#]],
    );
    check(
        "plan 5/60s 100/60s warm=5s
         look
         look until=rollback_started canary=20/10 stable=400",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            2 s     split 0 % (epoch 2)
            2 s     rollback_started phase 0 -> stable by errorRate
        "#]],
    );
}

#[test]
fn a_split_that_does_not_match_holds_and_is_never_a_rollback() {
    check(
        "plan 5/10s:errors<5 100/10s
         look
         look x12 canary=200#90 stable=1900#900
         show
         advance",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            2 s     phase_held
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 12 s
              srm since 2 s, no eta: the split does not match: canary 9.09 % of keys (1 080/11 880) where 5 % was asked for; evidence more than 10^14 : 1, limit 1 000 : 1
            13 s    split 100 % (epoch 2)
            13 s    phase_advanced phase 0 -> phase 1 by ann, over: the split does not match: canary 9.09 % of keys (1 080/11 880) where 5 % was asked for; evidence more than 10^14 : 1, limit 1 000 : 1
        "#]],
    );
}

#[test]
fn a_small_slowdown_of_a_fast_service_is_within_the_floor() {
    check(
        "plan 5/60s:errors<5 100/10s
         look
         look x59 canary=200@4 stable=3800@3
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            31 s    metrics_update (6000 requests)
            running at phase 0, 5 %, attempt 1, healthy, clock runs at 59 s
              duration since 1 s, eta 1 s: 1 s left of this phase
        "#]],
    );
}
