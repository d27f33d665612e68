//! Past rollouts, made again from their recorded events: under another plan, or to learn from.
//!
//! The engine is a function of its events, so a recorded rollout can be followed step by step; what another plan
//! would have decided follows from the same observations. What they can't tell is what traffic would have done
//! at a share it never had: counts of another share are used as they were observed, and that is said.

mod follow;
mod replay;
mod story;
mod tune;

use fw_engine::{Event, Rejection};
use fw_model::Timestamp;

pub use replay::{Replay, replay};
pub use story::{Chapter, Story};
pub use tune::{Suggestion, Tuning, tune};

/// One recorded event of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Its place in the run, from 1.
    pub seq: u64,
    /// When it was applied.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// A recorded run can't be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// Its first events are gone: they are kept for 30 days after the end.
    #[error("its first events are no longer kept, so it can't be followed from the beginning")]
    Incomplete,
    /// An event can't be made again.
    #[error("event {seq} can't be made again by this version of fw")]
    Refused {
        /// Which event.
        seq: u64,
        /// Why.
        #[source]
        source: Rejection,
    },
    /// The other plan can't begin.
    #[error("this plan can't begin")]
    UnsoundPlan(#[source] Rejection),
}

impl HistoryError {
    /// What went wrong and why, in one line.
    pub fn told(&self) -> String {
        match std::error::Error::source(self) {
            Some(why) => format!("{self}: {why}"),
            None => self.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
