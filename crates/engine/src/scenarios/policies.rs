//! What the plan says for the hard cases: open questions, both versions bad, no safe version.

use expect_test::expect;

use super::check;

#[test]
fn past_the_longest_time_an_open_question_holds_by_default() {
    check(
        "plan 5/10s:errors<0.1,max=20s 100/10s\nlook x60 canary=5 stable=90\nshow",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    phase_held
            31 s    metrics_update (155 requests)
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 59 s
              evidence since 11 s, eta 656 s: error rate at most 0.1 %: 0 % errors (0/300); about 3 334 more requests needed to show it
        "#]],
    );
}

#[test]
fn past_the_longest_time_the_plan_may_advance_and_the_phase_did_not_end_healthy() {
    check(
        "plan 5/10s:errors<0.1,max=20s 50/60s 100/10s inconclusive=advance health=95 response=off
         look until=phase_advanced canary=5 stable=90
         look
         look until=rollback_started canary=200@900 stable=200@900",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    phase_held
            21 s    split 50 % (epoch 2)
            21 s    phase_advanced phase 0 -> phase 1
            23 s    split 0 % (epoch 3)
            23 s    rollback_started phase 1 -> stable by health
        "#]],
    );
}

#[test]
fn it_never_advances_over_a_warning() {
    check(
        "plan 5/10s:errors<0.1,max=20s 100/10s inconclusive=advance errors=off health=off
         look
         look x40 canary=5@1100 stable=90@1100
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            3 s     risk_alert responseTime (limit 1000)
            11 s    phase_held
            31 s    metrics_update (150 requests)
            running at phase 0, 5 %, attempt 1, inconclusive, clock runs at 40 s
              evidence since 11 s, eta 687 s: error rate at most 0.1 %: 0 % errors (0/200); about 3 434 more requests needed to show it
              criterion since 11 s, no eta: health score 55.0 is below riskThreshold 70
              evidence since 11 s, no eta: a warning stands: canary mean response time 1100 ms over 200 requests, limit 1000 ms; evidence 52 : 1, limit 100 : 1
        "#]],
    );
}

#[test]
fn past_the_longest_time_the_plan_may_go_back() {
    check(
        "plan 5/10s:errors<0.1,max=20s 100/10s inconclusive=rollback
         look until=rollback_completed canary=5 stable=90
         evidence",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    phase_held
            21 s    split 0 % (epoch 2)
            21 s    rollback_started phase 0 -> stable by inconclusive
            22 s    rollback_completed phase 0 -> stable in 1 s
              because error rate at most 0.1 %: 0 % errors (0/105); about 3 529 more requests needed to show it
        "#]],
    );
}

#[test]
fn a_silent_source_is_no_open_question() {
    check(
        "plan 5/10s:errors<0.1,max=20s 100/10s inconclusive=rollback
         look x19 canary=5 stable=90
         planes p1 p2:silent=4s
         look x30 canary=5 stable=90
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            11 s    phase_held
            31 s    metrics_update (155 requests)
            running at phase 0, 5 %, attempt 1, inconclusive, clock stands at 18 s
              source since 20 s, no eta: no report for 3 s from p2
              evidence since 11 s, eta 249 s: error rate at most 0.1 %: 0 % errors (0/245); about 3 389 more requests needed to show it
        "#]],
    );
}

#[test]
fn both_over_the_limit_hold_by_default() {
    check(
        "plan 5/60s 100/60s health=off\nlook\nlook x5 canary=100/20 stable=1900/380\nshow",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            2 s     risk_alert errorRate (limit 1)
            2 s     phase_held
            running at phase 0, 5 %, attempt 1, degraded, clock runs at 5 s
              evidence since 2 s, no eta: both versions are over the limit and the canary is not the worse: a shared dependency is probably down
              duration since 1 s, no eta: 55 s left of this phase
        "#]],
    );
}

#[test]
fn both_over_the_limit_go_back_when_the_plan_says_so() {
    check(
        "plan 5/60s 100/60s health=off shared=rollback\nlook\nlook x2 canary=100/20 stable=1900/380",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            2 s     split 0 % (epoch 2)
            2 s     rollback_started phase 0 -> stable by errorRate
            3 s     rollback_completed phase 0 -> stable in 1 s
        "#]],
    );
}

#[test]
fn both_over_the_limit_go_back_when_the_canary_is_suspected_to_be_worse() {
    check(
        "plan 5/60s 100/60s health=off\nlook\nlook until=rollback_started canary=100/28 stable=1900/380",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            2 s     risk_alert errorRate (limit 1)
            2 s     phase_held
            7 s     split 0 % (epoch 2)
            7 s     rollback_started phase 0 -> stable by errorRate
        "#]],
    );
}

#[test]
fn without_a_safe_version_it_goes_back_with_an_alert_by_default() {
    check(
        "plan 5/60s 100/60s health=off\nlook\nlook x2 canary=100/60 stable=1900/380",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            2 s     risk_alert errorRate (limit 1)
            2 s     risk_alert errorsVsStable (limit 22)
            2 s     risk_alert satisfactionVsStable (limit 80)
            2 s     split 0 % (epoch 2)
            2 s     rollback_started phase 0 -> stable by errorRate
            3 s     rollback_completed phase 0 -> stable in 1 s
        "#]],
    );
}

#[test]
fn without_a_safe_version_it_holds_when_the_plan_says_so() {
    check(
        "plan 5/60s 100/60s health=off unsafe=hold\nlook\nlook x5 canary=100/60 stable=1900/380\nshow",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            2 s     risk_alert errorRate (limit 1)
            2 s     risk_alert errorsVsStable (limit 22)
            2 s     risk_alert satisfactionVsStable (limit 80)
            2 s     phase_held
            running at phase 0, 5 %, attempt 1, degraded, clock runs at 5 s
              evidence since 2 s, no eta: the canary is worse, but stable is over its error limit too: there is no safe version to go back to
              duration since 1 s, no eta: 55 s left of this phase
        "#]],
    );
}
