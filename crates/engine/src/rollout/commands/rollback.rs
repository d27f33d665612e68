//! Rollback by a person: to the phase before (default), to stable, or to a lower phase.

use fw_model::Timestamp;

use super::not_now;
use crate::rollout::moves::Draft;
use crate::rollout::{Effect, Rejection, Requested, Rollout, Status, Target, Transition, Trigger};

pub(in crate::rollout) fn roll_back(
    rollout: &Rollout,
    to: Target,
    by: &Requested,
    now: Timestamp,
) -> Result<Transition, Rejection> {
    let after_completion = rollout.status == Status::Completed;
    if !matches!(rollout.status, Status::Running | Status::Paused | Status::Completed) {
        return Err(not_now(rollout, "rollback"));
    }
    let at = rollout.position.unwrap_or(0);
    let to = match to {
        // A completed rollout goes back whole: the old version or nothing.
        Target::Stable => None,
        Target::Previous if after_completion => None,
        Target::Phase(_) if after_completion => return Err(not_now(rollout, "rollback to a phase")),
        Target::Previous => at.checked_sub(1),
        Target::Phase(phase) if phase < at => Some(phase),
        Target::Phase(phase) => return Err(Rejection::NoSuchPhase { phase, at }),
    };
    let mut draft = Draft::new(rollout, now);
    let mut evidence = vec![format!("asked for by {}", by.actor)];
    evidence.extend(by.reason.clone());
    draft.roll_back(to, Trigger::Manual, evidence);
    draft.next.ended_at = None;
    draft.next.quarantine = None;
    if after_completion {
        let version = rollout.plan.stable.version.clone();
        draft.emit(Effect::SetCurrentVersion { version });
    }
    Ok(draft.finish(None))
}
