//! A small world for tests: regions that do what they are asked, in virtual time, around the real state machine.
//!
//! It does what the shell does (keep the event, step, perform), and after every step checks every invariant and that
//! the same event gives the same again. Regions have no statistics here: a test says how each stands.

use std::collections::BTreeMap;
use std::time::Duration;

use fw_model::{Region, RunId, Timestamp};

use super::{
    Action, Answer, Ask, Effect, Event, Evidence, Looked, Notice, RegionalRollout, Rejection, Seen, Sight,
    Standing, Started, Transition, begin, invariants, step,
};
use crate::rollout::Status as Life;

/// One region, with its rollout if it has one.
#[derive(Debug, Clone)]
pub(super) struct SimRegion {
    /// Its rollout, as a look would see it.
    pub(super) seen: Option<Seen>,
    /// Why it does not answer.
    pub(super) away: Option<String>,
    /// Why it will not begin.
    pub(super) refuses: Option<String>,
    /// Ordinals of what it was asked, once each.
    pub(super) done: Vec<u64>,
}

/// Regions and the whole.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) whole: Option<RegionalRollout>,
    /// As of the last look, kept or not: what is shown.
    pub(super) shown: Option<RegionalRollout>,
    pub(super) regions: BTreeMap<Region, SimRegion>,
    pub(super) journal: Vec<(Event, Timestamp)>,
    /// What people were told since the last time somebody asked.
    pub(super) told: Vec<Notice>,
    /// What was asked of regions, likewise.
    pub(super) asked: Vec<Ask>,
    /// Watched time of looks that were not kept.
    carried: Duration,
}

impl World {
    pub(super) fn new() -> World {
        World {
            now: Timestamp(0),
            whole: None,
            shown: None,
            regions: BTreeMap::new(),
            journal: vec![],
            told: vec![],
            asked: vec![],
            carried: Duration::ZERO,
        }
    }

    /// Begins it.
    pub(super) fn begin(&mut self, started: Started) -> Result<(), Rejection> {
        let plan = started.plan.clone();
        let transition = begin(&started, self.now)?;
        self.regions = plan.regions().map(|region| (region.clone(), SimRegion::new())).collect();
        self.journal.push((Event::Started(started), self.now));
        self.take(transition);
        self.perform();
        Ok(())
    }

    /// One event: stepped, checked, kept, performed.
    pub(super) fn event(&mut self, event: Event) -> Result<(), Rejection> {
        let before = self.whole.clone().expect("it has begun");
        let transition = step(&before, &event, self.now)?;
        let broken = invariants::check(&before, &event, self.now, &transition);
        assert!(broken.is_empty(), "{broken:?}\nby {event:?}\nin {before:#?}");
        assert_eq!(step(&before, &event, self.now).as_ref(), Ok(&transition), "the same event, another step");
        self.shown = Some(transition.next.clone());
        if transition.material {
            self.journal.push((event, self.now));
            self.take(transition);
        }
        self.perform();
        Ok(())
    }

    fn take(&mut self, transition: Transition) {
        for effect in transition.effects {
            match effect {
                Effect::Act(ask) => self.asked.push(ask),
                Effect::Publish(notice) => self.told.push(notice),
            }
        }
        self.shown = Some(transition.next.clone());
        self.whole = Some(transition.next);
    }

    /// Asks every region what is open, as after each commit and after each start of the server.
    pub(super) fn perform(&mut self) {
        let open: Vec<Ask> =
            self.whole.iter().flat_map(|w| w.regions.iter().filter_map(|r| r.ask.clone())).collect();
        for ask in open {
            let Some(region) = self.regions.get_mut(&ask.region) else { continue };
            let Some(answer) = region.answer(&ask) else { continue };
            let event = Event::Answered { region: ask.region, ask: ask.ordinal, answer };
            self.event(event).expect("an answer is never refused");
        }
    }

