//! What can happen to a rollout. A closed list: everything learned from outside comes in as one of these.

use std::sync::Arc;
use std::time::Duration;

use fw_model::{Counts, Epoch, Histogram, Plan, RunId, Salt, SourceId, Variant};

use fw_model::release::Answer;

use crate::analysis::History;

/// Who did something: a token's name, or `local:<user>`.
pub type Actor = String;

/// The first event: a rollout began.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    /// Which one.
    pub run: RunId,
    /// The plan it keeps.
    pub plan: Arc<Plan>,
    /// First 16 hex digits of the plan's SHA-256.
    pub plan_hash: Arc<str>,
    /// 128 random bits drawn outside.
    pub salt: Salt,
    /// The service's last epoch; the rollout's first is the next.
    pub last_epoch: Epoch,
    /// Who began it.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
    /// What stable did before, if somebody watched: predictions, thresholds and discounts start from it.
    pub before: Option<Box<History>>,
}

/// Who asked for something, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    /// Who.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
}

/// Where a person wants to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The phase before; stable from the first.
    Previous,
    /// 0 % canary.
    Stable,
    /// The phase at this position.
    Phase(usize),
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It began; only as the first event.
    Started(Started),
    /// An evaluation was made.
    Looked(Look),
    /// A person paused it.
    Paused(Requested),
    /// A person resumed it.
    Resumed(Requested),
    /// A person advanced it.
    Advanced(Requested),
    /// A person rolled it back.
    RollbackRequested {
        /// Where to.
        to: Target,
        /// Who and why.
        by: Requested,
    },
    /// A person ended it.
    AbortRequested(Requested),
    /// A gate of a phase was answered.
    GateAnswered {
        /// Position of the phase.
        phase: usize,
        /// Which of its gates, from 0.
        gate: usize,
        /// Yes or no.
        answer: Answer,
        /// Who (a person, or what was asked) and why.
        by: Requested,
    },
    /// A new rollout of the service began after this one had been rolled back.
    Superseded {
        /// The new one.
        by: RunId,
    },
    /// The shell found an invariant violated.
    Quarantined {
        /// Which, in words.
        reason: String,
    },
}

/// What an evaluation saw: sparse differences since the last one that was kept.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Look {
    /// Time watched since the last look that was kept: the server was up and looking.
    pub watched: Duration,
    /// New counts.
    pub deltas: Vec<Delta>,
    /// Requests under way now, by age.
    pub in_flight: InFlight,
    /// Every data plane that is known.
    pub sources: Vec<SourceSeen>,
    /// Windows among the gates of the present phase, by position: whether each is open now. Only the clock outside knows.
    pub windows: Vec<(usize, bool)>,
}

/// New counts of one epoch, variant and instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Delta {
    /// Assigned under.
    pub epoch: Epoch,
    /// Served by.
    pub variant: Variant,
    /// Which instance.
    pub instance: String,
    /// How many more than before.
    pub counts: Counts,
}

/// Ages of requests under way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InFlight {
    /// On the canary.
    pub canary: Histogram,
    /// On stable.
    pub stable: Histogram,
}

/// A data plane, as last heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSeen {
    /// Which.
    pub id: SourceId,
    /// Time since its last report.
    pub silent_for: Duration,
    /// The epoch it confirmed.
    pub confirmed: Epoch,
}
