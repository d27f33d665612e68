//! The step function: one event, one transition, or a typed refusal. Never a panic.

use std::collections::BTreeSet;
use std::time::Duration;

use fw_model::{RunId, Timestamp, Weight};

use super::moves::Draft;
use super::{Event, Notice, Rollout, Started, Status, Tally, Totals, Transition, commands, look};
use crate::analysis;

/// An event that can't happen now. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The table of the life of a rollout does not allow it.
    #[error("{what} is not possible while the rollout is {}: {hint}", status.as_str())]
    NotNow {
        /// What was asked.
        what: &'static str,
        /// Where the rollout is.
        status: Status,
        /// What is possible.
        hint: &'static str,
    },
    /// There is no phase at that position, or it is not before the present one.
    #[error(
        "can't roll back to phase {phase}: the rollout is at phase {at}, so a lower one (or stable) is meant"
    )]
    NoSuchPhase {
        /// What was asked.
        phase: usize,
        /// Where it is.
        at: usize,
    },
    /// There is no such gate, it is of another phase, or it was answered.
    #[error("gate {gate} of phase {phase} can't be answered: {why}")]
    NoSuchGate {
        /// Position of the phase.
        phase: usize,
        /// Which of its gates.
        gate: usize,
        /// What is the matter.
        why: String,
    },
    /// A second beginning.
    #[error("{0} has begun already")]
    AlreadyStarted(RunId),
    /// The plan breaks rules.
    #[error("the plan is not sound: {0}")]
    UnsoundPlan(String),
}

/// The state after the first event, and its effects.
///
/// # Errors
/// [`Rejection::UnsoundPlan`] when the plan breaks a rule.
pub fn begin(started: &Started, now: Timestamp) -> Result<Transition, Rejection> {
    if let Err(faults) = started.plan.check() {
        let text = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        return Err(Rejection::UnsoundPlan(text));
    }
    let rollout = Rollout {
        run: started.run.clone(),
        plan: started.plan.clone(),
        plan_hash: started.plan_hash.clone(),
        salt: started.salt,
        status: Status::Pending,
        position: None,
        first_epoch: started.last_epoch.next(),
        epoch: started.last_epoch,
        canary: Weight::ZERO,
        confirmed: false,
        live: BTreeSet::new(),
        started_at: now,
        ended_at: None,
        entered_at: now,
        watched: Duration::ZERO,
        tally: Tally::default(),
        ended_healthy: vec![false; started.plan.phases.len()],
        totals: Totals::default(),
        attempt: 1,
        analysis: analysis::State::begin(
            &started.plan,
            started.before.as_deref().map(analysis::History::state),
        ),
        moving: None,
        waiting: vec![],
        held: false,
        alerted: BTreeSet::new(),
        metrics_at: now,
        quarantine: None,
        gates: vec![],
        effects: 0,
    };
    let mut draft = Draft::new(&rollout, now);
    draft.enter(Some(0));
    draft.publish(Notice::Started);
    Ok(draft.finish(None))
}

/// What an event leads to at `now`. Pure: the same arguments give the same transition.
///
/// # Errors
/// A [`Rejection`] when the event can't happen in this state; the state is then unchanged.
pub fn step(rollout: &Rollout, event: &Event, now: Timestamp) -> Result<Transition, Rejection> {
    match event {
        Event::Started(_) => Err(Rejection::AlreadyStarted(rollout.run.clone())),
        Event::Looked(seen) => Ok(look::look(rollout, seen, now)),
        Event::Paused(by) => commands::pause(rollout, by, now),
        Event::Resumed(by) => commands::resume(rollout, by, now),
        Event::Advanced(by) => commands::advance(rollout, by, now),
        Event::RollbackRequested { to, by } => commands::roll_back(rollout, *to, by, now),
        Event::AbortRequested(by) => commands::abort(rollout, by, now),
        Event::GateAnswered { phase, gate, answer, by } => {
            commands::answer(rollout, (*phase, *gate), *answer, by, now)
        }
        Event::Superseded { .. } => commands::supersede(rollout, now),
        Event::Quarantined { reason } => Ok(commands::quarantine(rollout, reason, now)),
    }
}
