//! The phase clock counts watched time only.

use expect_test::expect;

use super::check;

#[test]
fn it_runs_while_sources_report_and_stands_while_one_is_silent() {
    check(
        "plan 5/60s 100/60s
         look
         look x5 canary=1 stable=10
         show
         planes p1:silent=4s
         look x5
         show
         planes p1
         look x5
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 5 s
              duration since 1 s, eta 55 s: 55 s left of this phase
            7 s     phase_held
            running at phase 0, 5 %, attempt 1, inconclusive, clock stands at 5 s
              source since 7 s, no eta: no report for 3 s from p1
              duration since 1 s, no eta: 55 s left of this phase
            12 s    phase_released after source, duration
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 10 s
              duration since 1 s, eta 50 s: 50 s left of this phase
        "#]],
    );
}

#[test]
fn it_stands_while_the_split_is_not_confirmed() {
    check(
        "planes p1:behind
         plan 5/60s 100/60s
         look x5
         show
         planes p1
         look
         look x2
         planes p1 p2:behind
         look x5
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            pending at phase 0, 5 %, attempt 1, inconclusive, clock stands at 0 s
              router since 1 s, no eta: the first split (epoch 1) waits for p1
            9 s     phase_held
            running at phase 0, 5 %, attempt 1, inconclusive, clock stands at 2 s
              router since 9 s, no eta: epoch 1 is not yet confirmed by p2
              duration since 6 s, no eta: 58 s left of this phase
        "#]],
    );
}

#[test]
fn it_stands_during_a_pause() {
    check(
        "plan 5/60s 100/60s
         look
         look x5
         pause
         look x20
         resume
         show
         look
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            6 s     rollout_paused by ann
            26 s    rollout_resumed by ann
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 5 s
              duration since 26 s, eta 55 s: 55 s left of this phase
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 6 s
              duration since 26 s, eta 54 s: 54 s left of this phase
        "#]],
    );
}

#[test]
fn it_starts_anew_in_each_visit() {
    check(
        "plan 5/60s 50/60s 100/60s
         look
         look x5
         advance
         show
         look x2
         rollback
         look
         resume
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            6 s     split 50 % (epoch 2)
            6 s     phase_advanced phase 0 -> phase 1 by ann, over: 55 s left of this phase | no canary request in this phase yet: nothing can be judged
            running at phase 1, 50 %, attempt 2, inconclusive, clock stands at 0 s
              duration since 6 s, eta 60 s: 60 s left of this phase
            8 s     split 5 % (epoch 3)
            8 s     rollback_started phase 1 -> phase 0 by manual
            9 s     rollback_completed phase 1 -> phase 0 in 1 s
            9 s     split 5 % (epoch 4)
            9 s     rollout_resumed by ann
            running at phase 0, 5 %, attempt 4, inconclusive, clock stands at 0 s
              duration since 9 s, eta 60 s: 60 s left of this phase
        "#]],
    );
}

#[test]
fn what_the_server_missed_is_not_watched() {
    // After a restart the shell says how long it watched: here 2 s, although an hour went by.
    check(
        "plan 5/60s 100/60s
         look
         look x5
         clock 3600s
         look gap=2s
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            8 s     metrics_update (0 requests)
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 7 s
              duration since 1 s, eta 53 s: 53 s left of this phase
        "#]],
    );
}

#[test]
fn a_clock_that_steps_back_stops_nothing() {
    check(
        "plan 5/30s 100/30s evidence=observed interval=10s
         look
         look x10 canary=100 stable=100
         clock -3600s
         look x15 canary=100 stable=100
         show
         look until=phase_advanced canary=100 stable=100",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    metrics_update (1000 requests)
            22 s    metrics_update (2100 requests)
            running at phase 0, 5 %, attempt 1, healthy, clock runs at 25 s
              duration since 1 s, eta 5 s: 5 s left of this phase
            31 s    split 100 % (epoch 2)
            31 s    phase_advanced phase 0 -> phase 1
        "#]],
    );
}
