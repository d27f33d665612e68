//! Custom metrics: good ones, what an environment does to them, and the bad ones with their exact report.

use std::time::Duration;

use expect_test::{Expect, expect};
use fw_model::plan::{Better, METRIC_MARGIN_DEFAULT, MetricKind, MetricPer, MetricRole, MetricSpec};

use super::good::{FULL, load};
use crate::config::load_str;

fn check(text: &str, want: Expect) {
    let report = load_str("fw.yaml", text, None).expect_err("a bad config").to_string();
    want.assert_eq(&report);
}

fn metrics() -> Vec<MetricSpec> {
    let conversion = MetricSpec {
        name: "conversion_rate".into(),
        kind: MetricKind::Proportion,
        better: Better::Higher,
        role: MetricRole::Gating,
        margin: METRIC_MARGIN_DEFAULT,
        per: MetricPer::Value,
        window: Duration::ZERO,
        unit: String::new(),
    };
    let revenue = MetricSpec {
        name: "revenue.eur".into(),
        kind: MetricKind::Amount { cap: 499.5 },
        role: MetricRole::Rollback,
        margin: 2.5,
        per: MetricPer::Request,
        window: Duration::from_secs(600),
        unit: "€/order".into(),
        ..conversion.clone()
    };
    let two = MetricSpec {
        name: "2".into(),
        better: Better::Lower,
        role: MetricRole::Display,
        margin: 0.0,
        ..conversion.clone()
    };
    vec![conversion, revenue, two]
}

#[test]
fn every_key_of_a_metric_can_be_set_and_only_its_name_must() {
    assert_eq!(load(FULL).plan.metrics, metrics());
}

#[test]
fn metrics_and_the_analysis_are_part_of_the_plans_hash() {
    let plain = load("service: a\n").plan_hash;
    assert_eq!(load("service: a\nmetrics: []\n").plan_hash, plain);
    for more in ["metrics: [ { name: m } ]", "rollout: { analysis: { warmUp: 1 } }"] {
        assert_ne!(load(&format!("service: a\n{more}\n")).plan_hash, plain, "{more}");
    }
}

#[test]
fn an_environment_replaces_the_metrics_as_a_whole() {
    let text = "service: a\nmetrics: [ { name: one }, { name: two } ]\nenvironments: { e: { metrics: [ { name: three } ] }, n: { metrics: [] } }\n";
    let names = |env| {
        let plan = load_str("fw.yaml", text, env).unwrap().plan;
        plan.metrics.into_iter().map(|m| m.name).collect::<Vec<_>>()
    };
    assert_eq!(names(None), ["one", "two"]);
    assert_eq!(names(Some("e")), ["three"]);
    assert!(names(Some("n")).is_empty());
}

