//! What a release has done outside. A closed list: the shell performs each after its event is durable.

use std::time::Duration;

use fw_model::release::{DeployPolicy, ReleasePolicy};

use super::state::{Release, TaskId, TaskState};

/// How often a work that may be tried again is tried.
pub const RETRIES_MAX: u32 = 4;
/// Longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What is done outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Gather what is known: the history of releases, the hour, freezes.
    Facts,
    /// Make the checks that are always made.
    Probe,
    /// Run a command of `release.checks.commands`, by position.
    CheckCommand(usize),
    /// Ask a URL of `release.checks.webhooks`, by position.
    CheckWebhook(usize),
    /// Put instances of the new version there, by position of their URLs.
    Deploy {
        /// The first.
        from: usize,
        /// The one after the last.
        to: usize,
    },
    /// Ask instances of the new version whether they are healthy and of that version.
    Ready {
        /// The first.
        from: usize,
        /// The one after the last.
        to: usize,
    },
    /// Send test traffic to the new version through the proxy, by the header that names the variant.
    Try,
    /// Begin the rollout.
    StartRollout,
    /// Say yes for the release at the gate of a phase.
    OpenGate(usize),
    /// Move all traffic back to stable.
    RollBack,
    /// Close the rollout at 0 %.
    Abort,
    /// Take the new version away.
    Undeploy,
    /// Take the old version away.
    Retire,
}

impl Work {
    /// The word in the API and the journal.
    pub fn as_str(&self) -> &'static str {
        match self {
            Work::Facts => "facts",
            Work::Probe => "checks",
            Work::CheckCommand(_) => "check command",
            Work::CheckWebhook(_) => "check webhook",
            Work::Deploy { .. } => "deploy",
            Work::Ready { .. } => "ready",
            Work::Try => "test traffic",
            Work::StartRollout => "start rollout",
            Work::OpenGate(_) => "next instance",
            Work::RollBack => "roll back",
            Work::Abort => "close rollout",
            Work::Undeploy => "undeploy",
            Work::Retire => "retire",
        }
    }

    /// Whether doing it twice does no harm: then a server that finds it begun and not ended does it again.
    ///
    /// Commands of the user are not, unless the config says so; for them the shell finds out what became of the one that ran.
    pub fn is_repeatable(&self, policy: &ReleasePolicy) -> bool {
        let exec = match &policy.deploy {
            Some(DeployPolicy::Exec(exec)) => Some(exec),
            Some(DeployPolicy::Process(_) | DeployPolicy::Systemd(_)) | None => None,
        };
        match self {
            Work::CheckCommand(at) => policy.checks.commands.get(*at).is_some_and(|c| c.command.repeatable),
            Work::Deploy { .. } => exec.is_none_or(|exec| exec.deploy.repeatable),
            Work::Undeploy => exec.and_then(|exec| exec.undo.as_ref()).is_none_or(|c| c.repeatable),
            Work::Retire => exec.and_then(|exec| exec.retire.as_ref()).is_none_or(|c| c.repeatable),
            Work::Facts
            | Work::Probe
            | Work::CheckWebhook(_)
            | Work::Ready { .. }
            | Work::Try
            | Work::StartRollout
            | Work::OpenGate(_)
            | Work::RollBack
            | Work::Abort => true,
        }
    }
}

/// What the shell does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Do a work; the end comes back as `TaskEnded`. Idempotent by task and attempt.
    Perform {
        /// Which.
        task: TaskId,
        /// From 1.
        attempt: u32,
        /// What.
        work: Work,
    },
    /// Stop a work, if it can be stopped; its end still comes back.
    Stop {
        /// Which.
        task: TaskId,
    },
}

/// What a step leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// The state after it.
    pub next: Release,
    /// What to do, in order.
    pub effects: Vec<Effect>,
}

/// What a server that starts anew has left to do: the works that had begun and not ended.
pub fn resume(release: &Release) -> Vec<Effect> {
    let running = release.tasks.iter().filter(|task| task.state == TaskState::Running);
    running
        .map(|task| Effect::Perform { task: task.id, attempt: task.attempt, work: task.work.clone() })
        .collect()
}

/// The pause before an attempt, counted from 1: 1 s, then twice as long each time, at most a minute.
pub(super) fn pause_before(attempt: u32) -> Duration {
    Duration::from_secs(1 << attempt.saturating_sub(2).min(6)).min(PAUSE_MAX)
}
