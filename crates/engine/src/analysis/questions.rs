//! The questions a phase must answer before it ends: its criteria, or the rollback limit and stable; and the
//! metrics that gate.
//!
//! Under `proven` a question is answered when the evidence that the canary is *not* bad reaches 1/β, by an e-process
//! that began with the phase; under `observed` when the point estimate of ten requests says so.

use fw_model::plan::{BETA, Better, Evidence, MetricKind, MetricRole, MetricSpec, RouterKind};
use fw_model::{Counts, Phase, Plan};

use super::said::Answer;
use super::series::log_below;
use super::{Question, Said, health, sample, words};
use crate::rollout::{Rollout, health_of};

/// More requests than this are not worth waiting for.
const REQUESTS_MAX: f64 = 1e12;
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
    // At 100 % there is nothing to compare with; nor where a router reports no stable counts.
    let comparable =
        !phase.is_full() && (plan.router != RouterKind::Sdk || rollout.analysis.phase.stable_seen);
    if comparable && criteria.is_empty() && proven(plan) {
        questions.push(errors_vs_stable(rollout));
        questions.push(latency_vs_stable(rollout));
    }
    if comparable {
        let gating = plan.metrics.iter().enumerate().filter(|(_, spec)| spec.role == MetricRole::Gating);
        questions.extend(gating.map(|(place, spec)| metric(plan, rollout, place, spec)));
    }
    questions
}

fn proven(plan: &Plan) -> bool {
    plan.analysis.evidence == Evidence::Proven
}

/// ln of the evidence that answers a question.
fn log_wanted() -> f64 {
    -BETA.ln()
}

fn error_rate(plan: &Plan, rollout: &Rollout, limit: f64) -> Question {
    let counts = &rollout.tally.canary;
    let (n, s) = (counts.requests, counts.errors.min(counts.requests));
    let rate = 100.0 * s as f64 / n.max(1) as f64;
    let met = n > 0 && rate <= limit;
    let answered = if proven(plan) {
        log_below(n as f64, s as f64, limit / 100.0) >= log_wanted()
    } else {
        met && n >= OBSERVED_REQUESTS_MIN
    };
    let missing = if answered { Some(0) } else { requests_missing(n, s, limit / 100.0, proven(plan)) };
    let said = Said::BelowLimit { limit, canary: (n, s), state: Answer { answered, met, missing } };
    Question { name: "errorRate".into(), answered, met, said, requests_missing: missing }
}

/// About how many more requests, at the present error rate, show "below `limit`"; exact while there is no error.
/// None when the rate is too near the limit to tell.
fn requests_missing(n: u64, s: u64, limit: f64, proven: bool) -> Option<u64> {
    if !proven {
        return (n < OBSERVED_REQUESTS_MIN).then(|| OBSERVED_REQUESTS_MIN - n);
    }
    let rate = s as f64 / n.max(1) as f64;
    if limit <= 0.0 || rate >= 0.9 * limit {
        return None;
    }
    let shown = |n: f64| log_below(n, n * rate, limit) >= log_wanted();
    let mut high = (n as f64).max(64.0);
    while !shown(high) {
        high *= 2.0;
        if high > REQUESTS_MAX {
            return None;
        }
    }
    let mut low = high / 2.0;
    while high - low > 0.5 {
        let middle = 0.5 * (low + high);
        if shown(middle) { high = middle } else { low = middle }
    }
    Some(((high - n as f64).ceil().max(1.0)) as u64)
}

/// How far a safe process has come, and about how many more canary requests it needs: its growth so far goes on.
fn progress(log: f64, requests: f64) -> (bool, Option<u64>) {
    let answered = log >= log_wanted();
    let grows = log > 0.2 && requests > 0.0;
    let missing = grows.then(|| (requests * (log_wanted() / log - 1.0)).ceil().max(1.0) as u64);
    (answered, if answered { Some(0) } else { missing })
}

