//! The moves every event is made of: enter a phase, go back, publish. A draft collects them.

use fw_model::{Timestamp, Weight};

use super::gates::GateState;
use super::{Effect, EffectId, Moving, Notice, Report, Rollout, Status, Transition, Trigger, report};
use crate::analysis::Judgement;
use crate::plant::{self, Bug};
use crate::rollout::sources::Planes;

/// A transition in the making.
pub(super) struct Draft {
    pub(super) next: Rollout,
    pub(super) now: Timestamp,
    pub(super) material: bool,
    /// What the observations say, while it holds: entering a phase or an attempt forgets it.
    pub(super) judged: Option<Judgement>,
    /// Whether this step began a visit: what data planes confirmed was another epoch then.
    entered: bool,
    effects: Vec<(EffectId, Effect)>,
}

impl Draft {
    pub(super) fn new(rollout: &Rollout, now: Timestamp) -> Draft {
        Draft { next: rollout.clone(), now, material: false, judged: None, entered: false, effects: vec![] }
    }

    pub(super) fn emit(&mut self, effect: Effect) {
        self.next.effects += 1;
        let id = EffectId { epoch: self.next.epoch, ordinal: self.next.effects };
        self.effects.push((id, effect));
        self.material = true;
    }

    pub(super) fn publish(&mut self, notice: Notice) {
        self.emit(Effect::Publish(notice));
    }

    /// Begins a visit to a phase (or to stable): new epoch, new share, fresh counts, clock at zero.
    pub(super) fn enter(&mut self, position: Option<usize>) {
        let next = &mut self.next;
        let weight = match position.and_then(|p| next.plan.phases.get(p)) {
            Some(phase) => phase.weight(),
            None => Weight::ZERO,
        };
        if plant::has(Bug::SaltRedrawn) && next.position.is_some() {
            next.salt = fw_model::Salt::from_bits(u128::from(next.epoch.0));
        }
        next.position = position;
        next.canary = weight;
        if !plant::has(Bug::EpochReused) {
            next.epoch = next.epoch.next();
        }
        next.confirmed = false;
        next.entered_at = self.now;
        next.watched = std::time::Duration::ZERO;
        let ended = std::mem::take(&mut next.tally);
        next.alerted.clear();
        // What was waited for in the last visit says nothing about how long this one waits.
        next.waiting.clear();
        let gates = position.and_then(|p| next.plan.phases.get(p)).map_or(0, |phase| phase.gates.len());
        next.gates = vec![GateState::default(); gates];
        next.analysis.enter_phase(&ended.stable, weight == Weight::FULL);
        self.judged = None;
        self.entered = true;
        let effect = Effect::SetSplit { epoch: next.epoch, canary: weight };
        self.emit(effect);
    }

    /// A new promise of α: after a rollback or a person's override.
    pub(super) fn begin_attempt(&mut self) {
        self.next.attempt += 1;
        self.next.analysis.enter_attempt();
        self.judged = None;
    }

    /// Goes back: traffic first, then the word of it.
    pub(super) fn roll_back(&mut self, to: Option<usize>, trigger: Trigger, evidence: Vec<String>) {
        let from = self.next.position;
        self.enter(to);
        self.begin_attempt();
        self.next.status = Status::RollingBack;
        self.next.held = false;
        self.next.moving = Some(Moving {
            from,
            to,
            trigger,
            evidence: evidence.clone(),
            decided_at: self.now,
            awaited: self.next.live.clone(),
        });
        self.publish(Notice::RollbackStarted { from, to, trigger, evidence });
        if plant::has(Bug::EarlyCompletion) {
            self.complete_rollback(vec![]);
        }
    }

    /// Every live data plane confirmed, or is named.
    pub(super) fn complete_rollback(&mut self, unconfirmed: Vec<fw_model::SourceId>) {
        let Some(moving) = self.next.moving.clone() else { return };
        self.next.status = Status::RolledBack;
        self.next.confirmed = unconfirmed.is_empty();
        let recovery = self.now.since(moving.decided_at);
        self.publish(Notice::RollbackCompleted { from: moving.from, to: moving.to, recovery, unconfirmed });
    }

    /// The last phase is over: the canary is the service's version now.
    pub(super) fn complete(&mut self) {
        self.next.status = Status::Completed;
        self.next.ended_at = Some(self.now);
        self.next.held = false;
        let version = self.next.plan.canary.version.clone();
        self.emit(Effect::SetCurrentVersion { version });
        self.publish(Notice::Completed);
    }

    /// Explains how it stands and closes the draft.
    pub(super) fn finish(mut self, planes: Option<&Planes>) -> Transition {
        let planes = planes.filter(|_| !self.entered);
        let report = report::explain(&self.next, planes, self.judged.take(), self.now);
        self.settle_hold(&report);
        self.next.waiting.clone_from(&report.waiting_on);
        Transition { next: self.next, effects: self.effects, report, material: self.material }
    }

    /// Publishes the beginning or the end of a hold.
    fn settle_hold(&mut self, report: &Report) {
        let holds = self.next.status == Status::Running
            && report.waiting_on.iter().any(|w| w.kind != super::WaitingKind::Duration);
        if holds && !self.next.held {
            self.next.held = true;
            self.publish(Notice::Held);
        } else if !holds && self.next.held {
            self.next.held = false;
            let waited_for = std::mem::take(&mut self.next.waiting);
            self.publish(Notice::Released { waited_for });
        }
    }
}
