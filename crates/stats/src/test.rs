//! One question against stable, look by look: pending counts, closing of blocks, wealth, predictions.
//!
//! Looks are added up until a block is large enough to say something; only closed blocks count (an
//! open one is no martingale). Predictions are updated after the block they were used for.

use crate::base::{self, BaseRate};
use crate::grid::{EFFECTS, SAFE_EFFECTS, log_mean_exp};
use crate::numbers::{Numbers, flag};
use crate::onset::Onset;
use crate::plant::{self, Bug};
use crate::relative::{self, Margin, Pair};

/// Requests of both arms that close a block …
pub const BLOCK_TOTAL_MIN: f64 = 40.0;
/// … with at least this many of the canary.
pub const BLOCK_CANARY_MIN: f64 = 4.0;
/// Age at which a block closes all the same, seconds.
pub const BLOCK_AGE_MAX_SECONDS: f64 = 30.0;

/// Which side of the margin is harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Higher is worse: errors, exceedances.
    Harm,
    /// Lower is worse: conversions.
    Down,
}

/// What a test asks; fixed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ask {
    /// Which side is harm.
    pub side: Side,
    /// What is acceptable.
    pub margin: Margin,
    /// What must be shown not to be reached, for health; none = the test only rolls back.
    pub safe: Option<Margin>,
    /// Time over which an onset is expected, seconds: about the rollout.
    pub tau_seconds: f64,
}

/// A comparison with stable. Constant size, under 300 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Comparison {
    pending: Pair,
    age_seconds: f64,
    phase_began: bool,
    base: BaseRate,
    harm: Onset,
    safe: [f64; SAFE_EFFECTS],
}

impl Comparison {
    /// Takes in a look's counts; `seconds` since the look before. Returns whether a block was closed.
    pub fn look(&mut self, ask: &Ask, counts: Pair, seconds: f64, phase_began: bool) -> bool {
        self.look_at(ask, counts, seconds, phase_began, None)
    }

    /// As [`Comparison::look`], with stable's rate as predicted by something other than this test's own past.
    pub fn look_at(
        &mut self,
        ask: &Ask,
        counts: Pair,
        seconds: f64,
        phase_began: bool,
        predicted: Option<f64>,
    ) -> bool {
        self.pending.add(counts);
        self.age_seconds += seconds.max(0.0);
        self.phase_began |= phase_began;
        if !self.is_closable() {
            return false;
        }
        let (block, age) = (self.pending, self.age_seconds);
        let rate = predicted.unwrap_or_else(|| self.base.rate());
        let log_s: [f64; EFFECTS] = match ask.side {
            Side::Harm => relative::log_harm(block, rate, ask.margin),
            Side::Down => relative::log_down(block, rate, ask.margin),
        };
        self.harm.step(&log_s, age, self.phase_began, ask.tau_seconds);
        if self.phase_began {
            self.safe = [0.0; SAFE_EFFECTS];
        }
        if let Some(margin) = ask.safe {
            let logs = match ask.side {
                Side::Harm => relative::log_safe(block, rate, margin),
                Side::Down => relative::log_safe_down(block, rate, margin),
            };
            self.safe.iter_mut().zip(logs).for_each(|(sum, log)| *sum += log);
        }
        self.base.update(block.n_c, block.s_c, age, base::MEMORY_SECONDS);
        self.pending = Pair::default();
        self.age_seconds = 0.0;
        self.phase_began = false;
        true
    }

    fn is_closable(&self) -> bool {
        let Pair { n_t, n_c, .. } = self.pending;
        let large = n_t + n_c >= BLOCK_TOTAL_MIN && n_t >= BLOCK_CANARY_MIN;
        let old = self.age_seconds >= BLOCK_AGE_MAX_SECONDS;
        n_t > 0.0 && n_c > 0.0 && (large || old || plant::has(Bug::OpenBlock))
    }

    /// ln of the evidence of harm.
    pub fn log_harm(&self) -> f64 {
        self.harm.log_evidence()
    }

    /// ln of the evidence of health in this phase.
    pub fn log_safe(&self) -> f64 {
        log_mean_exp(&self.safe)
    }

    /// A new phase: health must be shown anew, from its first block on.
    pub fn restart_safe(&mut self) {
        self.safe = [0.0; SAFE_EFFECTS];
    }

    /// A new attempt: harm must be shown anew; health and predictions stay.
    pub fn restart_harm(&mut self) {
        self.harm = Onset::default();
    }

    /// Seeds the prediction with stable's counts from before the rollout.
    pub fn seed(&mut self, n: f64, s: f64) {
        self.base = BaseRate { n, s };
    }
}

impl Numbers for Comparison {
    fn give(&self, put: &mut dyn FnMut(f64)) {
        let Pair { n_t, s_t, n_c, s_c } = self.pending;
        [n_t, s_t, n_c, s_c, self.age_seconds, flag(self.phase_began), self.base.n, self.base.s]
            .into_iter()
            .for_each(&mut *put);
        self.harm.give(put);
        self.safe.iter().for_each(|log| put(*log));
    }

    fn take(next: &mut dyn FnMut() -> f64) -> Self {
        Comparison {
            pending: Pair { n_t: next(), s_t: next(), n_c: next(), s_c: next() },
            age_seconds: next(),
            phase_began: next() != 0.0,
            base: BaseRate { n: next(), s: next() },
            harm: Onset::take(next),
            safe: std::array::from_fn(|_| next()),
        }
    }
}

/// The largest evidence ever seen, as a p-value that may be read at any time: min(1, 1/max E).
pub fn anytime_p(log_evidence_max: f64) -> f64 {
    (-log_evidence_max).exp().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_small_and_constant() {
        assert!(size_of::<Comparison>() < 300, "{}", size_of::<Comparison>());
    }

    #[test]
    fn a_p_value_is_never_above_one() {
        assert_eq!(anytime_p(-3.0), 1.0);
        assert!((anytime_p(100_f64.ln()) - 0.01).abs() < 1e-15);
    }
}
