//! The moves every event is made of: ask a region, begin a wave, halt, publish. A draft collects them.

use fw_model::{Region, Timestamp};

use super::{
    Action, Ask, Brake, Cause, Effect, Halt, Notice, RegionalRollout, Transition, Wanted, report, wanted,
};
use crate::rollout::Requested;

/// A transition in the making.
pub(super) struct Draft {
    pub(super) next: RegionalRollout,
    pub(super) now: Timestamp,
    pub(super) material: bool,
    effects: Vec<Effect>,
}

impl Draft {
    pub(super) fn new(whole: &RegionalRollout, now: Timestamp) -> Draft {
        Draft { next: whole.clone(), now, material: false, effects: vec![] }
    }

    pub(super) fn publish(&mut self, notice: Notice) {
        self.effects.push(Effect::Publish(notice));
        self.material = true;
    }

    /// Asks a region, under the next ordinal.
    pub(super) fn ask(&mut self, place: usize, action: Action) {
        let Some(region) = self.next.regions.get_mut(place) else { return };
        self.next.asks += 1;
        let ask = Ask { region: region.region.clone(), ordinal: self.next.asks, action };
        region.ask = Some(ask.clone());
        region.refused = None;
        self.effects.push(Effect::Act(ask));
        self.material = true;
    }

    /// Begins a wave: every region of it is asked to begin.
    pub(super) fn begin_wave(&mut self, wave: usize, forced: Option<(Requested, Vec<String>)>) {
        let Some(began) = self.next.waves.get_mut(wave) else { return };
        *began = Some(self.now);
        let regions: Vec<Region> = self.next.plan.waves[wave].regions.clone();
        self.publish(Notice::WaveBegan { wave, regions, forced });
        self.start_regions(wave);
    }

    /// Asks those regions of a wave to begin that have not.
    pub(super) fn start_regions(&mut self, wave: usize) {
        for place in 0..self.next.regions.len() {
            let region = &mut self.next.regions[place];
            if region.wave != wave || region.run.is_some() || region.ask.is_some() || region.refused.is_some()
            {
                continue;
            }
            region.began_at = region.began_at.or(Some(self.now));
            self.ask(place, Action::Start);
        }
    }

    /// Halts, unless a stronger halt stands.
    pub(super) fn halt(&mut self, region: Option<Region>, cause: Cause, why: String, brake: Brake) {
        let strength = |brake: Brake| match brake {
            Brake::Starts => 0,
            Brake::Hold => 1,
            Brake::Back => 2,
        };
        if self.next.halt.as_ref().is_some_and(|halt| strength(halt.brake) >= strength(brake)) {
            return;
        }
        let halt = Halt { region, cause, why, brake, since: self.now };
        self.next.halt = Some(halt.clone());
        self.publish(Notice::Halted(halt));
    }

    /// Asks each region for what it shall do and does not.
    pub(super) fn reconcile(&mut self) {
        if self.next.ended_at.is_some() {
            return;
        }
        for place in 0..self.next.regions.len() {
            if let Some(action) = wanted::ask(&self.next, &self.next.regions[place]) {
                self.ask(place, action);
            }
        }
    }

    /// Settles the status, explains how it stands, and closes the draft.
    pub(super) fn finish(mut self) -> Transition {
        let status = report::status_of(&self.next);
        if status != self.next.status {
            self.material = true;
            if !status.is_under_way() {
                self.publish(Notice::Ended { status });
            }
            self.next.status = status;
        }
        if status.is_final() {
            self.next.ended_at = self.next.ended_at.or(Some(self.now));
        }
        let report = report::explain(&self.next, self.now);
        self.next.waiting.clone_from(&report.waiting_on);
        Transition { next: self.next, effects: self.effects, report, material: self.material }
    }

    /// What is wanted of all from now on.
    pub(super) fn want(&mut self, wanted: Wanted) {
        self.next.wanted = wanted;
        self.material = true;
    }
}
