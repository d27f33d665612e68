//! `rollout`: phases and policies, with the keys of the seed document.

use std::time::Duration;

use fw_model::Plan;

use super::{analysis, phase};
use crate::config::duration::Per;
use crate::config::table::{Choice, Key, Kind, Range, Section};
use crate::config::tree::View;
use fw_model::plan::PHASES_MAX;

/// Longest `monitoringInterval`.
const INTERVAL_MAX: Duration = Duration::from_secs(86_400);

const SCORE: Range = Range::new(0.0, 100.0, "");
const PERCENT: Range = Range::new(0.0, 100.0, "percent");
/// Response times, ms: up to an hour.
pub(super) const RESPONSE_MS: Range = Range::new(0.001, 3_600_000.0, "ms");
const OFF: Kind = Kind::Choice(&[Choice::now("off", "this trigger is off")]);

static PHASE: Kind = Kind::Section(&phase::PHASE);

/// The section.
pub(crate) static ROLLOUT: Section = Section {
    title: "rollout",
    doc: "The plan. This mapping alone is a valid config.",
    keys: &[
        Key::optional(
            "phases",
            Kind::List { of: &PHASE, min: 1, max: PHASES_MAX },
            "= 5, 25, 50 and 100 % for 2, 3, 4 and 5 minutes",
            "Shares of traffic, in order. They grow, and the last one is 100.",
        ),
        Key::optional(
            "autoAdvance",
            Kind::Bool,
            "true",
            "Whether phases advance by themselves; else each waits for `fw rollout advance`.",
        ),
        Key::optional(
            "riskThreshold",
            Kind::Number(SCORE),
            "70",
            "Health score (0 to 100) needed to advance.",
        ),
        Key::optional(
            "enableRollback",
            Kind::Bool,
            "true",
            "Whether triggers roll back; when off they only alert.",
        ),
        Key::optional(
            "rollbackTriggers",
            Kind::Section(&TRIGGERS),
            "= defaults of its keys",
            "What rolls back.",
        ),
        Key::optional(
            "monitoringInterval",
            Kind::Duration { per: Per::Second, min: Duration::from_secs(1), max: INTERVAL_MAX },
            "30",
            "How often `metrics_update` is published; a bare number is seconds. The engine looks every second whatever this says.",
        ),
        Key::optional("sseEnabled", Kind::Bool, "true", "Whether `GET /events` is there."),
        Key::optional(
            "port",
            Kind::Integer(Range::new(1.0, 65_535.0, "TCP port")),
            "= 3002",
            "Port of the API on loopback, unless `--listen` says otherwise.",
        ),
        Key::optional(
            "analysis",
            Kind::Section(&analysis::ANALYSIS),
            "= defaults of its keys",
            "How verdicts are reached.",
        ),
    ],
    exclusive: &[],
};

static TRIGGERS: Section = Section {
    title: "rollout.rollbackTriggers",
    doc: "Each may be `off`.",
    keys: &[
        Key::optional(
            "health",
            Kind::Or(&[Kind::Number(SCORE), OFF, Kind::Null]),
            "70",
            "Health score (0 to 100) below which the rollout goes back to the last phase that ended healthy.",
        ),
        Key::optional(
            "errorRate",
            Kind::Or(&[Kind::Number(PERCENT), OFF, Kind::Null]),
            "1",
            "Errors, in percent of requests (0.24 = 0.24 %), above which it goes back to stable.",
        ),
        Key::optional(
            "responseTime",
            Kind::Or(&[Kind::Number(RESPONSE_MS), OFF, Kind::Null]),
            "1000",
            "Mean response time in ms above which an alert is raised and, once shown, it goes back to stable.",
        ),
    ],
    exclusive: &[],
};

/// Phases, triggers and switches into the plan.
pub(super) fn read(rollout: View<'_>, plan: &mut Plan) {
    if rollout.get("phases").exists() {
        plan.phases = phase::read(rollout.get("phases"));
    }
    let set = |target: &mut bool, key: &str| *target = rollout.get(key).boolean().unwrap_or(*target);
    set(&mut plan.auto_advance, "autoAdvance");
    set(&mut plan.enable_rollback, "enableRollback");
    plan.risk_threshold = rollout.get("riskThreshold").number().unwrap_or(plan.risk_threshold);
    plan.monitoring_interval =
        rollout.get("monitoringInterval").duration(Per::Second).unwrap_or(plan.monitoring_interval);
    let triggers = rollout.get("rollbackTriggers");
    let trigger = |target: &mut Option<f64>, key: &str| {
        if triggers.get(key).exists() {
            *target = triggers.get(key).number();
        }
    };
    trigger(&mut plan.triggers.health, "health");
    trigger(&mut plan.triggers.error_rate, "errorRate");
    trigger(&mut plan.triggers.response_time, "responseTime");
}

/// The API's port, if it is given.
pub(super) fn port(rollout: View<'_>) -> Option<u16> {
    // The range was checked by the table; anything else is absent here.
    rollout.get("port").number().filter(|n| (1.0..=65_535.0).contains(n)).map(|n| n as u16)
}
