//! What follows from a step. A closed list: the shell performs each, in order, after the commit.

use std::time::Duration;

use fw_model::release::Answer;
use fw_model::{Counts, Epoch, SourceId, Weight};

use super::{Actor, Report, Rollout, Trigger, Waiting};

/// Identifies an effect over crashes: performing one twice changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectId {
    /// Epoch after the step.
    pub epoch: Epoch,
    /// Counts the rollout's effects, from 1.
    pub ordinal: u64,
}

/// What the shell does.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Tell every data plane.
    SetSplit {
        /// The new epoch.
        epoch: Epoch,
        /// The canary's share.
        canary: Weight,
    },
    /// Append to the event stream.
    Publish(Notice),
    /// The service's current version is this one now.
    SetCurrentVersion {
        /// Its name.
        version: String,
    },
}

/// What is published.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// It began.
    Started,
    /// The next phase began.
    Advanced {
        /// Left; none from stable.
        from: Option<usize>,
        /// Entered.
        to: usize,
        /// A person's advance: who, why, and what it overrode.
        forced: Option<Forced>,
    },
    /// Measurements, every monitoring interval.
    Metrics {
        /// The canary in this phase.
        canary: Box<Counts>,
    },
    /// The phase can't end or can't be judged; `Report::waiting_on` says why. The hold ends with
    /// `Released`, or with whatever leaves the phase.
    Held,
    /// A hold is over.
    Released {
        /// What had been waited for.
        waited_for: Vec<Waiting>,
    },
    /// A person paused it.
    Paused {
        /// Who.
        actor: Actor,
        /// Why.
        reason: Option<String>,
    },
    /// A person resumed it.
    Resumed {
        /// Who.
        actor: Actor,
        /// Why.
        reason: Option<String>,
    },
    /// A rollback is being considered, or would be if it were allowed.
    RiskAlert {
        /// Which rule.
        trigger: Trigger,
        /// What was measured, in the rule's unit.
        value: f64,
        /// Its limit.
        limit: f64,
        /// In words.
        text: String,
    },
    /// Traffic is being moved back.
    RollbackStarted {
        /// Left.
        from: Option<usize>,
        /// To; none = stable.
        to: Option<usize>,
        /// Why.
        trigger: Trigger,
        /// In words with counts.
        evidence: Vec<String>,
    },
    /// Every live data plane confirmed, or is named.
    RollbackCompleted {
        /// Left.
        from: Option<usize>,
        /// To; none = stable.
        to: Option<usize>,
        /// From decision to confirmation.
        recovery: Duration,
        /// Data planes that fell silent.
        unconfirmed: Vec<SourceId>,
    },
    /// A gate of the phase was answered.
    GateAnswered {
        /// What was asked, in a few words.
        gate: String,
        /// Yes or no.
        answer: Answer,
        /// Who.
        actor: Actor,
        /// Why.
        reason: Option<String>,
    },
    /// 100 % canary, for good.
    Completed,
    /// A person ended it.
    Aborted {
        /// Who.
        actor: Actor,
        /// Why.
        reason: Option<String>,
    },
}

/// A person's advance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forced {
    /// Who.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
    /// What it overrode, in words.
    pub overrode: Vec<String>,
}

/// What a step leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// The state after it.
    pub next: Rollout,
    /// What to do, in order.
    pub effects: Vec<(EffectId, Effect)>,
    /// How it stands.
    pub report: Report,
    /// Whether anything but the clock moved. A look that is not material need not be kept. The
    /// shell may drop it and carry its watched time over to the next look, but only where
    /// [`Report::clock_runs`]: time that was paused, silent or unconfirmed counts for nothing. What is
    /// carried over stays so until a look with a running clock took it, and is forgotten when the
    /// epoch changes: a new visit to a phase begins at zero.
    pub material: bool,
}
