//! The onset mixture: evidence that restarts continuously, so that a regression that begins late is
//! found as fast as one that was there from the start, at the same α and in O(1) state.
//!
//! A reserve pays a stake into every effect at each block (a proper prior on the moment of onset);
//! what it has paid multiplies with the block's e-values. M_j = (M_j + π) S_j with π = R h. Under the
//! null the whole never grows in expectation. Source: Shiryaev (1963) in the form of an e-process;
//! compare Shin, Ramdas & Rinaldo, "E-detectors" (2024), which bound run lengths instead.

use crate::grid::{EFFECTS, HARM_WEIGHTS, MEAN_EFFECTS, log_sum_exp};
use crate::numbers::Numbers;
use crate::plant::{self, Bug};

/// Share of the wealth staked at the start.
pub const START: f64 = 0.7;
/// Stake at the first block of a phase, at least.
pub const PHASE_STAKE: f64 = 0.2;
/// Time over which the reserve is staked, seconds: about a rollout.
pub const TAU_SECONDS: f64 = 900.0;

/// Wealth of one harm test over the effects of a grid of `N` points. Constant size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Onset<const N: usize = EFFECTS> {
    /// ln M_j.
    log_wealth: [f64; N],
    /// ln R.
    log_reserve: f64,
}

impl<const N: usize> Default for Onset<N> {
    fn default() -> Self {
        Onset { log_wealth: [START.ln(); N], log_reserve: (1.0 - START).ln() }
    }
}

impl<const N: usize> Onset<N> {
    /// Takes in a closed block: its ln e-values, its age in seconds, and whether a phase began in it.
    pub fn step(&mut self, log_s: &[f64; N], age_seconds: f64, phase_began: bool, tau_seconds: f64) {
        let age = if age_seconds > 0.0 { age_seconds } else { 0.0 };
        let ln_keep =
            if phase_began { (-age / tau_seconds).min((1.0 - PHASE_STAKE).ln()) } else { -age / tau_seconds };
        // 1 − e^x without cancellation.
        let ln_stake = self.log_reserve + (-ln_keep.exp_m1()).max(0.0).ln();
        self.log_reserve += ln_keep;
        let ln_stake = if plant::has(Bug::NoReserve) { f64::NEG_INFINITY } else { ln_stake };
        for (wealth, log) in self.log_wealth.iter_mut().zip(log_s) {
            *wealth = ln_add(*wealth, ln_stake) + log;
        }
    }

    /// ln E with these weights of the effects; they sum to 1.
    fn log_evidence_by(&self, weights: impl Iterator<Item = f64> + Clone) -> f64 {
        let effects = self.log_wealth.iter().zip(weights).map(|(wealth, weight)| wealth + weight.ln());
        log_sum_exp(effects.chain([self.log_reserve]))
    }
}

impl<const N: usize> Numbers for Onset<N> {
    fn give(&self, put: &mut dyn FnMut(f64)) {
        self.log_wealth.iter().for_each(|log| put(*log));
        put(self.log_reserve);
    }

    fn take(next: &mut dyn FnMut() -> f64) -> Self {
        // A NaN counts as nothing: no evidence comes from a damaged number.
        let mut sound = || Some(next()).filter(|log| !log.is_nan()).unwrap_or(f64::NEG_INFINITY);
        Onset { log_wealth: std::array::from_fn(|_| sound()), log_reserve: sound() }
    }
}

impl Onset<EFFECTS> {
    /// ln E: the weighted sum over effects plus the reserve. Reaching ln(1/α) has probability ≤ α.
    pub fn log_evidence(&self) -> f64 {
        self.log_evidence_by(HARM_WEIGHTS.into_iter())
    }
}

impl Onset<MEAN_EFFECTS> {
    /// ln E: the mean over effects or bets plus the reserve. Reaching ln(1/α) has probability ≤ α.
    pub fn log_evidence(&self) -> f64 {
        self.log_evidence_by(std::iter::repeat_n(1.0 / MEAN_EFFECTS as f64, MEAN_EFFECTS))
    }
}

/// ln(e^a + e^b).
fn ln_add(a: f64, b: f64) -> f64 {
    let (large, small) = if a > b { (a, b) } else { (b, a) };
    if large == f64::NEG_INFINITY { large } else { large + (small - large).exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neutral_blocks_leave_the_evidence_at_one() {
        let mut onset: Onset = Onset::default();
        assert!(onset.log_evidence().abs() < 1e-12);
        for i in 0..100 {
            onset.step(&[0.0; EFFECTS], 5.0, i % 10 == 0, TAU_SECONDS);
            assert!(onset.log_evidence().abs() < 1e-9, "{}", onset.log_evidence());
        }
    }

    #[test]
    fn a_late_onset_costs_little_more_than_an_early_one() {
        let good = [-0.05; EFFECTS];
        let bad = [0.8; EFFECTS];
        let needed = |late: usize| {
            let mut onset: Onset = Onset::default();
            (0..late).for_each(|_| onset.step(&good, 1.0, false, TAU_SECONDS));
            (1..).find(|_| {
                onset.step(&bad, 1.0, false, TAU_SECONDS);
                onset.log_evidence() > 100_f64.ln()
            })
        };
        let (early, late) = (needed(0).unwrap(), needed(600).unwrap());
        assert!(late <= early + 12, "{early} {late}");
    }
}
