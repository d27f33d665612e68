//! The state of a release: everything that is known of it, and nothing the journal can't give.

use std::fmt;
use std::sync::Arc;

use fw_model::Timestamp;
use fw_model::release::{Finding, Gate, ReleaseId};

use super::effect::Work;
use super::event::{Facts, Local, ReleasePlan, Seen};
use super::risk::Risk;
use crate::rollout::{Actor, GateState, Requested};

/// Where a release is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// What is known is gathered.
    Prepare,
    /// Checks are made.
    Check,
    /// The risk is added up.
    Assess,
    /// Somebody says yes.
    Approve,
    /// The new version is put there.
    Deploy,
    /// Traffic moves.
    Rollout,
    /// All traffic is on the new version, and it is watched.
    Verify,
    /// The last gates, and the end.
    Finish,
    /// Everything goes back.
    Undo,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Step; 9] = [
        Step::Prepare,
        Step::Check,
        Step::Assess,
        Step::Approve,
        Step::Deploy,
        Step::Rollout,
        Step::Verify,
        Step::Finish,
        Step::Undo,
    ];

    /// The word in the API and the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Step::Prepare => "prepare",
            Step::Check => "check",
            Step::Assess => "assess",
            Step::Approve => "approve",
            Step::Deploy => "deploy",
            Step::Rollout => "rollout",
            Step::Verify => "verify",
            Step::Finish => "finish",
            Step::Undo => "undo",
        }
    }
}

/// How a release ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Overall {
    /// The new version serves.
    Success,
    /// It never got traffic, or could not be put there.
    Failed,
    /// It serves in some regions only.
    Partial,
    /// It had traffic, and the old version serves again.
    RolledBack,
    /// A person said no, or stopped it.
    Cancelled,
}

impl Overall {
    /// Every end.
    pub const ALL: [Overall; 5] =
        [Overall::Success, Overall::Failed, Overall::Partial, Overall::RolledBack, Overall::Cancelled];

    /// The word in the API and the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Overall::Success => "success",
            Overall::Failed => "failed",
            Overall::Partial => "partial",
            Overall::RolledBack => "rolled-back",
            Overall::Cancelled => "cancelled",
        }
    }
}

/// Counts the works of a release, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u32);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How a work stands.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskState {
    /// It is being done.
    Running,
    /// It failed, and is tried again at this time.
    Waiting {
        /// When.
        until: Timestamp,
        /// Why it failed.
        why: String,
    },
    /// It was done.
    Done {
        /// In words.
        text: String,
    },
    /// It failed for good.
    Failed {
        /// Why.
        why: String,
    },
    /// Nobody knows; a person says.
    Unknown {
        /// Why.
        why: String,
    },
}

/// One work of a release.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Which.
    pub id: TaskId,
    /// In which step.
    pub step: Step,
    /// What is done.
    pub work: Work,
    /// From 1.
    pub attempt: u32,
    /// How it stands.
    pub state: TaskState,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Why and how it goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// How the release ends once it is back.
    pub overall: Overall,
    /// Why, in words.
    pub why: String,
}

/// Something that happened, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// In which step.
    pub step: Step,
    /// What.
    pub text: String,
    /// Who, where it was a person or a gate.
    pub actor: Option<Actor>,
    /// Why, in their words.
    pub reason: Option<String>,
}

/// One release.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// Which one.
    pub id: ReleaseId,
    /// What and how.
    pub plan: Arc<ReleasePlan>,
    /// What was found where it was asked for.
    pub local: Local,
    /// Whether a risk below the limit needs no person.
    pub auto_approve: bool,
    /// Whether somebody else begins the rollout.
    pub without_rollout: bool,
    /// Who asked for it, and why.
    pub by: Requested,
    /// When.
    pub started_at: Timestamp,
    /// Where it is.
    pub step: Step,
    /// What must say yes in this step.
    pub gates: Vec<Gate>,
    /// How that stands.
    pub gate_states: Vec<GateState>,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// Every work so far, in order.
    pub tasks: Vec<Task>,
    /// What is known of before.
    pub facts: Option<Facts>,
    /// What checks found.
    pub findings: Vec<Finding>,
    /// The risk, once it was added up.
    pub risk: Option<Risk>,
    /// How the rollout stands, once there is one.
    pub rollout: Option<Seen>,
    /// Why and how it goes back, once it does.
    pub undo: Option<Undo>,
    /// How it ended.
    pub overall: Option<Overall>,
    /// Why, in words.
    pub why: Option<String>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When the old version is retired; none before a success, and once it will not be.
    pub retire_at: Option<Timestamp>,
    /// Whether the old version was retired: then an undo is not instant any more, and is refused.
    pub retired: bool,
    /// What happened, in order.
    pub timeline: Vec<Moment>,
}

impl Release {
    /// The work that is not at its end, if there is one.
    pub fn open_task(&self) -> Option<&Task> {
        self.tasks.iter().find(|task| {
            matches!(task.state, TaskState::Running | TaskState::Waiting { .. } | TaskState::Unknown { .. })
        })
    }

    /// Whether a work of this kind was done in a step.
    pub(super) fn has_done(&self, step: Step, work: &Work) -> bool {
        let done = |task: &Task| matches!(task.state, TaskState::Done { .. });
        self.tasks.iter().any(|task| task.step == step && task.work == *work && done(task))
    }

    /// Whether some of the new version may have been put there by this release.
    pub fn has_deployed(&self) -> bool {
        self.tasks.iter().any(|task| matches!(task.work, Work::Deploy { .. }))
    }

    /// Whether going back takes the new version away.
    pub(super) fn takes_away(&self) -> bool {
        self.plan.policy.deploy.is_some() && self.has_deployed()
    }

    /// Whether traffic may have gone to the new version.
    pub fn has_moved_traffic(&self) -> bool {
        self.tasks.iter().any(|task| matches!(task.work, Work::StartRollout))
    }

    /// Whether it is over, but for the retirement of the old version.
    pub fn is_over(&self) -> bool {
        self.overall.is_some()
    }
}
