//! φ of one test: the larger of what `dispersion` and `placebo` say, and the order of a look.
//!
//! The order matters. A block is discounted by what was known when it opened; only after a test has used a look may φ
//! learn from it. [`Clustering::look`] does both in that order; [`Clustering::observe`] is for stable's
//! past, before a rollout or while its canary gets nothing.
//!
//! One `Clustering` for each rate question (errors, each latency quantile, batches), fed with stable's groups of that
//! question. A test of means takes a [`Dispersion`] alone: its placebo is not defined. A limit test takes the φ of the
//! same counts as its comparison. At 100 % there is no stable: φ stays what it was.
//! With `clustering: ignore` a caller passes φ = 1 and raw counts to [`Comparison::take_in`] itself.

use crate::dispersion::Dispersion;
use crate::groups::Groups;
use crate::numbers::Numbers;
use crate::placebo::{Accused, Placebo};
use crate::plant::{self, Bug};
use crate::test::{Ask, Closed, Comparison, Look};

/// φ from which on a discount is worth a word to people.
pub const PHI_WORTH_SHOWING: f64 = 1.5;

/// φ with its reasons.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Phi {
    /// φ, ≥ 1: evidence is divided by this (as a logarithm).
    pub value: f64,
    /// φ of the variance, ≥ 1.
    pub variance: f64,
    /// Window length that shows it, seconds; 0 where it is 1.
    pub window_seconds: f64,
    /// φ of the placebo, ≥ 1.
    pub placebo: f64,
    /// The healthy source that would have been accused most strongly.
    pub accused: Option<Accused>,
}

/// What is known of how clustered the failures of one question are. Constant size, under 5 KB.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Clustering {
    dispersion: Dispersion,
    placebo: Placebo,
}

impl Clustering {
    /// φ in force, from all looks so far.
    pub fn phi(&self) -> Phi {
        let (variance, window_seconds) = self.dispersion.phi();
        let placebo = self.placebo.phi();
        let value = variance.max(placebo);
        Phi { value, variance, window_seconds, placebo, accused: self.placebo.accused() }
    }

    /// As [`Clustering::phi`], with what its variance may miss: [`Dispersion::phi_careful`].
    pub fn phi_careful(&self) -> Phi {
        let (phi, careful) = (self.phi(), self.dispersion.phi_careful());
        Phi { value: phi.value.max(careful), variance: careful, ..phi }
    }

    /// One look of a test: the test takes it in at the φ in force, then φ learns from stable's `groups` of the same
    /// look.
    ///
    /// Returns the block if one was closed. `groups` are raw counts of stable and sum to `look.counts`' stable side.
    pub fn look(&mut self, test: &mut Comparison, ask: &Ask, look: &Look, groups: &Groups) -> Option<Closed> {
        self.look_at_least(test, ask, look, groups, 1.0)
    }

    /// As [`Clustering::look`], discounted by `least` at least: by the φ, from earlier looks, of events that are among
    /// this test's.
    pub fn look_at_least(
        &mut self,
        test: &mut Comparison,
        ask: &Ask,
        look: &Look,
        groups: &Groups,
        least: f64,
    ) -> Option<Closed> {
        let late = plant::has(Bug::PhiAtClose);
        if late {
            self.observe(ask, groups, look.predicted.unwrap_or(test.stable_rate()), look.seconds);
        }
        let closed = test.take_in(ask, look, self.phi().value.max(least));
        if !late {
            self.observe(ask, groups, look.predicted.unwrap_or(test.stable_rate()), look.seconds);
        }
        closed
    }

    /// Learns from a look of stable's `groups` alone; `base` is stable's rate as predicted after it, `seconds` since
    /// the look before.
    pub fn observe(&mut self, ask: &Ask, groups: &Groups, base: f64, seconds: f64) {
        self.placebo.look(ask, groups, base, seconds);
        self.dispersion.look(groups, seconds);
    }
}

impl Numbers for Clustering {
    fn give(&self, put: &mut dyn FnMut(f64)) {
        self.dispersion.give(put);
        self.placebo.give(put);
    }

    fn take(next: &mut dyn FnMut() -> f64) -> Self {
        Clustering { dispersion: Dispersion::take(next), placebo: Placebo::take(next) }
    }
}

#[cfg(test)]
mod tests;
