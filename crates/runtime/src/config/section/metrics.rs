//! `metrics[n]`: custom metrics that are judged. A name that stands nowhere here is shown and no more.
//!
//! The list is replaced as a whole by an environment, as every list is.

use std::time::Duration;

use fw_model::plan::{
    Better, METRIC_MARGIN_DEFAULT, METRICS_MAX, MetricKind, MetricPer, MetricRole, MetricSpec,
};

use super::{Rules, word};
use crate::config::duration::Per;
use crate::config::format;
use crate::config::table::{Choice, Key, Kind, Range, Section};
use crate::config::tree::View;

/// Longest window: as in the model's rule.
const WINDOW_MAX: Duration = Duration::from_secs(30 * 86_400);
/// Largest `cap`: sums of its squares stay far inside what a number holds.
const CAP_MAX: f64 = 1e12;
/// Stands in for a `cap` that is missing or wrong, which was reported.
const CAP_STAND_IN: f64 = 1.0;

/// An item of the list.
static METRIC_KIND: Kind = Kind::Section(&METRIC);

/// The list.
pub(super) const METRICS: Key = Key::optional(
    "metrics",
    Kind::List { of: &METRIC_KIND, min: 0, max: METRICS_MAX },
    "[]",
    "Custom metrics and what each may do. What is reported under another name is shown and no more.",
);

/// One metric.
pub(super) static METRIC: Section = Section {
    title: "metrics[n]",
    doc: "A custom metric; only `name` must stand, and `cap` with `kind: amount`.",
    keys: &[
        Key::required("name", Kind::Text(format::METRIC), "Its name in reports."),
        Key::optional(
            "kind",
            Kind::Choice(&[
                Choice::now("proportion", "each value is 0 to 1: conversions, complaints"),
                Choice::now("amount", "each value is 0 to `cap`: revenue, a score"),
            ]),
            r#""proportion""#,
            "What its values are.",
        ),
        Key::optional(
            "cap",
            Kind::Number(Range { min: 0.0, max: CAP_MAX, above: true, unit: "in the metric's unit" }),
            "= needed for `kind: amount`",
            "Largest value that counts as it is; a larger single value counts as this.",
        ),
        Key::optional(
            "better",
            Kind::Choice(&[
                Choice::now("higher", "such as conversions, revenue"),
                Choice::now("lower", "such as complaints, cost"),
            ]),
            r#""higher""#,
            "Which way is better.",
        ),
        Key::optional(
            "role",
            Kind::Choice(&[
                Choice::now(
                    "gating",
                    "must be shown not to be worse before a phase ends; rolls back when shown to be worse",
                ),
                Choice::now("rollback", "rolls back when shown to be worse; never keeps a phase from ending"),
                Choice::now("display", "shown, never judged"),
            ]),
            r#""display""#,
            "What it may do.",
        ),
        Key::optional(
            "margin",
            Kind::Number(Range::new(0.0, 100.0, "percent")),
            "5",
            "How much worse than stable is acceptable, in percent of stable's value; below 100.",
        ),
        Key::optional(
            "per",
            Kind::Choice(&[
                Choice::now("value", "each value is one unit, reported once its outcome is known"),
                Choice::now("request", "each request is one unit; values come only where something happened"),
            ]),
            r#""value""#,
            "What a value belongs to.",
        ),
        Key::optional(
            "window",
            Kind::Duration { per: Per::Minute, min: Duration::ZERO, max: WINDOW_MAX },
            "0",
            "With `per: request`: time until a request's outcome is known; younger requests are not yet counted. A bare number is minutes.",
        ),
        Key::optional("unit", Kind::Text(format::UNIT), "= none", "For people, such as EUR."),
    ],
    exclusive: &[],
};

/// The metrics, in order.
pub(super) fn read(metrics: View<'_>) -> Vec<MetricSpec> {
    metrics.items().iter().enumerate().map(|(i, node)| one(View(Some(node)), i)).collect()
}

fn one(view: View<'_>, position: usize) -> MetricSpec {
    let cap = view.get("cap").number().filter(|cap| *cap > 0.0).unwrap_or(CAP_STAND_IN);
    // A name that is missing was reported; one that fits keeps it from being blamed twice.
    let stand_in = || format!("unnamed.{position}");
    MetricSpec {
        name: view.get("name").text().map_or_else(stand_in, str::to_owned),
        kind: if is_amount(view) { MetricKind::Amount { cap } } else { MetricKind::Proportion },
        better: word(view.get("better")).unwrap_or(Better::Higher),
        role: word(view.get("role")).unwrap_or(MetricRole::Display),
        margin: view.get("margin").number().unwrap_or(METRIC_MARGIN_DEFAULT),
        per: word(view.get("per")).unwrap_or(MetricPer::Value),
        window: view.get("window").duration(Per::Minute).unwrap_or(Duration::ZERO),
        unit: view.get("unit").text().unwrap_or_default().to_owned(),
    }
}

fn is_amount(view: View<'_>) -> bool {
    view.get("kind").text() == Some("amount")
}

/// An amount has a cap, a proportion has none.
pub(super) fn check(rules: &mut Rules<'_>) {
    for (i, node) in rules.view().get("metrics").items().iter().enumerate() {
        let metric = View(Some(node));
        let has_cap = metric.get("cap").exists();
        if is_amount(metric) && !has_cap {
            let message = "`kind: amount` needs `cap`: the largest value that counts as it is, such as 500";
            rules.fault(&format!("metrics[{i}]"), message);
        }
        if !is_amount(metric) && has_cap {
            let message = "`cap` goes with `kind: amount`; a proportion is 0 to 1";
            rules.fault(&format!("metrics[{i}].cap"), message);
        }
    }
}
