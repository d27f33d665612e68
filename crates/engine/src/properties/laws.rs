//! What must be true of a life beside the eight invariants: published events pair up, effects are
//! numbered without a hole, the split told is the split wanted.

use super::run::{Problem, law};
use crate::rollout::{Effect, Event, Notice, Rollout, Status, Transition};

/// What was published so far.
#[derive(Debug, Default)]
pub(super) struct Laws {
    held: bool,
    moving: bool,
}

impl Laws {
    pub(super) fn check(
        &mut self,
        before: Option<&Rollout>,
        event: &Event,
        after: &Transition,
    ) -> Vec<Problem> {
        let mut problems = vec![];
        let mut need = |holds: bool, what: &str| {
            if !holds {
                problems.push(law(what));
            }
        };
        let begins = matches!(event, Event::Started(_));
        if begins {
            *self = Laws::default();
            need(before.is_none_or(|b| after.next.epoch > b.epoch), "a new rollout's epoch is not newer");
        }
        let steady = before.filter(|_| !begins);
        need(numbered(steady, after), "effects are not numbered one by one");
        need(told(steady, after), "the share was changed without telling data planes, or told wrongly");
        for notice in notices(after) {
            need(self.take(notice), "a published event came out of turn");
        }
        need(self.held == after.next.held, "held is not what was published");
        let status = after.next.status;
        need(self.moving == (status == Status::RollingBack), "rolling back is not what was published");
        need(
            after.material || (after.effects.is_empty() && steady.is_some_and(|b| b.status == status)),
            "a step with effects or a new status is called immaterial",
        );
        need(after.next.quarantine.is_none() || stood_still(steady, event, after), "it moved in quarantine");
        problems
    }

    /// Takes a published event; false when it is out of turn.
    fn take(&mut self, notice: &Notice) -> bool {
        let (held, moving) = (self.held, self.moving);
        match notice {
            Notice::Held => self.held = true,
            Notice::Released { .. } => self.held = false,
            Notice::Paused { .. } | Notice::Advanced { .. } | Notice::Completed => self.held = false,
            Notice::RollbackStarted { .. } => (self.held, self.moving) = (false, true),
            Notice::RollbackCompleted { .. } => self.moving = false,
            Notice::Aborted { .. } => (self.held, self.moving) = (false, false),
            Notice::Started
            | Notice::Metrics { .. }
            | Notice::Resumed { .. }
            | Notice::RiskAlert { .. }
            | Notice::GateAnswered { .. } => {}
        }
        match notice {
            Notice::Held => !held && !moving,
            Notice::Released { waited_for } => held && !waited_for.is_empty(),
            Notice::RollbackStarted { evidence, .. } => !moving && !evidence.is_empty(),
            Notice::RollbackCompleted { .. } => moving,
            _ => true,
        }
    }
}

fn notices(after: &Transition) -> impl Iterator<Item = &Notice> {
    after.effects.iter().filter_map(|(_, effect)| match effect {
        Effect::Publish(notice) => Some(notice),
        Effect::SetSplit { .. } | Effect::SetCurrentVersion { .. } => None,
    })
}

/// Effects count on from the last one, and carry the epoch they were made under.
fn numbered(before: Option<&Rollout>, after: &Transition) -> bool {
    let first = before.map_or(0, |b| b.effects);
    let ordinals = after.effects.iter().map(|(id, _)| id.ordinal);
    ordinals.eq(first + 1..=after.next.effects)
        && after.effects.iter().all(|(id, _)| id.epoch <= after.next.epoch)
}

/// A new epoch or share is told exactly as it stands in the state, and nothing else is.
fn told(before: Option<&Rollout>, after: &Transition) -> bool {
    let splits: Vec<_> = after
        .effects
        .iter()
        .filter_map(|(_, effect)| match effect {
            Effect::SetSplit { epoch, canary } => Some((*epoch, *canary)),
            Effect::Publish(_) | Effect::SetCurrentVersion { .. } => None,
        })
        .collect();
    let changed = before.is_none_or(|b| (b.epoch, b.canary) != (after.next.epoch, after.next.canary));
    if changed { splits == [(after.next.epoch, after.next.canary)] } else { splits.is_empty() }
}

/// In quarantine a look never changes the share.
fn stood_still(before: Option<&Rollout>, event: &Event, after: &Transition) -> bool {
    let looked = matches!(event, Event::Looked(_));
    !looked || before.is_none_or(|b| b.quarantine.is_none() || b.canary == after.next.canary)
}
