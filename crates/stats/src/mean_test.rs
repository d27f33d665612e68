//! One question about a mean against stable's, look by look: as `test`, for sums of values in [0, 1].
//!
//! Blocks close by the same rule; bets are sized by predictions from past blocks of each arm, stable's where the
//! canary has none yet. A block enters discounted by the φ of its opening, as in `test`; φ is that of a `Dispersion` of
//! `Group::values` (not measured).

use crate::base::{self, BaseMean};
use crate::discount::{self, discounted};
use crate::face::FaceValue;
use crate::grid::{MEAN_EFFECTS, log_mean_exp};
use crate::mean::{self, Moments, Worse};
use crate::numbers::{Numbers, flag};
use crate::onset::Onset;
use crate::relative::Margin;
use crate::test::{BLOCK_AGE_MAX_SECONDS, BLOCK_CANARY_MIN, BLOCK_TOTAL_MIN};

/// What a mean test asks; fixed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanAsk {
    /// Which way is worse.
    pub worse: Worse,
    /// What is acceptable.
    pub margin: Margin,
    /// What must be shown not to be reached, for health; none = the test only rolls back.
    pub safe: Option<Margin>,
    /// Time over which an onset is expected, seconds: about the rollout.
    pub tau_seconds: f64,
}

/// A comparison of means. Constant size, under 400 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MeanComparison {
    pending_t: Moments,
    pending_c: Moments,
    /// φ of the pending block's opening.
    phi: f64,
    age_seconds: f64,
    phase_began: bool,
    base_t: BaseMean,
    base_c: BaseMean,
    harm: Onset<MEAN_EFFECTS>,
    face: FaceValue<MEAN_EFFECTS>,
    safe: [f64; MEAN_EFFECTS],
}

impl MeanComparison {
    /// Takes in a look's sums of canary and stable; `seconds` since the look before. Returns whether a block was
    /// closed.
    pub fn look(&mut self, ask: &MeanAsk, t: Moments, c: Moments, seconds: f64, phase_began: bool) -> bool {
        self.look_at(ask, t, c, seconds, phase_began, 1.0)
    }

    /// As [`MeanComparison::look`], at the discount `phi` in force (≥ 1, from earlier looks only); a block keeps the
    /// one it opened with.
    pub fn look_at(
        &mut self,
        ask: &MeanAsk,
        t: Moments,
        c: Moments,
        seconds: f64,
        phase_began: bool,
        phi: f64,
    ) -> bool {
        let is_open = self.pending_t.n > 0.0 || self.pending_c.n > 0.0;
        if !is_open {
            self.phi = discount::sound(phi);
        }
        self.pending_t.add(t);
        self.pending_c.add(c);
        self.age_seconds += seconds.max(0.0);
        self.phase_began |= phase_began;
        if !self.is_closable() {
            return false;
        }
        let (t, c, age) = (self.pending_t, self.pending_c, self.age_seconds);
        let past_c = self.base_c.prediction();
        let past_t = if self.base_t.sums.n > 0.0 { self.base_t.prediction() } else { past_c };
        let harm = mean::log_worse(t, c, past_t, past_c, ask.margin, ask.worse);
        let clock = (age, self.phase_began, ask.tau_seconds);
        self.face.take_in(&self.harm, self.phi > 1.0, || harm, clock);
        self.harm.step(&discounted(harm, self.phi), age, self.phase_began, ask.tau_seconds);
        if self.phase_began {
            self.safe = [0.0; MEAN_EFFECTS];
        }
        if let Some(margin) = ask.safe {
            let better = match ask.worse {
                Worse::Up => Worse::Down,
                Worse::Down => Worse::Up,
            };
            let logs = mean::log_worse(t, c, past_t, past_c, margin, better);
            self.safe.iter_mut().zip(discounted(logs, self.phi)).for_each(|(sum, log)| *sum += log);
        }
        self.base_t.update(t, age, base::MEMORY_SECONDS);
        self.base_c.update(c, age, base::MEMORY_SECONDS);
        self.pending_t = Moments::default();
        self.pending_c = Moments::default();
        self.age_seconds = 0.0;
        self.phase_began = false;
        true
    }

    fn is_closable(&self) -> bool {
        let (n_t, n_c) = (self.pending_t.n, self.pending_c.n);
        let large = n_t + n_c >= BLOCK_TOTAL_MIN && n_t >= BLOCK_CANARY_MIN;
        n_t > 0.0 && n_c > 0.0 && (large || self.age_seconds >= BLOCK_AGE_MAX_SECONDS)
    }

    /// ln of the evidence of harm.
    pub fn log_harm(&self) -> f64 {
        self.harm.log_evidence()
    }

