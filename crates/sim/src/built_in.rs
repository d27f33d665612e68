//! The plan that is simulated when no config is named: one share, held.
//!
//! 5 % for 15 minutes, then everything; the triggers and levels are the defaults. Without a warm-up, so that delays
//! compare with published tables.

use std::time::Duration;

use fw_model::plan::{
    Better, METRIC_MARGIN_DEFAULT, MetricKind, MetricPer, MetricRole, MetricSpec, SuccessCriteria,
};
use fw_model::{Percent, Phase, Plan, ServiceKey};

use crate::world::REVENUE_CAP;

/// How long the share is held.
pub const BUILT_IN_FOR: Duration = Duration::from_secs(900);

/// The built-in plan of a service.
pub fn built_in_plan(key: ServiceKey) -> Plan {
    let phase = |id: i64, share: Percent| Phase {
        id,
        percentage: share,
        duration: BUILT_IN_FOR,
        max_duration: None,
        risk_score: 50.0,
        description: String::new(),
        criteria: SuccessCriteria::default(),
        gates: vec![],
    };
    let shares = [5.0, 100.0].into_iter().filter_map(|share| Percent::new(share).ok());
    let mut plan = Plan::seed(key);
    plan.phases = (0..).zip(shares).map(|(id, share)| phase(id, share)).collect();
    plan.analysis.warm_up = Duration::ZERO;
    plan
}

/// Adds the two custom metrics of the simulated world, conversion and revenue, which may only roll back.
pub fn add_metrics(plan: &mut Plan) {
    let metric = |name: &str, kind, unit: &str| MetricSpec {
        name: name.into(),
        kind,
        better: Better::Higher,
        role: MetricRole::Rollback,
        margin: METRIC_MARGIN_DEFAULT,
        per: MetricPer::Request,
        window: Duration::ZERO,
        unit: unit.into(),
    };
    for metric in [
        metric("conversion", MetricKind::Proportion, ""),
        metric("revenue", MetricKind::Amount { cap: REVENUE_CAP }, "EUR"),
    ] {
        if plan.metrics.iter().all(|m| m.name != metric.name) {
            plan.metrics.push(metric);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_sound_with_and_without_metrics() {
        let mut plan = built_in_plan("simulated".parse().unwrap());
        assert_eq!(plan.check(), Ok(()));
        add_metrics(&mut plan);
        add_metrics(&mut plan);
        assert_eq!((plan.check(), plan.metrics.len()), (Ok(()), 2));
    }
}
