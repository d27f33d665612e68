//! Requests that evidence needs, from its expected growth.
//!
//! Harm is the engine's own figure; health: the mixture of safe effects must reach 1/β.

use fw_engine::analysis::{Discounts, requests_to_find};
use fw_model::Plan;
use fw_model::plan::BETA;
use fw_stats::grid::{SAFE_EFFECTS, log_mean_exp};
use fw_stats::limit::{self, Sums};
use fw_stats::relative::{self, Margin, Pair};

/// What the canary must be shown to be below: 1.5 times stable's rate plus 0.5 points.
const BAD: Margin = Margin { ratio: 1.5, delta: 0.005 };
/// Requests a point estimate needs under `evidence: observed`.
pub(super) const OBSERVED_REQUESTS: f64 = 10.0;
/// More requests than this are never.
const REQUESTS_MAX: f64 = 1e12;
/// Halvings of a search.
const HALVINGS: u32 = 60;

/// Canary requests that show "error rate < limit" when it is `rate`; none when they never will.
pub(super) fn requests_under_limit(limit: f64, rate: f64) -> Option<f64> {
    requests_to_show(|n| limit::log_safe(Sums { n, s: n * rate }, limit))
}

/// Canary requests that show the canary not to be worse than stable, when both fail at `rate`; `share` in (0, 1).
pub(super) fn requests_beside_stable(share: f64, rate: f64) -> Option<f64> {
    requests_to_show(|n| {
        let n_c = n * (1.0 - share) / share;
        relative::log_safe(Pair { n_t: n, s_t: n * rate, n_c, s_c: n_c * rate }, rate, BAD)
    })
}

/// The fewest requests whose logs of safe e-values mix to 1/β. The mixture is convex in n and begins at one, so it
/// crosses once, if it ever does.
fn requests_to_show(logs: impl Fn(f64) -> [f64; SAFE_EFFECTS]) -> Option<f64> {
    let is_shown = |n: f64| log_mean_exp(&logs(n)) >= (1.0 / BETA).ln();
    least(1.0, REQUESTS_MAX, is_shown).map(f64::ceil)
}

/// The smallest error rate that `requests` canary requests find, a fraction; none when they find not even 100 %.
pub(super) fn smallest_found(
    plan: &Plan,
    share: f64,
    requests: f64,
    base: f64,
    phi: Discounts,
) -> Option<f64> {
    least(base.max(1e-9), 1.0, |rate| {
        requests_to_find(plan, share, rate, base, phi).is_some_and(|needed| needed <= requests)
    })
}

/// The least number of a range, by powers and halves, from which on something holds.
fn least(low: f64, high: f64, holds: impl Fn(f64) -> bool) -> Option<f64> {
    if holds(low) {
        return Some(low);
    }
    if !holds(high) {
        return None;
    }
    let (mut low, mut high) = (low.ln(), high.ln());
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if holds(middle.exp()) { high = middle } else { low = middle }
    }
    Some(high.exp())
}
