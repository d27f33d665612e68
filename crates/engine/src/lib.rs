//! The rollout as a pure state machine: events in, effects out, and a report that says why it stands still.
//!
//! `step(state, event, now)` is a function: no I/O, no clock, no randomness, no serialisation. So any
//! decision can be replayed byte for byte, and a million rollouts can be simulated. What the effects
//! mean outside (routers, streams, files) is the business of the shell in `runtime`.

pub mod analysis;
#[cfg(any(test, feature = "test-generator"))]
pub mod generate;
pub mod invariants;
mod plant;
#[cfg(test)]
mod properties;
pub mod release;
pub mod rollout;
#[cfg(test)]
mod scenarios;
pub mod waves;

pub use rollout::{
    Actor, Effect, EffectId, Event, Look, Notice, Rejection, Report, Rollout, Started, Status, Target,
    Transition, Trigger, Waiting, WaitingKind, begin, step,
};
