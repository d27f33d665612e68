//! One release: the pipeline around a rollout, as a pure state machine like the rollout's own.
//!
//! prepare → check → assess → approve → deploy → rollout → verify → finish, or undo. A step is a list of works; each work is
//! performed outside, one at a time, and what came of it returns as an event. Nothing here is found out by looking: checks,
//! deployments and the rollout report. After a crash the same list says what is left to do.
//!
//! `begin` and `step` are the door; `flow` decides what follows; `risk` adds up what is known.

mod effect;
mod event;
mod flow;
mod report;
mod risk;
mod state;
mod step;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod tests;

pub use effect::{Effect, RETRIES_MAX, Transition, Work, resume};
pub use event::{Event, Facts, Found, Local, Outcome, ReleasePlan, Resolution, Seen, Started};
pub use report::{Waits, WaitsFor, due, waiting_on};
pub use risk::{Risk, RiskPart, assess};
pub use state::{Moment, Overall, Release, Step, Task, TaskId, TaskState, Undo};
pub use step::{Rejection, begin, step};
