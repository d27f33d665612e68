//! The questions a phase must answer before it ends: its criteria, or the rollback limit.
//!
//! Under `proven` a question is answered when the opposite is refuted at level β / (k (k + 1)) at the
//! k-th look of the visit; under `observed` when the point estimate of ten requests says so.

use fw_model::plan::{BETA, Evidence};
use fw_model::{Phase, Plan};
use fw_stats::{binomial, spending};

use super::{Question, Sample, health, sample, words};
use crate::rollout::{Rollout, health_of};

/// Fewest canary requests of a point estimate under `observed`.
const OBSERVED_REQUESTS_MIN: u64 = 10;
/// Error limit of a phase without criteria in a plan without an error trigger, percent.
const ERROR_LIMIT_DEFAULT: f64 = 1.0;

pub(super) fn all(plan: &Plan, phase: &Phase, rollout: &Rollout) -> Vec<Question> {
    let criteria = phase.criteria;
    let mut questions = vec![];
    let fallback = criteria.is_empty().then(|| plan.triggers.error_rate.unwrap_or(ERROR_LIMIT_DEFAULT));
    questions.extend(criteria.error_rate.or(fallback).map(|limit| error_rate(plan, rollout, limit)));
    questions.extend(criteria.response_time.map(|limit| response_time(plan, rollout, limit)));
    questions.extend(criteria.health_score.map(|limit| health_score(plan, rollout, limit)));
    questions
}

fn proven(plan: &Plan) -> bool {
    plan.analysis.evidence == Evidence::Proven
}

fn error_rate(plan: &Plan, rollout: &Rollout, limit: f64) -> Question {
    let sample = Sample::of(&rollout.tally.canary);
    let rate = 100.0 * sample.errors as f64 / sample.requests.max(1) as f64;
    let met = sample.requests > 0 && rate <= limit;
    let level = spending::level(BETA, rollout.analysis.phase_looks);
    let answered = if proven(plan) {
        binomial::at_most(sample.requests, sample.errors, limit / 100.0) <= level
    } else {
        met && sample.requests >= OBSERVED_REQUESTS_MIN
    };
    let missing =
        if answered { Some(0) } else { requests_missing(sample, limit / 100.0, level, proven(plan)) };
    let state = state_words(answered, met, missing);
    let text = format!(
        "error rate at most {}: {}; {state}",
        words::percent(limit),
        words::rate("errors", sample.errors, sample.requests)
    );
    Question { name: "errorRate", answered, met, text, requests_missing: missing }
}

fn state_words(answered: bool, met: bool, missing: Option<u64>) -> String {
    match (answered, met, missing) {
        (true, ..) => "shown".into(),
        (false, _, Some(n)) => format!("about {} more requests needed to show it", words::count(n)),
        (false, true, None) => "more requests needed to show it".into(),
        (false, false, None) => "not met".into(),
    }
}

/// About how many more requests, at the present error rate, refute "at least `limit`" at `level`:
/// from ln(1/level) = n · KL(rate ‖ limit). None when the rate is too near the limit to tell.
fn requests_missing(sample: Sample, limit: f64, level: f64, proven: bool) -> Option<u64> {
    if !proven {
        return (sample.requests < OBSERVED_REQUESTS_MIN).then(|| OBSERVED_REQUESTS_MIN - sample.requests);
    }
    let rate = sample.errors as f64 / sample.requests.max(1) as f64;
    if limit <= 0.0 || rate >= 0.9 * limit {
        return None;
    }
    let part = |p: f64, q: f64| if p > 0.0 { p * (p / q).ln() } else { 0.0 };
    let information = part(rate, limit) + part(1.0 - rate, 1.0 - limit);
    let needed = (1.0 / level).ln() / information;
    Some(((needed - sample.requests as f64).ceil().max(1.0)) as u64)
}

fn response_time(plan: &Plan, rollout: &Rollout, limit: f64) -> Question {
    let counts = sample::with_overdue(rollout);
    let timed = counts.duration.histogram.total();
    let mean = counts.mean_ms();
    let met = mean.is_some_and(|mean| mean <= limit);
    let (_, high) = health::mean_bounds(&counts, BETA);
    let answered = if proven(plan) { high < limit } else { met && timed >= OBSERVED_REQUESTS_MIN };
    let bound = if high.is_finite() {
        format!(", at most {} (approximate bound)", words::millis(high))
    } else {
        String::new()
    };
    let text = format!(
        "mean response time at most {}: {} over {} requests{bound}; {}",
        words::millis(limit),
        mean.map_or("unknown".into(), words::millis),
        words::count(timed),
        state_words(answered, met, None)
    );
    Question { name: "responseTime", answered, met, text, requests_missing: answered.then_some(0) }
}

fn health_score(plan: &Plan, rollout: &Rollout, limit: f64) -> Question {
    let counts = sample::with_overdue(rollout);
    let score = health_of(&counts).map(|h| h.score);
    let met = score.is_some_and(|score| score >= limit);
    let low = health::bounds(&counts, BETA).map(|b| b.low);
    let answered = if proven(plan) {
        low.is_some_and(|low| low >= limit)
    } else {
        met && counts.requests >= OBSERVED_REQUESTS_MIN
    };
    let value = match (score, low) {
        (Some(score), Some(low)) => format!("{score:.1}, at least {low:.1} at every look"),
        _ => "unknown without requests".into(),
    };
    let text = format!("health score at least {limit}: {value}; {}", state_words(answered, met, None));
    Question { name: "healthScore", answered, met, text, requests_missing: answered.then_some(0) }
}
