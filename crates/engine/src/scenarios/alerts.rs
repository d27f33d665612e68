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
            2 s     risk_alert health (limit 70)
            2 s     phase_held
            31 s    metrics_update (3000 requests)
            running at phase 0, 5 %, attempt 1, degraded, clock runs at 30 s
              person since 2 s, no eta: the canary is shown to be bad, and enableRollback is off: a person decides
              criterion since 11 s, no eta: error rate at most 1 %: 50 % errors (1 500/3 000); not met
              criterion since 11 s, no eta: health score 45.0 is below riskThreshold 70
              evidence since 11 s, no eta: a warning stands: health score 45.0 (between 43.6 and 46.4 at every look) over 3 000 requests, limit 70
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
              evidence since 11 s, eta 2143 s: error rate at most 0.1 %: 0 % errors (0/300); about 10 896 more requests needed to show it
        "#]],
    );
}

#[test]
fn an_alert_comes_once_in_each_visit() {
    check(
        "plan 5/60s 50/60s 100/60s rollback=off health=off
         look
         look x10 canary=20@1500 stable=90
         advance
         look
         look x10 canary=20@1500 stable=90",
        expect![[r#"
            0 s     split 5 % (epoch 1)
            0 s     rollout_started
            2 s     risk_alert responseTime (limit 1000)
            4 s     phase_held
            11 s    split 50 % (epoch 2)
            11 s    phase_advanced phase 0 -> phase 1 by ann, over: 50 s left of this phase | error rate at most 1 %: 0 % errors (0/200); about 566 more requests needed to show it | health score 55.0 is below riskThreshold 70 | a warning stands: canary mean response time 1500 ms over 200 requests, limit 1000 ms; evidence 1000000000000000 : 1, needed 2000 : 1
            13 s    risk_alert responseTime (limit 1000)
            15 s    phase_held
        "#]],
    );
}
