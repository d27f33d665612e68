//! The step function: one event, one transition, or a typed refusal. Never a panic.

use fw_model::Timestamp;
use fw_model::release::{Answer, GateKind, ReleaseId};

use super::effect::{Effect, RETRIES_MAX, Transition, Work, pause_before};
use super::event::{Event, Found, Outcome, Resolution, Seen, Started};
use super::flow;
use super::state::{Moment, Overall, Release, Step, TaskId, TaskState, Undo};
use crate::rollout::{Requested, Status};

/// An event that can't happen now. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A second beginning.
    #[error("{0} has begun already")]
    AlreadyStarted(ReleaseId),
    /// Nothing is waited for by that name, or it ended already.
    #[error("work {0} does not wait for this")]
    NoSuchTask(TaskId),
    /// Nothing is asked.
    #[error("{what} is not possible: {why}")]
    NotNow {
        /// What was asked.
        what: &'static str,
        /// Why not, and what is possible.
        why: String,
    },
}

/// A transition in the making.
pub(super) struct Draft {
    pub(super) next: Release,
    pub(super) now: Timestamp,
    pub(super) effects: Vec<Effect>,
}

impl Draft {
    /// Tells what happened.
    pub(super) fn tell(&mut self, text: impl Into<String>) {
        self.moment(text.into(), None);
    }

    /// Tells what somebody did.
    pub(super) fn tell_by(&mut self, text: impl Into<String>, by: &Requested) {
        self.moment(text.into(), Some(by));
    }

    fn moment(&mut self, text: String, by: Option<&Requested>) {
        let (actor, reason) = (by.map(|by| by.actor.clone()), by.and_then(|by| by.reason.clone()));
        self.next.timeline.push(Moment { at: self.now, step: self.next.step, text, actor, reason });
    }

    /// Begins to go back; a second reason does not change the first.
    pub(super) fn undo(&mut self, overall: Overall, why: impl Into<String>) {
        if self.next.undo.is_some() {
            return;
        }
        let why = why.into();
        self.tell(format!("goes back: {why}"));
        self.next.undo = Some(Undo { overall, why });
        flow::enter(self, Step::Undo);
    }

    fn finish(mut self) -> Transition {
        flow::follow(&mut self);
        Transition { next: self.next, effects: self.effects }
    }
}

/// The state after the first event, and its effects.
pub fn begin(started: &Started, now: Timestamp) -> Transition {
    let Started { id, plan, local, auto_approve, without_rollout, by } = started.clone();
    let release = Release {
        id,
        plan,
        findings: local.findings.clone(),
        local,
        auto_approve,
        without_rollout,
        by,
        started_at: now,
        step: Step::Prepare,
        gates: vec![],
        gate_states: vec![],
        asked_at: now,
        tasks: vec![],
        facts: None,
        risk: None,
        rollout: None,
        undo: None,
        overall: None,
        why: None,
        ended_at: None,
        retire_at: None,
        retired: false,
        timeline: vec![],
    };
    let mut draft = Draft { next: release, now, effects: vec![] };
    let plan = draft.next.plan.clone();
    let (stable, canary) = (&plan.rollout.stable.version, &plan.rollout.canary.version);
    let place = plan.environment.as_ref().map_or(String::new(), |name| format!(" in {name}"));
    let by = draft.next.by.clone();
    draft.tell_by(format!("{stable} to {canary}{place}, {}", plan.strategy.as_str()), &by);
    draft.finish()
}

/// What an event leads to at `now`. Pure: the same arguments give the same transition.
///
/// # Errors
/// A [`Rejection`] when the event can't happen in this state; the state is then unchanged.
pub fn step(release: &Release, event: &Event, now: Timestamp) -> Result<Transition, Rejection> {
    let mut draft = Draft { next: release.clone(), now, effects: vec![] };
    match event {
        Event::Started(_) => return Err(Rejection::AlreadyStarted(release.id.clone())),
        Event::TaskEnded { task, attempt, outcome } => ended(&mut draft, *task, *attempt, outcome)?,
        Event::RolloutSeen(seen) => saw(&mut draft, seen),
        Event::WindowSeen { gate, open } => window(&mut draft, *gate, *open),
        Event::Answered { gate, answer, by } => answered(&mut draft, *gate, *answer, by)?,
        Event::CancelRequested(by) => cancel(&mut draft, by)?,
        Event::UndoRequested(by) => undo(&mut draft, by)?,
        Event::Resolved { task, resolution, by } => resolved(&mut draft, *task, *resolution, by)?,
        Event::Superseded { by } => superseded(&mut draft, by),
        Event::Ticked => ticked(&mut draft),
    }
    Ok(draft.finish())
}

