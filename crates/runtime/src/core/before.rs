//! What the stable version did lately: requests of the last ten minutes, watched whether a rollout is under way or not.
//!
//! Kept by version, in slots of half a minute, so that a rollout begins with what its own stable did, also when
//! that was the canary of the rollout before. In memory only: after a restart it fills anew within minutes.
//! Only what is seen to happen counts: a data plane's first report, and one after a silence, tell of a time
//! nobody watched, and are passed over.

use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::time::Duration;

use fw_engine::rollout::Before;
use fw_model::{Counts, Epoch, Variant};
use tokio::time::Instant;

use super::service::Service;

/// How long one slot is filled.
const SLOT: Duration = Duration::from_secs(30);
/// Most slots of a version: ten minutes.
const SLOTS_MAX: usize = 20;
/// Most versions that are kept; the ones longest unheard of go first.
const VERSIONS_MAX: usize = 4;
/// Less than this says nothing.
const WATCHED_MIN: Duration = Duration::from_secs(10);
/// A data plane that was silent for longer was not watched meanwhile.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(3);

/// The last ten minutes.
#[derive(Debug, Clone, Default)]
pub(super) struct Lately(BTreeMap<String, VecDeque<Slot>>);

#[derive(Debug, Clone)]
struct Slot {
    began: Instant,
    /// Watched time in it.
    span: Duration,
    counts: Counts,
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

impl Lately {
    /// Counts requests of a version.
    pub(super) fn add(&mut self, version: &str, counts: &Counts, now: Instant) {
        self.slot(version, now).counts.merge(counts);
    }

    /// A version was watched for this long more.
    pub(super) fn watch(&mut self, version: &str, span: Duration, now: Instant) {
        self.slot(version, now).span += span;
    }

    /// What a version did, if it was watched for long enough.
    pub(super) fn of(&self, version: &str, now: Instant) -> Option<Before> {
        let mut before = Before { span: Duration::ZERO, stable: Counts::default() };
        for slot in self.0.get(version)?.iter().filter(|slot| is_recent(slot, now)) {
            before.span += slot.span;
            before.stable.merge(&slot.counts);
        }
        (before.span >= WATCHED_MIN).then_some(before)
    }

    /// The slot that is being filled.
    fn slot(&mut self, version: &str, now: Instant) -> &mut Slot {
        self.make_room(version, now);
        let slots = self.0.entry(version.to_owned()).or_default();
        let fresh = slots.back().is_none_or(|slot| now.duration_since(slot.began) >= SLOT);
        if fresh && slots.len() >= SLOTS_MAX {
            slots.pop_front();
        }
        let index = if fresh { slots.len() } else { slots.len() - 1 };
        if fresh {
            slots.push_back(Slot { began: now, span: Duration::ZERO, counts: Counts::default() });
        }
        // In range: a slot was pushed just now, or `back` found one.
        &mut slots[index]
    }

    fn make_room(&mut self, version: &str, now: Instant) {
        for slots in self.0.values_mut() {
            slots.retain(|slot| is_recent(slot, now));
        }
        self.0.retain(|own, slots| own == version || !slots.is_empty());
        if self.0.len() >= VERSIONS_MAX && !self.0.contains_key(version) {
            let last = |slots: &VecDeque<Slot>| slots.back().map(|slot| slot.began);
            let oldest = self.0.iter().min_by_key(|(_, slots)| last(slots)).map(|(own, _)| own.clone());
            self.0.remove(&oldest.unwrap_or_default());
        }
    }
}

fn is_recent(slot: &Slot, now: Instant) -> bool {
    now.duration_since(slot.began) < SLOT * SLOTS_MAX as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_minutes_of_few_versions_are_kept() {
        let (mut lately, start) = (Lately::default(), Instant::now());
        let one = Counts { requests: 1, ..Counts::default() };
        let at = |second: u64| start + Duration::from_secs(second);
        for second in 0..2000 {
            lately.add("a", &one, at(second));
            lately.watch("a", Duration::from_secs(1), at(second));
        }
        let before = lately.of("a", at(2000)).unwrap();
        assert!((570..=600).contains(&before.stable.requests), "{}", before.stable.requests);
        assert_eq!(before.span.as_secs(), before.stable.requests);
        assert!(lately.0["a"].len() <= SLOTS_MAX);
        for (i, version) in ["b", "c", "d", "e", "f"].into_iter().enumerate() {
            lately.watch(version, Duration::from_secs(9), at(2000 + i as u64));
        }
        assert_eq!(lately.0.len(), VERSIONS_MAX);
        assert!(lately.of("f", at(2010)).is_none(), "nine seconds say nothing");
        assert!(lately.of("a", at(2010)).is_none());
        lately.watch("f", Duration::from_secs(1), at(5000));
        assert_eq!(lately.0.len(), 1, "what is older than ten minutes is forgotten");
    }
}
