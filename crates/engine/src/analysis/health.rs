//! The health score with bounds that hold at every look.
//!
//! Each of the three parts gets a third of the error probability; the score of the parts' bounds
//! then bounds the score. Lower bounds of the mean use times capped where the response part is
//! zero anyway, so they hold for any distribution; its upper bound is asymptotic and marked so.

use fw_model::{Counts, Plan, bucket_upper_ms};
use fw_stats::sequence;

use super::findings::Known;
use super::tests::Test;
use super::{Said, sample};
use crate::rollout::{Rollout, health_of};

/// The response part of the score is 0 from this mean on.
const RESPONSE_ZERO_MS: f64 = 1100.0;
/// Requests at which the mean's sequence is tightest.
const TUNED_FOR_REQUESTS: f64 = 1000.0;
/// Fewest canary requests of a health finding.
const REQUESTS_MIN: u64 = 10;

/// A confidence interval of the score, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    pub(super) low: f64,
    pub(super) high: f64,
}

/// The score's bounds at total error probability `alpha`, if each part's requests say as little as one in `phi` of
/// independent ones: of errors, times, satisfaction. None without requests.
///
/// Dividing counts by φ takes every likelihood ratio to the power 1/φ: see `fw_stats::discount`.
pub(super) fn bounds(counts: &Counts, alpha: f64, phi: [f64; 3]) -> Option<Bounds> {
    let third = alpha / 3.0;
    let n = counts.requests as f64;
    let [of_errors, of_times, of_satisfaction] = phi;
    let (error_low, error_high) =
        sequence::proportion(n / of_errors, counts.errors as f64 / of_errors, third);
    let (slow_low, slow_high) = mean_bounds(counts, third, of_times);
    let (content_low, content_high) = satisfaction_bounds(counts, third, of_satisfaction);
    (counts.requests > 0).then(|| Bounds {
        low: crate::rollout::score(100.0 * error_high, slow_high, 100.0 * content_low).score,
        high: crate::rollout::score(100.0 * error_low, slow_low, 100.0 * content_high).score,
    })
}

/// Bounds of the mean response time, ms, where one request in `phi` says something.
pub(super) fn mean_bounds(counts: &Counts, alpha: f64, phi: f64) -> (f64, f64) {
    let timed = counts.duration.histogram.total();
    let Some(mean) = counts.mean_ms() else { return (0.0, f64::INFINITY) };
    let n = timed as f64 / phi;
    let variance = (counts.duration.sum_squares / timed as f64 - mean * mean).max(0.0);
    let high = mean + sequence::mean_half_width(n, variance, alpha, TUNED_FOR_REQUESTS);
    let capped: f64 = counts
        .duration
        .histogram
        .iter()
        .map(|(index, count)| {
            count as f64 * (bucket_upper_ms(index - 1).min(RESPONSE_ZERO_MS) / RESPONSE_ZERO_MS)
        })
        .sum();
    let low = sequence::proportion(n, capped / phi, alpha).0 * RESPONSE_ZERO_MS;
    (low.min(mean), high)
}

fn satisfaction_bounds(counts: &Counts, alpha: f64, phi: f64) -> (f64, f64) {
    match counts.metrics.get(crate::rollout::SATISFACTION_METRIC).filter(|m| m.count > 0) {
        Some(own) => sequence::proportion(own.count as f64 / phi, own.sum / 100.0 / phi, alpha),
        None => {
            let n = counts.requests as f64 / phi;
            sequence::proportion(n, n * counts.apdex_score().unwrap_or(0.0), alpha)
        }
    }
}

/// Health shown to be below the trigger: even its upper bound is. It enters the shared wealth as a bet that pays
/// 1/α at once when that happens, which under an acceptable canary has probability at most its part of α.
pub(super) fn known(plan: &Plan, rollout: &Rollout, weight: f64) -> Known {
    let (counts, phi) = (sample::counting(rollout), rollout.analysis.clusters.of_health(plan));
    let limit = plan.triggers.health.unwrap_or(0.0);
    let value = health_of(&counts).map(|h| h.score);
    // The upper bound is never below the score, so a score above the limit needs no bound to say so.
    let suspect = counts.requests >= REQUESTS_MIN && value.is_some_and(|value| value < limit);
    let shown =
        if suspect { bounds(&counts, level(plan.analysis.alpha, weight, rollout), phi) } else { None };
    let is_below = shown.is_some_and(|b| b.high < limit);
    let log = if is_below { -(plan.analysis.alpha * weight).ln() } else { f64::NEG_INFINITY };
    let between = shown.map(|b| (b.low, b.high));
    let said = Said::Health { value, between, requests: counts.requests, limit };
    let guard = (counts.requests as f64, fw_stats::decision::GUARD_EVENTS);
    Known::new(Test::Health, weight, log, guard).about(value, limit, said)
}

/// Whether the score is suspiciously low: by the same bound at √α.
pub(super) fn warns(known: &Known, plan: &Plan, rollout: &Rollout) -> bool {
    let Some(limit) = plan.triggers.health.filter(|_| known.test == Test::Health) else { return false };
    let counts = sample::counting(rollout);
    let suspect =
        counts.requests >= REQUESTS_MIN && health_of(&counts).is_some_and(|health| health.score < limit);
    let level = level(plan.analysis.alpha.sqrt(), known.weight, rollout);
    let phi = rollout.analysis.clusters.of_health(plan);
    suspect && bounds(&counts, level, phi).is_some_and(|b| b.high < limit)
}

/// The part of `alpha` for the visit to this phase: the j-th gets 1/(j (j + 1)), so that all visits of an attempt
/// stay inside one part.
fn level(alpha: f64, weight: f64, rollout: &Rollout) -> f64 {
    let visit = rollout.position.map_or(1.0, |position| position as f64 + 1.0);
    alpha * weight / (visit * (visit + 1.0))
}