fn ended(draft: &mut Draft, id: TaskId, attempt: u32, outcome: &Outcome) -> Result<(), Rejection> {
    let open = |task: &&mut super::state::Task| {
        task.id == id && task.attempt == attempt && task.state == TaskState::Running
    };
    let now = draft.now;
    let plan = draft.next.plan.clone();
    let going_back = draft.next.undo.is_some();
    let Some(task) = draft.next.tasks.iter_mut().find(open) else {
        return Err(Rejection::NoSuchTask(id));
    };
    let work = task.work.clone();
    match outcome {
        Outcome::Done(found) => {
            task.state = TaskState::Done { text: found.text.clone() };
            task.ended_at = Some(now);
            take(draft, found);
        }
        Outcome::Failed { why, again }
            if *again && attempt < RETRIES_MAX && (!going_back || leads_back(&work)) =>
        {
            let until = now.plus(pause_before(attempt + 1));
            task.state = TaskState::Waiting { until, why: why.clone() };
            draft.tell(format!("{} failed and is tried again: {why}", work.as_str()));
        }
        Outcome::Failed { why, .. } => {
            task.state = TaskState::Failed { why: why.clone() };
            task.ended_at = Some(now);
            draft.tell(format!("{} failed: {why}", work.as_str()));
        }
        Outcome::Unknown { why } if work.is_repeatable(&plan.policy) && attempt < RETRIES_MAX => {
            let until = now.plus(pause_before(attempt + 1));
            task.state = TaskState::Waiting { until, why: why.clone() };
            draft.tell(format!(
                "the outcome of {} is not known, and it may be repeated: {why}",
                work.as_str()
            ));
        }
        Outcome::Unknown { why } => {
            task.state = TaskState::Unknown { why: why.clone() };
            draft.tell(format!("the outcome of {} is not known: {why}", work.as_str()));
        }
    }
    Ok(())
}

/// Takes in what a work brought.
fn take(draft: &mut Draft, found: &Found) {
    if !found.text.is_empty() {
        draft.tell(found.text.clone());
    }
    draft.next.findings.extend(found.findings.iter().cloned());
    if found.facts.is_some() {
        draft.next.facts = found.facts;
    }
    if let Some(seen) = &found.seen {
        saw(draft, seen);
    }
}

fn saw(draft: &mut Draft, seen: &Seen) {
    let before = draft.next.rollout.replace(seen.clone());
    let moved = before.as_ref().is_none_or(|b| (b.status, b.position) != (seen.status, seen.position));
    if moved {
        draft.tell(words_of(seen));
    }
    // By hand, after the end: the old version serves again, so it must stay.
    let back = matches!(seen.status, Status::RollingBack | Status::RolledBack) && !seen.superseded;
    if draft.next.overall == Some(Overall::Success) && back && draft.next.undo.is_none() {
        draft.next.retire_at = None;
        draft.next.overall = None;
        draft.next.ended_at = None;
        stop_open(draft);
        draft.undo(Overall::RolledBack, "the rollout was rolled back after the release had ended");
    }
}

fn words_of(seen: &Seen) -> String {
    let place = seen.position.map_or("at stable".to_owned(), |position| format!("in phase {position}"));
    let why = if seen.why.is_empty() { String::new() } else { format!(": {}", seen.why.join("; ")) };
    match seen.status {
        Status::Pending => format!("rollout {} has begun", seen.run),
        Status::Running => format!("rollout {} is {place}", seen.run),
        Status::Paused => format!("rollout {} is paused {place}", seen.run),
        Status::RollingBack => format!("rollout {} goes back{why}", seen.run),
        Status::RolledBack => format!("rollout {} was rolled back, {place}{why}", seen.run),
        Status::Completed => format!("rollout {} has completed", seen.run),
        Status::Aborted => format!("rollout {} was ended at 0 %", seen.run),
    }
}

fn window(draft: &mut Draft, gate: usize, open: bool) {
    let is_window = draft.next.gates.get(gate).is_some_and(|g| matches!(g.kind, GateKind::Window(_)));
    if let Some(state) = draft.next.gate_states.get_mut(gate).filter(|_| is_window) {
        state.open = open;
    }
}

fn answered(draft: &mut Draft, gate: Option<usize>, answer: Answer, by: &Requested) -> Result<(), Rejection> {
    let refuse = |why: String| Rejection::NotNow { what: "an answer", why };
    let waits = |(gate, state): (&fw_model::release::Gate, &crate::rollout::GateState)| {
        matches!(gate.kind, GateKind::Approval { .. }) && state.answer.is_none()
    };
    let first = draft.next.gates.iter().zip(&draft.next.gate_states).position(waits);
    let place = gate.or(first).filter(|_| !draft.next.is_over());
    let asked = place.and_then(|place| draft.next.gates.get(place).cloned());
    let (Some(place), Some(asked)) = (place, asked) else {
        return Err(refuse(format!("{} waits for no approval now", draft.next.id)));
    };
    let now = draft.now;
    let Some(state) = draft.next.gate_states.get_mut(place) else {
        return Err(refuse("there is no such gate".into()));
    };
    state.take(&asked, answer, by, now).map_err(refuse)?;
    let word = match answer {
        Answer::Approve => "approved",
        Answer::Reject => "refused",
    };
    draft.tell_by(format!("{}: {word}", asked.text()), by);
    Ok(())
}

