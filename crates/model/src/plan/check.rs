//! The rules a plan must keep, each with the place it was broken at.
//!
//! The place is a path such as `rollout.phases[2].percentage`, in the config's own words, so that a
//! reader of YAML can turn it into line and column.

use std::time::Duration;

use super::{GATES_MAX, METRICS_MAX, MetricKind, MetricPer, MetricSpec, PHASES_MAX, Plan};
use crate::Weight;
use crate::release::{Gate, GateKind};

/// Longest duration of a phase.
const DURATION_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// Longest window of a metric.
const METRIC_WINDOW_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct PlanError {
    /// Where, as a path in the config, such as `rollout.phases[2].percentage`.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

struct Faults(Vec<PlanError>);

impl Faults {
    fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(PlanError { path: path.into(), message: message.into() });
    }

    fn range(&mut self, path: impl Into<String>, value: f64, low: f64, high: f64, unit: &str) {
        if !(value.is_finite() && (low..=high).contains(&value)) {
            self.add(path, format!("must be {low} to {high}{unit}, not {value}"));
        }
    }
}

pub(super) fn check(plan: &Plan) -> Result<(), Vec<PlanError>> {
    let mut faults = Faults(vec![]);
    phases(plan, &mut faults);
    policies(plan, &mut faults);
    versions(plan, &mut faults);
    metrics(plan, &mut faults);
    if faults.0.is_empty() { Ok(()) } else { Err(faults.0) }
}

fn gates(gates: &[Gate], path: &str, faults: &mut Faults) {
    if gates.len() > GATES_MAX {
        faults.add(path, format!("has {} gates; at most {GATES_MAX} are allowed", gates.len()));
    }
    for (i, gate) in gates.iter().enumerate() {
        if matches!(gate.kind, GateKind::Approval { quorum: 0 }) {
            faults.add(format!("{path}[{i}].approval.quorum"), "must be at least 1");
        }
    }
}

fn phases(plan: &Plan, faults: &mut Faults) {
    if plan.phases.is_empty() {
        faults.add("rollout.phases", "needs at least one phase, the last one at 100 %");
        return;
    }
    if plan.phases.len() > PHASES_MAX {
        faults.add(
            "rollout.phases",
            format!("has {} phases; at most {PHASES_MAX} are allowed", plan.phases.len()),
        );
    }
    let mut before = Weight::ZERO;
    for (i, phase) in plan.phases.iter().enumerate() {
        let at = |field: &str| format!("rollout.phases[{i}].{field}");
        if phase.weight() == Weight::ZERO {
            faults.add(at("percentage"), "must be 0.001 to 100 (percent of traffic)");
        } else if phase.weight() <= before {
            let message = format!(
                "phases must grow: {} % does not exceed the {} % of the phase before",
                phase.percentage.value(),
                before.percent()
            );
            faults.add(at("percentage"), message);
        }
        before = phase.weight();
        gates(&phase.gates, &at("gates"), faults);
        if phase.duration.is_zero() || phase.duration > DURATION_MAX {
            faults.add(
                at("duration"),
                "must be longer than 0 and at most 366 days, such as 2 (minutes), 90s or 1h",
            );
        }
        if phase.max_duration.is_some_and(|max| max < phase.duration || max > DURATION_MAX) {
            faults.add(at("maxDuration"), "must be at least the phase's duration and at most 366 days");
        }
        faults.range(at("riskScore"), phase.risk_score, 0.0, 100.0, "");
        criteria(i, phase, faults);
    }
    if before != Weight::FULL {
        let last = plan.phases.len() - 1;
        let message =
            format!("the last phase must be 100, not {}: a rollout ends with all traffic", before.percent());
        faults.add(format!("rollout.phases[{last}].percentage"), message);
    }
}

fn criteria(i: usize, phase: &super::Phase, faults: &mut Faults) {
    let at = |field: &str| format!("rollout.phases[{i}].successCriteria.{field}");
    if let Some(limit) = phase.criteria.error_rate {
        faults.range(at("errorRate"), limit, 0.0, 100.0, " (percent)");
    }
    if let Some(limit) = phase.criteria.response_time {
        faults.range(at("responseTime"), limit, 0.001, 3_600_000.0, " (ms)");
    }
    if let Some(limit) = phase.criteria.health_score {
        faults.range(at("healthScore"), limit, 0.0, 100.0, "");
    }
}

