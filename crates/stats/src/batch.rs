//! BAT, the batch test: of every 20 consecutive requests of a source, did any fail?
//!
//! It bounds what one burst can say: 250 failures within 20 seconds are 25 bad batches. So its own φ stays small where
//! that of the request tests is large, and a steady regression is found sooner. It is a
//! [`Comparison`](crate::test::Comparison) like any other, with batches for units
//! ([`Closing::EveryLook`](crate::test::Closing)), [`margin`] for its margin, and a `Clustering` of its own over
//! (batches, bad batches) of stable's sources. It only rolls back: no margin of health.
//!
//! What the caller feeds: each source cuts its requests of one variant into batches as they end; a batch is bad if more
//! than k of them failed. Raw bad batches of stable; of the canary those left by [`Countable`], because run rule and
//! balance apply here too. Where failures are so frequent that batches are usually bad at the k a data plane uses
//! ([`bad_above`]), the test says little and is better left out. The null: f(p) = P(Bin(m, p) > k) has f(c p) ≤ c^(k+1)
//! f(p) and f' ≤ m, hence f(r₀ p + δ) ≤ r₀^(k+1) f(p) + m δ.

use crate::binomial::at_least;
use crate::groups::GROUPS_MAX;
use crate::numbers::Numbers;
use crate::relative::Margin;

/// m: requests of a batch.
pub const SIZE: u32 = 20;
/// Its weight beside 0.25 for the limit and 0.25 for the comparison of error rates, before all are scaled to sum to 1.
pub const WEIGHT: f64 = 0.25;
/// Largest k that the inequality of the null was checked for.
pub const BAD_ABOVE_MAX: u32 = 5;
/// Batches of stable may be bad this often.
const BAD_SHARE_MAX: f64 = 0.15;

/// k: a batch is bad with more failures than this, for stable's failure rate of the past. 0..=[`BAD_ABOVE_MAX`].
///
/// The smallest with P(bad) ≤ 15 %, of independent failures; clusters make bad batches rarer. Unsound rates count as 0.
pub fn bad_above(rate: f64) -> u32 {
    let is_rare = |k: &u32| at_least(SIZE.into(), u64::from(*k) + 1, rate) <= BAD_SHARE_MAX;
    (0..BAD_ABOVE_MAX).find(is_rare).unwrap_or(BAD_ABOVE_MAX)
}

/// The margin of the test, for the request test's margin `of_requests` (ratio ≥ 1, δ ≥ 0) and this k: ratio^(k+1), m δ.
pub fn margin(of_requests: Margin, bad_above: u32) -> Margin {
    let power = bad_above.min(BAD_ABOVE_MAX) as i32 + 1;
    Margin { ratio: of_requests.ratio.powi(power), delta: f64::from(SIZE) * of_requests.delta }
}

/// How many bad batches of the canary count, when some of its failures don't. Constant size.
///
/// A batch with more than k counted failures needs k + 1 of them, so no more bad batches count than the counted
/// failures suffice for. Failures in a batch that is still open are kept, of each source, up to a batch's worth.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Countable {
    left: [f64; GROUPS_MAX],
}

impl Countable {
    /// Bad batches that count of one source in one look: 0..=`bad`.
    ///
    /// `slot`: the source's among the canary's `Slots`; `bad`: its raw bad batches; `counted`: its failures of the look
    /// that count ([`crate::balance::Counted::by_slot`]).
    pub fn look(&mut self, slot: usize, bad: f64, counted: f64, bad_above: u32) -> f64 {
        let each = f64::from(bad_above.min(BAD_ABOVE_MAX)) + 1.0;
        let left = &mut self.left[slot % GROUPS_MAX];
        // max() and min() take the other number for a NaN, which so counts as none.
        let failures = *left + counted.max(0.0);
        let countable = bad.max(0.0).min((failures / each).floor());
        *left = (failures - countable * each).max(0.0).min(f64::from(SIZE));
        countable
    }
}

impl Numbers for Countable {
    fn give(&self, put: &mut dyn FnMut(f64)) {
        self.left.iter().for_each(|left| put(*left));
    }

    fn take(next: &mut dyn FnMut() -> f64) -> Self {
        Countable { left: std::array::from_fn(|_| next().max(0.0).min(f64::from(SIZE))) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::numbers::{listed, unlisted};

    #[test]
    fn the_margin_holds_for_batches_when_it_holds_for_requests() {
        let bad = |p: f64, k: u32| at_least(SIZE.into(), u64::from(k) + 1, p);
        for k in 0..=BAD_ABOVE_MAX {
            for of_requests in [Margin { ratio: 1.1, delta: 0.0001 }, Margin { ratio: 1.5, delta: 0.005 }] {
                let Margin { ratio, delta } = margin(of_requests, k);
                for i in 0..600 {
                    let p = 10_f64.powf(-6.0 + f64::from(i) / 100.0);
                    let worst = (of_requests.ratio * p + of_requests.delta).min(1.0);
                    assert!(bad(worst, k) <= ratio * bad(p, k) + delta + 1e-12, "{k} {p}");
                }
            }
        }
    }

    #[test]
    fn a_batch_is_bad_rarely_in_the_past() {
        assert_eq!(bad_above(0.001), 0);
        assert_eq!(bad_above(0.008), 0);
        assert_eq!(bad_above(0.01), 1);
        assert_eq!(bad_above(0.9), BAD_ABOVE_MAX);
        assert_eq!(bad_above(f64::NAN), 0);
    }

    #[test]
    fn a_batch_counts_only_as_far_as_failures_count() {
        let mut countable = Countable::default();
        assert_eq!(countable.look(0, 25.0, 3.0, 0), 3.0);
        assert_eq!(countable.look(0, 5.0, 0.0, 0), 0.0);
        assert_eq!(countable.look(1, 0.0, 1.0, 0), 0.0, "the batch is still open");
        assert_eq!(countable.look(1, 1.0, 0.0, 0), 1.0);
        assert_eq!(countable.look(2, 3.0, 5.0, 1), 2.0, "two failures a batch");
        assert_eq!(unlisted(&listed(&countable)), Some(countable));
    }

    proptest! {
        #[test]
        fn it_only_lowers(slot: usize, looks in prop::collection::vec((any::<f64>(), any::<f64>(), 0_u32..9), 0..9)) {
            let mut countable = Countable::default();
            for (bad, counted, k) in looks {
                let got = countable.look(slot, bad, counted, k);
                prop_assert!(got >= 0.0 && got <= bad.max(0.0), "{} {} {}", bad, counted, got);
            }
        }

        #[test]
        fn any_rate_gives_a_margin_of_batches(rate: f64, ratio in 0.5_f64..3.0, delta in 0.0_f64..0.1) {
            let margin = margin(Margin { ratio, delta }, bad_above(rate));
            prop_assert!(margin.ratio.is_finite() && margin.delta >= 0.0);
        }
    }
}
