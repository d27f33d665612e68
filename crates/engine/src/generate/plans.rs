//! Random plans that keep every rule: one to six phases, any policy, durations short enough that a
//! hundred events see several phases.

use std::time::Duration;

use fw_model::plan::{
    AnalysisPolicy, Better, Evidence, METRIC_MARGIN_DEFAULT, MetricKind, MetricPer, MetricRole, MetricSpec,
    OnInconclusive, OnNoSafeTarget, OnSharedBreach, RollbackTriggers, SuccessCriteria,
};
use fw_model::release::{Answer, Gate, GateKind};
use fw_model::{Percent, Phase, Plan, ServiceKey};

use super::Rng;

/// Most phases of a random plan.
const PHASES_MAX: u64 = 6;
/// Shares a phase may have, percent.
const SHARES: [f64; 9] = [0.001, 0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 99.0];

/// A metric of random plans: 0 or 1 a request.
pub(super) const CONVERSION: &str = "conversion";
/// A metric of random plans: 0 to 10 a value.
pub(super) const COST: &str = "cost";

/// A plan for this service and region that [`Plan::check`] accepts.
pub fn sound_plan(rng: &mut Rng, key: ServiceKey) -> Plan {
    let mut plan = Plan::seed(key);
    plan.phases = phases(rng);
    plan.auto_advance = rng.chance(88.0);
    plan.risk_threshold = rng.pick(&[0.0, 50.0, 70.0, 90.0]);
    plan.enable_rollback = rng.chance(85.0);
    // Bounds of the health score cost most of a step, so fewer plans than half ask for them.
    plan.triggers = RollbackTriggers {
        health: some(rng, 45.0, &[50.0, 70.0, 90.0]),
        error_rate: some(rng, 80.0, &[0.5, 1.0, 5.0]),
        response_time: some(rng, 70.0, &[300.0, 1000.0]),
    };
    plan.monitoring_interval = Duration::from_secs(rng.pick(&[1, 10, 30, 60]));
    plan.analysis = AnalysisPolicy {
        evidence: if rng.chance(50.0) { Evidence::Proven } else { Evidence::Observed },
        on_inconclusive: rng.pick(&[OnInconclusive::Hold, OnInconclusive::Advance, OnInconclusive::Rollback]),
        shared_breach: rng.pick(&[OnSharedBreach::Hold, OnSharedBreach::Rollback]),
        no_safe_target: rng.pick(&[OnNoSafeTarget::Hold, OnNoSafeTarget::Rollback]),
        alpha: rng.pick(&[0.001, 0.01, 0.05]),
        warm_up: Duration::from_secs(rng.pick(&[0, 5])),
        ..AnalysisPolicy::default()
    };
    if rng.chance(50.0) {
        plan.metrics = metrics(rng);
    }
    plan
}

/// A proportion and an amount, in any role.
fn metrics(rng: &mut Rng) -> Vec<MetricSpec> {
    let mut role = || rng.pick(&[MetricRole::Gating, MetricRole::Rollback, MetricRole::Display]);
    let conversion = MetricSpec {
        name: CONVERSION.into(),
        kind: MetricKind::Proportion,
        better: Better::Higher,
        role: role(),
        margin: METRIC_MARGIN_DEFAULT,
        per: MetricPer::Request,
        window: Duration::ZERO,
        unit: String::new(),
    };
    let cost = MetricSpec {
        name: COST.into(),
        kind: MetricKind::Amount { cap: 10.0 },
        better: Better::Lower,
        role: role(),
        per: MetricPer::Value,
        unit: "EUR".into(),
        ..conversion.clone()
    };
    let window = Duration::from_secs(rng.pick(&[0, 0, 20]));
    vec![MetricSpec { window, ..conversion }, cost]
}

fn some(rng: &mut Rng, percent: f64, choices: &[f64]) -> Option<f64> {
    rng.chance(percent).then(|| rng.pick(choices))
}

fn phases(rng: &mut Rng) -> Vec<Phase> {
    let count = 1 + rng.below(PHASES_MAX) as usize;
    let mut places: Vec<usize> = (0..SHARES.len()).collect();
    while places.len() >= count {
        places.remove(rng.below(places.len() as u64) as usize);
    }
    let shares = places.iter().map(|&i| SHARES[i]).chain([100.0]);
    shares.enumerate().map(|(i, share)| phase(rng, i, share)).collect()
}

fn phase(rng: &mut Rng, position: usize, share: f64) -> Phase {
    let duration = Duration::from_secs(rng.pick(&[1, 5, 10, 30, 60, 120]));
    let criteria = if rng.chance(40.0) {
        SuccessCriteria::default()
    } else {
        SuccessCriteria {
            error_rate: some(rng, 60.0, &[0.5, 1.0, 5.0]),
            response_time: some(rng, 40.0, &[200.0, 500.0]),
            health_score: some(rng, 25.0, &[60.0, 85.0]),
        }
    };
    Phase {
        id: position as i64,
        percentage: Percent::new(share).expect("a constant in range"),
        duration,
        max_duration: rng.chance(70.0).then(|| duration * rng.pick(&[1, 2, 4])),
        risk_score: rng.pick(&[0.0, 50.0, 100.0]),
        description: String::new(),
        criteria,
        gates: if rng.chance(15.0) { gates(rng) } else { vec![] },
    }
}

/// One or two gates of any kind.
fn gates(rng: &mut Rng) -> Vec<Gate> {
    let many = 1 + rng.below(2);
    (0..many)
        .map(|_| Gate {
            kind: match rng.below(4) {
                0 => GateKind::Window("Mon-Fri 09:00-17:00 UTC".parse().expect("a sound window")),
                1 => GateKind::Webhook { url: "http://127.0.0.1:9/ask".into() },
                _ => GateKind::Approval { quorum: 1 + rng.below(2) as u32 },
            },
            expires: rng.chance(50.0).then(|| Duration::from_secs(rng.pick(&[5, 60, 600]))),
            default: rng.pick(&[Answer::Approve, Answer::Reject]),
        })
        .collect()
}
