//! Gates of a phase: what must say yes beside the measurements, and how each stands.
//!
//! A gate is asked from the beginning of its phase and may be answered at any time in it. It keeps the phase from ending;
//! it never keeps traffic from going back. A no goes back to stable, as a person's rollback does.

use std::time::Duration;

use fw_model::Timestamp;
use fw_model::release::{Answer, Gate, GateKind};

use super::decide::{Reason, seconds};
use super::effect::Notice;
use super::moves::Draft;
use super::{Actor, Requested, Rollout, Status, Trigger, WaitingKind};

/// Who answers when the time of a gate is over.
const BY_DEFAULT: &str = "default";

/// How a gate stands in this visit to its phase.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GateState {
    /// Who approved so far, each once, in order.
    pub said: Vec<Said>,
    /// The answer, once there is one.
    pub answer: Option<Answer>,
    /// For a window: whether it was open at the last look.
    pub open: bool,
}

/// One approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Who.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl GateState {
    /// Whether the phase may end as far as this gate goes.
    pub fn is_open(&self, gate: &Gate) -> bool {
        match gate.kind {
            GateKind::Window(_) => self.open || self.answer == Some(Answer::Approve),
            GateKind::Approval { .. } | GateKind::Webhook { .. } | GateKind::Release => {
                self.answer == Some(Answer::Approve)
            }
        }
    }

    /// What is missing, in words.
    fn missing(&self, gate: &Gate) -> String {
        match gate.kind {
            GateKind::Approval { quorum } => {
                let names: Vec<&str> = self.said.iter().map(|said| said.actor.as_str()).collect();
                match names.as_slice() {
                    [] => format!("waiting for {}", gate.text()),
                    some => format!(
                        "waiting for {} more of {quorum} approvals (so far {})",
                        quorum.saturating_sub(some.len() as u32),
                        some.join(", ")
                    ),
                }
            }
            GateKind::Webhook { .. } | GateKind::Window(_) | GateKind::Release => {
                format!("waiting for {}", gate.text())
            }
        }
    }

    /// Takes an answer in. True once it decides the gate.
    ///
    /// # Errors
    /// In words: why this answer can't count.
    pub(crate) fn take(
        &mut self,
        gate: &Gate,
        answer: Answer,
        by: &Requested,
        now: Timestamp,
    ) -> Result<bool, String> {
        if let Some(answer) = self.answer {
            return Err(format!("it was answered with {}", answer.as_str()));
        }
        if let (GateKind::Approval { quorum }, Answer::Approve) = (&gate.kind, answer) {
            if self.said.iter().any(|said| said.actor == by.actor) {
                return Err(format!("{} has approved it already, and {} are needed", by.actor, gate.text()));
            }
            self.said.push(Said { actor: by.actor.clone(), reason: by.reason.clone(), at: now });
            if (self.said.len() as u32) < *quorum {
                return Ok(false);
            }
        }
        self.answer = Some(answer);
        Ok(true)
    }

    /// The answer that counts because the time is over; none while it is not, or when there is an answer.
    pub(crate) fn expired(&self, gate: &Gate, asked: Timestamp, now: Timestamp) -> Option<Answer> {
        let over = gate.expires.is_some_and(|expires| now >= asked && now.since(asked) >= expires);
        (over && self.answer.is_none() && !self.is_open(gate)).then_some(gate.default)
    }

    /// Why it is not open; none when it is.
    pub(crate) fn reason(&self, gate: &Gate, asked: Timestamp, now: Timestamp) -> Option<String> {
        if self.is_open(gate) {
            return None;
        }
        let missing = self.missing(gate);
        let Some(expires) = gate.expires else { return Some(missing) };
        let past = if now >= asked { now.since(asked) } else { Duration::ZERO };
        let left = expires.saturating_sub(past);
        let then = match gate.default {
            Answer::Approve => "counts as a yes",
            Answer::Reject => "counts as a no",
        };
        Some(format!("{missing}; no answer within {} {then}", seconds(left)))
    }
}

/// Takes in what the clock says of windows. Returns whether one opened or closed.
pub(super) fn see_windows(next: &mut Rollout, windows: &[(usize, bool)]) -> bool {
    let mut changed = false;
    for &(gate, open) in windows {
        let is_window = next
            .position
            .and_then(|position| next.plan.phases.get(position))
            .and_then(|phase| phase.gates.get(gate))
            .is_some_and(|gate| matches!(gate.kind, GateKind::Window(_)));
        if let Some(state) = next.gates.get_mut(gate).filter(|state| is_window && state.open != open) {
            state.open = open;
            changed = true;
        }
    }
    changed
}

/// Gates whose time is over are answered by their default.
pub(super) fn expire(draft: &mut Draft) {
    if draft.next.status != Status::Running || draft.next.quarantine.is_some() {
        return;
    }
    let plan = draft.next.plan.clone();
    let Some(phase) = draft.next.position.and_then(|position| plan.phases.get(position)) else { return };
    let (asked, now) = (draft.next.entered_at, draft.now);
    for (index, gate) in phase.gates.iter().enumerate() {
        let Some(state) = draft.next.gates.get_mut(index) else { continue };
        let Some(answer) = state.expired(gate, asked, now) else { continue };
        state.answer = Some(answer);
        let reason = Some(format!("nobody answered within {}", seconds(gate.expires.unwrap_or_default())));
        draft.publish(Notice::GateAnswered { gate: gate.text(), answer, actor: BY_DEFAULT.into(), reason });
        if answer == Answer::Reject {
            let evidence = vec![format!("{} was not given in time, which counts as a no", gate.text())];
            draft.roll_back(None, Trigger::Manual, evidence);
            return;
        }
    }
}

/// Why gates keep the phase from ending. `now` tells how much of their time is left.
pub(super) fn reasons(rollout: &Rollout, now: Timestamp) -> Vec<Reason> {
    let gates = rollout.phase().map_or(&[][..], |phase| &phase.gates);
    let states = gates.iter().zip(&rollout.gates);
    let texts = states.filter_map(|(gate, state)| state.reason(gate, rollout.entered_at, now));
    texts.map(|text| Reason::new(WaitingKind::Gate, text)).collect()
}
