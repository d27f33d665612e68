//! An answer to a gate of the present phase: counted, and when it decides, told; a no goes back to stable.

use fw_model::Timestamp;
use fw_model::release::Answer;

use super::not_now;
use crate::rollout::moves::Draft;
use crate::rollout::{Notice, Rejection, Requested, Rollout, Status, Transition, Trigger};

pub(in crate::rollout) fn answer(
    rollout: &Rollout,
    (phase, gate): (usize, usize),
    answer: Answer,
    by: &Requested,
    now: Timestamp,
) -> Result<Transition, Rejection> {
    if !matches!(rollout.status, Status::Running | Status::Paused) {
        return Err(not_now(rollout, "an answer to a gate"));
    }
    let refuse = |why: &str| Rejection::NoSuchGate { phase, gate, why: why.to_owned() };
    if rollout.position != Some(phase) {
        return Err(refuse("the rollout is in another phase"));
    }
    let plan = rollout.plan.clone();
    let asked = plan.phases.get(phase).and_then(|phase| phase.gates.get(gate));
    let mut draft = Draft::new(rollout, now);
    let (Some(asked), Some(state)) = (asked, draft.next.gates.get_mut(gate)) else {
        return Err(refuse("the phase has no such gate"));
    };
    state.take(asked, answer, by, now).map_err(|why| refuse(&why))?;
    let (actor, reason) = (by.actor.clone(), by.reason.clone());
    draft.publish(Notice::GateAnswered { gate: asked.text(), answer, actor, reason });
    if answer == Answer::Reject {
        let mut evidence = vec![format!("{} was refused by {}", asked.text(), by.actor)];
        evidence.extend(by.reason.clone());
        draft.roll_back(None, Trigger::Manual, evidence);
    }
    Ok(draft.finish(None))
}
