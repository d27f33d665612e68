//! The tests against the canary, each within its share of α.
//!
//! Shares sum to one, and each test's levels over all looks sum to its share, so all automatic
//! rollbacks of an attempt together are false with probability at most α. The guard (ten requests,
//! five bad ones) keeps a handful of unlucky first requests from deciding anything.

use fw_model::Plan;
use fw_stats::{binomial, mean_limit, spending};

use super::{Finding, Sample, Strength, health, sample, words};
use crate::rollout::{Rollout, Trigger};

/// Fewest canary requests of any harm finding.
const GUARD_REQUESTS_MIN: u64 = 10;
/// Fewest bad canary events of any harm finding on counts.
const GUARD_EVENTS_MIN: u64 = 5;
/// The canary's rate may be this many times stable's before a comparison counts against it.
const RATIO_MARGIN: f64 = 1.1;

/// Shares of α.
const SHARE_ERRORS_IN_PHASE: f64 = 0.25;
const SHARE_ERRORS_RECENT: f64 = 0.25;
const SHARE_ERRORS_VS_STABLE: f64 = 0.2;
const SHARE_CLIENT_ERRORS: f64 = 0.05;
const SHARE_MEAN: f64 = 0.1;
pub(super) const SHARE_HEALTH: f64 = 0.15;

pub(super) fn all(plan: &Plan, rollout: &Rollout) -> Vec<Finding> {
    let mut findings = vec![];
    findings.extend(plan.triggers.error_rate.map(|limit| error_limit(plan, rollout, limit)));
    if !rollout.is_full() {
        findings.push(errors_vs_stable(plan, rollout));
        findings.push(client_errors_vs_stable(plan, rollout));
    }
    findings.extend(plan.triggers.response_time.map(|limit| response_time(plan, rollout, limit)));
    findings.extend(plan.triggers.health.map(|limit| health::finding(plan, rollout, limit)));
    findings
}

/// How far a p-value is below the level of this look, and below that of a warning (√α in place of α).
fn strength(p: f64, alpha: f64, share: f64, look: u64) -> Strength {
    if p <= spending::level(alpha * share, look) {
        Strength::Shown
    } else if p <= spending::level(alpha.sqrt() * share, look) {
        Strength::Warning
    } else {
        Strength::Quiet
    }
}

fn guarded(strength: Strength, sample: Sample) -> Strength {
    let enough = sample.requests >= GUARD_REQUESTS_MIN && sample.errors >= GUARD_EVENTS_MIN;
    if enough {
        strength
    } else {
        strength.min(Strength::Warning).min(if sample.errors >= 2 {
            Strength::Warning
        } else {
            Strength::Quiet
        })
    }
}

/// Errors above the limit: in the phase so far, and in the last looks (a late onset).
fn error_limit(plan: &Plan, rollout: &Rollout, limit: f64) -> Finding {
    let look = rollout.analysis.attempt_looks;
    let alpha = plan.analysis.alpha;
    let phase = Sample::of(&rollout.tally.canary);
    let recent = rollout.analysis.recent.iter().fold(Sample::default(), |sum, &s| sum.plus(s));
    let p_of = |s: Sample| binomial::at_least(s.requests, s.errors, limit / 100.0);
    let (p_phase, p_recent) = (p_of(phase), p_of(recent));
    let in_phase = guarded(strength(p_phase, alpha, SHARE_ERRORS_IN_PHASE, look), phase);
    let in_recent = guarded(strength(p_recent, alpha, SHARE_ERRORS_RECENT, look), recent);
    let (strength, sample, p, when) = if in_recent > in_phase {
        (in_recent, recent, p_recent, "in the last looks")
    } else {
        (in_phase, phase, p_phase, "in this phase")
    };
    let text = format!(
        "canary {} {when}, limit {}: {} if it were within the limit; {}",
        words::rate("errors", sample.errors, sample.requests),
        words::percent(limit),
        words::odds(p),
        stable_words(rollout),
    );
    Finding { trigger: Trigger::ErrorRate, strength, value: phase_rate(sample), limit, text }
}

fn phase_rate(sample: Sample) -> Option<f64> {
    (sample.requests > 0).then(|| 100.0 * sample.errors as f64 / sample.requests as f64)
}

fn stable_words(rollout: &Rollout) -> String {
    let stable = &rollout.tally.stable;
    format!("stable {}", words::rate("errors", stable.errors, stable.requests))
}

