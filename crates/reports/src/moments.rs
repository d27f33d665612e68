//! What happened in words: a line a notice. Measurements are no moments.

use std::time::Duration;

use fw_engine::{Notice, Report, Rollout};
use fw_model::Timestamp;
use fw_model::release::Answer;

use crate::story::Moment;
use crate::words::{percent, span};

/// The moment of a notice; none for measurements. `rollout` is the state after it.
pub(crate) fn moment(notice: &Notice, rollout: &Rollout, report: &Report, at: Timestamp) -> Option<Moment> {
    let (kind, text) = said(notice, rollout, report, at)?;
    let (actor, reason) = match notice {
        Notice::Advanced { forced: Some(by), .. } => (Some(&by.actor), by.reason.as_ref()),
        Notice::Paused { actor, reason }
        | Notice::Resumed { actor, reason }
        | Notice::GateAnswered { actor, reason, .. }
        | Notice::Aborted { actor, reason } => (Some(actor), reason.as_ref()),
        _ => (None, None),
    };
    Some(Moment {
        at: at.as_millis(),
        kind: kind.to_owned(),
        text,
        actor: actor.cloned(),
        reason: reason.cloned(),
        share: rollout.canary.percent(),
    })
}

/// Type and words.
fn said(
    notice: &Notice,
    rollout: &Rollout,
    report: &Report,
    at: Timestamp,
) -> Option<(&'static str, String)> {
    let phase = |position: Option<usize>| match position.and_then(|p| rollout.plan.phases.get(p)) {
        Some(phase) => format!("{} ({})", phase.description, percent(phase.percentage.value())),
        None => "stable (0 %)".to_owned(),
    };
    Some(match notice {
        Notice::Metrics { .. } => return None,
        Notice::Started => {
            let (stable, canary) = (&rollout.plan.stable.version, &rollout.plan.canary.version);
            ("rollout_started", format!("began to go from {stable} to {canary}, at {}", phase(Some(0))))
        }
        Notice::Advanced { from, to, forced } => {
            let overrode = forced.as_ref().map(|by| by.overrode.join("; ")).filter(|words| !words.is_empty());
            let overrode = overrode.map_or_else(String::new, |words| format!("; that overrode: {words}"));
            ("phase_advanced", format!("went from {} to {}{overrode}", phase(*from), phase(Some(*to))))
        }
        Notice::Held => ("phase_held", format!("waits: {}", waits(report))),
        Notice::Released { waited_for } => {
            let what: Vec<&str> = waited_for.iter().map(|w| w.kind.as_str()).collect();
            ("phase_released", format!("goes on; it had waited for {}", listed(&what)))
        }
        Notice::Paused { .. } => ("rollout_paused", "was paused".into()),
        Notice::Resumed { .. } => ("rollout_resumed", "was resumed".into()),
        Notice::RiskAlert { text, .. } => ("risk_alert", text.clone()),
        Notice::RollbackStarted { from, to, trigger, evidence } => {
            let why = evidence.first().map_or_else(|| trigger.as_str().to_owned(), Clone::clone);
            ("rollback_started", format!("went back from {} to {}: {why}", phase(*from), phase(*to)))
        }
        Notice::RollbackCompleted { recovery, unconfirmed, .. } => {
            let after = span(*recovery);
            let text = match unconfirmed.len() {
                0 => format!("every data plane sends by the new split, {after} after the decision"),
                n => format!("{n} data planes fell silent and did not confirm; the others had after {after}"),
            };
            ("rollback_completed", text)
        }
        Notice::GateAnswered { gate, answer, .. } => {
            let word = match answer {
                Answer::Approve => "yes",
                Answer::Reject => "no",
            };
            ("gate_answered", format!("{gate}: {word}"))
        }
        Notice::Completed => {
            let (took, version) = (span(at.since(rollout.started_at)), &rollout.plan.canary.version);
            ("rollout_completed", format!("completed after {took}: {version} is the current version"))
        }
        Notice::Aborted { .. } => ("rollout_aborted", "was ended; all traffic is stable's".into()),
    })
}

/// What is waited for beside the phase's time.
fn waits(report: &Report) -> String {
    let own = report.waiting_on.iter().filter(|w| w.kind != fw_engine::WaitingKind::Duration);
    let texts: Vec<&str> = own.map(|w| w.text.as_str()).collect();
    if texts.is_empty() { "for the phase's time".into() } else { texts.join("; ") }
}

fn listed(words: &[&str]) -> String {
    let mut seen: Vec<&str> = vec![];
    words.iter().filter(|w| **w != "duration").for_each(|w| {
        if !seen.contains(w) {
            seen.push(w);
        }
    });
    if seen.is_empty() { "its time".into() } else { seen.join(", ") }
}

/// A time in ms as a span; 0 where it is negative.
pub(crate) fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
