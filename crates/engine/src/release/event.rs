//! What can happen to a release. A closed list: everything learned from outside comes in as one of these.

use std::sync::Arc;

use fw_model::release::{Answer, ChangeSize, Finding, ReleaseId, ReleasePolicy, Strategy};
use fw_model::{Plan, RunId};

use super::state::{Overall, TaskId};
use crate::rollout::{Requested, Status};

/// What is released and how; kept by the release from its beginning.
#[derive(Debug, Clone, PartialEq)]
pub struct ReleasePlan {
    /// The environment that was named, if one was.
    pub environment: Option<String>,
    /// How traffic gets to the new version.
    pub strategy: Strategy,
    /// What happens around the rollout.
    pub policy: ReleasePolicy,
    /// The plan of the rollout, in the shape of the strategy.
    pub rollout: Plan,
    /// First 16 hex digits of the SHA-256 of that plan.
    pub plan_hash: String,
    /// The config as JSON text, where it goes over several regions; opaque here. The plan has the URLs of all regions then.
    pub regions: Option<String>,
}

/// What whoever asked for the release found in their own place: config and working tree.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Local {
    /// Findings of their checks.
    pub findings: Vec<Finding>,
    /// How much changed, where it can be told.
    pub change: Option<ChangeSize>,
}

/// The first event: a release was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    /// Which one.
    pub id: ReleaseId,
    /// What and how.
    pub plan: Arc<ReleasePlan>,
    /// What was found where it was asked for.
    pub local: Local,
    /// Whether a risk below the limit needs no person.
    pub auto_approve: bool,
    /// Whether somebody else begins the rollout: the release ends when the new version stands.
    pub without_rollout: bool,
    /// Who and why.
    pub by: Requested,
}

/// What is known before anything is done.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Facts {
    /// Releases of this service that ended before, of those that moved traffic.
    pub releases: u32,
    /// Of them, those that went back.
    pub rolled_back: u32,
    /// Day of the week by the server's clock, Monday = 0, and minute of the day.
    pub day_minute: Option<(u8, u16)>,
    /// Hours until the next freeze, where one is written.
    pub hours_to_freeze: Option<f64>,
}

/// What a work that was done brought.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// What was done, in words.
    pub text: String,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What is known now.
    pub facts: Option<Facts>,
    /// How the rollout stands after it.
    pub seen: Option<Seen>,
}

/// What came of a work.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It was done.
    Done(Found),
    /// It was tried and failed.
    Failed {
        /// Why, in words.
        why: String,
        /// Whether trying again may help and does no harm.
        again: bool,
    },
    /// Nobody can say whether it was done.
    Unknown {
        /// Why, in words.
        why: String,
    },
}

/// What a person says of a work whose outcome is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// It was done.
    Done,
    /// It was not, or badly.
    Failed,
    /// Do it again.
    Again,
}

/// How the rollout of a release stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which one.
    pub run: RunId,
    /// Where it is in its life.
    pub status: Status,
    /// Position of the phase, from 0; none at stable.
    pub position: Option<usize>,
    /// Whether a later rollout took its place.
    pub superseded: bool,
    /// Of several regions, some completed and some went back; comes with [`Status::Completed`].
    pub partial: bool,
    /// Why it went back, or what it waits for, in words.
    pub why: Vec<String>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It was asked for; only as the first event.
    Started(Started),
    /// A work ended.
    TaskEnded {
        /// Which.
        task: TaskId,
        /// The attempt that ended, from 1.
        attempt: u32,
        /// What came of it.
        outcome: Outcome,
    },
    /// The rollout moved.
    RolloutSeen(Seen),
    /// A window among the gates opened or closed.
    WindowSeen {
        /// Which gate of the step.
        gate: usize,
        /// Whether it is open.
        open: bool,
    },
    /// A gate of the step was answered.
    Answered {
        /// Which gate of the step; none = the first that people answer.
        gate: Option<usize>,
        /// Yes or no.
        answer: Answer,
        /// Who and why.
        by: Requested,
    },
    /// A person stopped it.
    CancelRequested(Requested),
    /// A person wants everything as before.
    UndoRequested(Requested),
    /// A person says how a work ended.
    Resolved {
        /// Which.
        task: TaskId,
        /// How.
        resolution: Resolution,
        /// Who and why.
        by: Requested,
    },
    /// A newer release of the service begins to deploy.
    Superseded {
        /// The newer one.
        by: ReleaseId,
    },
    /// Something was due by the clock.
    Ticked,
}

impl Seen {
    /// Whether no request goes to the canary any more, and the rollout says so for good or until a person acts.
    pub fn is_back(&self) -> bool {
        match self.status {
            Status::RolledBack => self.position.is_none(),
            Status::Aborted => true,
            Status::Pending | Status::Running | Status::Paused | Status::RollingBack | Status::Completed => {
                false
            }
        }
    }

    /// How a release ends whose rollout went back.
    pub fn overall(&self) -> Overall {
        match self.status {
            Status::Aborted => Overall::Cancelled,
            _ => Overall::RolledBack,
        }
    }
}
