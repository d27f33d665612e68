//! How soon a regression of errors is found, from the expected growth of evidence: for planning, and to tell people
//! what clustered failures cost. Not a guarantee, and nothing is decided by it.
//!
//! A test of weight w finds an effect of the grid that has weight v once its evidence grew to 1/(α w v), of which the
//! start holds 70 % of the wealth; where failures are clustered the growth is divided by φ.

use fw_model::Plan;
use fw_stats::batch;
use fw_stats::grid::{HARM, HARM_WEIGHTS};
use fw_stats::onset::START;
use fw_stats::relative::{self, Pair};

use super::tests::{self, Test};

/// Fewest requests, and failed requests, of a rollback.
const GUARD: (f64, f64) = (10.0, 5.0);
/// More requests than this are never.
const REQUESTS_MAX: f64 = 1e12;

/// What the tests of errors are discounted by; 1 is nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Discounts {
    /// φ of errors.
    pub errors: f64,
    /// φ of batches with an error.
    pub batches: f64,
}

impl Discounts {
    /// Of independent failures.
    pub const NONE: Discounts = Discounts { errors: 1.0, batches: 1.0 };
}

/// Canary requests from the first bad one to the rollback, when the canary fails at `rate` and stable at `base`
/// (fractions) and the canary's share of the traffic is `share` (0 to 1; at 1 nothing is left to compare with).
///
/// None when no test of errors ever gets there.
pub fn requests_to_find(plan: &Plan, share: f64, rate: f64, base: f64, phi: Discounts) -> Option<f64> {
    let stable = 1.0 / share - 1.0;
    let pair = |rate: f64, base: f64, unit: f64| Pair {
        n_t: unit,
        s_t: unit * rate,
        n_c: unit * stable,
        s_c: unit * stable * base,
    };
    let tau = super::feed::tau_seconds(plan);
    let size = f64::from(batch::SIZE);
    let bad = |rate: f64| -(size * (-rate).ln_1p()).exp_m1();
    let found = tests::asked(plan).filter_map(|(test, weight)| match test {
        Test::ErrorLimit => {
            let limit = plan.triggers.error_rate? / 100.0;
            let growth = |psi: f64| rate * psi.ln() - (limit * (psi - 1.0)).ln_1p();
            cheapest(plan, weight, |psi| growth(psi) / phi.errors)
        }
        Test::Errors if share < 1.0 => {
            let (pair, margin) = (pair(rate, base, 1.0), tests::errors(tau).margin);
            cheapest(plan, weight, |psi| relative::log_ratio(pair, base, margin, psi) / phi.errors)
        }
        Test::Batches if share < 1.0 => {
            let (pair, margin) = (pair(bad(rate), bad(base), 1.0 / size), tests::batches(tau).margin);
            cheapest(plan, weight, |psi| relative::log_ratio(pair, bad(base), margin, psi) / phi.batches)
        }
        _ => None,
    });
    let guarded = found.min_by(f64::total_cmp)?.max(GUARD.0).max(GUARD.1 / rate);
    (guarded <= REQUESTS_MAX).then_some(guarded.ceil())
}

/// Requests of the effect that gets there first; `growth` is in nats a canary request.
fn cheapest(plan: &Plan, weight: f64, growth: impl Fn(f64) -> f64) -> Option<f64> {
    let alpha = plan.analysis.alpha * weight * START;
    HARM.into_iter()
        .zip(HARM_WEIGHTS)
        .map(|(psi, weight)| (growth(psi), -(alpha * weight).ln()))
        .filter(|(growth, _)| *growth > 0.0)
        .map(|(growth, needed)| needed / growth)
        .min_by(f64::total_cmp)
}

#[cfg(test)]
mod find_tests {
    use super::*;

    fn seconds(rate: f64, phi: Discounts) -> f64 {
        let plan = Plan::seed("checkout".parse().unwrap());
        requests_to_find(&plan, 0.05, rate, 0.001, phi).unwrap() / 25.0
    }

    #[test]
    fn it_takes_about_as_long_as_was_measured_at_500_requests_a_second() {
        // Medians of the design's table, 5 % of 500 req/s: error rate, independent, long-run φ 33 / 7.5.
        let clustered = Discounts { errors: 33.0, batches: 7.5 };
        for (rate, independent, slow) in [(0.01, 28.0, 554.0), (0.02, 11.0, 182.0), (0.05, 5.0, 65.0)] {
            let got = (seconds(rate, Discounts::NONE), seconds(rate, clustered));
            assert!((0.5..2.0).contains(&(got.0 / independent)), "{rate}: {got:?}");
            assert!((0.4..2.0).contains(&(got.1 / slow)), "{rate}: {got:?}");
        }
    }

    #[test]
    fn batches_find_it_first_where_errors_are_clustered_more() {
        let both = Discounts { errors: 100.0, batches: 9.0 };
        let alone = Discounts { batches: 1000.0, ..both };
        assert!(seconds(0.05, both) < 0.5 * seconds(0.05, alone));
        assert!(seconds(0.05, Discounts::NONE) < seconds(0.05, both));
    }

    #[test]
    fn at_full_share_only_the_limit_is_left() {
        let plan = Plan::seed("checkout".parse().unwrap());
        assert_eq!(requests_to_find(&plan, 1.0, 0.005, 0.001, Discounts::NONE), None);
        assert!(requests_to_find(&plan, 1.0, 0.05, 0.001, Discounts::NONE).is_some());
    }
}
