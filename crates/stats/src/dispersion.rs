//! How clustered stable's own failures are: φ of the variance between its sources in the same seconds.
//!
//! In each window of 1, 2, 4 … 64 seconds the squared deviations of the sources from their common rate are compared
//! with what independent failures would give: sums of both, fading over an hour, and their ratio is φ of that scale.
//! Windows must be longer than the clusters, hence the scales. Independent failures give 1 whatever the common rate of
//! a window is, so incidents that hit all sources alike and daily trends do not count. 1.5 standard errors are taken
//! off, so independent traffic pays nothing; the largest scale decides.
//!
//! With fewer than [`BETWEEN_GROUPS_MIN`] groups the totals are compared with the rate of the last hour instead. That
//! sees shared incidents too, and can't see what never changes.
//!
//! What the caller feeds: one look a second of all stable sources (`groups`), *after* every test of that look has used
//! φ; before the rollout too, where stable's past is known (10 minutes do, 30 are better). A look of several seconds is
//! one window of its own at the first scale that is as long; shorter scales learn nothing from it. It is no test of
//! anything and can't break a guarantee (`discount`). It does not see clusters of one key (`runs`), nor the canary at
//! all.

use crate::discount::PHI_MAX;
use crate::groups::{GROUPS_MAX, Group, Groups, elapsed};
use crate::mean::Moments;
use crate::numbers::Numbers;

/// Number of window lengths: 2^0 … 2^6 seconds.
pub const SCALES: usize = 7;
/// Memory, seconds.
pub const MEMORY_SECONDS: f64 = 3600.0;
/// Groups from which on sources are compared with each other.
pub const BETWEEN_GROUPS_MIN: usize = 4;
/// Prior: φ …
const PRIOR_PHI: f64 = 1.5;
/// … worth this many failures.
const PRIOR_FAILURES: f64 = 5.0;
/// Standard errors (at φ = 1) that are taken off.
const STANDARD_ERRORS: f64 = 1.5;
/// Looks need not come at exact seconds: a window may be shorter by this, a look longer, seconds.
const SLACK_SECONDS: f64 = 0.25;

/// Sums of the windows of one scale.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Spread {
    /// V: squared deviations.
    seen: f64,
    /// B: what they are expected to be under independence.
    expected: f64,
    /// Q: sums of squared expected counts of variance, for the standard error.
    squares: f64,
}

impl Spread {
    /// φ less its standard errors.
    fn phi(&self) -> f64 {
        let expected = self.expected + PRIOR_FAILURES;
        let error = (expected + 2.0 * self.squares).sqrt() / expected;
        (self.seen + PRIOR_PHI * PRIOR_FAILURES) / expected - STANDARD_ERRORS * error
    }

    fn fade(&mut self, seconds: f64) {
        let keep = (-seconds / MEMORY_SECONDS).exp();
        self.seen *= keep;
        self.expected *= keep;
        self.squares *= keep;
    }
}

/// An open window of one scale.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Window {
    age_seconds: f64,
    /// Sum of squared values, all groups.
    s2: f64,
    /// Requests and failures of each group.
    groups: [[f64; 2]; GROUPS_MAX],
}

impl Window {
    fn add(&mut self, groups: &Groups, seconds: f64) {
        self.age_seconds += seconds;
        for (slot, group) in groups.iter() {
            self.groups[slot][0] += group.n;
            self.groups[slot][1] += group.s;
            self.s2 += group.s2;
        }
    }

    fn total(&self) -> Moments {
        self.groups.iter().fold(Moments { s2: self.s2, ..Moments::default() }, |sum, [n, s]| Moments {
            n: sum.n + n,
            s1: sum.s1 + s,
            ..sum
        })
    }

    /// Deviations between its groups.
    fn between(&self, spread: &mut Spread) {
        let total = self.total();
        let (n, s) = (total.n, total.s1);
        if s <= 0.0 || n <= 1.0 {
            return;
        }
        let (mean, variance) = mean_variance(total);
        let mut loads = 0.0;
        for [n_i, s_i] in &self.groups {
            spread.seen += (s_i - n_i * mean).powi(2);
            spread.squares += (n_i * variance).powi(2);
            loads += n_i * n_i;
        }
        spread.expected += variance * (n - loads / n).max(0.0) * n / (n - 1.0);
    }

    /// Deviations of its totals from what the past predicts.
    fn over_time(&self, spread: &mut Spread, past: Moments) {
        if past.s1 < 1.0 {
            return;
        }
        let total = self.total();
        let (mean, variance) = mean_variance(past);
        spread.seen += (total.s1 - total.n * mean).powi(2);
        spread.expected += total.n * variance;
        spread.squares += (total.n * variance).powi(2);
    }
}

/// Mean and variance of values in [0, 1]; for failures p and p (1 − p).
fn mean_variance(sums: Moments) -> (f64, f64) {
    let mean = (sums.s1 / sums.n).clamp(0.0, 1.0);
    (mean, (sums.s2 / sums.n - mean * mean).max(0.0))
}

