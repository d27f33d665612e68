//! One question against stable, look by look: pending counts, closing of blocks, wealth, predictions.
//!
//! Looks are added up until a block is large enough to say something; only closed blocks count (an
//! open one is no martingale). Predictions are updated after the block they were used for. A block enters discounted
//! by the φ of its opening (`discount`), and its harm with those failures only that count (`runs`, `balance`).

use crate::base::{self, BaseRate};
use crate::discount::{self, discounted};
use crate::face::FaceValue;
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

/// When a block closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Closing {
    /// Large enough or old enough: units are requests.
    #[default]
    Sized,
    /// At any look with a unit of both arms: units are batches.
    EveryLook,
}

/// One look, raw and as counted.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Look {
    /// Raw counts of both arms.
    pub counts: Pair,
    /// Canary failures that count as evidence of harm, at most `counts.s_t`; the others enter as successes.
    pub counted: f64,
    /// Time since the look before, seconds.
    pub seconds: f64,
    /// Whether a phase began.
    pub phase_began: bool,
    /// Stable's rate as predicted by something other than this test's own past.
    pub predicted: Option<f64>,
    /// When its block closes.
    pub closing: Closing,
}

/// A block as it was closed: what `raw` evidence is computed from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Closed {
    /// Raw counts.
    pub counts: Pair,
    /// Canary failures that counted.
    pub counted: f64,
    /// Stable's rate it was judged by.
    pub rate: f64,
    /// φ of its opening.
    pub phi: f64,
    /// Age, seconds.
    pub age_seconds: f64,
    /// Whether a phase began in it.
    pub phase_began: bool,
}

impl Closed {
    /// ln e-values of harm, not discounted, if `failures` of the canary count; the others are successes, so that fewer
    /// never say more. Where lower is worse, `failures` has no meaning and all counts are raw.
    pub fn log_harm(&self, ask: &Ask, failures: f64) -> [f64; EFFECTS] {
        let mut block = self.counts;
        match ask.side {
            Side::Harm => {
                if plant::has(Bug::UncountedDropped) {
                    block.n_t -= block.s_t - failures;
                }
                block.s_t = failures.min(block.s_t);
                relative::log_harm(block, self.rate, ask.margin)
            }
            Side::Down => relative::log_down(block, self.rate, ask.margin),
        }
    }

    /// ln e-values of health, not discounted, from raw counts; none when the test asks for none.
    fn log_safe(&self, ask: &Ask) -> Option<[f64; SAFE_EFFECTS]> {
        let margin = ask.safe?;
        Some(match ask.side {
            Side::Harm => relative::log_safe(self.counts, self.rate, margin),
            Side::Down => relative::log_safe_down(self.counts, self.rate, margin),
        })
    }
}