fn policies(plan: &Plan, faults: &mut Faults) {
    faults.range("rollout.riskThreshold", plan.risk_threshold, 0.0, 100.0, "");
    if let Some(limit) = plan.triggers.health {
        faults.range("rollout.rollbackTriggers.health", limit, 0.0, 100.0, "");
    }
    if let Some(limit) = plan.triggers.error_rate {
        faults.range("rollout.rollbackTriggers.errorRate", limit, 0.0, 100.0, " (percent)");
    }
    if let Some(limit) = plan.triggers.response_time {
        faults.range("rollout.rollbackTriggers.responseTime", limit, 0.001, 3_600_000.0, " (ms)");
    }
    let interval = plan.monitoring_interval.as_secs_f64();
    faults.range("rollout.monitoringInterval", interval, 1.0, 86_400.0, " (seconds)");
    if !(plan.analysis.alpha > 0.0 && plan.analysis.alpha <= 0.5) {
        faults.add(
            "rollout.analysis.alpha",
            format!("must be above 0 and at most 0.5, not {}", plan.analysis.alpha),
        );
    }
    faults.range("rollout.analysis.latencyFloorMs", plan.analysis.latency_floor_ms, 0.0, 60_000.0, " (ms)");
    faults.range("rollout.analysis.warmUp", plan.analysis.warm_up.as_secs_f64(), 0.0, 3_600.0, " (seconds)");
}

fn metrics(plan: &Plan, faults: &mut Faults) {
    if plan.metrics.len() > METRICS_MAX {
        let count = plan.metrics.len();
        faults.add("metrics", format!("has {count} metrics; at most {METRICS_MAX} are allowed"));
    }
    for (i, metric) in plan.metrics.iter().enumerate() {
        let at = |field: &str| format!("metrics[{i}].{field}");
        if !MetricSpec::is_name(&metric.name) {
            faults.add(at("name"), "must be 1 to 64 letters, digits, `_`, `-` or `.`");
        } else if plan.metrics[..i].iter().any(|m| m.name == metric.name) {
            faults.add(at("name"), format!("the metric {:?} stands twice", metric.name));
        }
        if !(0.0..100.0).contains(&metric.margin) {
            faults.add(at("margin"), format!("must be 0 to below 100 (percent), not {}", metric.margin));
        }
        if let MetricKind::Amount { cap } = metric.kind
            && !(cap > 0.0 && cap.is_finite())
        {
            faults.add(at("cap"), "must be above 0: the largest value that is counted as it is");
        }
        if !metric.window.is_zero() && metric.per == MetricPer::Value {
            let message =
                "needs `per: request`: with `per: value` a value is reported once its outcome is known";
            faults.add(at("window"), message);
        }
        if metric.window > METRIC_WINDOW_MAX {
            faults.add(at("window"), "must be at most 30 days");
        }
    }
}

fn versions(plan: &Plan, faults: &mut Faults) {
    for (i, url) in plan.canary.urls.iter().enumerate() {
        if plan.stable.urls.contains(url) {
            let field = if plan.canary.urls.len() == 1 { "url".to_owned() } else { format!("urls[{i}]") };
            faults.add(
                format!("versions.canary.{field}"),
                format!("both versions have the URL {url}: one is not the other"),
            );
        }
    }
    if plan.stable.version == plan.canary.version {
        faults.add("versions.canary.version", format!("both versions are named {:?}", plan.canary.version));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Percent, ServiceKey};

    fn plan() -> Plan {
        Plan::seed("checkout".parse::<ServiceKey>().unwrap())
    }

    #[test]
    fn the_seed_plan_is_sound() {
        assert_eq!(plan().check(), Ok(()));
    }

    #[test]
    fn every_fault_is_named_with_its_place() {
        let mut p = plan();
        p.phases[1].percentage = Percent::new(5.0).unwrap();
        p.phases[3].percentage = Percent::new(90.0).unwrap();
        p.phases[0].duration = Duration::ZERO;
        p.risk_threshold = f64::NAN;
        p.analysis.alpha = 0.0;
        let faults = p.check().unwrap_err();
        let paths: Vec<&str> = faults.iter().map(|f| f.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "rollout.phases[0].duration",
                "rollout.phases[1].percentage",
                "rollout.phases[3].percentage",
                "rollout.riskThreshold",
                "rollout.analysis.alpha"
            ]
        );
    }
}
