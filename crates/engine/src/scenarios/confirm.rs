//! A rollback is complete when every live data plane confirmed it, or is named.

use expect_test::expect;

use super::check;

#[test]
fn it_waits_for_every_data_plane() {
    check(
        "planes p1 p2
         plan 5/60s 100/60s
         look
         rollback
         planes p1 p2:behind
         look x3
         show
         planes p1 p2
         look",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            1 s     split 0 % (epoch 2)
            1 s     rollback_started phase 0 -> stable by manual
            rolling_back at stable, 0 %, attempt 2, inconclusive, clock stands at 0 s
              router since 1 s, no eta: traffic is moving back (epoch 2); waiting for p2
            5 s     rollback_completed phase 0 -> stable in 4 s
        "#]],
    );
}

#[test]
fn one_that_falls_silent_is_named_after_ten_seconds() {
    check(
        "planes p1 p2
         plan 5/60s 100/60s
         look
         rollback
         planes p1 p2:behind:silent=4s
         look
         planes p1 p2:behind:silent=9s
         look x5
         show
         planes p1 p2:behind:silent=10s
         look
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            1 s     split 0 % (epoch 2)
            1 s     rollback_started phase 0 -> stable by manual
            rolling_back at stable, 0 %, attempt 2, inconclusive, clock stands at 0 s
              router since 1 s, no eta: traffic is moving back (epoch 2); waiting for p2 (silent; for at most 10 s)
            8 s     rollback_completed phase 0 -> stable in 7 s, without p2
            rolled_back at stable, 0 %, attempt 2, inconclusive, clock stands at 0 s
        "#]],
    );
}

#[test]
fn one_that_is_not_listed_any_more_is_named() {
    check(
        "planes p1 p2\nplan 5/60s 100/60s\nlook\nrollback\nplanes p1\nlook",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            1 s     split 0 % (epoch 2)
            1 s     rollback_started phase 0 -> stable by manual
            2 s     rollback_completed phase 0 -> stable in 1 s, without p2
        "#]],
    );
}

#[test]
fn one_that_comes_during_the_rollback_must_confirm_too() {
    check(
        "planes p1
         plan 5/60s 100/60s
         look
         rollback
         planes p1 p2:behind
         look x2
         planes p1 p2
         look",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            1 s     split 0 % (epoch 2)
            1 s     rollback_started phase 0 -> stable by manual
            4 s     rollback_completed phase 0 -> stable in 3 s
        "#]],
    );
}

#[test]
fn one_that_was_gone_before_is_not_waited_for() {
    check(
        "planes p1 p2:behind:silent=30s\nplan 5/60s 100/60s\nlook\nrollback\nlook",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            1 s     split 0 % (epoch 2)
            1 s     rollback_started phase 0 -> stable by manual
            2 s     rollback_completed phase 0 -> stable in 1 s
        "#]],
    );
}

#[test]
fn without_any_data_plane_it_completes_at_the_next_look() {
    check(
        "planes p1
         plan 5/60s 100/60s
         look
         planes none
         look
         rollback
         look",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            2 s     phase_held
            2 s     split 0 % (epoch 2)
            2 s     rollback_started phase 0 -> stable by manual
            3 s     rollback_completed phase 0 -> stable in 1 s
        "#]],
    );
}
