//! What a person may do, one file each. Which status allows what is the table of contract section 7.

mod abort;
mod advance;
mod answer;
mod pause;
mod quarantine;
mod resume;
mod rollback;
mod supersede;

pub(super) use abort::abort;
pub(super) use advance::advance;
pub(super) use answer::answer;
pub(super) use pause::pause;
pub(super) use quarantine::quarantine;
pub(super) use resume::resume;
pub(super) use rollback::roll_back;
pub(super) use supersede::supersede;

use super::{Rejection, Rollout, Status};

/// A refusal that says what is possible instead.
fn not_now(rollout: &Rollout, what: &'static str) -> Rejection {
    let hint = match rollout.status {
        Status::Pending => "abort is possible",
        Status::Running => "pause, advance, rollback and abort are possible",
        Status::Paused => "resume, advance, rollback and abort are possible",
        Status::RollingBack => "abort is possible; it will be rolled back in a moment",
        Status::RolledBack if !is_open(rollout) => "a newer rollout took its place",
        Status::RolledBack => "resume, advance, abort or a new start are possible",
        Status::Completed => "a rollback to stable or a new start are possible",
        Status::Aborted => "a new start is possible",
    };
    Rejection::NotNow { what, status: rollout.status, hint }
}

/// A rolled-back rollout that a newer one replaced takes no commands.
fn is_open(rollout: &Rollout) -> bool {
    rollout.status != Status::RolledBack || rollout.ended_at.is_none()
}