/// φ of the variance between sources. Constant size, under 4 KB.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Dispersion {
    spreads: [Spread; SCALES],
    windows: [Window; SCALES],
    /// Groups of the look before, one bit a slot.
    present: u32,
    /// All groups, fading.
    past: Moments,
}

impl Dispersion {
    /// φ from all looks so far, 1..=[`PHI_MAX`], and the window length that shows it, seconds (0 where φ is 1).
    pub fn phi(&self) -> (f64, f64) {
        let scales = self.spreads.iter().enumerate();
        let (phi, seconds) = scales.fold((1.0, 0.0), |most, (scale, spread)| {
            let phi = spread.phi();
            if phi > most.0 { (phi, scale_seconds(scale)) } else { most }
        });
        (phi.min(PHI_MAX), seconds)
    }

    /// A careful φ: [`Dispersion::phi`] with what it may miss of clusters that are long or few. At least that, at most
    /// [`PHI_MAX`]; 1 stays 1.
    ///
    /// *Long*: for windows well above the length of clusters φ(L) = φ(∞) − c/L to first order, as for any sum with
    /// correlations that die out, so φ(∞) ≈ 2 φ(64) − φ(32). Between sources only: over time, what they share would grow
    /// with the window too. *Few*: s failures are about s/φ clusters, and φ − 1 is known to 1/√ of that; one such
    /// standard error is added. Ours: the reference rule has neither.
    pub fn phi_careful(&self) -> f64 {
        let mut phi = self.phi().0;
        if self.present.count_ones() as usize >= BETWEEN_GROUPS_MIN {
            let [half, longest] = [SCALES - 2, SCALES - 1].map(|scale| self.spreads[scale].phi());
            phi = phi.max(2.0 * longest - half);
        }
        let clusters = (self.past.s1 / phi).max(1.0);
        (1.0 + (phi - 1.0) * (1.0 + clusters.sqrt().recip())).min(PHI_MAX)
    }

    /// Takes in a look of stable's groups; `seconds` since the look before. An empty look says nothing.
    pub fn look(&mut self, groups: &Groups, seconds: f64) {
        if groups.is_empty() {
            return;
        }
        let seconds = elapsed(seconds);
        if groups.present() != self.present {
            self.present = groups.present();
            self.windows = [Window::default(); SCALES];
        }
        let is_long_enough = |scale: &usize| scale_seconds(*scale) + SLACK_SECONDS >= seconds;
        let first = (0..SCALES).find(is_long_enough).unwrap_or(SCALES - 1);
        self.windows[..first].fill(Window::default());
        for scale in first..SCALES {
            self.windows[scale].add(groups, seconds);
            let is_own_window = scale == first && scale > 0;
            if is_own_window || self.windows[scale].age_seconds + SLACK_SECONDS >= scale_seconds(scale) {
                self.close(scale);
            }
        }
        let keep = (-seconds / MEMORY_SECONDS).exp();
        let Group { n, s, s2, .. } = groups.total();
        self.past =
            Moments { n: self.past.n * keep + n, s1: self.past.s1 * keep + s, s2: self.past.s2 * keep + s2 };
    }

    fn close(&mut self, scale: usize) {
        let (window, spread) = (&self.windows[scale], &mut self.spreads[scale]);
        spread.fade(window.age_seconds);
        if self.present.count_ones() as usize >= BETWEEN_GROUPS_MIN {
            window.between(spread);
        } else {
            window.over_time(spread, self.past);
        }
        self.windows[scale] = Window::default();
    }
}

fn scale_seconds(scale: usize) -> f64 {
    f64::from(1_u32 << scale)
}

impl Numbers for Dispersion {
    /// The groups that were present, then the rest: the length of the list depends on their number.
    fn give(&self, put: &mut dyn FnMut(f64)) {
        put(f64::from(self.present));
        [self.past.n, self.past.s1, self.past.s2].into_iter().for_each(&mut *put);
        for (spread, window) in self.spreads.iter().zip(&self.windows) {
            [spread.seen, spread.expected, spread.squares, window.age_seconds, window.s2]
                .into_iter()
                .for_each(&mut *put);
            let present = window.groups.iter().enumerate().filter(|(slot, _)| self.present >> slot & 1 == 1);
            present.flat_map(|(_, group)| group).for_each(|number| put(*number));
        }
    }

    fn take(next: &mut dyn FnMut() -> f64) -> Self {
        // Damaged numbers count as nothing seen.
        let mut sound = || Some(next()).filter(|n| *n >= 0.0 && *n <= f64::MAX.sqrt()).unwrap_or(0.0);
        let mut state = Dispersion { present: sound() as u32, ..Dispersion::default() };
        state.past = Moments { n: sound(), s1: sound(), s2: sound() };
        for (spread, window) in state.spreads.iter_mut().zip(&mut state.windows) {
            *spread = Spread { seen: sound(), expected: sound(), squares: sound() };
            (window.age_seconds, window.s2) = (sound(), sound());
            for slot in (0..GROUPS_MAX).filter(|slot| state.present >> slot & 1 == 1) {
                window.groups[slot] = [sound(), sound()];
            }
        }
        state
    }
}