/// A comparison with stable. Constant size, under 400 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Comparison {
    pending: Pair,
    /// Pending canary failures that count.
    counted: f64,
    /// φ of the pending block's opening.
    phi: f64,
    age_seconds: f64,
    phase_began: bool,
    base: BaseRate,
    harm: Onset,
    face: FaceValue,
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
        let closing = Closing::default();
        let look = Look { counts, counted: counts.s_t, seconds, phase_began, predicted, closing };
        self.take_in(ask, &look, 1.0).is_some()
    }

    /// Takes in a look at the discount `phi` in force (≥ 1, from earlier looks only). Returns the block if it was
    /// closed.
    ///
    /// A block keeps the φ of the look that opened it: φ must not know the block's own data.
    pub fn take_in(&mut self, ask: &Ask, look: &Look, phi: f64) -> Option<Closed> {
        let is_open = self.pending.n_t > 0.0 || self.pending.n_c > 0.0;
        if !is_open || plant::has(Bug::PhiAtClose) {
            self.phi = discount::sound(phi);
        }
        self.pending.add(look.counts);
        self.counted += look.counted.min(look.counts.s_t);
        self.age_seconds += look.seconds.max(0.0);
        self.phase_began |= look.phase_began;
        self.is_closable(look.closing).then(|| self.close(ask, look.predicted))
    }

    fn close(&mut self, ask: &Ask, predicted: Option<f64>) -> Closed {
        let block = Closed {
            counts: self.pending,
            counted: self.counted,
            rate: predicted.unwrap_or_else(|| self.base.rate()),
            phi: self.phi,
            age_seconds: self.age_seconds,
            phase_began: self.phase_began,
        };
        let differs = block.phi > 1.0 || block.counted < block.counts.s_t;
        let clock = (block.age_seconds, block.phase_began, ask.tau_seconds);
        self.face.take_in(&self.harm, differs, || block.log_harm(ask, block.counts.s_t), clock);
        let log_s = discounted(block.log_harm(ask, block.counted), block.phi);
        self.harm.step(&log_s, block.age_seconds, block.phase_began, ask.tau_seconds);
        if block.phase_began {
            self.safe = [0.0; SAFE_EFFECTS];
        }
        if let Some(logs) = block.log_safe(ask) {
            self.safe.iter_mut().zip(discounted(logs, block.phi)).for_each(|(sum, log)| *sum += log);
        }
        self.base.update(block.counts.n_c, block.counts.s_c, block.age_seconds, base::MEMORY_SECONDS);
        self.pending = Pair::default();
        self.counted = 0.0;
        self.age_seconds = 0.0;
        self.phase_began = false;
        block
    }

    fn is_closable(&self, closing: Closing) -> bool {
        let Pair { n_t, n_c, .. } = self.pending;
        let large = n_t + n_c >= BLOCK_TOTAL_MIN && n_t >= BLOCK_CANARY_MIN;
        let old = self.age_seconds >= BLOCK_AGE_MAX_SECONDS;
        let enough = large || old || closing == Closing::EveryLook;
        n_t > 0.0 && n_c > 0.0 && (enough || plant::has(Bug::OpenBlock))
    }

    /// ln of the evidence of harm.
    pub fn log_harm(&self) -> f64 {
        self.harm.log_evidence()
    }

    /// The same at face value: as if every failure counted and failures were independent.
    pub fn log_face_value(&self) -> f64 {
        self.face.of(&self.harm).log_evidence()
    }

    /// ln of the evidence of health in this phase.
    pub fn log_safe(&self) -> f64 {
        log_mean_exp(&self.safe)
    }

    /// Stable's rate as predicted from closed blocks; 0 before any.
    pub fn stable_rate(&self) -> f64 {
        self.base.rate()
    }

    /// A new phase: health must be shown anew, from its first block on.
    pub fn restart_safe(&mut self) {
        self.safe = [0.0; SAFE_EFFECTS];
    }

    /// A new attempt: harm must be shown anew; health and predictions stay.
    pub fn restart_harm(&mut self) {
        self.harm = Onset::default();
        self.face = FaceValue::default();
    }

    /// Learns stable's rate from a look of stable alone: `n` requests, `s` failures, `seconds` since the look before.
    pub fn observe(&mut self, n: f64, s: f64, seconds: f64) {
        self.base.update(n, s, seconds, base::MEMORY_SECONDS);
    }

    /// A comparison that knows what this one learnt of stable, and nothing else.
    pub fn begun_anew(&self) -> Comparison {
        Comparison { base: self.base, ..Comparison::default() }
    }
}

impl Numbers for Comparison {
    fn give(&self, put: &mut dyn FnMut(f64)) {
        let Pair { n_t, s_t, n_c, s_c } = self.pending;
        [n_t, s_t, n_c, s_c, self.counted, self.phi, self.age_seconds].into_iter().for_each(&mut *put);
        [flag(self.phase_began), self.base.n, self.base.s].into_iter().for_each(&mut *put);
        self.harm.give(put);
        self.face.give(put);
        self.safe.iter().for_each(|log| put(*log));
    }

