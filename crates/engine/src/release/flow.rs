//! What follows now: the next work, the next step, or the end. Called after every event, until nothing more follows.
//!
//! A step is a list of works in order. The first that was not done is done; one that failed ends the step. So what is left
//! after a crash is read off the state, and no work is ever begun beside another.

use fw_model::release::{Answer, Gate, GateKind, Severity, Strategy};

use super::effect::{Effect, Work};
use super::event::Seen;
use super::risk::assess;
use super::state::{Overall, Release, Step, Task, TaskId, TaskState};
use super::step::Draft;
use crate::rollout::{GateState, Requested, Status};

/// Who answers when the time of a gate is over, or below the limit.
const BY_DEFAULT: &str = "default";
/// Who approves below the limit.
const BY_POLICY: &str = "auto-approve";

/// Goes on until something outside must happen.
pub(super) fn follow(draft: &mut Draft) {
    while let Some(next) = one(draft) {
        match next {
            Next::Do(work) => return perform(draft, work),
            Next::Enter(step) => enter(draft, step),
            Next::Undo(overall, why) => draft.undo(overall, why),
            Next::End(overall, why) => end(draft, overall, why),
            Next::Again => {}
        }
    }
}

/// What follows.
enum Next {
    Do(Work),
    Enter(Step),
    Undo(Overall, String),
    End(Overall, String),
    /// The state changed; look again.
    Again,
}

/// Begins a step: its gates are asked.
pub(super) fn enter(draft: &mut Draft, step: Step) {
    let plan = draft.next.plan.clone();
    let policy = &plan.policy;
    draft.next.step = step;
    draft.next.gates = match step {
        Step::Approve => vec![Gate {
            kind: GateKind::Approval { quorum: policy.approval.quorum },
            expires: policy.approval.expires,
            default: policy.approval.default,
        }],
        Step::Deploy => policy.gates.deploy.clone(),
        Step::Rollout => policy.gates.rollout.clone(),
        Step::Finish => policy.gates.finish.clone(),
        Step::Prepare | Step::Check | Step::Assess | Step::Verify | Step::Undo => vec![],
    };
    draft.next.gate_states = vec![GateState::default(); draft.next.gates.len()];
    draft.next.asked_at = draft.now;
}

fn perform(draft: &mut Draft, work: Work) {
    let id = TaskId(draft.next.tasks.len() as u32 + 1);
    let (step, began_at) = (draft.next.step, draft.now);
    let task = Task {
        id,
        step,
        work: work.clone(),
        attempt: 1,
        state: TaskState::Running,
        began_at,
        ended_at: None,
    };
    draft.next.tasks.push(task);
    draft.effects.push(Effect::Perform { task: id, attempt: 1, work });
}

fn end(draft: &mut Draft, overall: Overall, why: String) {
    let text =
        if why.is_empty() { overall.as_str().to_owned() } else { format!("{}: {why}", overall.as_str()) };
    draft.tell(text);
    let now = draft.now;
    let next = &mut draft.next;
    next.overall = Some(overall);
    next.why = Some(why).filter(|why| !why.is_empty());
    next.ended_at = Some(now);
    next.gates.clear();
    next.gate_states.clear();
    let deploys = next.plan.policy.deploy.is_some() && next.rollout.is_some();
    next.retire_at = (overall == Overall::Success && deploys).then(|| now.plus(next.plan.policy.keep_old));
}

/// What follows now; none when something outside is waited for.
fn one(draft: &mut Draft) -> Option<Next> {
    if draft.next.open_task().is_some() {
        return None;
    }
    if draft.next.is_over() {
        return retirement(draft);
    }
    if let Some(next) = gates(draft) {
        return next;
    }
    let release = &draft.next;
    match release.step {
        Step::Prepare => works(release, &[Work::Facts], Step::Check),
        Step::Check => check(release),
        Step::Assess => Some(assessed(draft)),
        Step::Approve => Some(Next::Enter(Step::Deploy)),
        Step::Deploy if release.without_rollout => works(release, &deploys(release), Step::Finish),
        Step::Deploy => works(release, &deploys(release), Step::Rollout),
        Step::Rollout | Step::Verify => rollout(release),
        Step::Finish => Some(Next::End(Overall::Success, String::new())),
        Step::Undo => Some(back(release)?),
    }
}

/// The first of a list that was not done; when all are, the next step. One that failed sends it back, or ends it.
fn works(release: &Release, list: &[Work], then: Step) -> Option<Next> {
    let Some(work) = list.iter().find(|work| !release.has_done(release.step, work)) else {
        return Some(Next::Enter(then));
    };
    let tried = release.tasks.iter().rev().find(|task| task.step == release.step && task.work == *work);
    Some(match tried.map(|task| &task.state) {
        Some(TaskState::Failed { why }) => Next::Undo(Overall::Failed, format!("{}: {why}", work.as_str())),
        _ => Next::Do(work.clone()),
    })
}

