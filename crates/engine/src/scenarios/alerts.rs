//! `enableRollback: false`: alerts instead of rollbacks, each once a visit, and a person decides.

use expect_test::expect;

use super::check;

#[test]
fn with_rollback_off_a_bad_canary_only_alerts_and_waits_for_a_person() {
    check(
        "plan 5/10s 100/60s rollback=off
         look
         look x30 canary=100/50 stable=1900
         show",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            2 s     risk_alert errorRate (limit 1)
            2 s     risk_alert errorsVsStable (limit 0)
            2 s     risk_alert satisfactionVsStable (limit 100)
            2 s     risk_alert health (limit 70)
            2 s     phase_held
            31 s    metrics_update (3000 requests)
            running at phase 0, 5 %, attempt 1, degraded, clock runs at 30 s
              person since 2 s, no eta: the canary is shown to be bad, and enableRollback is off: a person decides
              criterion since 11 s, no eta: error rate at most 1 %: 50 % errors (1 500/3 000); not met
              criterion since 11 s, no eta: error rate below 1.5 times stable's plus 0.5 points: 50 % errors (1 500/3 000) against stable 0 % (0/57 000); not met
              criterion since 11 s, no eta: health score 45.0 is below riskThreshold 70
              evidence since 11 s, no eta: a warning stands: canary 50 % errors (1 500/3 000), limit 1 %; stable 0 % errors (0/57 000); evidence more than 10^14 : 1, limit 100 : 1
        "#]],
    );
}

#[test]
fn with_rollback_off_an_open_question_past_its_time_holds() {
    check(
        "plan 5/10s:errors<0.1,max=20s 100/10s inconclusive=rollback rollback=off
         look x60 canary=5 stable=90
         show",
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
fn an_alert_comes_once_in_each_visit() {
    check(
        "plan 5/60s 50/60s 100/60s rollback=off health=off
         look
         look x10 canary=20@1500 stable=90@1500
         advance
         look
         look x10 canary=20@1500 stable=90@1500",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            2 s     risk_alert responseTime (limit 1000)
            6 s     phase_held
            11 s    split 50 % (epoch 2)
            11 s    phase_advanced phase 0 -> phase 1 by ann, over: both versions are over the limit and the canary is not the worse: a shared dependency is probably down | 50 s left of this phase | error rate at most 1 %: 0 % errors (0/200); about 163 more requests needed to show it | error rate below 1.5 times stable's plus 0.5 points: 0 % errors (0/200) against stable 0 % (0/900); about 622 more requests needed to show it | health score 55.0 is below riskThreshold 70 | a warning stands: canary mean response time 1500 ms over 200 requests, limit 1000 ms; evidence more than 10^14 : 1, limit 100 : 1
            13 s    risk_alert responseTime (limit 1000)
            17 s    phase_held
        "#]],
    );
}
