//! The questions there are: margins, weights of the shared wealth, and which of them a plan asks.
//!
//! Weights depend on the plan alone, never on what was observed; those of the questions a plan asks are scaled to
//! sum to 1. Source of the figures: docs/guides/how-it-decides.md.

use fw_model::plan::{Clustering, MetricRole, MetricSpec};
use fw_model::{Counts, Plan};
use fw_stats::batch;
use fw_stats::mean::Worse;
use fw_stats::mean_test::MeanAsk;
use fw_stats::relative::Margin;
use fw_stats::sequence;
use fw_stats::test::{Ask, Side};

use super::clusters;
use crate::rollout::Trigger;

/// Quantiles of response time that are compared with stable's.
pub(crate) const QUANTILES: [(f64, &str); 4] = [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9")];
/// Where p99 is among them.
pub(crate) const P99: usize = 2;
/// What the findings about them are called.
pub(crate) const LATENCY_NAMES: [&str; 4] =
    ["latencyVsStable p50", "latencyVsStable p90", "latencyVsStable p99", "latencyVsStable p99.9"];
/// The one that gates.
pub(crate) const GATING_QUANTILE: f64 = 0.9;
/// A quantile of the canary may be higher by this fraction: one bucket of the histograms, 2^(1/16) − 1. The smallest
/// effect that is looked for is much larger, so a canary that is 5 % slower is not rolled back for it either.
pub(crate) const LATENCY_MARGIN: f64 = 0.044_273_782_427_413_84;
/// The canary's mean may be higher by this fraction.
pub(crate) const MEAN_MARGIN: f64 = 0.05;
/// What must be shown not to be reached, for health.
pub(crate) const LATENCY_BAD: f64 = 0.25;
/// An error rate may be this many times stable's, plus [`ERROR_DELTA`].
pub(crate) const ERROR_RATIO: f64 = 1.1;
/// An additive margin, as a fraction.
const ERROR_DELTA: f64 = 0.0001;
/// What an error rate must be shown not to reach, for health: 1.5 times stable's plus half a point.
const ERROR_BAD: Margin = Margin { ratio: 1.5, delta: 0.005 };
/// Dissatisfaction may be 1.1 times stable's, plus half a point.
const APDEX_MARGIN: Margin = Margin { ratio: 1.1, delta: 0.005 };

/// A question of the shared wealth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Test {
    /// Error rate against its limit.
    ErrorLimit,
    /// Error rate against stable's.
    Errors,
    /// Batches of requests with a failure against stable's.
    Batches,
    /// 4xx answers against stable's.
    ClientErrors,
    /// Response time above stable's quantile, by place in [`QUANTILES`].
    Latency(usize),
    /// Mean response time against stable's.
    Mean,
    /// Mean response time against its limit.
    MeanLimit,
    /// Satisfaction against stable's.
    Apdex,
    /// A custom metric of the plan, by place.
    Metric(usize),
    /// The health score's upper bound against its limit.
    Health,
}

impl Test {
    /// The rule it belongs to.
    pub(crate) fn trigger(self) -> Trigger {
        match self {
            Test::ErrorLimit => Trigger::ErrorRate,
            Test::Errors | Test::Batches => Trigger::ErrorsVsStable,
            Test::ClientErrors => Trigger::ClientErrorsVsStable,
            Test::Latency(_) => Trigger::LatencyVsStable,
            Test::Mean => Trigger::ResponseTimeVsStable,
            Test::MeanLimit => Trigger::ResponseTime,
            Test::Apdex => Trigger::SatisfactionVsStable,
            Test::Metric(_) => Trigger::Metric,
            Test::Health => Trigger::Health,
        }
    }

    /// Whether it holds the canary against a fixed limit, not against stable.
    pub(crate) fn is_limit(self) -> bool {
        matches!(self, Test::ErrorLimit | Test::MeanLimit | Test::Health)
    }

    /// Its part of the wealth before scaling; the custom metrics share one part.
    fn part(self, judged_metrics: usize) -> f64 {
        match self {
            Test::ErrorLimit | Test::Errors => 0.25,
            Test::Batches => batch::WEIGHT,
            Test::ClientErrors | Test::Latency(_) | Test::MeanLimit => 0.05,
            Test::Health => 0.02,
            Test::Mean | Test::Apdex => 0.10,
            Test::Metric(_) => 0.10 / judged_metrics.max(1) as f64,
        }
    }
}

