//! `rollout.phases[n]`: a share of traffic, held for a time, and what must be true to leave it.

use std::time::Duration;

use fw_model::plan::SuccessCriteria;
use fw_model::{Percent, Phase};

use super::gate;
use super::rollout::RESPONSE_MS;
use crate::config::duration::Per;
use crate::config::format;
use crate::config::table::{EXACT_MAX, Key, Kind, Range, Section};
use crate::config::tree::View;

/// Longest phase.
const DURATION_MAX: Duration = Duration::from_secs(366 * 86_400);
/// Risk score of a phase that names none.
const RISK_DEFAULT: f64 = 50.0;
/// Stands in for a duration that is missing or wrong, which was reported.
const DURATION_STAND_IN: Duration = Duration::from_secs(60);
/// Smallest share, percent.
const PERCENT_MIN: f64 = 0.001;

/// The section.
pub(super) static PHASE: Section = Section {
    title: "rollout.phases[n]",
    doc: "Only `percentage` and `duration` must stand.",
    keys: &[
        Key::optional(
            "id",
            Kind::Integer(Range::new(-EXACT_MAX, EXACT_MAX, "")),
            "= its position, from 0",
            "Echoed in the status; never computed with.",
        ),
        Key::required(
            "percentage",
            Kind::Number(Range::new(PERCENT_MIN, 100.0, "percent of traffic")),
            "The canary's share in percent. Each phase has more than the one before; the last has 100.",
        ),
        Key::required(
            "duration",
            Kind::Duration { per: Per::Minute, min: Duration::from_millis(1), max: DURATION_MAX },
            "Shortest time in the phase; a bare number is minutes. Only watched time counts.",
        ),
        Key::optional(
            "maxDuration",
            Kind::Duration { per: Per::Minute, min: Duration::from_millis(1), max: DURATION_MAX },
            "= the larger of twice the duration and 10m",
            "After this an unanswered question follows `analysis.onInconclusive`; a bare number is minutes.",
        ),
        Key::optional(
            "riskScore",
            Kind::Number(Range::new(0.0, 100.0, "")),
            "50",
            "How risky its author thinks it is, 0 to 100; shown, never deciding.",
        ),
        Key::optional(
            "description",
            Kind::Text(format::DESCRIPTION),
            "= Phase 0 (5 %)",
            "In a person's words.",
        ),
        Key::optional(
            "successCriteria",
            Kind::Section(&CRITERIA),
            "= none: compared with stable",
            "What must be shown before the phase ends.",
        ),
        Key::optional(
            "gates",
            gate::GATES,
            "[]",
            "What else must say yes before the phase ends; asked from its beginning. A no goes back to stable.",
        ),
    ],
    exclusive: &[],
};

pub(super) static CRITERIA: Section = Section {
    title: "rollout.phases[n].successCriteria",
    doc: "All optional. Without any, the rollback limit and the comparison with stable decide.",
    keys: &[
        Key::optional(
            "errorRate",
            Kind::Number(Range::new(0.0, 100.0, "percent")),
            "= none",
            "Errors at most, percent of requests.",
        ),
        Key::optional("responseTime", Kind::Number(RESPONSE_MS), "= none", "Mean response time at most, ms."),
        Key::optional(
            "healthScore",
            Kind::Number(Range::new(0.0, 100.0, "")),
            "= none",
            "Health score at least, 0 to 100.",
        ),
    ],
    exclusive: &[],
};

/// The phases, in order.
pub(super) fn read(phases: View<'_>) -> Vec<Phase> {
    let items = phases.items();
    let mut before = 0.0;
    let mut read = vec![];
    for (position, node) in items.iter().enumerate() {
        let phase = one(View(Some(node)), position, before, position + 1 == items.len());
        before = phase.percentage.value();
        read.push(phase);
    }
    read
}

fn one(view: View<'_>, position: usize, before: f64, last: bool) -> Phase {
    let written =
        view.get("percentage").number().filter(|n| *n >= PERCENT_MIN).and_then(|n| Percent::new(n).ok());
    // A share that is missing or wrong was reported; one that fits keeps its neighbours from being blamed.
    let stand_in = if last { 100.0 } else { f64::min(before + PERCENT_MIN, 100.0) };
    let percentage = written.unwrap_or_else(|| {
        Percent::new(stand_in).expect("between 0 and 100: a percentage plus 0.001, capped")
    });
    let criteria = view.get("successCriteria");
    let default = || format!("Phase {position} ({} %)", percentage.value());
    Phase {
        // Positions are below PHASES_MAX and ids within 2^53, so neither cast can truncate.
        id: view.get("id").number().map_or(position as i64, |n| n as i64),
        percentage,
        duration: view.get("duration").duration(Per::Minute).unwrap_or(DURATION_STAND_IN),
        max_duration: view.get("maxDuration").duration(Per::Minute),
        risk_score: view.get("riskScore").number().unwrap_or(RISK_DEFAULT),
        description: view.get("description").text().map_or_else(default, str::to_owned),
        criteria: SuccessCriteria {
            error_rate: criteria.get("errorRate").number(),
            response_time: criteria.get("responseTime").number(),
            health_score: criteria.get("healthScore").number(),
        },
        gates: gate::read(view.get("gates")),
    }
}
