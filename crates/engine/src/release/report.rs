//! Why a release stands still, and when the clock has something for it.

use std::time::Duration;

use fw_model::Timestamp;
use fw_model::release::GateKind;

use super::effect::Work;
use super::state::{Overall, Release, Step, TaskState};
use crate::rollout::Status;

/// What kind of thing is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitsFor {
    /// A work is being done.
    Task,
    /// A gate: a person, a webhook, a window.
    Gate,
    /// The rollout.
    Rollout,
    /// A person must say how a work ended, or move the rollout.
    Person,
    /// The clock: a next try.
    Clock,
}

impl WaitsFor {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            WaitsFor::Task => "task",
            WaitsFor::Gate => "gate",
            WaitsFor::Rollout => "rollout",
            WaitsFor::Person => "person",
            WaitsFor::Clock => "clock",
        }
    }
}

/// One reason for standing still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waits {
    /// Of which kind.
    pub kind: WaitsFor,
    /// In words a person understands, with what to do.
    pub text: String,
    /// Since when.
    pub since: Timestamp,
    /// When it is expected to be over, if that can be told.
    pub eta: Option<Duration>,
}

/// Why it stands still; never empty before the end.
pub fn waiting_on(release: &Release, now: Timestamp) -> Vec<Waits> {
    if let Some(task) = release.open_task() {
        return vec![of_task(release, task, now)];
    }
    if release.is_over() {
        return vec![];
    }
    let gates = release.gates.iter().zip(&release.gate_states);
    let closed = gates.filter_map(|(gate, state)| {
        let text = state.reason(gate, release.asked_at, now)?;
        let how = match gate.kind {
            GateKind::Approval { .. } => format!("; `fw release approve {}`", release.id),
            GateKind::Webhook { .. } | GateKind::Window(_) | GateKind::Release => String::new(),
        };
        let text = format!("{}: {text}{how}", release.step.as_str());
        Some(Waits { kind: WaitsFor::Gate, text, since: release.asked_at, eta: None })
    });
    let closed: Vec<Waits> = closed.collect();
    if !closed.is_empty() {
        return closed;
    }
    vec![of_rollout(release)]
}

fn of_task(release: &Release, task: &super::state::Task, now: Timestamp) -> Waits {
    let (what, since) = (task.work.as_str(), task.began_at);
    match &task.state {
        TaskState::Waiting { until, why } => Waits {
            kind: WaitsFor::Clock,
            text: format!("{what} is tried again: {why}"),
            since,
            eta: Some(if *until > now { until.since(now) } else { Duration::ZERO }),
        },
        TaskState::Unknown { why } => Waits {
            kind: WaitsFor::Person,
            text: format!(
                "nobody knows whether {what} was done: {why}; look, then `fw release resolve {} --task {} --as done|failed|again`",
                release.id, task.id
            ),
            since,
            eta: None,
        },
        TaskState::Running | TaskState::Done { .. } | TaskState::Failed { .. } => {
            Waits { kind: WaitsFor::Task, text: format!("{what} is under way"), since, eta: None }
        }
    }
}

fn of_rollout(release: &Release) -> Waits {
    let since = release.timeline.last().map_or(release.started_at, |moment| moment.at);
    let waits = |kind, text: String| Waits { kind, text, since, eta: None };
    let Some(seen) = &release.rollout else {
        return waits(WaitsFor::Rollout, "the rollout has not begun".into());
    };
    let run = &seen.run;
    let why = if seen.why.is_empty() { String::new() } else { format!(": {}", seen.why.join("; ")) };
    match (release.step, seen.status) {
        (Step::Undo, Status::Running | Status::Paused | Status::Completed)
            if tried(release, &Work::RollBack) =>
        {
            waits(
                WaitsFor::Person,
                format!("{run} was asked to go back and has not: `fw rollout rollback {run} --to stable`"),
            )
        }
        (_, Status::RolledBack) if seen.position.is_some() => waits(
            WaitsFor::Person,
            format!(
                "{run} went back to phase {}{why}; resume, advance or abort it",
                seen.position.unwrap_or(0)
            ),
        ),
        (_, Status::Paused) => {
            waits(WaitsFor::Person, format!("{run} is paused{why}: `fw rollout resume {run}`"))
        }
        (Step::Verify, _) => waits(WaitsFor::Rollout, format!("{run} is watched at 100 %{why}")),
        _ => waits(WaitsFor::Rollout, format!("{run} is {}{why}", seen.status.as_str())),
    }
}

fn tried(release: &Release, work: &Work) -> bool {
    release.tasks.iter().any(|task| task.step == Step::Undo && task.work == *work)
}

/// When the clock has something to do next; none when only others have.
pub fn due(release: &Release) -> Option<Timestamp> {
    let tries = release.tasks.iter().filter_map(|task| match task.state {
        TaskState::Waiting { until, .. } => Some(until),
        TaskState::Running
        | TaskState::Done { .. }
        | TaskState::Failed { .. }
        | TaskState::Unknown { .. } => None,
    });
    let gates = release.gates.iter().zip(&release.gate_states);
    let expiries = gates.filter_map(|(gate, state)| {
        let open = state.answer.is_some() || state.is_open(gate);
        gate.expires.filter(|_| !open).map(|expires| release.asked_at.plus(expires))
    });
    let retire = release
        .retire_at
        .filter(|_| release.overall == Some(Overall::Success) && release.open_task().is_none());
    tries.chain(expiries).chain(retire).min()
}
