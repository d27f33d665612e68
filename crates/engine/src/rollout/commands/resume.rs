//! Resume: go on after a pause or out of quarantine, or try again after a rollback (that phase again;
//! phase 0 from stable).

use fw_model::Timestamp;

use super::{is_open, not_now};
use crate::rollout::moves::Draft;
use crate::rollout::{Notice, Rejection, Requested, Rollout, Status, Transition};

pub(in crate::rollout) fn resume(
    rollout: &Rollout,
    by: &Requested,
    now: Timestamp,
) -> Result<Transition, Rejection> {
    let mut draft = Draft::new(rollout, now);
    match rollout.status {
        Status::Paused => {}
        Status::Running if rollout.quarantine.is_some() => {}
        Status::RolledBack if is_open(rollout) => {
            draft.enter(Some(rollout.position.unwrap_or(0)));
            draft.begin_attempt();
        }
        _ => return Err(not_now(rollout, "resume")),
    }
    draft.next.status = Status::Running;
    draft.next.quarantine = None;
    draft.publish(Notice::Resumed { actor: by.actor.clone(), reason: by.reason.clone() });
    Ok(draft.finish(None))
}