fn check(release: &Release) -> Option<Next> {
    let checks = &release.plan.policy.checks;
    let commands = (0..checks.commands.len()).map(Work::CheckCommand);
    let webhooks = (0..checks.webhooks.len()).map(Work::CheckWebhook);
    let list: Vec<Work> = [Work::Probe].into_iter().chain(commands).chain(webhooks).collect();
    match works(release, &list, Step::Assess) {
        Some(Next::Enter(_)) => {
            let errors: Vec<&str> = release
                .findings
                .iter()
                .filter(|finding| finding.severity == Severity::Error)
                .map(|finding| finding.message.as_str())
                .collect();
            match errors.as_slice() {
                [] => Some(Next::Enter(Step::Assess)),
                [one] => Some(Next::End(Overall::Failed, (*one).to_owned())),
                many => Some(Next::End(
                    Overall::Failed,
                    format!("{} checks failed; the first: {}", many.len(), many[0]),
                )),
            }
        }
        other => other,
    }
}

/// The risk is added up, and approved where it may be.
fn assessed(draft: &mut Draft) -> Next {
    let release = &draft.next;
    let facts = release.facts.unwrap_or_default();
    let risk = assess(&release.plan, &release.local, &facts, &release.findings);
    let limit = release.plan.policy.approval.limit;
    let approves = release.auto_approve && risk.score <= limit;
    let text = match (release.auto_approve, approves) {
        (true, true) => format!("risk {} is within the limit of {limit}", risk.score),
        (true, false) => format!("risk {} is above the limit of {limit}: people approve", risk.score),
        (false, _) => format!("risk {}; people approve", risk.score),
    };
    draft.tell(text);
    let score = risk.score;
    draft.next.risk = Some(risk);
    enter(draft, Step::Approve);
    if approves {
        let reason = Some(format!("risk {score} of at most {limit}"));
        draft.tell_by("approved", &Requested { actor: BY_POLICY.into(), reason });
        draft.next.gate_states.iter_mut().for_each(|state| state.answer = Some(Answer::Approve));
    }
    Next::Again
}

/// Whether gates let the step go on: none when they do.
fn gates(draft: &mut Draft) -> Option<Option<Next>> {
    let gates = draft.next.gates.clone();
    for (place, gate) in gates.iter().enumerate() {
        let (asked, now) = (draft.next.asked_at, draft.now);
        let Some(state) = draft.next.gate_states.get_mut(place) else { continue };
        if let Some(answer) = state.expired(gate, asked, now) {
            state.answer = Some(answer);
            let reason = Some("nobody answered in time".to_owned());
            let word = answer.as_str();
            draft.tell_by(
                format!("{}: counts as {word}", gate.text()),
                &Requested { actor: BY_DEFAULT.into(), reason },
            );
        }
    }
    let states = gates.iter().zip(&draft.next.gate_states);
    if let Some((gate, _)) = states.clone().find(|(_, state)| state.answer == Some(Answer::Reject)) {
        return Some(Some(refused(&draft.next, gate)));
    }
    let open = states.clone().all(|(gate, state)| state.is_open(gate));
    // A window that opened once lets the step go on; it is not asked again.
    if open {
        draft.next.gates.clear();
        draft.next.gate_states.clear();
        return None;
    }
    Some(None)
}

fn refused(release: &Release, gate: &Gate) -> Next {
    let why = format!("{} was refused", gate.text());
    match release.step {
        Step::Finish => Next::Undo(Overall::RolledBack, why),
        _ if release.has_deployed() => Next::Undo(Overall::Cancelled, why),
        _ => Next::End(Overall::Cancelled, why),
    }
}

/// How many instances the new version has.
fn instances(release: &Release) -> usize {
    release.plan.rollout.canary.urls.len()
}

fn deploys(release: &Release) -> Vec<Work> {
    let all = instances(release);
    let rolling = release.plan.strategy == Strategy::Rolling && release.plan.policy.deploy.is_some();
    let to = if rolling { all.min(1) } else { all };
    let mut list = vec![];
    if release.plan.policy.deploy.is_some() {
        list.push(Work::Deploy { from: 0, to });
    }
    if all > 0 {
        list.push(Work::Ready { from: 0, to });
    }
    if release.plan.strategy == Strategy::BlueGreen && all > 0 {
        list.push(Work::Try);
    }
    list
}

