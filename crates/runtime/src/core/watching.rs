//! What the version that serves as stable does, watched whether a rollout is under way or not.
//!
//! A rollout begins with what was learnt of its stable version, and learns on by itself; when it is over, or while all
//! traffic is on one side, watching goes on from there. It is kept in the log now and then, so that a restart costs
//! little of it. Only what is seen to happen counts: a data plane's first report, and one after a silence, tell of a
//! time nobody watched, and are passed over.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use fw_engine::analysis::History;
use fw_engine::rollout::Delta;
use fw_model::{Counts, Epoch, Plan, Variant};

use super::service::{Run, Service, ServiceState};

/// Less than this says nothing.
const WATCHED_MIN: Duration = Duration::from_secs(10);
/// A data plane that was silent for longer was not watched meanwhile.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(3);
/// What was learnt is written when half as much again was learnt, but at most so often …
const WRITE_EVERY_MIN: Duration = Duration::from_secs(10);
/// … and at least so often.
const WRITE_EVERY_MAX: Duration = Duration::from_secs(300);

/// What was learnt of the served version; nothing while a rollout learns it.
#[derive(Debug, Clone, Default)]
pub(super) struct Watching {
    /// Its name, and what was learnt.
    learnt: Option<(String, History)>,
    /// What each of its instances did since the last tick.
    fresh: BTreeMap<String, Counts>,
    /// Time since the last tick that brought something.
    idle: Duration,
    /// Time that was learnt from and is not written.
    unwritten: Duration,
}

/// Which cells are the stable version's now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Served {
    /// Its name.
    pub(super) version: String,
    /// The variant it is served as.
    variant: Variant,
    /// Under these epochs.
    epochs: RangeInclusive<Epoch>,
}

impl Served {
    /// Of a service as it is.
    pub(super) fn of(service: &Service) -> Served {
        let state = &service.state;
        let (plan, variant, first) = match &state.run {
            Some(run) if run.rollout.epoch == state.epoch => {
                let rollout = &run.rollout;
                match rollout.is_full() {
                    true => (&*rollout.plan, Variant::Canary, state.epoch),
                    false => (&*rollout.plan, Variant::Stable, rollout.first_epoch),
                }
            }
            _ => (&service.plan, Variant::Stable, state.epoch),
        };
        let version = match variant {
            Variant::Canary => plan.canary.version.clone(),
            Variant::Stable => plan.stable.version.clone(),
        };
        Served { version, variant, epochs: first..=state.epoch }
    }

    /// Whether a cell is its.
    pub(super) fn holds(&self, epoch: Epoch, variant: Variant) -> bool {
        variant == self.variant && self.epochs.contains(&epoch)
    }
}

/// Whether a rollout learns what stable does: both versions have traffic.
fn learns(run: &Run, epoch: Epoch) -> bool {
    let rollout = &run.rollout;
    rollout.is_watched()
        && rollout.epoch == epoch
        && rollout.canary != fw_model::Weight::ZERO
        && !rollout.is_full()
}

impl Watching {
    /// As it was stored.
    pub(super) fn stored(version: String, history: History) -> Watching {
        Watching { learnt: Some((version, history)), ..Watching::default() }
    }

    /// Counts what an instance of the served version did.
    pub(super) fn add(&mut self, instance: &str, counts: &Counts) {
        match self.fresh.get_mut(instance) {
            Some(sum) => sum.merge(counts),
            None => _ = self.fresh.insert(instance.to_owned(), counts.clone()),
        }
    }

    /// Whether what was learnt should be written; `all`: whatever there is.
    pub(super) fn is_due(&self, all: bool) -> bool {
        let Some((_, history)) = &self.learnt else { return false };
        let after = (history.watched() / 2).clamp(WRITE_EVERY_MIN, WRITE_EVERY_MAX);
        self.unwritten >= if all { Duration::from_nanos(1) } else { after }
    }

    /// What is to be written.
    pub(super) fn learnt(&self) -> Option<(&str, &History)> {
        self.learnt.as_ref().map(|(version, history)| (version.as_str(), history))
    }

