//! What is published, and how often.

use expect_test::expect;

use super::check;

#[test]
fn metrics_come_every_monitoring_interval() {
    check(
        "plan 5/600s 100/60s interval=10s\nlook x35 canary=3 stable=9",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    metrics_update (33 requests)
            21 s    metrics_update (63 requests)
            31 s    metrics_update (93 requests)
        "#]],
    );
}

#[test]
fn metrics_stop_when_the_rollout_is_over_and_go_on_at_a_lower_phase() {
    check(
        "plan 5/600s 50/600s 100/60s interval=10s
         look
         advance
         look
         rollback
         look x25 canary=1 stable=1
         abort
         look x25",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            1 s     split 50 % (epoch 2)
            1 s     phase_advanced phase 0 -> phase 1 by ann, over: 10 min 0 s left of this phase | no canary request in this phase yet: nothing can be judged
            2 s     split 5 % (epoch 3)
            2 s     rollback_started phase 1 -> phase 0 by manual
            3 s     rollback_completed phase 1 -> phase 0 in 1 s
            11 s    metrics_update (9 requests)
            21 s    metrics_update (19 requests)
            27 s    split 0 % (epoch 4)
            27 s    rollout_aborted by ann
        "#]],
    );
}
