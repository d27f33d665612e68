//! Advance by a person: the next phase now, whatever was waited for; the event says what was overridden.

use fw_model::Timestamp;

use super::{is_open, not_now};
use crate::analysis;
use crate::rollout::decide;
use crate::rollout::effect::Forced;
use crate::rollout::moves::Draft;
use crate::rollout::{Notice, Rejection, Requested, Rollout, Status, Transition, WaitingKind};

pub(in crate::rollout) fn advance(
    rollout: &Rollout,
    by: &Requested,
    now: Timestamp,
) -> Result<Transition, Rejection> {
    let possible = matches!(rollout.status, Status::Running | Status::Paused)
        || (rollout.status == Status::RolledBack && is_open(rollout));
    if !possible {
        return Err(not_now(rollout, "advance"));
    }
    let mut draft = Draft::new(rollout, now);
    let from = rollout.position;
    let to = from.map_or(0, |position| position + 1);
    let overrode = overridden(rollout);
    let forced = Forced { actor: by.actor.clone(), reason: by.reason.clone(), overrode };
    // A person's word is not a healthy end: health alone never brings the rollout back to this phase.
    if let Some(ended) = from.and_then(|position| draft.next.ended_healthy.get_mut(position)) {
        *ended = false;
    }
    draft.begin_attempt();
    draft.next.quarantine = None;
    draft.next.held = false;
    if to >= rollout.plan.phases.len() {
        draft.complete();
        return Ok(draft.finish(None));
    }
    draft.enter(Some(to));
    draft.next.status = Status::Running;
    draft.publish(Notice::Advanced { from, to, forced: Some(forced) });
    Ok(draft.finish(None))
}

/// What a person's advance goes over: what it waited for, what was still open, or the rollback.
fn overridden(rollout: &Rollout) -> Vec<String> {
    if let (Status::RolledBack, Some(moving)) = (rollout.status, &rollout.moving) {
        let why = moving.evidence.join("; ");
        return vec![format!("the rollback by {}: {why}", moving.trigger.as_str())];
    }
    let mut texts: Vec<String> = rollout
        .waiting
        .iter()
        .filter(|w| !matches!(w.kind, WaitingKind::Person | WaitingKind::Duration))
        .map(|w| w.text.clone())
        .collect();
    texts.extend(rollout.quarantine.as_ref().map(|why| format!("quarantined: {why}")));
    for open in decide::open(rollout, &analysis::judge(rollout)) {
        if !texts.contains(&open.text) {
            texts.push(open.text);
        }
    }
    texts
}
