//! Random but sound sequences of events: what property tests of this and other crates are fed with.
//!
//! A sequence is the life of one service: rollout after rollout, looks at a small simulated world of
//! data planes and traffic, and people who pause, resume, advance, roll back and abort, mostly
//! sensibly and sometimes not. Everything comes from one seed, so a failure can be had again.
//! Events are plain values: a sequence can be cut and replayed without the generator.
//! It is no model of real traffic; that is the business of `sim`.

mod plans;
mod rng;
mod sequence;
mod world;

pub use plans::sound_plan;
pub use rng::Rng;
pub use sequence::Generator;

use fw_model::Timestamp;

use crate::rollout::{Event, Rejection, Rollout, Status, Transition, begin, step};

/// What an event leads to in the life of a service: a beginning when no rollout is under way or
/// open, else a step of the present one.
///
/// # Errors
/// As [`begin`] and [`step`]. Any event but a beginning before the first rollout is a
/// [`Rejection::UnsoundPlan`] that says so; a generator never asks for that.
pub fn apply(rollout: Option<&Rollout>, event: &Event, now: Timestamp) -> Result<Transition, Rejection> {
    match (rollout, event) {
        (None, Event::Started(started)) => begin(started, now),
        (Some(rollout), Event::Started(started)) if is_over(rollout) => begin(started, now),
        (Some(rollout), event) => step(rollout, event, now),
        (None, _) => Err(Rejection::UnsoundPlan("nothing has begun".into())),
    }
}

/// Whether a new rollout of the service may begin after this one.
pub fn is_over(rollout: &Rollout) -> bool {
    match rollout.status {
        Status::Completed | Status::Aborted => true,
        Status::RolledBack => rollout.ended_at.is_some(),
        Status::Pending | Status::Running | Status::Paused | Status::RollingBack => false,
    }
}
