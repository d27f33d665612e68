//! Abort: end it, with no canary traffic.

use fw_model::{Timestamp, Weight};

use super::{is_open, not_now};
use crate::rollout::moves::Draft;
use crate::rollout::{Notice, Rejection, Requested, Rollout, Status, Transition};

pub(in crate::rollout) fn abort(
    rollout: &Rollout,
    by: &Requested,
    now: Timestamp,
) -> Result<Transition, Rejection> {
    if !is_open(rollout) || matches!(rollout.status, Status::Completed | Status::Aborted) {
        return Err(not_now(rollout, "abort"));
    }
    let mut draft = Draft::new(rollout, now);
    if rollout.canary > Weight::ZERO {
        draft.enter(None);
    }
    draft.next.position = None;
    draft.next.status = Status::Aborted;
    draft.next.ended_at = Some(now);
    draft.next.held = false;
    draft.publish(Notice::Aborted { actor: by.actor.clone(), reason: by.reason.clone() });
    Ok(draft.finish(None))
}
