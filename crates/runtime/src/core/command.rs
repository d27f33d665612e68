//! What a person asked: one event, if the engine allows it.

use fw_engine::rollout::Requested;
use fw_engine::{Event, Rejection};
use fw_model::ServiceKey;

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
        let event = event_of(command, by);
        let transition = fw_engine::step(&run.rollout, &event, self.now).map_err(refuse)?;
        self.record(key, run, &event, transition);
        Ok(())
    }
}

fn event_of(command: Command, by: Requested) -> Event {
    match command {
        Command::Pause => Event::Paused(by),
        Command::Resume => Event::Resumed(by),
        Command::Advance => Event::Advanced(by),
        Command::Rollback(to) => Event::RollbackRequested { to, by },
        Command::Abort => Event::AbortRequested(by),
    }
}
