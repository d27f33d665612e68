//! What a step led to, in the words of a story.

use fw_model::Timestamp;

use crate::rollout::{Effect, Notice, Report, Rollout, Transition, Waiting};

fn place(position: Option<usize>) -> String {
    position.map_or("stable".into(), |p| format!("phase {p}"))
}

/// One line for each effect.
pub(super) fn effects(transition: &Transition) -> Vec<String> {
    transition.effects.iter().map(|(_, effect)| one(effect)).collect()
}

fn one(effect: &Effect) -> String {
    match effect {
        Effect::SetSplit { epoch, canary } => format!("split {} % (epoch {})", canary.percent(), epoch.0),
        Effect::SetCurrentVersion { version } => format!("current version: {version}"),
        Effect::Publish(notice) => published(notice),
    }
}

fn published(notice: &Notice) -> String {
    match notice {
        Notice::Started => "rollout_started".into(),
        Notice::Advanced { from, to, forced: None } => {
            format!("phase_advanced {} -> phase {to}", place(*from))
        }
        Notice::Advanced { from, to, forced: Some(forced) } => format!(
            "phase_advanced {} -> phase {to} by {}, over: {}",
            place(*from),
            forced.actor,
            if forced.overrode.is_empty() { "nothing".into() } else { forced.overrode.join(" | ") }
        ),
        Notice::Metrics { canary } => format!("metrics_update ({} requests)", canary.requests),
        Notice::Held => "phase_held".into(),
        Notice::Released { waited_for } => format!("phase_released after {}", kinds(waited_for)),
        Notice::Paused { actor, .. } => format!("rollout_paused by {actor}"),
        Notice::Resumed { actor, .. } => format!("rollout_resumed by {actor}"),
        Notice::RiskAlert { trigger, limit, .. } => {
            format!("risk_alert {} (limit {limit})", trigger.as_str())
        }
        Notice::RollbackStarted { from, to, trigger, .. } => {
            format!("rollback_started {} -> {} by {}", place(*from), place(*to), trigger.as_str())
        }
        Notice::RollbackCompleted { from, to, recovery, unconfirmed } => {
            let names: Vec<_> = unconfirmed.iter().map(ToString::to_string).collect();
            let open =
                if names.is_empty() { String::new() } else { format!(", without {}", names.join(", ")) };
            format!(
                "rollback_completed {} -> {} in {} s{open}",
                place(*from),
                place(*to),
                recovery.as_secs_f64()
            )
        }
        Notice::GateAnswered { gate, answer, actor, reason } => {
            let why = reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
            format!("gate_answered {gate}, {} by {actor}{why}", answer.as_str())
        }
        Notice::Completed => "rollout_completed".into(),
        Notice::Aborted { actor, .. } => format!("rollout_aborted by {actor}"),
    }
}

fn kinds(waiting: &[Waiting]) -> String {
    waiting.iter().map(|w| w.kind.as_str()).collect::<Vec<_>>().join(", ")
}

/// How it stands: one line, and one for each thing waited for.
pub(super) fn stand(rollout: &Rollout, report: &Report, began: Timestamp) -> Vec<String> {
    let clock = if report.clock_runs { "runs" } else { "stands" };
    let mut lines = vec![format!(
        "{} at {}, {} %, attempt {}, {}, clock {clock} at {} s",
        rollout.status.as_str(),
        place(rollout.position),
        rollout.canary.percent(),
        rollout.attempt,
        report.judgement.verdict.as_str(),
        rollout.watched.as_secs_f64(),
    )];
    for waiting in &report.waiting_on {
        let since = (waiting.since.0 - began.0) as f64 / 1000.0;
        let eta = waiting.eta.map_or("no eta".into(), |eta| format!("eta {:.0} s", eta.as_secs_f64()));
        lines.push(format!("  {} since {since} s, {eta}: {}", waiting.kind.as_str(), waiting.text));
    }
    lines
}
