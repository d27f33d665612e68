//! From an engine notice to a stream event.

use fw_api::{EventBody, StreamEvent};
use fw_engine::{Notice, Report, Rollout};
use fw_model::Timestamp;

use super::status::{metrics, status_of, waiting};
use super::time::rfc3339;

/// The fields of a notice's type. `rollout` is the state after the step.
pub fn event_body(notice: &Notice, rollout: &Rollout, report: &Report, now: Timestamp) -> EventBody {
    let position = |p: Option<usize>| p.map(|p| p as u64);
    let phase_of = |p: Option<usize>| p.and_then(|p| rollout.plan.phases.get(p));
    let percentage = |p: Option<usize>| phase_of(p).map_or(0.0, |phase| phase.percentage.value());
    let lasted = u64::try_from(now.since(rollout.started_at).as_millis()).unwrap_or(u64::MAX);
    let final_health = report.health.map(|h| (h.score * 10.0).round() / 10.0);
    match notice {
        Notice::Started => EventBody::RolloutStarted { phase: 0 },
        Notice::Advanced { from, to, forced } => EventBody::PhaseAdvanced {
            from_phase: position(*from),
            to_phase: *to as u64,
            percentage: percentage(Some(*to)),
            risk_score: phase_of(Some(*to)).map_or(0.0, |phase| phase.risk_score),
            forced: forced.is_some(),
            overrode: forced.as_ref().map(|f| f.overrode.clone()).unwrap_or_default(),
            actor: forced.as_ref().map(|f| f.actor.clone()),
            reason: forced.as_ref().and_then(|f| f.reason.clone()),
        },
        Notice::Metrics { canary } => EventBody::MetricsUpdate { metrics: metrics(canary) },
        Notice::Held => EventBody::PhaseHeld {},
        Notice::Released { waited_for } => {
            EventBody::PhaseReleased { waited_for: waited_for.iter().map(waiting).collect() }
        }
        Notice::Paused { actor, reason } => EventBody::RolloutPaused {
            phase: position(rollout.position),
            actor: actor.clone(),
            reason: reason.clone(),
        },
        Notice::Resumed { actor, reason } => EventBody::RolloutResumed {
            phase: position(rollout.position),
            actor: actor.clone(),
            reason: reason.clone(),
        },
        Notice::RiskAlert { trigger, value, limit, text } => EventBody::RiskAlert {
            trigger: trigger.as_str().into(),
            value: *value,
            limit: *limit,
            text: text.clone(),
        },
        Notice::RollbackStarted { from, to, trigger, evidence } => EventBody::RollbackStarted {
            from_phase: position(*from),
            to_phase: position(*to),
            percentage: percentage(*to),
            trigger: trigger.as_str().into(),
            evidence: evidence.clone(),
        },
        Notice::RollbackCompleted { from, to, recovery, unconfirmed } => EventBody::RollbackCompleted {
            from_phase: position(*from),
            to_phase: position(*to),
            percentage: percentage(*to),
            recovery_ms: u64::try_from(recovery.as_millis()).unwrap_or(u64::MAX),
            unconfirmed: unconfirmed.iter().map(ToString::to_string).collect(),
        },
        Notice::GateAnswered { gate, answer, actor, reason } => EventBody::GateAnswered {
            phase: position(rollout.position),
            gate: gate.clone(),
            answer: answer.as_str().into(),
            actor: actor.clone(),
            reason: reason.clone(),
        },
        Notice::Completed => EventBody::RolloutCompleted { final_health, total_duration_ms: lasted },
        Notice::Aborted { actor, reason } => EventBody::RolloutAborted {
            final_health,
            total_duration_ms: lasted,
            actor: actor.clone(),
            reason: reason.clone(),
        },
    }
}

/// The report that can be read from a notice on, by the word in its URL; none for most.
pub fn report_of(notice: &Notice) -> Option<&'static str> {
    match notice {
        Notice::RollbackCompleted { .. } => Some("rollback"),
        Notice::Completed | Notice::Aborted { .. } => Some("completion"),
        Notice::Started
        | Notice::Advanced { .. }
        | Notice::Metrics { .. }
        | Notice::Held
        | Notice::Released { .. }
        | Notice::Paused { .. }
        | Notice::Resumed { .. }
        | Notice::RiskAlert { .. }
        | Notice::GateAnswered { .. }
        | Notice::RollbackStarted { .. } => None,
    }
}

/// The event as it is stored and sent.
pub fn stream_event(body: EventBody, rollout: &Rollout, report: &Report, now: Timestamp) -> StreamEvent {
    StreamEvent {
        status: status_of(rollout, report, now),
        body,
        timestamp: rfc3339(now),
        plan_hash: Some(rollout.plan_hash.to_string()),
    }
}
