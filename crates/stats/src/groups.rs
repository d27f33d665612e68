//! What the sources of one variant reported in one look: at most 32 groups, each with its counts.
//!
//! A source is an upstream instance of a version, or a data plane where instances are unknown. Sources beyond
//! [`GROUPS_MAX`] share slots by their hash; a dispersion does not change by grouping equal sources.
//!
//! What the caller feeds: every *live* source of the variant in each look, also one without requests, always in the
//! slot that its [`Slots`] gave it. A live source that is left out in one look and comes back in the next is a change
//! of the set of groups, which costs the windows that are open.

use crate::mean::Moments;
use crate::numbers::Numbers;

/// Groups at most.
pub const GROUPS_MAX: usize = 32;
/// Counts are exact up to here; larger ones are damaged input.
const COUNT_MAX: f64 = 9_007_199_254_740_992.0;

/// Counts of one group in one look.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Group {
    /// Requests (or batches, or values).
    pub n: f64,
    /// Failures, exceedances, bad batches, or the sum of values in [0, 1].
    pub s: f64,
    /// The sum of the squares of those values; for failures `s` again.
    pub s2: f64,
    /// What it would count if the group were the canary: `s`, but for latency the exceedances of the canary's higher
    /// threshold.
    pub accused: f64,
}

impl Group {
    /// `s` failures (or bad batches) among `n`.
    pub fn failures(n: f64, s: f64) -> Group {
        Group { n, s, s2: s, accused: s }
    }

    /// `s` of `n` response times above stable's threshold, `accused` of them also above the canary's.
    pub fn exceedances(n: f64, s: f64, accused: f64) -> Group {
        Group { n, s, s2: s, accused }
    }

    /// Sums of values in [0, 1].
    pub fn values(values: Moments) -> Group {
        Group { n: values.n, s: values.s1, s2: values.s2, accused: values.s1 }
    }

    fn is_sound(&self) -> bool {
        let part = |sum: f64| (0.0..=self.n).contains(&sum);
        (0.0..=COUNT_MAX).contains(&self.n) && part(self.s) && part(self.s2) && part(self.accused)
    }

    fn add(&mut self, other: Group) {
        self.n += other.n;
        self.s += other.s;
        self.s2 += other.s2;
        self.accused += other.accused;
    }
}

/// One look of all sources of a variant. Lives on the stack; nothing of it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Groups {
    present: u32,
    groups: [Group; GROUPS_MAX],
}

impl Groups {
    /// Adds a source's counts of this look to its slot (modulo [`GROUPS_MAX`]); unsound counts are taken for none.
    pub fn add(&mut self, slot: usize, counts: Group) {
        let slot = slot % GROUPS_MAX;
        self.present |= 1 << slot;
        if counts.is_sound() {
            self.groups[slot].add(counts);
        }
    }

    /// Groups that were added, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Group)> {
        self.groups.iter().enumerate().filter(|(slot, _)| self.present >> slot & 1 == 1)
    }

    /// Number of groups.
    pub fn count(&self) -> usize {
        self.present.count_ones() as usize
    }

    /// Whether there is no group at all: nothing was reported.
    pub fn is_empty(&self) -> bool {
        self.present == 0
    }

    /// All groups together.
    pub fn total(&self) -> Group {
        self.iter().fold(Group::default(), |mut sum, (_, group)| {
            sum.add(*group);
            sum
        })
    }

    /// One bit a slot.
    pub(crate) fn present(&self) -> u32 {
        self.present
    }
}

/// Time between looks as it is used, seconds: 0 for what is none, at most some thirty years.
pub(crate) fn elapsed(seconds: f64) -> f64 {
    if seconds > 0.0 { seconds.min(1e9) } else { 0.0 }
}

/// Which source has which slot. Constant size; survives restarts as [`Numbers`].
///
/// The first [`GROUPS_MAX`] sources have a slot each, later ones share by hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Slots {
    /// 53 bits of the hash of the source's name; 0 = free.
    owner: [u64; GROUPS_MAX],
}

impl Slots {
    /// The slot of a source (0..[`GROUPS_MAX`]); it gets one when it is new.
    pub fn slot(&mut self, source: &str) -> usize {
        let id = id(source);
        let known = self.owner.iter().position(|owner| *owner == id);
        let free = || self.owner.iter().position(|owner| *owner == 0);
        let slot = known.or_else(free).unwrap_or(id as usize % GROUPS_MAX);
        if self.owner[slot] == 0 {
            self.owner[slot] = id;
        }
        slot
    }
}

/// FNV-1a, 53 bits, never 0: the same on every machine, and exact as a float.
fn id(source: &str) -> u64 {
    let hash = source.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 11).max(1)
}

impl Slots {
    /// Gives up a slot (modulo [`GROUPS_MAX`]): its source is gone.
    pub fn release(&mut self, slot: usize) {
        self.owner[slot % GROUPS_MAX] = 0;
    }

    /// Slots that belong to a source, in order.
    pub fn taken(&self) -> impl Iterator<Item = usize> {
        self.owner.iter().enumerate().filter(|(_, owner)| **owner != 0).map(|(slot, _)| slot)
    }
}

impl Numbers for Slots {
    fn give(&self, put: &mut dyn FnMut(f64)) {
        self.owner.iter().for_each(|owner| put(*owner as f64));
    }

    fn take(next: &mut dyn FnMut() -> f64) -> Self {
        // A cast of anything that is no such number gives one: the source then gets another slot.
        Slots { owner: std::array::from_fn(|_| (next() as u64).min((1 << 53) - 1)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::numbers::{listed, unlisted};

    #[test]
    fn sources_keep_their_slots_and_share_when_there_are_too_many() {
        let mut slots = Slots::default();
        let names: Vec<String> = (0..100).map(|i| format!("10.0.0.{i}:8080")).collect();
        let first: Vec<usize> = names.iter().map(|name| slots.slot(name)).collect();
        assert_eq!(first[..GROUPS_MAX], (0..GROUPS_MAX).collect::<Vec<_>>());
        assert!(first.iter().all(|slot| *slot < GROUPS_MAX));
        let mut again: Slots = unlisted(&listed(&slots)).unwrap();
        assert_eq!(names.iter().map(|name| again.slot(name)).collect::<Vec<_>>(), first);
        assert!(unlisted::<Slots>(&[f64::NAN; GROUPS_MAX]).is_some());
        again.release(7);
        assert_eq!(again.taken().count(), GROUPS_MAX - 1);
        assert_eq!(again.slot("a new one"), 7);
    }

    #[test]
    fn a_source_without_requests_is_a_group_and_damaged_counts_are_none() {
        let mut groups = Groups::default();
        assert!(groups.is_empty());
        groups.add(3, Group::failures(0.0, 0.0));
        groups.add(5, Group::failures(10.0, 2.0));
        groups.add(5 + GROUPS_MAX, Group::failures(1.0, 1.0));
        groups.add(6, Group::failures(1.0, 2.0));
        groups.add(7, Group::failures(f64::NAN, f64::INFINITY));
        assert_eq!(groups.count(), 4);
        assert_eq!(groups.total(), Group::failures(11.0, 3.0));
        assert_eq!(groups.iter().map(|(slot, _)| slot).collect::<Vec<_>>(), [3, 5, 6, 7]);
    }

    proptest! {
        #[test]
        fn whatever_is_added_the_counts_are_sound(slot: usize, n: f64, s: f64, s2: f64, accused: f64) {
            let mut groups = Groups::default();
            groups.add(slot, Group { n, s, s2, accused });
            prop_assert!(groups.total().is_sound());
        }
    }
}
