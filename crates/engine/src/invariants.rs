//! What must never be: one predicate for each of the eight invariants of ARCHITECTURE.md.
//!
//! Used by the shell after every step (a violation quarantines that rollout), by property tests and
//! by simulation. Each predicate works from the states before and after, not from what the step
//! says about itself.

use fw_model::plan::OnInconclusive;
use fw_model::release::Answer;
use fw_model::{Split, Timestamp};

use crate::analysis::{self, Judgement};
use crate::rollout::{Effect, Event, Look, Notice, Rollout, Status, Transition, probe};

/// A violated invariant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invariant {number} violated: {what}")]
pub struct Violation {
    /// 1 to 8.
    pub number: u8,
    /// In words.
    pub what: String,
}

/// Every violation in a step from `before` by `event` at `now`. Makes the step once more (invariant 7).
pub fn check(before: &Rollout, event: &Event, now: Timestamp, after: &Transition) -> Vec<Violation> {
    let mut violations = check_live(before, event, after);
    if !replays(before, event, now, after) {
        let what =
            format!("the same event gave another state (run {}, epoch {})", before.run, after.next.epoch.0);
        violations.push(Violation { number: 7, what });
    }
    violations
}

/// As [`check`], without making the step once more: what production does after every step.
pub fn check_live(before: &Rollout, event: &Event, after: &Transition) -> Vec<Violation> {
    let mut violations = vec![];
    let mut need = |number: u8, holds: bool, what: &str| {
        if !holds {
            violations.push(Violation {
                number,
                what: format!("{what} (run {}, epoch {})", before.run, after.next.epoch.0),
            });
        }
    };
    need(1, growth_is_justified(before, event, &after.next), "the canary's share grew without a reason");
    need(
        2,
        epochs_only_grow(before, &after.next),
        "the share changed without a new epoch, or an epoch went back",
    );
    need(3, stays_back(before, event, &after.next), "the share grew after a rollback without a person");
    need(
        4,
        completion_is_confirmed(before, event, after),
        "rollback_completed before every data plane confirmed",
    );
    need(5, keys_stay_in(before, &after.next), "the salt changed, so keys would move");
    need(6, is_explained(after), "it stands still and does not say why");
    violations
}

/// 1: The share grows only by start, an automatic advance under healthy (or the declared
/// `onInconclusive`), or a person's resume or advance.
pub fn growth_is_justified(before: &Rollout, event: &Event, after: &Rollout) -> bool {
    if after.canary <= before.canary {
        return true;
    }
    match event {
        Event::Started(_) | Event::Resumed(_) | Event::Advanced(_) => true,
        Event::Looked(look) => {
            before.status == Status::Running && before.quarantine.is_none() && may_advance(before, look)
        }
        Event::Paused(_)
        | Event::RollbackRequested { .. }
        | Event::AbortRequested(_)
        | Event::GateAnswered { .. }
        | Event::Superseded { .. }
        | Event::Quarantined { .. } => false,
    }
}

/// Whether the evidence, read anew, allows an automatic advance.
fn may_advance(before: &Rollout, look: &Look) -> bool {
    let seen = probe(before, look);
    let Some(phase) = seen.phase() else { return false };
    let judgement: Judgement = analysis::judge(&seen);
    let calm = judgement.lead().is_none() && judgement.split_alarm.is_none();
    let proven = judgement.questions.iter().all(|q| q.answered) && !judgement.questions.is_empty();
    let gates = phase.gates.iter().zip(&seen.gates).all(|(gate, state)| {
        // A gate whose time is over is answered by its default in the same look.
        state.is_open(gate) || (gate.expires.is_some() && gate.default == Answer::Approve)
    });
    let declared =
        seen.plan.analysis.on_inconclusive == OnInconclusive::Advance && seen.watched >= phase.max_duration();
    calm && gates && seen.watched >= phase.duration && (proven || declared)
}

/// 2: Epochs only grow, and every change of the share has a new one.
pub fn epochs_only_grow(before: &Rollout, after: &Rollout) -> bool {
    after.epoch >= before.epoch && (after.canary == before.canary || after.epoch > before.epoch)
}

/// 2, in a data plane: an older split of the same log never replaces a newer one.
pub fn split_is_not_older(held: &Split, applied: &Split) -> bool {
    held.log_id != applied.log_id || applied.epoch >= held.epoch
}

/// 3: Once a rollback is decided, nothing raises the share before a person resumes or advances.
pub fn stays_back(before: &Rollout, event: &Event, after: &Rollout) -> bool {
    let back = matches!(before.status, Status::RollingBack | Status::RolledBack | Status::Aborted);
    let person = matches!(event, Event::Resumed(_) | Event::Advanced(_));
    !back || person || after.canary <= before.canary
}

/// 4: `rollback_completed` only after every live data plane confirmed the rollback's epoch or a later
/// one, or fell silent for 10 s and is named.
pub fn completion_is_confirmed(before: &Rollout, event: &Event, after: &Transition) -> bool {
    let completed = after.effects.iter().find_map(|(_, effect)| match effect {
        Effect::Publish(Notice::RollbackCompleted { unconfirmed, .. }) => Some(unconfirmed),
        _ => None,
    });
    let Some(unconfirmed) = completed else { return true };
    let Event::Looked(look) = event else { return false };
    let all_live = look.sources.iter().all(|s| !s.is_live() || s.confirmed >= before.epoch);
    let awaited = before.moving.as_ref().is_some_and(|moving| {
        moving.awaited.iter().all(|id| {
            let confirmed = look.sources.iter().any(|s| s.id == *id && s.confirmed >= before.epoch);
            confirmed || unconfirmed.contains(id)
        })
    });
    before.status == Status::RollingBack && all_live && awaited
}

/// 5: A key that was on the canary at a share is on it at every larger one: the salt never changes,
/// and the bucketing rule compares with the share only.
pub fn keys_stay_in(before: &Rollout, after: &Rollout) -> bool {
    before.salt == after.salt
}

/// 6: Not running, or it says what it waits for.
pub fn is_explained(after: &Transition) -> bool {
    !after.next.status.is_under_way() || !after.report.waiting_on.is_empty()
}

/// 7: The step is a function: once more gives the same.
pub fn replays(before: &Rollout, event: &Event, now: Timestamp, after: &Transition) -> bool {
    crate::rollout::step(before, event, now).as_ref() == Ok(after)
}

/// 8: Effects are performed only under the fencing token the rollout's commit was made with.
pub fn token_holds(committed_under: u64, performing_under: u64) -> bool {
    committed_under == performing_under
}