#[test]
fn metrics_have_names_of_their_own_and_an_amount_has_a_cap() {
    check(
        r"service: a
metrics:
  - { name: revenue, kind: amount }
  - { name: revenue, cap: 5 }
  - { name: 'no spaces', kind: amounts, cap: 0 }
  - { kind: amount, cap: -1 }
  - { name: 5, unit: '' }
",
        expect![[r#"
            fw.yaml:3:5: metrics[0]: `kind: amount` needs `cap`: the largest value that counts as it is, such as 500
                3 |   - { name: revenue, kind: amount }
                  |     ^
            fw.yaml:4:13: metrics[1].name: the metric "revenue" stands twice
                4 |   - { name: revenue, cap: 5 }
                  |             ^
            fw.yaml:4:27: metrics[1].cap: `cap` goes with `kind: amount`; a proportion is 0 to 1
                4 |   - { name: revenue, cap: 5 }
                  |                           ^
            fw.yaml:5:13: metrics[2].name: must be 1 to 64 of a-z, A-Z, 0-9, '_', '-' and '.', not "no spaces"
                5 |   - { name: 'no spaces', kind: amounts, cap: 0 }
                  |             ^
            fw.yaml:5:32: metrics[2].kind: must be proportion or amount, not "amounts"
                5 |   - { name: 'no spaces', kind: amounts, cap: 0 }
                  |                                ^ did you mean `amount`?
            fw.yaml:5:46: metrics[2].cap: must be above 0 and at most 1000000000000 (in the metric's unit), not 0
                5 |   - { name: 'no spaces', kind: amounts, cap: 0 }
                  |                                              ^
            fw.yaml:6:5: metrics[3]: `name` is missing: expected a metric's name such as conversion_rate
                6 |   - { kind: amount, cap: -1 }
                  |     ^
            fw.yaml:6:26: metrics[3].cap: must be above 0 and at most 1000000000000 (in the metric's unit), not -1
                6 |   - { kind: amount, cap: -1 }
                  |                          ^
            fw.yaml:7:13: metrics[4].name: expected a metric's name such as conversion_rate, found the number 5
                7 |   - { name: 5, unit: '' }
                  |             ^
            fw.yaml:7:22: metrics[4].unit: must not be empty
                7 |   - { name: 5, unit: '' }
                  |                      ^"#]],
    );
}

#[test]
fn values_of_metrics_out_of_range() {
    check(
        r"service: a
metrics:
  - { name: a, margin: 100 }
  - { name: b, margin: -1, better: more, role: gate, per: user }
  - { name: c, window: 10m }
  - { name: d, per: request, window: 31d }
  - { name: e, margn: 5 }
  - revenue
environments: { e: { metrics: [ { name: a, window: 1 } ] } }
",
        expect![[r#"
            fw.yaml:3:24: metrics[0].margin: must be 0 to below 100 (percent), not 100
                3 |   - { name: a, margin: 100 }
                  |                        ^
            fw.yaml:4:24: metrics[1].margin: must be 0 to 100 (percent), not -1
                4 |   - { name: b, margin: -1, better: more, role: gate, per: user }
                  |                        ^
            fw.yaml:4:36: metrics[1].better: must be higher or lower, not "more"
                4 |   - { name: b, margin: -1, better: more, role: gate, per: user }
                  |                                    ^
            fw.yaml:4:48: metrics[1].role: must be gating, rollback or display, not "gate"
                4 |   - { name: b, margin: -1, better: more, role: gate, per: user }
                  |                                                ^
            fw.yaml:4:59: metrics[1].per: must be value or request, not "user"
                4 |   - { name: b, margin: -1, better: more, role: gate, per: user }
                  |                                                           ^
            fw.yaml:5:24: metrics[2].window: needs `per: request`: with `per: value` a value is reported once its outcome is known
                5 |   - { name: c, window: 10m }
                  |                        ^
            fw.yaml:6:38: metrics[3].window: must be 0ms to 30d, not 31d
                6 |   - { name: d, per: request, window: 31d }
                  |                                      ^
            fw.yaml:7:16: metrics[4].margn: unknown key
                7 |   - { name: e, margn: 5 }
                  |                ^ did you mean `margin`?
            fw.yaml:8:5: metrics[5]: expected a mapping with name, kind, cap or better, found the text "revenue"
                8 |   - revenue
                  |     ^
            fw.yaml:9:52: environments.e.metrics[0].window: needs `per: request`: with `per: value` a value is reported once its outcome is known
                9 | environments: { e: { metrics: [ { name: a, window: 1 } ] } }
                  |                                                    ^"#]],
    );
}

#[test]
fn the_latency_floor_and_the_warm_up_have_ranges() {
    check(
        r"rollout:
  analysis: { latencyFloorMs: -1, warmUp: 2h }
  latencyFloorMs: 5
metrics: { name: a }
warmUp: 5
",
        expect![[r#"
            fw.yaml:2:31: rollout.analysis.latencyFloorMs: must be 0 to 60000 (ms), not -1
                2 |   analysis: { latencyFloorMs: -1, warmUp: 2h }
                  |                               ^
            fw.yaml:2:43: rollout.analysis.warmUp: must be 0ms to 1h, not 2h
                2 |   analysis: { latencyFloorMs: -1, warmUp: 2h }
                  |                                           ^
            fw.yaml:3:3: rollout.latencyFloorMs: unknown key
                3 |   latencyFloorMs: 5
                  |   ^ `latencyFloorMs` belongs under `rollout.analysis`
            fw.yaml:4:10: metrics: expected a list of mappings, found a mapping
                4 | metrics: { name: a }
                  |          ^
            fw.yaml:5:1: warmUp: unknown key
                5 | warmUp: 5
                  | ^ `warmUp` belongs under `rollout.analysis`"#]],
    );
}