fn cancel(draft: &mut Draft, by: &Requested) -> Result<(), Rejection> {
    if draft.next.is_over() || draft.next.undo.is_some() {
        let why = "it is over or goes back already; `fw release undo` takes a finished one back".into();
        return Err(Rejection::NotNow { what: "a cancellation", why });
    }
    draft.tell_by("cancelled", by);
    stop_open(draft);
    draft.undo(Overall::Cancelled, format!("cancelled by {}", by.actor));
    Ok(())
}

fn undo(draft: &mut Draft, by: &Requested) -> Result<(), Rejection> {
    let refuse = |why: &str| Rejection::NotNow { what: "an undo", why: why.into() };
    if draft.next.undo.is_some() {
        return Err(refuse("it went back or goes back already"));
    }
    match draft.next.overall {
        None => stop_open(draft),
        Some(Overall::Success) if draft.next.retired || has_open(&draft.next) => {
            return Err(refuse(
                "the old version was retired: release it again, with `stable` and `canary` exchanged",
            ));
        }
        Some(Overall::Success) if draft.next.rollout.as_ref().is_some_and(|seen| seen.superseded) => {
            return Err(refuse("a newer rollout took its place"));
        }
        Some(Overall::Success) => {
            draft.next.overall = None;
            draft.next.ended_at = None;
            draft.next.retire_at = None;
        }
        Some(Overall::Failed | Overall::Partial | Overall::RolledBack | Overall::Cancelled) => {
            return Err(refuse("nothing of it is left"));
        }
    }
    draft.tell_by("undo asked for", by);
    draft.undo(Overall::RolledBack, format!("undone by {}", by.actor));
    Ok(())
}

fn has_open(release: &Release) -> bool {
    release.open_task().is_some()
}

/// Asks the work that runs to stop. One that waits for its next try, or for a person, ends here.
fn stop_open(draft: &mut Draft) {
    let now = draft.now;
    for task in &mut draft.next.tasks {
        match &task.state {
            TaskState::Running => draft.effects.push(Effect::Stop { task: task.id }),
            TaskState::Waiting { why, .. } => {
                task.state = TaskState::Failed { why: why.clone() };
                task.ended_at = Some(now);
            }
            // Whether it was done is still not known, and a person still says.
            TaskState::Unknown { .. } | TaskState::Done { .. } | TaskState::Failed { .. } => {}
        }
    }
}

fn resolved(draft: &mut Draft, id: TaskId, resolution: Resolution, by: &Requested) -> Result<(), Rejection> {
    let now = draft.now;
    let unknown =
        |task: &&mut super::state::Task| task.id == id && matches!(task.state, TaskState::Unknown { .. });
    let Some(task) = draft.next.tasks.iter_mut().find(unknown) else { return Err(Rejection::NoSuchTask(id)) };
    let work = task.work.as_str();
    let word = match resolution {
        Resolution::Done => {
            task.state = TaskState::Done { text: format!("said to be done by {}", by.actor) };
            task.ended_at = Some(now);
            "done"
        }
        Resolution::Failed => {
            task.state = TaskState::Failed { why: format!("said to have failed by {}", by.actor) };
            task.ended_at = Some(now);
            "failed"
        }
        Resolution::Again => {
            task.attempt += 1;
            task.state = TaskState::Running;
            let (task, attempt, work) = (task.id, task.attempt, task.work.clone());
            draft.effects.push(Effect::Perform { task, attempt, work });
            "not done, and is done again"
        }
    };
    draft.tell_by(format!("{work} is said to be {word}"), by);
    Ok(())
}

/// A newer release needs the place: the old version, which was kept for an undo, goes now.
fn superseded(draft: &mut Draft, by: &ReleaseId) {
    if draft.next.retire_at.is_some() {
        draft.tell(format!("{by} begins: the old version is not kept any longer"));
        draft.next.retire_at = Some(draft.now);
    }
}

/// Tries again what waited for it. Gates and the retirement are looked at by `flow`.
fn ticked(draft: &mut Draft) {
    let now = draft.now;
    for task in &mut draft.next.tasks {
        if matches!(task.state, TaskState::Waiting { until, .. } if now >= until) {
            task.attempt += 1;
            task.state = TaskState::Running;
            let (task, attempt, work) = (task.id, task.attempt, task.work.clone());
            draft.effects.push(Effect::Perform { task, attempt, work });
        }
    }
}

/// Whether a work belongs to going back: once it does, nothing else is tried again.
fn leads_back(work: &Work) -> bool {
    matches!(work, Work::RollBack | Work::Abort | Work::Undeploy)
}
