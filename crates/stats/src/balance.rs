//! The balance rule: one sick instance of the canary is worth about three failures.
//!
//! A version that is bad is bad on all its instances. So a source may add failures only up to what the worst of the
//! *other* canary sources lets expect, plus 3 and 3 standard deviations: floor(3 + e + 3 √e − R_i) with e = N_i max
//! R_j/N_j, over
//! the last minute. A regression that all see is not touched.
//!
//! What the caller feeds: each look's canary sources with their requests and the failures left by the run rule
//! (`runs`), in the slots of the *canary's* `Slots`, and whether a phase began: a new split is a new balance. In one
//! look sources are taken in the order of their slots: to an earlier one the failures of later ones are those that were
//! fed, to a later one those of earlier ones are the counted ones. With fewer than two sources everything counts.
//! Failures over the allowance enter harm tests as successes, which is valid on every path. It is not for stable, and
//! not for health.

use crate::groups::{GROUPS_MAX, Groups, elapsed};
use crate::numbers::Numbers;

/// Memory, seconds.
const MEMORY_SECONDS: f64 = 60.0;
/// Failures allowed to one source alone, and standard deviations above the expected.
const ALLOWANCE: f64 = 3.0;

/// Failures of each source that count, by slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    /// Of each slot; 0 where there is no source.
    pub by_slot: [f64; GROUPS_MAX],
}

impl Counted {
    /// Of all sources: the `counted` of a look.
    pub fn total(&self) -> f64 {
        self.by_slot.iter().sum()
    }
}

/// What the sources of a canary reported in the last minute. Constant size, about 512 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Balance {
    /// N: requests, fading.
    requests: [f64; GROUPS_MAX],
    /// R: failures that counted, fading.
    failures: [f64; GROUPS_MAX],
}

impl Balance {
    /// Failures of this look that count; `seconds` since the look before.
    pub fn look(&mut self, sources: &Groups, seconds: f64, phase_began: bool) -> Counted {
        if phase_began {
            *self = Balance::default();
        }
        let seconds = elapsed(seconds);
        let keep = (-seconds / MEMORY_SECONDS).exp();
        self.requests.iter_mut().chain(&mut self.failures).for_each(|sum| *sum *= keep);
        let before = self.failures;
        for (slot, source) in sources.iter() {
            self.requests[slot] += source.n;
            self.failures[slot] += source.s;
        }
        let mut counted = Counted { by_slot: [0.0; GROUPS_MAX] };
        for (slot, source) in sources.iter() {
            let allowed = if sources.count() < 2 {
                source.s
            } else {
                let expected = self.requests[slot] * self.worst_but(slot);
                (ALLOWANCE + expected + ALLOWANCE * expected.sqrt() - before[slot]).floor().max(0.0)
            };
            counted.by_slot[slot] = source.s.min(allowed);
            self.failures[slot] = before[slot] + counted.by_slot[slot];
        }
        counted
    }

    /// The largest failure rate of the other sources.
    fn worst_but(&self, slot: usize) -> f64 {
        let others = (0..GROUPS_MAX).filter(|other| *other != slot && self.requests[*other] > 0.0);
        others.map(|other| self.failures[other] / self.requests[other]).fold(0.0, f64::max)
    }
}

impl Numbers for Balance {
    fn give(&self, put: &mut dyn FnMut(f64)) {
        self.requests.iter().chain(&self.failures).for_each(|sum| put(*sum));
    }

    fn take(next: &mut dyn FnMut() -> f64) -> Self {
        // A damaged number counts as nothing seen.
        let mut sound = || Some(next()).filter(|n| *n >= 0.0 && n.is_finite()).unwrap_or(0.0);
        Balance { requests: std::array::from_fn(|_| sound()), failures: std::array::from_fn(|_| sound()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::groups::Group;
    use crate::numbers::{listed, unlisted};

    fn sources(counts: &[(f64, f64)]) -> Groups {
        let mut groups = Groups::default();
        counts.iter().enumerate().for_each(|(slot, (n, s))| groups.add(slot, Group::failures(*n, *s)));
        groups
    }

    #[test]
    fn one_sick_instance_is_worth_three_failures() {
        let mut balance = Balance::default();
        let counted: f64 = (0..10)
            .map(|i| balance.look(&sources(&[(25.0, 20.0), (25.0, 0.0), (25.0, 0.0)]), 1.0, i == 0).total())
            .sum();
        assert_eq!(counted, 3.0);
    }

    #[test]
    fn a_regression_of_all_instances_counts_in_full() {
        let mut balance = Balance::default();
        for i in 0..60 {
            let look = sources(&[(25.0, 5.0), (25.0, 4.0), (25.0, 6.0)]);
            assert_eq!(balance.look(&look, 1.0, i == 0).total(), 15.0, "look {i}");
        }
    }

    #[test]
    fn a_single_instance_counts_in_full_and_a_new_phase_forgets() {
        let mut balance = Balance::default();
        assert_eq!(balance.look(&sources(&[(25.0, 25.0)]), 1.0, true).total(), 25.0);
        let two = sources(&[(25.0, 25.0), (25.0, 0.0)]);
        assert_eq!(balance.look(&two, 1.0, false).total(), 0.0);
        assert_eq!(balance.look(&two, 1.0, true).total(), 3.0);
    }

    #[test]
    fn the_state_is_small_and_comes_back() {
        assert!(size_of::<Balance>() <= 512);
        let mut balance = Balance::default();
        balance.look(&sources(&[(25.0, 20.0), (25.0, 0.0)]), 1.0, true);
        assert_eq!(unlisted(&listed(&balance)), Some(balance));
    }

    proptest! {
        #[test]
        fn it_only_lowers_and_by_whole_failures(
            looks in prop::collection::vec(prop::collection::vec((0_u64..1 << 53, 0.0_f64..=1.0), 1..5), 1..20),
            seconds: f64,
        ) {
            let mut balance = Balance::default();
            for look in looks {
                let counts: Vec<_> = look.iter().map(|(n, x)| (*n as f64, (*n as f64 * x).floor())).collect();
                let counted = balance.look(&sources(&counts), seconds, false);
                for (slot, (_, s)) in counts.iter().enumerate() {
                    let counted = counted.by_slot[slot];
                    prop_assert!((0.0..=*s).contains(&counted) && counted.fract() == 0.0, "{} of {}", counted, s);
                }
            }
        }
    }
}