/// Traffic moves by itself; a rolling release puts the next instance there while the last one is proven.
fn rollout(release: &Release) -> Option<Next> {
    let begun = works(release, &[Work::StartRollout], Step::Verify);
    let Some(Next::Enter(_)) = begun else {
        // In the step of verification it has long begun.
        return if release.step == Step::Verify { watched(release) } else { begun };
    };
    watched(release)
}

fn watched(release: &Release) -> Option<Next> {
    let seen = release.rollout.as_ref()?;
    if seen.superseded {
        return Some(Next::Undo(Overall::Cancelled, "another rollout took its place".into()));
    }
    match seen.status {
        Status::Completed if seen.partial => {
            let why = if seen.why.is_empty() { "some regions went back".into() } else { seen.why.join("; ") };
            Some(Next::End(Overall::Partial, why))
        }
        Status::Completed => Some(Next::Enter(Step::Finish)),
        Status::RolledBack | Status::Aborted if seen.is_back() => {
            let why = if seen.why.is_empty() { "the rollout went back".into() } else { seen.why.join("; ") };
            Some(Next::Undo(seen.overall(), why))
        }
        Status::Running | Status::Paused => {
            let last = release.plan.rollout.phases.len().saturating_sub(1);
            match seen.position {
                Some(position) if position >= last && release.step == Step::Rollout => {
                    Some(Next::Enter(Step::Verify))
                }
                Some(position) => next_instance(release, position),
                None => None,
            }
        }
        // A rollback to a lower phase waits for a person, who resumes, advances or aborts the rollout.
        Status::Pending | Status::RollingBack | Status::RolledBack | Status::Aborted => None,
    }
}

fn next_instance(release: &Release, position: usize) -> Option<Next> {
    let (next, all) = (position + 1, instances(release));
    let waits = |gate: &Gate| matches!(gate.kind, GateKind::Release);
    let gated = release.plan.rollout.phases.get(position).is_some_and(|phase| phase.gates.iter().any(waits));
    if !gated || next >= all {
        return None;
    }
    let list = [
        Work::Deploy { from: next, to: next + 1 },
        Work::Ready { from: next, to: next + 1 },
        Work::OpenGate(position),
    ];
    match works(release, &list, Step::Verify) {
        Some(Next::Enter(_)) => None,
        other => other,
    }
}

/// The next thing on the way back. Traffic first, then the rollout is closed, then the new version goes.
fn back(release: &Release) -> Option<Next> {
    let (overall, why) = match &release.undo {
        Some(undo) => (undo.overall, undo.why.clone()),
        None => (Overall::RolledBack, String::new()),
    };
    if let Some(work) = release.rollout.as_ref().and_then(|seen| steer(seen, release.takes_away())) {
        let mut tried = release.tasks.iter().rev().take_while(|task| task.step == Step::Undo);
        return match tried.find(|task| task.work == work).map(|task| &task.state) {
            None => Some(Next::Do(work)),
            // It was done, and the rollout has not moved yet; or a person moved it again, who is waited for.
            Some(_) => None,
        };
    }
    if release.rollout.as_ref().is_some_and(|seen| seen.status == Status::RollingBack) {
        return None;
    }
    let ended = |state: &TaskState| matches!(state, TaskState::Done { .. } | TaskState::Failed { .. });
    let undeployed = release.tasks.iter().any(|task| task.work == Work::Undeploy && ended(&task.state));
    if release.takes_away() && !undeployed {
        return Some(Next::Do(Work::Undeploy));
    }
    Some(Next::End(overall, why))
}

/// What takes a rollout back from where it is; none where it is back, or on its way. `closes`: what it would be resumed with is
/// taken away, so it must not be resumed.
fn steer(seen: &Seen, closes: bool) -> Option<Work> {
    if seen.superseded {
        return None;
    }
    match seen.status {
        Status::Running | Status::Paused | Status::Completed => Some(Work::RollBack),
        Status::RolledBack if !closes && seen.position.is_none() => None,
        Status::Pending | Status::RolledBack => Some(Work::Abort),
        Status::RollingBack | Status::Aborted => None,
    }
}

/// The old version goes when its time is over, and the new one still serves.
fn retirement(draft: &mut Draft) -> Option<Next> {
    draft.next.retire_at.filter(|at| draft.now >= *at)?;
    let seen = draft.next.rollout.as_ref();
    if seen.is_some_and(|seen| seen.status != Status::Completed && !seen.superseded) {
        return None;
    }
    let tried = draft.next.tasks.iter().rev().find(|task| task.work == Work::Retire);
    match tried.map(|task| &task.state) {
        None => Some(Next::Do(Work::Retire)),
        Some(TaskState::Done { .. }) => {
            draft.next.retire_at = None;
            draft.next.retired = true;
            None
        }
        // It stays; a person takes it away.
        Some(_) => {
            draft.next.retire_at = None;
            None
        }
    }
}
