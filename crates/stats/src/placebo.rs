//! The placebo: how strongly a healthy instance of stable would have been accused, had it been the canary.
//!
//! Each stable group plays the canary against all others, in the same second, by the formula and margin of the test. If
//! failures are independent, the largest evidence after N comparisons stays near ln N; if a healthy instance "proved"
//! more, evidence is overstated by that factor, and φ is the factor. A variance alone misses rare, large bursts on top
//! of a large common rate.
//!
//! What the caller feeds: the look that `dispersion` gets, with stable's rate as predicted *after* the look. Without
//! [`BETWEEN_GROUPS_MIN`] groups nothing is learnt. It is no test; what it says can't break a guarantee (`discount`).

use crate::discount::PHI_MAX;
use crate::dispersion::{BETWEEN_GROUPS_MIN, MEMORY_SECONDS};
use crate::groups::{GROUPS_MAX, Groups, elapsed};
use crate::numbers::Numbers;
use crate::plant::{self, Bug};
use crate::relative::{self, Pair};
use crate::test::{Ask, Side};

/// Rate ratios a group is accused of; their reciprocals where lower is worse.
const EFFECTS: [f64; 3] = [3.0, 9.0, 65.0];
/// Time over which an accusation leaks away, seconds: effects that never change count for a while.
const LEAK_SECONDS: f64 = 300.0;
/// Comparisons that are assumed at least.
const COMPARISONS_MIN: f64 = 1000.0;

/// What the placebo comparisons found. Constant size, under 1 KB.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Placebo {
    /// ln of the running evidence against each group, never below 0.
    against: [[f64; EFFECTS.len()]; GROUPS_MAX],
    present: u32,
    /// The largest so far, fading.
    largest: f64,
    /// Comparisons so far (groups times seconds), fading.
    comparisons: f64,
    leader: usize,
    since_seconds: f64,
}

/// The healthy source that would have been accused most strongly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accused {
    /// Its slot.
    pub slot: usize,
    /// ln of the evidence, as faded by now.
    pub log: f64,
    /// How long ago, seconds.
    pub since_seconds: f64,
}

impl Placebo {
    /// φ from all looks so far, 1..=[`PHI_MAX`].
    pub fn phi(&self) -> f64 {
        if plant::has(Bug::NoPlacebo) {
            return 1.0;
        }
        (self.largest / self.comparisons.max(COMPARISONS_MIN).ln()).clamp(1.0, PHI_MAX)
    }

    /// The source behind [`Placebo::phi`]; none before any accusation.
    pub fn accused(&self) -> Option<Accused> {
        let accused = Accused { slot: self.leader, log: self.largest, since_seconds: self.since_seconds };
        (self.largest > 0.0).then_some(accused)
    }

    /// Takes in a look of stable's groups; `base` is stable's rate as now predicted, `seconds` since the look before.
    pub fn look(&mut self, ask: &Ask, groups: &Groups, base: f64, seconds: f64) {
        if groups.is_empty() {
            return;
        }
        let seconds = elapsed(seconds);
        let keep = (-seconds / MEMORY_SECONDS).exp();
        self.largest *= keep;
        self.comparisons *= keep;
        self.since_seconds += seconds;
        self.present = groups.present();
        for (slot, against) in self.against.iter_mut().enumerate() {
            if self.present >> slot & 1 == 0 {
                *against = Default::default();
            }
        }
        if groups.count() >= BETWEEN_GROUPS_MIN {
            self.compare(ask, groups, base, seconds);
        }
    }

    fn compare(&mut self, ask: &Ask, groups: &Groups, base: f64, seconds: f64) {
        let total = groups.total();
        let leak = (-seconds / LEAK_SECONDS).exp();
        for (slot, group) in groups.iter() {
            // Without a failure an accusation of harm can't grow: nothing to compute where there is none.
            let quiet = ask.side == Side::Harm && group.accused <= 0.0;
            if quiet && self.against[slot] == [0.0; EFFECTS.len()] {
                continue;
            }
            let pair =
                Pair { n_t: group.n, s_t: group.accused, n_c: total.n - group.n, s_c: total.s - group.s };
            for (against, effect) in self.against[slot].iter_mut().zip(EFFECTS) {
                let psi = if ask.side == Side::Down { 1.0 / effect } else { effect };
                *against = (*against * leak + relative::log_ratio(pair, base, ask.margin, psi)).max(0.0);
                if *against > self.largest {
                    (self.largest, self.leader, self.since_seconds) = (*against, slot, 0.0);
                }
            }
        }
        self.comparisons += groups.count() as f64 * seconds;
    }
}

impl Numbers for Placebo {
    /// The groups that were present, then the rest: the length of the list depends on their number.
    fn give(&self, put: &mut dyn FnMut(f64)) {
        [self.present.into(), self.largest, self.comparisons, self.leader as f64, self.since_seconds]
            .into_iter()
            .for_each(&mut *put);
        let present = self.against.iter().enumerate().filter(|(slot, _)| self.present >> slot & 1 == 1);
        present.flat_map(|(_, against)| against).for_each(|log| put(*log));
    }

    fn take(next: &mut dyn FnMut() -> f64) -> Self {
        let mut sound = || Some(next()).filter(|n| *n >= 0.0 && n.is_finite()).unwrap_or(0.0);
        let mut state = Placebo {
            present: sound() as u32,
            largest: sound(),
            comparisons: sound(),
            leader: (sound() as usize).min(GROUPS_MAX - 1),
            since_seconds: sound(),
            ..Placebo::default()
        };
        for slot in (0..GROUPS_MAX).filter(|slot| state.present >> slot & 1 == 1) {
            state.against[slot] = std::array::from_fn(|_| sound());
        }
        state
    }
}
