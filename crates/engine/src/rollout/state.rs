//! The state of a rollout: everything a decision may depend on, and nothing the log can't give.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use fw_model::{Counts, Epoch, Phase, Plan, RunId, Salt, SourceId, Timestamp, Weight};

use super::gates::GateState;
use super::{Trigger, Waiting};
use crate::analysis;

/// Where a rollout is in its life (contract section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The first split is not yet confirmed.
    Pending,
    /// In a phase; a hold is running too.
    Running,
    /// A person paused it; automatic rollback stays armed.
    Paused,
    /// Traffic is moving back.
    RollingBack,
    /// At stable or at a lower phase, until a person acts.
    RolledBack,
    /// 100 % canary.
    Completed,
    /// A person ended it at 0 % canary.
    Aborted,
}

impl Status {
    /// Every status, in the order of a life.
    pub const ALL: [Status; 7] = [
        Status::Pending,
        Status::Running,
        Status::Paused,
        Status::RollingBack,
        Status::RolledBack,
        Status::Completed,
        Status::Aborted,
    ];

    /// The word in the API and the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::RollingBack => "rolling_back",
            Status::RolledBack => "rolled_back",
            Status::Completed => "completed",
            Status::Aborted => "aborted",
        }
    }

    /// Whether a new rollout of the service must wait for this one.
    pub fn is_under_way(self) -> bool {
        matches!(self, Status::Pending | Status::Running | Status::Paused | Status::RollingBack)
    }
}

/// Counts of the present visit to a phase, by variant.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tally {
    /// The canary.
    pub canary: Counts,
    /// Stable, in the same seconds.
    pub stable: Counts,
}

/// Canary requests and errors over the rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Requests with an outcome.
    pub requests: u64,
    /// Of them, errors.
    pub errors: u64,
}

/// A rollback that is under way or done.
#[derive(Debug, Clone, PartialEq)]
pub struct Moving {
    /// Position it left; none from stable.
    pub from: Option<usize>,
    /// Position it goes to; none = stable.
    pub to: Option<usize>,
    /// What made it go back.
    pub trigger: Trigger,
    /// Why, in words with counts.
    pub evidence: Vec<String>,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// Data planes that were live then: each must confirm or fall silent.
    pub awaited: BTreeSet<SourceId>,
}

/// One execution of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollout {
    /// Which one.
    pub run: RunId,
    /// The plan it began with and keeps.
    pub plan: Arc<Plan>,
    /// First 16 hex digits of the SHA-256 of the plan.
    pub plan_hash: Arc<str>,
    /// What keys are hashed with; never changes.
    pub salt: Salt,
    /// Where it is in its life.
    pub status: Status,
    /// Position of the phase, from 0; none = at stable.
    pub position: Option<usize>,
    /// The first epoch of this rollout; counts of older ones are not its own.
    pub first_epoch: Epoch,
    /// Epoch of the split that is wanted now.
    pub epoch: Epoch,
    /// The canary's share that is wanted now.
    pub canary: Weight,
    /// Whether every live data plane routes by `epoch`.
    pub confirmed: bool,
    /// Data planes that were live at the last look.
    pub live: BTreeSet<SourceId>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it completed, was aborted or superseded.
    pub ended_at: Option<Timestamp>,
    /// When the present visit to the phase began.
    pub entered_at: Timestamp,
    /// Watched time in this visit: stands still while the server is down or a source is silent.
    pub watched: Duration,
    /// Counts of this visit.
    pub tally: Tally,
    /// By position: whether the phase last ended healthy.
    pub ended_healthy: Vec<bool>,
    /// Canary counts over the rollout.
    pub totals: Totals,
    /// From 1; a rollback or a person's override begins a new one.
    pub attempt: u32,
    /// What the tests remember.
    pub analysis: analysis::State,
    /// The last rollback.
    pub moving: Option<Moving>,
    /// Why it stands still, as last reported.
    pub waiting: Vec<Waiting>,
    /// Whether `phase_held` was published and no `phase_released` since.
    pub held: bool,
    /// Triggers that alerted in this visit.
    pub alerted: BTreeSet<Trigger>,
    /// When `metrics_update` was last published.
    pub metrics_at: Timestamp,
    /// Why it is quarantined: an invariant was violated and only a person may move it.
    pub quarantine: Option<String>,
    /// How the gates of the present phase stand, in their order.
    pub gates: Vec<GateState>,
    /// Effects emitted so far: makes their ids.
    pub effects: u64,
}

impl Rollout {
    /// The phase it stands in; none at stable.
    pub fn phase(&self) -> Option<&Phase> {
        self.position.and_then(|position| self.plan.phases.get(position))
    }

    /// Whether looks at it may still change something by themselves.
    pub fn is_watched(&self) -> bool {
        self.status.is_under_way()
            || (self.status == Status::RolledBack && self.position.is_some() && self.ended_at.is_none())
    }

    /// Whether all traffic is on the canary.
    pub fn is_full(&self) -> bool {
        self.canary == Weight::FULL
    }
}
