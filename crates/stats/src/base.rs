//! Predictions from past blocks: stable's base rate, means and variances, with a short memory.
//!
//! Predictable means: fixed before the block it is used for. Older blocks fade with a time constant.

use crate::mean::{Moments, Prediction};

/// Memory of a base rate, seconds.
pub const MEMORY_SECONDS: f64 = 120.0;

/// Stable's rate, from past blocks.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BaseRate {
    /// Requests, faded.
    pub n: f64,
    /// Failures (or sums), faded.
    pub s: f64,
}

impl BaseRate {
    /// The rate; 0 before any data (tests then use their floor).
    pub fn rate(&self) -> f64 {
        if self.n > 0.0 { self.s / self.n } else { 0.0 }
    }

    /// Takes in stable's counts of a closed block of this age.
    pub fn update(&mut self, n: f64, s: f64, age_seconds: f64, memory_seconds: f64) {
        let keep = (-age_seconds.max(0.0) / memory_seconds).exp();
        self.n = self.n * keep + n;
        self.s = self.s * keep + s;
    }
}

/// An arm's mean and variance, from past blocks.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BaseMean {
    /// Faded sums.
    pub sums: Moments,
}

impl BaseMean {
    /// The prediction; zeros before any data.
    pub fn prediction(&self) -> Prediction {
        let Moments { n, s1, s2 } = self.sums;
        if n <= 0.0 || n.is_nan() {
            return Prediction::default();
        }
        let mean = (s1 / n).clamp(0.0, 1.0);
        Prediction { mean, variance: (s2 / n - mean * mean).max(0.0) }
    }

    /// Takes in an arm's sums of a closed block of this age.
    pub fn update(&mut self, block: Moments, age_seconds: f64, memory_seconds: f64) {
        let keep = (-age_seconds.max(0.0) / memory_seconds).exp();
        self.sums.n = self.sums.n * keep + block.n;
        self.sums.s1 = self.sums.s1 * keep + block.s1;
        self.sums.s2 = self.sums.s2 * keep + block.s2;
    }
}