/// Bad events more frequent than on stable in the same seconds: given all of them, the canary's part
/// is at most binomial with the canary's share of requests (weighted by the margin).
/// Source: Przyborowski & Wilenski (1940), the conditional test of two rates; conservative for proportions.
fn compared(rollout: &Rollout, bad: (u64, u64)) -> f64 {
    let (canary, stable) = (rollout.tally.canary.requests as f64, rollout.tally.stable.requests as f64);
    if canary == 0.0 || stable == 0.0 {
        return 1.0;
    }
    let share = RATIO_MARGIN * canary / (RATIO_MARGIN * canary + stable);
    binomial::at_least(bad.0.saturating_add(bad.1), bad.0, share)
}

fn errors_vs_stable(plan: &Plan, rollout: &Rollout) -> Finding {
    let (canary, stable) = (&rollout.tally.canary, &rollout.tally.stable);
    let p = compared(rollout, (canary.errors, stable.errors));
    let look = rollout.analysis.attempt_looks;
    let strength =
        guarded(strength(p, plan.analysis.alpha, SHARE_ERRORS_VS_STABLE, look), Sample::of(canary));
    let text = format!(
        "canary {} against {} in the same seconds: {} if it were no worse",
        words::rate("errors", canary.errors, canary.requests),
        stable_words(rollout),
        words::odds(p),
    );
    let limit = RATIO_MARGIN * stable.error_rate_percent().unwrap_or(0.0);
    Finding { trigger: Trigger::ErrorsVsStable, strength, value: canary.error_rate_percent(), limit, text }
}

fn client_errors_vs_stable(plan: &Plan, rollout: &Rollout) -> Finding {
    let (canary, stable) = (&rollout.tally.canary, &rollout.tally.stable);
    let p = compared(rollout, (canary.client_errors, stable.client_errors));
    let bad = Sample { requests: canary.requests, errors: canary.client_errors };
    let look = rollout.analysis.attempt_looks;
    let strength = guarded(strength(p, plan.analysis.alpha, SHARE_CLIENT_ERRORS, look), bad);
    let rate = |bad: u64, all: u64| if all == 0 { 0.0 } else { 100.0 * bad as f64 / all as f64 };
    let text = format!(
        "canary {} against stable {} in the same seconds: {} if it were no worse",
        words::rate("4xx answers", canary.client_errors, canary.requests),
        words::rate("4xx answers", stable.client_errors, stable.requests),
        words::odds(p),
    );
    Finding {
        trigger: Trigger::ClientErrorsVsStable,
        strength,
        value: (canary.requests > 0).then(|| rate(canary.client_errors, canary.requests)),
        limit: RATIO_MARGIN * rate(stable.client_errors, stable.requests),
        text,
    }
}

/// Mean response time above the limit, requests under way included.
fn response_time(plan: &Plan, rollout: &Rollout, limit: f64) -> Finding {
    let counts = sample::with_overdue(rollout);
    let timed = counts.duration.histogram.total();
    let log = mean_limit::ln_evidence_above(
        timed as f64,
        counts.duration.sum_ms,
        counts.duration.sum_squares,
        limit,
    );
    // One e-value a visit: every visit of an attempt spends the share again at its own level.
    let needed = (1.0 / (plan.analysis.alpha * SHARE_MEAN)).ln() + visits_penalty(rollout);
    let value = counts.mean_ms();
    let strength = if timed < GUARD_REQUESTS_MIN {
        Strength::Quiet
    } else if log >= needed {
        Strength::Shown
    } else if value.is_some_and(|mean| mean > limit) {
        Strength::Warning
    } else {
        Strength::Quiet
    };
    let text = format!(
        "canary mean response time {} over {} requests, limit {}; evidence {:.0} : 1, needed {:.0} : 1",
        value.map_or("unknown".into(), words::millis),
        words::count(timed),
        words::millis(limit),
        log.exp().min(1e15),
        needed.exp(),
    );
    Finding { trigger: Trigger::ResponseTime, strength, value, limit, text }
}

/// ln of the factor by which the j-th visit's evidence must be stronger: j (j + 1), so that all visits
/// of an attempt stay inside one share. The first visit of the first phase pays ln 2.
pub(super) fn visits_penalty(rollout: &Rollout) -> f64 {
    let visit = rollout.position.map_or(1.0, |position| position as f64 + 1.0);
    (visit * (visit + 1.0)).ln()
}

/// Whether stable breaks the error limit by the same test.
pub(super) fn stable_over_limit(plan: &Plan, rollout: &Rollout) -> bool {
    let Some(limit) = plan.triggers.error_rate else { return false };
    let stable = Sample::of(&rollout.tally.stable);
    let p = binomial::at_least(stable.requests, stable.errors, limit / 100.0);
    let look = rollout.analysis.attempt_looks;
    guarded(strength(p, plan.analysis.alpha, SHARE_ERRORS_IN_PHASE, look), stable) == Strength::Shown
}