    /// Looks at every region that has begun, after this time.
    pub(super) fn look(&mut self, passed: Duration) {
        self.now = self.now.plus(passed);
        let Some(whole) = &self.whole else { return };
        let begun = whole.regions.iter().filter(|r| r.run.is_some());
        let sights = begun.filter_map(|r| Some((r.region.clone(), self.regions.get(&r.region)?.sight()?)));
        self.carried += passed;
        let looked = Looked { watched: self.carried, sights: sights.collect() };
        let kept = self.journal.len();
        self.event(Event::Looked(looked)).expect("a look is never refused");
        if self.journal.len() > kept {
            self.carried = Duration::ZERO;
        }
        self.regions.values_mut().for_each(SimRegion::go_on);
    }

    /// The state as the journal gives it.
    pub(super) fn replayed(&self) -> Option<RegionalRollout> {
        let mut events = self.journal.iter();
        let (Event::Started(started), at) = events.next()? else { return None };
        let mut state = begin(started, *at).ok()?.next;
        for (event, at) in events {
            state = step(&state, event, *at).ok()?.next;
        }
        Some(state)
    }
}

impl SimRegion {
    fn new() -> SimRegion {
        SimRegion { seen: None, away: None, refuses: None, done: vec![] }
    }

    fn sight(&self) -> Option<Sight> {
        if let Some(why) = &self.away {
            return Some(Sight::Unreachable { why: why.clone() });
        }
        self.seen.clone().map(|seen| Sight::Seen(Box::new(seen)))
    }

    /// Does what it is asked, each once; none while it is away.
    fn answer(&mut self, ask: &Ask) -> Option<Answer> {
        if self.away.is_some() {
            return None;
        }
        if self.done.contains(&ask.ordinal) {
            return Some(Answer::Done { run: self.seen.as_ref().map(|seen| seen.run.clone()) });
        }
        if let Some(why) = self.refuses.clone().filter(|_| ask.action == Action::Start) {
            return Some(Answer::Refused { why });
        }
        let Some(seen) = &mut self.seen else {
            self.done.push(ask.ordinal);
            let run = format!("checkout@{}.1", ask.region);
            self.seen = Some(begun(&run));
            return Some(Answer::Done { run: Some(run) });
        };
        let next = match (ask.action, seen.status) {
            (Action::Pause, Life::Running) => Life::Paused,
            (Action::Resume, Life::Paused) => Life::Running,
            (Action::Resume, Life::RolledBack) => {
                (seen.phase, seen.canary_percent) = (Some(0), 5.0);
                seen.attempt += 1;
                seen.standing = Standing::Open;
                seen.why.clear();
                Life::Running
            }
            (Action::Rollback, Life::Running | Life::Paused | Life::Completed) => {
                (seen.phase, seen.canary_percent) = (None, 0.0);
                seen.attempt += 1;
                Life::RollingBack
            }
            (Action::Abort, Life::Completed | Life::Aborted) | (Action::Start, _) => {
                return Some(Answer::Refused { why: format!("it is {}", seen.status.as_str()) });
            }
            (Action::Abort, _) => {
                (seen.phase, seen.canary_percent) = (None, 0.0);
                Life::Aborted
            }
            (Action::Pause | Action::Resume | Action::Rollback, status) => {
                return Some(Answer::Refused { why: format!("it is {}", status.as_str()) });
            }
        };
        seen.status = next;
        self.done.push(ask.ordinal);
        Some(Answer::Done { run: None })
    }

    /// What happens by itself between looks: splits are confirmed.
    fn go_on(&mut self) {
        let Some(seen) = &mut self.seen else { return };
        seen.status = match seen.status {
            Life::Pending => Life::Running,
            Life::RollingBack => Life::RolledBack,
            other => other,
        };
    }
}

/// A rollout that has just begun.
fn begun(run: &str) -> Seen {
    Seen {
        run: run.to_owned(),
        status: Life::Pending,
        standing: Standing::Open,
        why: String::new(),
        attempt: 1,
        phase: Some(0),
        progress: 0.0,
        canary_percent: 5.0,
        requests: 0,
        errors: 0,
        response_ms: None,
        health: None,
        evidence: vec![Evidence {
            test: "errorsVsStable".into(),
            weight: 1.0,
            log: 0.0,
            requests: 0.0,
            bad: 0.0,
        }],
    }
}

/// The run of every story and every random life.
pub(super) fn run() -> RunId {
    "checkout.1".parse().expect("a run's name")
}
