//! Advance by a person: the next phase now, whatever was waited for; the event says what was overridden.

use fw_model::Timestamp;

use super::{is_open, not_now};
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
    let overrode =
        rollout.waiting.iter().filter(|w| w.kind != WaitingKind::Person).map(|w| w.text.clone()).collect();
    let forced = Forced { actor: by.actor.clone(), reason: by.reason.clone(), overrode };
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