/// Whether evidence is discounted for clusters.
pub(crate) fn discounts(plan: &Plan) -> bool {
    plan.analysis.clustering == Clustering::Discount
}

/// Whether a custom metric is judged at all.
pub(crate) fn is_judged(spec: &MetricSpec) -> bool {
    spec.role != MetricRole::Display
}

/// The questions of a plan with their weights, which sum to 1.
pub(crate) fn asked(plan: &Plan) -> impl Iterator<Item = (Test, f64)> + '_ {
    let judged = plan.metrics.iter().filter(|spec| is_judged(spec)).count();
    let sum: f64 = all(plan).map(|test| test.part(judged)).sum();
    all(plan).map(move |test| (test, test.part(judged) / sum))
}

fn all(plan: &Plan) -> impl Iterator<Item = Test> + '_ {
    // The error limit keeps its weight in a plan without one: at 100 % stable's last rate makes one.
    let always = [Test::ErrorLimit, Test::Errors, Test::ClientErrors, Test::Mean, Test::Apdex];
    let metrics =
        plan.metrics.iter().enumerate().filter(|(_, spec)| is_judged(spec)).map(|(i, _)| Test::Metric(i));
    // At face value there is nothing for it to bound.
    let batches = discounts(plan).then_some(Test::Batches);
    always
        .into_iter()
        .chain(batches)
        .chain((0..QUANTILES.len()).map(Test::Latency))
        .chain(plan.triggers.response_time.map(|_| Test::MeanLimit))
        .chain(metrics)
        .chain(plan.triggers.health.map(|_| Test::Health))
}

pub(crate) fn errors(tau_seconds: f64) -> Ask {
    let margin = Margin { ratio: ERROR_RATIO, delta: ERROR_DELTA };
    Ask { side: Side::Harm, margin, safe: Some(ERROR_BAD), tau_seconds }
}

pub(super) fn client_errors(tau_seconds: f64) -> Ask {
    Ask { safe: None, ..errors(tau_seconds) }
}

pub(super) fn batches(tau_seconds: f64) -> Ask {
    let of_requests = errors(tau_seconds).margin;
    Ask { margin: batch::margin(of_requests, clusters::BAD_ABOVE), ..client_errors(tau_seconds) }
}

pub(super) fn apdex(tau_seconds: f64) -> Ask {
    Ask { side: Side::Harm, margin: APDEX_MARGIN, safe: None, tau_seconds }
}

/// The margin of a latency test is in its threshold.
pub(super) fn latency(tau_seconds: f64) -> Ask {
    Ask { side: Side::Harm, margin: Margin { ratio: 1.0, delta: 0.0 }, safe: None, tau_seconds }
}

pub(super) fn latency_safe(tau_seconds: f64) -> Ask {
    let margin = Margin { ratio: 1.0, delta: 0.0 };
    Ask { side: Side::Harm, margin, safe: Some(margin), tau_seconds }
}

/// A mean may be slower by 5 % or by the latency floor, whichever is more; `floor` and stable's predicted mean are
/// shares of the cap.
pub(super) fn mean_margin(floor: f64, stable_mean: f64) -> Margin {
    Margin { ratio: 1.0 + MEAN_MARGIN, delta: (floor - MEAN_MARGIN * stable_mean).max(0.0) }
}

pub(super) fn mean(tau_seconds: f64, margin: Margin) -> MeanAsk {
    MeanAsk { worse: Worse::Up, margin, safe: None, tau_seconds }
}

/// Error limit at 100 % of a plan that has none, percent: 1.5 times the upper 95 % bound of stable's rate in the
/// last phase, plus half a point. It takes the base rate as steady, which the words about it say.
pub(super) fn bake_limit(stable: &Counts) -> f64 {
    let (_, high) = sequence::proportion(stable.requests as f64, stable.errors as f64, 0.05);
    (100.0 * (ERROR_BAD.ratio * high + ERROR_BAD.delta)).min(100.0)
}