    fn take(next: &mut dyn FnMut() -> f64) -> Self {
        Comparison {
            pending: Pair { n_t: next(), s_t: next(), n_c: next(), s_c: next() },
            counted: next(),
            phi: next(),
            age_seconds: next(),
            phase_began: next() != 0.0,
            base: BaseRate { n: next(), s: next() },
            harm: Onset::take(next),
            face: FaceValue::take(next),
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
    use proptest::prelude::*;

    use super::*;
    use crate::numbers::{listed, unlisted};

    const MARGIN: Margin = Margin { ratio: 1.1, delta: 0.0001 };
    const ASK: Ask = Ask { side: Side::Harm, margin: MARGIN, safe: None, tau_seconds: 900.0 };

    #[test]
    fn the_state_is_small_and_constant() {
        assert!(size_of::<Comparison>() < 400, "{}", size_of::<Comparison>());
    }

    #[test]
    fn a_p_value_is_never_above_one() {
        assert_eq!(anytime_p(-3.0), 1.0);
        assert!((anytime_p(100_f64.ln()) - 0.01).abs() < 1e-15);
    }

    #[test]
    fn a_block_is_discounted_by_what_was_known_when_it_opened() {
        let look = |n: f64| Look {
            counts: Pair { n_t: n, s_t: n, n_c: 3.0 * n, s_c: 0.0 },
            counted: n,
            seconds: 1.0,
            ..Look::default()
        };
        let mut test = Comparison::default();
        assert_eq!(test.take_in(&ASK, &look(2.0), 5.0), None);
        assert_eq!(test.take_in(&ASK, &Look { seconds: 1.0, ..Look::default() }, 7.0), None);
        assert_eq!(test.take_in(&ASK, &look(20.0), 9.0).map(|block| block.phi), Some(5.0));
        assert_eq!(test.take_in(&ASK, &look(20.0), 9.0).map(|block| block.phi), Some(9.0));
        let batches = Look { closing: Closing::EveryLook, ..look(1.0) };
        assert_eq!(test.take_in(&ASK, &batches, 3.0).map(|block| block.phi), Some(3.0));
    }

    proptest! {
        #[test]
        fn failures_that_do_not_count_never_add_evidence(
            looks in prop::collection::vec((1_u32..40, 0.0_f64..=1.0, 0.0_f64..=1.0, 1_u32..400, 0.0_f64..=0.3), 1..30),
            phi in 1.0_f64..50.0,
        ) {
            let (mut all, mut fewer) = (Comparison::default(), Comparison::default());
            for (n_t, x, part, n_c, y) in looks {
                let (n_t, n_c) = (f64::from(n_t), f64::from(n_c));
                let counts = Pair { n_t, s_t: (n_t * x).floor(), n_c, s_c: (n_c * y).floor() };
                let look = Look { counts, counted: counts.s_t, seconds: 1.0, ..Look::default() };
                all.take_in(&ASK, &look, phi);
                fewer.take_in(&ASK, &Look { counted: (counts.s_t * part).floor(), ..look }, phi);
                prop_assert!(fewer.log_harm() <= all.log_harm() + 1e-9);
            }
            prop_assert_eq!(unlisted(&listed(&fewer)), Some(fewer));
        }

        #[test]
        fn any_look_gives_a_number(counts: [f64; 4], counted: f64, phi: f64, predicted: Option<f64>) {
            let [n_t, s_t, n_c, s_c] = counts;
            let (counts, closing) = (Pair { n_t, s_t, n_c, s_c }, Closing::EveryLook);
            let look = Look { counts, counted, predicted, closing, ..Look::default() };
            let mut test = Comparison::default();
            test.take_in(&Ask { safe: Some(MARGIN), ..ASK }, &look, phi);
            prop_assert!(!test.log_harm().is_nan() && !test.log_safe().is_nan());
        }
    }
}
