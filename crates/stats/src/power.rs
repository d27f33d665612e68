//! How much traffic a question needs: requests to show health, and to show harm.
//!
//! Planning figures, not guarantees: they follow from the expected growth of evidence per request.

use crate::grid::{HARM, SAFE, log_sum_exp};
use crate::limit::{Sums, log_safe};

/// Canary requests that show "rate < `limit`" at level `beta` with this many errors among them.
///
/// Exact for the mixture of `limit::log_safe`. None when 2^53 requests are not enough.
pub fn requests_to_show(limit: f64, errors: u64, beta: f64) -> Option<u64> {
    let wanted = (1.0 / beta).ln() + (SAFE.len() as f64).ln();
    let shown = |n: u64| {
        let logs = log_safe(Sums { n: n as f64, s: errors as f64 }, limit);
        log_sum_exp(logs.into_iter()) >= wanted
    };
    let mut high = errors.max(1);
    while !shown(high) {
        high = high.checked_mul(2).filter(|n| *n <= 1 << 53)?;
    }
    let mut low = errors.max(high / 2);
    while low < high {
        let middle = low + (high - low) / 2;
        if shown(middle) { high = middle } else { low = middle + 1 }
    }
    Some(high)
}

/// Kullback-Leibler divergence of two coins, nats a toss; infinite where `q` excludes what `p` allows.
pub fn divergence(p: f64, q: f64) -> f64 {
    let part = |p: f64, q: f64| {
        if p <= 0.0 {
            0.0
        } else if q <= 0.0 {
            f64::INFINITY
        } else {
            p * (p / q).ln()
        }
    };
    part(p, q) + part(1.0 - p, 1.0 - q)
}

/// Canary requests after which nobody can have shown, at level `alpha`, that the rate is `rate` and
/// not `limit`: Wald's bound ln(1/α) / KL.
pub fn wald_requests(rate: f64, limit: f64, alpha: f64) -> f64 {
    (1.0 / alpha).ln() / divergence(rate, limit)
}

/// The effect of the grid that grows fastest against `limit` when the rate is `rate`, and its growth, nats a request.
pub fn best_growth(rate: f64, limit: f64) -> (f64, f64) {
    let growth = |psi: f64| rate * psi.ln() - (limit * (psi - 1.0)).ln_1p();
    HARM.into_iter()
        .map(|psi| (psi, growth(psi)))
        .fold((1.0, 0.0), |best, next| if next.1 > best.1 { next } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_to_show_health_are_those_of_the_table() {
        let table = [
            (0.01, [362, 665, 886, 1449]),
            (0.005, [726, 1332, 1775, 2901]),
            (0.003, [1211, 2222, 2961, 4839]),
            (0.001, [3634, 6670, 8888, 14524]),
        ];
        for (limit, wanted) in table {
            for (errors, want) in [0, 1, 2, 5].into_iter().zip(wanted) {
                assert_eq!(requests_to_show(limit, errors, 0.05), Some(want), "{limit} {errors}");
            }
        }
        assert_eq!(requests_to_show(0.0, 0, 0.05), None);
    }

    #[test]
    fn growth_is_below_the_information_and_near_it() {
        let (_, growth) = best_growth(0.02, 0.01);
        let information = divergence(0.02, 0.01);
        assert!(growth <= information && growth > 0.9 * information);
    }
}