    /// It is being written.
    pub(super) fn written(&mut self) {
        self.unwritten = Duration::ZERO;
    }

    /// A rollout takes over.
    pub(super) fn hand_over(&mut self) {
        *self = Watching::default();
    }

    fn take_in(&mut self, plan: &Plan, history: impl FnOnce() -> History, version: String, span: Duration) {
        if self.learnt.as_ref().is_none_or(|(of, _)| *of != version) {
            self.learnt = Some((version, history()));
        }
        self.idle = self.idle.saturating_add(span);
        if self.fresh.is_empty() {
            return;
        }
        let delta =
            |(instance, counts)| Delta { epoch: Epoch(0), variant: Variant::Stable, instance, counts };
        let deltas: Vec<Delta> = std::mem::take(&mut self.fresh).into_iter().map(delta).collect();
        if let Some((_, history)) = &mut self.learnt {
            history.look(plan, &deltas, self.idle.as_secs_f64());
        }
        self.unwritten = self.unwritten.saturating_add(self.idle);
        self.idle = Duration::ZERO;
    }
}

impl ServiceState {
    /// What is known of a version that serves as stable, or did until a rollout began.
    fn known_of(&self, version: &str) -> Option<History> {
        if let Some((of, history)) = &self.watching.learnt
            && of == version
        {
            return Some(history.clone());
        }
        let rollout = &self.run.as_ref()?.rollout;
        let history = History::of(rollout);
        match () {
            () if rollout.plan.stable.version == version => Some(history),
            () if rollout.plan.canary.version == version => Some(history.succeeded()),
            () => None,
        }
    }

    /// What a rollout from this version begins with, if the version was watched for long enough.
    pub(super) fn before(&self, version: &str) -> Option<Box<History>> {
        self.known_of(version).filter(|history| history.watched() >= WATCHED_MIN).map(Box::new)
    }
}

impl Service {
    /// Takes in what the served version did in the time `span` since the last tick.
    pub(super) fn watch(&mut self, span: Duration) {
        let learns = self.state.run.as_ref().is_some_and(|run| learns(run, self.state.epoch));
        let served = Served::of(self);
        let known = || self.state.known_of(&served.version).unwrap_or_default();
        let missing = self.state.watching.learnt.as_ref().is_none_or(|(of, _)| *of != served.version);
        let begun = (missing && !learns).then(known);
        let watching = std::sync::Arc::make_mut(&mut self.state.watching);
        if learns {
            watching.hand_over();
        } else {
            watching.take_in(&self.plan, || begun.unwrap_or_default(), served.version, span);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learnt_is_written_more_seldom_the_more_there_is() {
        let plan = Plan::seed("checkout".parse().unwrap());
        let (mut watching, mut written) = (Watching::default(), vec![]);
        for second in 1..=3600 {
            watching.add("a", &Counts { requests: 10, ..Counts::default() });
            watching.take_in(&plan, History::default, "1.4.2".into(), Duration::from_secs(1));
            if watching.is_due(false) {
                watching.written();
                written.push(second);
            }
        }
        assert_eq!(written[..4], [10, 20, 40, 80], "{written:?}");
        assert!(written.windows(2).all(|two| two[1] - two[0] <= 300), "{written:?}");
        assert!(!watching.is_due(true) || written.last() != Some(&3600));
        let (version, history) = watching.learnt().unwrap();
        assert_eq!((version, history.watched().as_secs(), history.requests()), ("1.4.2", 3600, 36_000.0));
    }

    #[test]
    fn seconds_without_requests_come_with_the_next_that_has_some() {
        let plan = Plan::seed("checkout".parse().unwrap());
        let mut watching = Watching::default();
        for second in 0..30 {
            if second % 10 == 9 {
                watching.add("a", &Counts { requests: 1, ..Counts::default() });
            }
            watching.take_in(&plan, History::default, "1.4.2".into(), Duration::from_secs(1));
        }
        assert_eq!(watching.learnt().unwrap().1.watched().as_secs(), 30);
        watching.hand_over();
        assert!(watching.learnt().is_none() && !watching.is_due(true));
    }
}
