//! What happened to requests: counts (in the cells of `fw_plane`), ages, refusals.

mod ages;
mod request;
mod stats;

pub(crate) use ages::{AgeSlots, Ages};
pub(crate) use request::Observation;
pub(crate) use stats::{Refused, WorkerStats};
