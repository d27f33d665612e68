//! Why a phase holds, and when the hold is over.

use expect_test::expect;

use super::check;

#[test]
fn a_silent_data_plane_holds_until_it_reports_again() {
    check(
        "plan 5/10s 100/10s
         planes p1 p2
         look x3 canary=200 stable=400
         planes p1 p2:silent=3s
         look canary=200 stable=400
         show
         planes p1 p2:silent=4.9s
         look x20 canary=200 stable=400
         show
         planes p1 p2
         look until=phase_advanced canary=200 stable=400",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            4 s     phase_held
            running at phase 0, 5 %, attempt 1, healthy, clock stands at 2 s
              source since 4 s, no eta: no report for 3 s from p2
              duration since 1 s, no eta: 8 s left of this phase
            running at phase 0, 5 %, attempt 1, healthy, clock stands at 2 s
              source since 4 s, no eta: no report for 3 s from p2
              duration since 1 s, no eta: 8 s left of this phase
            25 s    phase_released after source, duration
            31 s    metrics_update (6200 requests)
            32 s    split 100 % (epoch 2)
            32 s    phase_advanced phase 0 -> phase 1
        "#]],
    );
}

#[test]
fn a_data_plane_that_is_gone_for_good_is_not_waited_for() {
    check(
        "plan 5/10s 100/10s
         planes p1 p2
         look canary=200 stable=400
         planes p1 p2:silent=6s
         look until=phase_advanced canary=200 stable=400",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    split 100 % (epoch 2)
            11 s    phase_advanced phase 0 -> phase 1
        "#]],
    );
}

#[test]
fn no_data_plane_at_all_is_said_plainly() {
    check(
        "planes none
         plan 5/10s 100/10s
         look
         show
         planes p1
         look
         planes none
         look x30
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            pending at phase 0, 5 %, attempt 1, inconclusive, clock stands at 0 s
              source since 0 s, no eta: no data plane reports yet: is the proxy (or the application with the SDK) running?
            3 s     phase_held
            32 s    metrics_update (0 requests)
            running at phase 0, 5 %, attempt 1, inconclusive, clock stands at 0 s
              source since 3 s, no eta: no data plane reports: is the proxy (or the application with the SDK) running?
              duration since 2 s, no eta: 10 s left of this phase
        "#]],
    );
}

#[test]
fn reports_of_zero_requests_are_low_traffic_not_silence() {
    check(
        "plan 5/10s 100/10s
         look x30
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    phase_held
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 29 s
              evidence since 11 s, no eta: no canary request in this phase yet: nothing can be judged
        "#]],
    );
}

#[test]
fn a_router_that_has_not_confirmed_holds_the_phase() {
    check(
        "plan 5/10s 50/10s 100/10s evidence=observed
         planes p1 p2
         look
         look x10 canary=100 stable=100
         planes p1 p2:behind
         look x5 canary=100 stable=100
         show
         planes p1 p2
         look canary=100 stable=100
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    split 50 % (epoch 2)
            11 s    phase_advanced phase 0 -> phase 1
            14 s    phase_held
            running at phase 1, 50 %, attempt 1, healthy, clock stands at 0 s
              router since 14 s, no eta: epoch 2 is not yet confirmed by p2
              duration since 11 s, no eta: 10 s left of this phase
            17 s    phase_released after router, duration
            running at phase 1, 50 %, attempt 1, healthy, clock runs at 1 s
              duration since 11 s, eta 9 s: 9 s left of this phase
        "#]],
    );
}

#[test]
fn holds_come_and_go_in_pairs_and_say_what_was_waited_for() {
    check(
        "plan 5/5s 100/10s
         look x8 canary=5 stable=400
         planes p1:silent=4s
         look
         planes p1
         pause
         look
         resume
         look until=phase_advanced canary=100 stable=400",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            6 s     phase_held
            9 s     rollout_paused by ann
            10 s    rollout_resumed by ann
            10 s    phase_held
            18 s    split 100 % (epoch 2)
            18 s    phase_advanced phase 0 -> phase 1
        "#]],
    );
}