    /// The same at face value: as if values were independent.
    pub fn log_face_value(&self) -> f64 {
        self.face.of(&self.harm).log_evidence()
    }

    /// ln of the evidence of health in this phase.
    pub fn log_safe(&self) -> f64 {
        log_mean_exp(&self.safe)
    }

    /// A new phase: health must be shown anew.
    pub fn restart_safe(&mut self) {
        self.safe = [0.0; MEAN_EFFECTS];
    }

    /// A new attempt: harm must be shown anew; health and predictions stay.
    pub fn restart_harm(&mut self) {
        self.harm = Onset::default();
        self.face = FaceValue::default();
    }

    /// Stable's mean as predicted from past blocks; 0 before any.
    pub fn stable_mean(&self) -> f64 {
        self.base_c.prediction().mean
    }

    /// Learns stable's mean from values of stable alone; `seconds` since the look before.
    pub fn observe(&mut self, stable: Moments, seconds: f64) {
        self.base_c.update(stable, seconds, base::MEMORY_SECONDS);
    }

    /// A comparison that knows what this one learnt of stable, and nothing else.
    pub fn begun_anew(&self) -> MeanComparison {
        MeanComparison { base_c: self.base_c, ..MeanComparison::default() }
    }
}

impl Numbers for MeanComparison {
    fn give(&self, put: &mut dyn FnMut(f64)) {
        for Moments { n, s1, s2 } in [self.pending_t, self.pending_c, self.base_t.sums, self.base_c.sums] {
            [n, s1, s2].into_iter().for_each(&mut *put);
        }
        put(self.phi);
        put(self.age_seconds);
        put(flag(self.phase_began));
        self.harm.give(put);
        self.face.give(put);
        self.safe.iter().for_each(|log| put(*log));
    }

    fn take(next: &mut dyn FnMut() -> f64) -> Self {
        let mut moments = || Moments { n: next(), s1: next(), s2: next() };
        let (pending_t, pending_c, base_t, base_c) = (moments(), moments(), moments(), moments());
        MeanComparison {
            pending_t,
            pending_c,
            base_t: BaseMean { sums: base_t },
            base_c: BaseMean { sums: base_c },
            phi: next(),
            age_seconds: next(),
            phase_began: next() != 0.0,
            harm: Onset::take(next),
            face: FaceValue::take(next),
            safe: std::array::from_fn(|_| next()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::{listed, unlisted};

    fn ask() -> MeanAsk {
        let margin = |ratio| Margin { ratio, delta: 0.0 };
        MeanAsk { worse: Worse::Up, margin: margin(1.05), safe: Some(margin(1.25)), tau_seconds: 900.0 }
    }

    /// `n` values, half of them `2 m`, half 0.
    fn values(n: f64, m: f64) -> Moments {
        Moments { n, s1: n * m, s2: n * 2.0 * m * m }
    }

    #[test]
    fn a_slower_mean_is_shown_and_an_equal_one_is_shown_to_be_fine() {
        let (mut same, mut slow) = (MeanComparison::default(), MeanComparison::default());
        for i in 0..60 {
            same.look(&ask(), values(50.0, 0.1), values(500.0, 0.1), 1.0, i == 0);
            slow.look(&ask(), values(50.0, 0.15), values(500.0, 0.1), 1.0, i == 0);
        }
        assert!(slow.log_harm() > 100_f64.ln(), "{}", slow.log_harm());
        assert!(same.log_harm() < 0.5 && same.log_safe() > 20_f64.ln(), "{}", same.log_safe());
        assert!(slow.log_safe() < 0.0);
    }

    #[test]
    fn a_block_is_discounted_by_the_dispersion_of_its_opening() {
        let harm = |phi: [f64; 2]| {
            let mut test = MeanComparison::default();
            test.observe(values(500.0, 0.1), 1.0);
            test.look_at(&ask(), values(3.0, 0.3), values(30.0, 0.1), 1.0, true, phi[0]);
            test.look_at(&ask(), values(30.0, 0.3), values(300.0, 0.1), 1.0, false, phi[1]);
            test.log_harm()
        };
        assert_eq!(harm([4.0, 1.0]), harm([4.0, 9.0]));
        assert!(harm([4.0, 1.0]) < harm([1.0, 4.0]));
    }

    #[test]
    fn the_state_is_small_and_comes_back() {
        assert!(size_of::<MeanComparison>() < 400, "{}", size_of::<MeanComparison>());
        let mut test = MeanComparison::default();
        test.look(&ask(), values(50.0, 0.15), values(500.0, 0.1), 1.0, true);
        test.look(&ask(), values(1.0, 0.15), values(2.0, 0.1), 1.0, false);
        assert_eq!(unlisted(&listed(&test)), Some(test));
    }
}
