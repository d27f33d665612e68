//! A new rollout of the service began: this one, rolled back, is over for good.

use fw_model::Timestamp;

use super::{is_open, not_now};
use crate::rollout::moves::Draft;
use crate::rollout::{Rejection, Rollout, Status, Transition};

pub(in crate::rollout) fn supersede(rollout: &Rollout, now: Timestamp) -> Result<Transition, Rejection> {
    if rollout.status != Status::RolledBack || !is_open(rollout) {
        return Err(not_now(rollout, "superseding"));
    }
    let mut draft = Draft::new(rollout, now);
    draft.next.ended_at = Some(now);
    draft.material = true;
    Ok(draft.finish(None))
}
