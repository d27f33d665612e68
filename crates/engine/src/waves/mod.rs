//! One canary version over several regions, in waves: a pure state machine beside that of a rollout.
//!
//! Each region has an ordinary rollout of its own (`service@region`), with its data planes and its analysis. What is
//! here decides when a region may begin, when all stand still, and when all go back; it asks for what it wants by
//! effects with names that stay the same over a crash, and learns by looks what came of it. It never moves traffic
//! itself, and knows nothing of HTTP: whether a region is served here or far away is the shell's business.

mod brake;
mod commands;
mod effect;
mod event;
pub mod invariants;
mod look;
mod moves;
mod plan;
mod pooled;
#[cfg(test)]
mod properties;
mod report;
mod state;
mod step;
#[cfg(test)]
mod stories;
mod wanted;
#[cfg(test)]
mod world;

pub use effect::{Action, Ask, Effect, Notice, Transition};
pub use event::{Answer, Event, Evidence, Looked, Seen, Sight, Standing, Started};
pub use plan::{
    Condition, HaltOthers, Of, OnPooled, OnUnreachable, PlanFault, REGIONS_MAX, Wave, WavesPlan, wave_by_wave,
};
pub use pooled::{Part, Pooled, pooled};
pub use report::{RegionReport, Report, report_of};
pub use state::{Away, Brake, Cause, Halt, RegionState, RegionalRollout, Status, UNREACHABLE_AFTER, Wanted};
pub use step::{Rejection, begin, step};