fn errors_vs_stable(rollout: &Rollout) -> Question {
    let versus = &rollout.analysis.errors;
    let (canary, stable) = (&rollout.tally.canary, &rollout.tally.stable);
    let (answered, missing) = progress(versus.test.log_safe(), canary.requests as f64);
    let rate = |c: &Counts| c.errors as f64 / c.requests.max(1) as f64;
    let met = canary.requests > 0 && rate(canary) <= 1.5 * rate(stable) + 0.005;
    let of = |c: &Counts| (c.requests, c.errors);
    let said = Said::BelowStable {
        canary: of(canary),
        stable: of(stable),
        state: Answer { answered, met, missing },
    };
    Question { name: "errorsVsStable".into(), answered, met, said, requests_missing: missing }
}

fn latency_vs_stable(rollout: &Rollout) -> Question {
    let slower = &rollout.analysis.latency_safe;
    let seen = slower.versus.visit;
    let (answered, missing) = progress(slower.versus.test.log_safe(), rollout.tally.canary.requests as f64);
    let met = seen.n_t > 0.0 && seen.n_c > 0.0 && seen.s_t / seen.n_t <= seen.s_c / seen.n_c;
    let state = Answer { answered, met, missing };
    let said = Said::NotSlower { seen, threshold_ms: slower.threshold_ms, state };
    Question { name: "latencyVsStable".into(), answered, met, said, requests_missing: missing }
}

fn metric(plan: &Plan, rollout: &Rollout, place: usize, spec: &MetricSpec) -> Question {
    let state = &rollout.analysis.metrics[place];
    let (log, t, c) = match spec.kind {
        MetricKind::Proportion => {
            let seen = state.rate.visit;
            (state.rate.test.log_safe(), (seen.n_t, seen.s_t), (seen.n_c, seen.s_c))
        }
        MetricKind::Amount { .. } => {
            let [t, c] = state.mean.visit;
            (state.mean.test.log_safe(), (t.n, t.s1), (c.n, c.s1))
        }
    };
    let mean = |(n, s): (f64, f64)| (n > 0.0).then(|| s / n);
    let better = |t: f64, c: f64| match spec.better {
        Better::Higher => t >= c * (1.0 - spec.margin / 100.0),
        Better::Lower => t <= c * (1.0 + spec.margin / 100.0),
    };
    let met = mean(t).zip(mean(c)).is_some_and(|(t, c)| better(t, c));
    let (answered, missing) =
        if proven(plan) { progress(log, t.0) } else { (met && t.0 >= OBSERVED_REQUESTS_MIN as f64, None) };
    let is_share = spec.kind == MetricKind::Proportion;
    let said = |m: Option<f64>| words::amount(m.map(|m| m * spec.cap()), is_share, &spec.unit);
    let text = format!(
        "{} not worse than stable's: {} against {}; {}",
        spec.name,
        said(mean(t)),
        said(mean(c)),
        Answer { answered, met, missing }
    );
    let name = format!("metric {}", spec.name).into();
    Question { name, answered, met, said: Said::Text(text), requests_missing: missing }
}

fn response_time(plan: &Plan, rollout: &Rollout, limit: f64) -> Question {
    let counts = sample::with_overdue(rollout);
    let timed = counts.duration.histogram.total();
    let mean = counts.mean_ms();
    let met = mean.is_some_and(|mean| mean <= limit);
    let (_, high) = health::mean_bounds(&counts, BETA, 1.0);
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
        Answer { answered, met, missing: None }
    );
    Question {
        name: "responseTime".into(),
        answered,
        met,
        said: Said::Text(text),
        requests_missing: answered.then_some(0),
    }
}

fn health_score(plan: &Plan, rollout: &Rollout, limit: f64) -> Question {
    let counts = sample::with_overdue(rollout);
    let score = health_of(&counts).map(|h| h.score);
    let met = score.is_some_and(|score| score >= limit);
    let low = health::bounds(&counts, BETA, [1.0; 3]).map(|b| b.low);
    let answered = if proven(plan) {
        low.is_some_and(|low| low >= limit)
    } else {
        met && counts.requests >= OBSERVED_REQUESTS_MIN
    };
    let value = match (score, low) {
        (Some(score), Some(low)) => format!("{score:.1}, at least {low:.1} at every look"),
        _ => "unknown without requests".into(),
    };
    let text = format!("health score at least {limit}: {value}; {}", Answer { answered, met, missing: None });
    Question {
        name: "healthScore".into(),
        answered,
        met,
        said: Said::Text(text),
        requests_missing: answered.then_some(0),
    }
}
