//! `GET /status` from a rollout and its report (contract section 4).

use std::time::Duration;

use fw_api::Status;
use fw_api::status::{CurrentPhase, PhaseMetrics, SplitStatus, State, WaitingOn};
use fw_engine::{Report, Rollout, Status as Life, Waiting};
use fw_model::{Counts, Timestamp};

use super::time::{rfc3339, time_of_day};

/// The status of a rollout at `now`.
pub fn status_of(rollout: &Rollout, report: &Report, now: Timestamp) -> Status {
    let health = report.health.map(|h| tenth(h.score));
    let completion = completion_at(rollout, report, now);
    Status {
        state: State {
            current_phase: rollout.position.map(|p| p as u64),
            is_running: rollout.status.is_under_way(),
            is_paused: rollout.status == Life::Paused,
            overall_health: health,
            total_requests: rollout.totals.requests,
            total_errors: rollout.totals.errors,
        },
        current_phase: current_phase(rollout),
        progress: progress(rollout),
        health,
        estimated_completion: completion.map(|at| time_of_day(at, now)),
        estimated_completion_at: completion.map(rfc3339),
        rollout: Some(rollout.run.key.to_string()),
        run: Some(rollout.run.to_string()),
        region: rollout.run.key.region.as_ref().map(ToString::to_string),
        status: rollout.status.as_str().into(),
        verdict: Some(report.judgement.verdict.as_str().into()),
        risk: Some(tenth(report.risk.score)),
        waiting_on: report.waiting_on.iter().map(waiting).collect(),
        split: Some(SplitStatus { epoch: rollout.epoch.0, canary: rollout.canary.units() }),
    }
}

/// Reasons as they travel.
pub(super) fn waiting(waiting: &Waiting) -> WaitingOn {
    WaitingOn {
        kind: waiting.kind.as_str().into(),
        text: waiting.text.clone(),
        since: rfc3339(waiting.since),
        eta_seconds: waiting.eta.map(|eta| eta.as_millis().div_ceil(1000) as u64),
    }
}

/// Measurements as they travel; rates in percent, times in ms.
pub(super) fn metrics(counts: &Counts) -> PhaseMetrics {
    PhaseMetrics {
        requests_served: counts.requests,
        error_rate: counts.error_rate_percent().map(|r| (r * 10_000.0).round() / 10_000.0),
        response_time: counts.mean_ms().map(|ms| (ms * 100.0).round() / 100.0),
        user_satisfaction: fw_engine::rollout::health_of(counts).map(|h| tenth(h.satisfaction)),
    }
}

fn current_phase(rollout: &Rollout) -> Option<CurrentPhase> {
    let phase = rollout.phase()?;
    Some(CurrentPhase {
        id: phase.id,
        description: phase.description.clone(),
        percentage: phase.percentage.value(),
        risk_score: phase.risk_score,
        metrics: metrics(&rollout.tally.canary),
        baseline: (!phase.is_full()).then(|| metrics(&rollout.tally.stable)),
    })
}

/// (phases done + share of this phase's duration, at most 1) / phases, percent, one decimal.
fn progress(rollout: &Rollout) -> f64 {
    let Some(position) = rollout.position else { return 0.0 };
    if rollout.status == Life::Completed {
        return 100.0;
    }
    let share = rollout
        .phase()
        .map_or(0.0, |phase| (rollout.watched.as_secs_f64() / phase.duration.as_secs_f64()).min(1.0));
    tenth(100.0 * (position as f64 + share) / rollout.plan.phases.len() as f64)
}

/// When it will be complete if nothing goes wrong; none while it waits for anything without an ETA.
fn completion_at(rollout: &Rollout, report: &Report, now: Timestamp) -> Option<Timestamp> {
    if rollout.status != Life::Running || report.waiting_on.is_empty() {
        return None;
    }
    let waits: Option<Vec<Duration>> = report.waiting_on.iter().map(|w| w.eta).collect();
    let longest = waits?.into_iter().max()?;
    let later: Duration = rollout.plan.phases.iter().skip(rollout.position? + 1).map(|p| p.duration).sum();
    Some(now.plus(longest + later))
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
