//! Failures of one instance or of few keys: held with their name, for a person to tell a sick node from a sick version.

use expect_test::expect;

use super::check;

#[test]
fn one_sick_instance_of_two_is_held_with_its_name() {
    check(
        "plan 25/60s 100/60s
         look
         look x5 canary=50 canary2=50 stable=300
         look x20 canary=50/15 canary2=50 stable=300
         show
         look x60 canary=50 canary2=50 stable=300
         show",
        expect![[r#"
            0 s     split 25 % (epoch 1)
            0 s     rollout_started
            7 s     risk_alert errorsVsStable (limit 0)
            7 s     phase_held
            running at phase 0, 25 %, attempt 1, inconclusive, clock runs at 25 s
              concentrated since 7 s, no eta: 100 % of the canary's failures come from instance i1 (of 2); 300 failures counted as 3: a sick node or user can't be told from a sick version, so a person decides
              duration since 1 s, no eta: 35 s left of this phase
            31 s    metrics_update (3000 requests)
            61 s    metrics_update (6000 requests)
            running at phase 0, 25 %, attempt 1, inconclusive, clock runs at 85 s
              concentrated since 7 s, no eta: 100 % of the canary's failures come from instance i1 (of 2); 300 failures counted as 3: a sick node or user can't be told from a sick version, so a person decides
              criterion since 61 s, no eta: error rate at most 1 %: 3.53 % errors (300/8 500); not met
              criterion since 61 s, no eta: error rate below 1.5 times stable's plus 0.5 points: 3.53 % errors (300/8 500) against stable 0 % (0/25 500); not met
        "#]],
    );
}

#[test]
fn a_regression_of_both_instances_goes_back() {
    check(
        "plan 25/60s 100/60s
         look
         look x5 canary=50 canary2=50 stable=300
         look until=rollback_started canary=50/5 canary2=50/4 stable=300
         evidence",
        expect![[r#"
            0 s     split 25 % (epoch 1)
            0 s     rollout_started
            7 s     split 0 % (epoch 2)
            7 s     rollback_started phase 0 -> stable by errorsVsStable
              because canary 1.5 % errors (9/600) against stable 0 % (0/1 800) in the same seconds; evidence 2 069 : 1, limit 100 : 1
        "#]],
    );
}

#[test]
fn a_user_who_tries_again_and_again_is_one_failure() {
    check(
        "plan 25/60s 100/60s
         look
         look x5 canary=100 stable=300
         look x20 canary=100/12!11 stable=300
         show",
        expect![[r#"
            0 s     split 25 % (epoch 1)
            0 s     rollout_started
            7 s     risk_alert errorsVsStable (limit 0)
            7 s     phase_held
            13 s    split 0 % (epoch 2)
            13 s    rollback_started phase 0 -> stable by errorsVsStable
            14 s    rollback_completed phase 0 -> stable in 1 s
            rolled_back at stable, 0 %, attempt 2, inconclusive, clock stands at 0 s
        "#]],
    );
}

#[test]
fn a_smoke_test_with_one_key_still_goes_back() {
    check(
        "plan 25/60s 100/60s
         look
         look until=rollback_started canary=5/5!4#1 stable=15#3",
        expect![[r#"
            0 s     split 25 % (epoch 1)
            0 s     rollout_started
            3 s     risk_alert errorsVsStable (limit 0)
            3 s     phase_held
            5 s     split 0 % (epoch 2)
            5 s     rollback_started phase 0 -> stable by errorRate
        "#]],
    );
}

#[test]
fn where_the_plan_says_so_a_sick_instance_is_reason_enough() {
    check(
        "plan 25/60s 100/60s concentrated=rollback
         look
         look x5 canary=50 canary2=50 stable=300
         look until=rollback_started canary=50/15 canary2=50 stable=300",
        expect![[r#"
            0 s     split 25 % (epoch 1)
            0 s     rollout_started
            7 s     split 0 % (epoch 2)
            7 s     rollback_started phase 0 -> stable by errorRate
        "#]],
    );
}

#[test]
fn and_where_clusters_are_ignored() {
    check(
        "plan 25/60s 100/60s clusters=ignore
         look
         look x5 canary=50 canary2=50 stable=300
         look until=rollback_started canary=50/15 canary2=50 stable=300",
        expect![[r#"
            0 s     split 25 % (epoch 1)
            0 s     rollout_started
            7 s     split 0 % (epoch 2)
            7 s     rollback_started phase 0 -> stable by errorRate
        "#]],
    );
}
