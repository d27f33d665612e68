//! Pause: the split stays, evidence is collected, automatic rollback stays armed.

use fw_model::Timestamp;

use super::not_now;
use crate::rollout::moves::Draft;
use crate::rollout::{Notice, Rejection, Requested, Rollout, Status, Transition};

pub(in crate::rollout) fn pause(
    rollout: &Rollout,
    by: &Requested,
    now: Timestamp,
) -> Result<Transition, Rejection> {
    if rollout.status != Status::Running {
        return Err(not_now(rollout, "pause"));
    }
    let mut draft = Draft::new(rollout, now);
    draft.next.status = Status::Paused;
    draft.next.held = false;
    draft.publish(Notice::Paused { actor: by.actor.clone(), reason: by.reason.clone() });
    Ok(draft.finish(None))
}
