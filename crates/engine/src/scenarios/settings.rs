//! The words of a `plan` line: phases such as `5/60s:errors<1,max=90s`, then settings such as `auto=off`.

use std::time::Duration;

use fw_model::plan::{
    Clustering, Evidence, OnConcentrated, OnInconclusive, OnNoSafeTarget, OnSharedBreach, SuccessCriteria,
};
use fw_model::release::{Answer, Gate, GateKind};
use fw_model::{Percent, Phase, Plan};

/// The plan of the words of a line. Without settings: the defaults of the contract.
pub(super) fn plan(words: &[&str]) -> Plan {
    let mut plan = Plan::seed("checkout".parse().unwrap());
    plan.phases.clear();
    // Stories are short: comparisons begin at once unless a story is about that.
    plan.analysis.warm_up = Duration::ZERO;
    for word in words {
        match word.split_once('=').filter(|_| !word.contains('/')) {
            None => plan.phases.push(phase(plan.phases.len() as i64, word)),
            Some((name, value)) => set(&mut plan, name, value),
        }
    }
    plan
}

pub(super) fn seconds(text: &str) -> Duration {
    let number = text.strip_suffix('s').unwrap_or_else(|| panic!("{text:?} needs an s"));
    Duration::from_secs_f64(number.parse().unwrap_or_else(|_| panic!("{text:?} is no duration")))
}

fn phase(id: i64, word: &str) -> Phase {
    let (share, rest) = word.split_once('/').unwrap_or_else(|| panic!("{word:?} is no phase"));
    let (duration, demands) = rest.split_once(':').unwrap_or((rest, ""));
    let mut phase = Phase {
        id,
        percentage: Percent::new(number(share)).unwrap(),
        duration: seconds(duration),
        max_duration: None,
        risk_score: 50.0,
        description: String::new(),
        criteria: SuccessCriteria::default(),
        gates: vec![],
    };
    for demand in demands.split(',').filter(|d| !d.is_empty()) {
        let at = demand.find(['<', '>', '=']).unwrap_or_else(|| panic!("{demand:?} is no demand"));
        let value = &demand[at + 1..];
        match &demand[..at] {
            "errors" => phase.criteria.error_rate = Some(number(value)),
            "mean" => phase.criteria.response_time = Some(number(value)),
            "health" => phase.criteria.health_score = Some(number(value)),
            "approvals" => phase.gates.push(Gate {
                kind: GateKind::Approval { quorum: number(value) as u32 },
                expires: None,
                default: Answer::Reject,
            }),
            "window" => phase.gates.push(Gate {
                kind: GateKind::Window("Mon-Thu 09:00-16:00 Europe/Berlin".parse().unwrap()),
                expires: None,
                default: Answer::Reject,
            }),
            "expires" => phase.gates.last_mut().unwrap().expires = Some(seconds(value)),
            "default" => phase.gates.last_mut().unwrap().default = Answer::Approve,
            "max" => phase.max_duration = Some(seconds(value)),
            other => panic!("{other:?} is no demand"),
        }
    }
    phase
}

fn set(plan: &mut Plan, name: &str, value: &str) {
    let limit = || (value != "off").then(|| number(value));
    let policy = &mut plan.analysis;
    match (name, value) {
        ("evidence", "observed") => policy.evidence = Evidence::Observed,
        ("auto", "off") => plan.auto_advance = false,
        ("rollback", "off") => plan.enable_rollback = false,
        ("threshold", _) => plan.risk_threshold = number(value),
        ("health", _) => plan.triggers.health = limit(),
        ("errors", _) => plan.triggers.error_rate = limit(),
        ("response", _) => plan.triggers.response_time = limit(),
        ("interval", _) => plan.monitoring_interval = seconds(value),
        ("warm", _) => policy.warm_up = seconds(value),
        ("inconclusive", "advance") => policy.on_inconclusive = OnInconclusive::Advance,
        ("inconclusive", "rollback") => policy.on_inconclusive = OnInconclusive::Rollback,
        ("shared", "rollback") => policy.shared_breach = OnSharedBreach::Rollback,
        ("concentrated", "rollback") => policy.on_concentrated = OnConcentrated::Rollback,
        ("clusters", "ignore") => policy.clustering = Clustering::Ignore,
        ("unsafe", "hold") => policy.no_safe_target = OnNoSafeTarget::Hold,
        _ => panic!("{name}={value} is no setting"),
    }
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}
