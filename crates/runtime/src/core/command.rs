//! What a person asked: one event, if the engine allows it.

use fw_engine::rollout::{GateState, Requested};
use fw_engine::{Event, Rejection, Rollout};
use fw_model::ServiceKey;
use fw_model::release::{Gate, GateKind};

use super::batch::Work;
use super::message::Command;
use crate::{Refusal, view};

impl Work<'_> {
    /// Does what a person asked of the latest rollout of a service.
    pub(super) fn command(
        &mut self,
        key: &ServiceKey,
        command: Command,
        by: Requested,
    ) -> Result<(), Refusal> {
        let unknown = || Refusal::UnknownRollout(key.to_string());
        let state = self.state(key).ok_or_else(unknown)?;
        let run = state.run.clone().ok_or_else(unknown)?;
        let users = state.users();
        let refuse = |rejection: Rejection| Refusal::Rejected {
            rejection,
            state: view::detail_of(&run.shown, &run.report, users, self.now),
        };
        if run.rollout.epoch != state.epoch {
            let text =
                "the configuration of this service has changed since that rollout ended: start a new one";
            return Err(Refusal::Invalid(text.into()));
        }
        let event = event_of(command, by, &run.rollout)?;
        let transition = fw_engine::step(&run.rollout, &event, self.now).map_err(refuse)?;
        self.record(key, run, &event, transition);
        Ok(())
    }
}

/// # Errors
/// [`Refusal::Invalid`] for an answer to a gate that is not there.
fn event_of(command: Command, by: Requested, rollout: &Rollout) -> Result<Event, Refusal> {
    Ok(match command {
        Command::Pause => Event::Paused(by),
        Command::Resume => Event::Resumed(by),
        Command::Advance => Event::Advanced(by),
        Command::Rollback(to) => Event::RollbackRequested { to, by },
        Command::Abort => Event::AbortRequested(by),
        Command::Answer { gate, answer } => {
            let (phase, gate) = match gate {
                Some(place) => place,
                None => open_approval(rollout)?,
            };
            Event::GateAnswered { phase, gate, answer, by }
        }
    })
}

/// The first gate of the phase that people answer and have not answered yet.
fn open_approval(rollout: &Rollout) -> Result<(usize, usize), Refusal> {
    let nothing = || {
        let text = format!("{} waits for no approval now: nothing to answer", rollout.run);
        Refusal::Invalid(text)
    };
    let phase = rollout.position.ok_or_else(nothing)?;
    let gates = rollout.phase().map_or(&[][..], |phase| &phase.gates);
    let is_open = |(gate, state): (&Gate, &GateState)| {
        matches!(gate.kind, GateKind::Approval { .. }) && state.answer.is_none()
    };
    let gate = gates.iter().zip(&rollout.gates).position(is_open).ok_or_else(nothing)?;
    Ok((phase, gate))
}
