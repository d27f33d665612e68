//! What happened to requests: counts, ages, refusals, and the report that carries them.

mod ages;
mod cell;
mod registry;
mod repeat;
mod request;
mod stats;
mod units;

pub(crate) use ages::{AgeSlots, Ages};
pub(crate) use cell::Slot;
pub(crate) use registry::Registry;
pub(crate) use repeat::FailedKeys;
pub(crate) use request::Observation;
pub(crate) use stats::{Refused, WorkerStats};
pub(crate) use units::SeenKeys;
