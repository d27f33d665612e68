//! What follows from a step. A closed list: the shell performs each, in order, after the commit.

use std::time::Duration;

use fw_model::Region;

use super::{Halt, RegionalRollout, Report, Status};
use crate::rollout::{self, Requested};

/// What the shell does.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Ask a region for something; asked again with the same name after a crash, and until it answers.
    Act(Ask),
    /// Tell people.
    Publish(Notice),
}

/// Something asked of a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Which.
    pub region: Region,
    /// Counts the asks of this regional rollout, from 1: with its name, the key that makes it safe to repeat.
    pub ordinal: u64,
    /// What.
    pub action: Action,
}

/// What can be asked of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Begin its rollout.
    Start,
    /// Hold it where it is.
    Pause,
    /// Let it go on.
    Resume,
    /// Back to stable.
    Rollback,
    /// End it, at 0 % canary.
    Abort,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 5] =
        [Action::Start, Action::Pause, Action::Resume, Action::Rollback, Action::Abort];

    /// The word in the log and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Start => "start",
            Action::Pause => "pause",
            Action::Resume => "resume",
            Action::Rollback => "rollback",
            Action::Abort => "abort",
        }
    }
}

/// What people are told.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// It began.
    Started {
        /// Who, and why.
        by: Requested,
    },
    /// A wave begins.
    WaveBegan {
        /// Its place, from 0.
        wave: usize,
        /// Its regions.
        regions: Vec<Region>,
        /// Who began it, and what that overrode; none when its conditions held.
        forced: Option<(Requested, Vec<String>)>,
    },
    /// A region will not do what was asked.
    RegionRefused {
        /// Which.
        region: Region,
        /// What was asked.
        action: Action,
        /// In its words.
        why: String,
    },
    /// A region went back, was ended, or is degraded.
    RegionFell {
        /// Which.
        region: Region,
        /// In words.
        why: String,
    },
    /// A region can't be reached.
    RegionAway {
        /// Which.
        region: Region,
        /// In words.
        why: String,
    },
    /// It answers again.
    RegionBack {
        /// Which.
        region: Region,
        /// How long it was away.
        away: Duration,
    },
    /// A region's rollout is over, for now or for good.
    RegionEnded {
        /// Which.
        region: Region,
        /// How.
        status: rollout::Status,
    },
    /// Everything stands still until a person says so.
    Halted(Halt),
    /// A person asked for something of all regions.
    Asked {
        /// `pause`, `resume`, `rollback` or `abort`.
        what: &'static str,
        /// Who, and why.
        by: Requested,
    },
    /// It is over, for now or for good.
    Ended {
        /// How.
        status: Status,
    },
}

/// What a step leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// The state after it.
    pub next: RegionalRollout,
    /// What to do, in order.
    pub effects: Vec<Effect>,
    /// How it stands.
    pub report: Report,
    /// Whether anything but numbers and the clock moved; a look that is not material need not be kept, as long as
    /// its watched time is carried over to the next.
    pub material: bool,
}
