//! What a plan can find and show with the traffic there is, worked out before anybody is exposed to it.
//!
//! Planning figures from the expected growth of evidence, not from simulation: a phase at its share and duration
//! gives so many canary requests; showing health needs so many, showing a regression so many. Questions on
//! response times and health scores need traffic too, but how much depends on times nobody knows yet; they are
//! named and not counted.

mod evidence;
mod warn;

use fw_engine::analysis::{Discounts, requests_to_find};
use fw_model::plan::Evidence;
use fw_model::{Phase, Plan};
use serde::Serialize;

pub use warn::Warning;

/// Error limit of a phase without criteria in a plan without an error trigger, percent: the engine's.
const ERROR_LIMIT_DEFAULT: f64 = 1.0;
/// Error rates whose detection is told, fractions.
const REGRESSIONS: [f64; 3] = [0.01, 0.05, 0.2];

/// What is known about the traffic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// Requests a second of both versions; none = not known, so nothing is said about time.
    pub rps: Option<f64>,
    /// Error rate of stable, a fraction.
    pub base_errors: f64,
    /// How clustered its failures are.
    pub phi: Discounts,
}

/// What a plan can find and show.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outlook {
    /// Requests a second, both versions; null when not known.
    pub rps: Option<f64>,
    /// Errors of stable that were assumed or observed, percent.
    pub base_error_rate: f64,
    /// How clustered stable's errors, and its batches with an error, were assumed or observed to be; 1 = independent.
    pub phi: [f64; 2],
    /// Each phase.
    pub phases: Vec<PhaseOutlook>,
    /// Time the whole plan takes a canary as good as stable, seconds; null when not known or when a phase can't end.
    pub expected_seconds: Option<f64>,
    /// What the author of the plan should know.
    pub warnings: Vec<Warning>,
    /// What limits the analysis whatever the traffic is.
    pub notes: Vec<String>,
}

/// One phase.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PhaseOutlook {
    /// From 0.
    pub position: usize,
    /// As in the config.
    pub id: i64,
    /// Share of traffic, percent.
    pub percentage: f64,
    /// Shortest time, seconds.
    pub duration_seconds: f64,
    /// Longest time with an open question, seconds.
    pub max_duration_seconds: f64,
    /// Canary requests in its duration; null without a rate.
    pub canary_requests: Option<f64>,
    /// What it must show that can be counted.
    pub questions: Vec<QuestionOutlook>,
    /// Criteria that must be shown too and are not counted here.
    pub not_counted: Vec<&'static str>,
    /// Canary requests until everything counted is shown, at stable's error rate; null when it never is.
    pub requests_to_show: Option<f64>,
    /// The same in seconds; null without a rate.
    pub seconds_to_show: Option<f64>,
    /// Smallest error rate it finds within its duration, percent; null without a rate or when it finds none.
    pub smallest_error_rate: Option<f64>,
    /// How a few error rates are found.
    pub detection: Vec<Detection>,
}

/// A question, and what showing it takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QuestionOutlook {
    /// `errorRate` (a limit) or `errorsVsStable`.
    pub name: &'static str,
    /// Its limit, percent of requests; null for a comparison.
    pub limit: Option<f64>,
    /// Canary requests that show it without a single error.
    pub requests_without_errors: Option<f64>,
    /// Canary requests that show it at stable's error rate; null when that never will.
    pub requests: Option<f64>,
}

/// How a regression is found in a phase.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detection {
    /// Errors of the canary, percent.
    pub error_rate: f64,
    /// Canary requests until the rollback is decided: the users exposed. Null when it is not found.
    pub requests: Option<f64>,
    /// Of them, those that failed above stable's rate.
    pub harmed: Option<f64>,
    /// Seconds from the first bad request; null without a rate.
    pub seconds: Option<f64>,
}

/// Looks ahead for this plan.
pub fn outlook(plan: &Plan, demand: Demand) -> Outlook {
    let phases: Vec<PhaseOutlook> = plan
        .phases
        .iter()
        .enumerate()
        .map(|(position, phase)| phase_outlook(plan, phase, position, demand))
        .collect();
    let stay = |phase: &PhaseOutlook| phase.seconds_to_show.map(|s| s.max(phase.duration_seconds));
    let expected_seconds = phases.iter().map(stay).sum::<Option<f64>>();
    let warnings = warn::warnings(plan, &phases, demand);
    let notes = warn::notes(plan, demand);
    Outlook {
        rps: demand.rps,
        base_error_rate: 100.0 * demand.base_errors,
        phi: [demand.phi.errors, demand.phi.batches],
        phases,
        expected_seconds,
        warnings,
        notes,
    }
}

fn phase_outlook(plan: &Plan, phase: &Phase, position: usize, demand: Demand) -> PhaseOutlook {
    let share = phase.percentage.fraction();
    let canary_rps = demand.rps.map(|rps| rps * share);
    let duration_seconds = phase.duration.as_secs_f64();
    let canary_requests = canary_rps.map(|rps| rps * duration_seconds);
    let questions = questions(plan, phase, demand.base_errors);
    let requests_to_show =
        questions.iter().map(|q| q.requests).try_fold(0.0_f64, |most, q| Some(most.max(q?)));
    let seconds = |requests: Option<f64>| Some(requests? / canary_rps?);
    let detection = REGRESSIONS
        .into_iter()
        .filter(|rate| *rate > demand.base_errors)
        .map(|rate| {
            let requests = requests_to_find(plan, share, rate, demand.base_errors, demand.phi);
            Detection {
                error_rate: 100.0 * rate,
                requests,
                harmed: requests.map(|n| n * (rate - demand.base_errors)),
                seconds: seconds(requests),
            }
        })
        .collect();
    let smallest = canary_requests
        .and_then(|n| evidence::smallest_found(plan, share, n, demand.base_errors, demand.phi));
    PhaseOutlook {
        position,
        id: phase.id,
        percentage: phase.percentage.value(),
        duration_seconds,
        max_duration_seconds: phase.max_duration().as_secs_f64(),
        canary_requests,
        not_counted: not_counted(phase),
        requests_to_show,
        seconds_to_show: seconds(requests_to_show),
        questions,
        smallest_error_rate: smallest.map(|rate| 100.0 * rate),
        detection,
    }
}

/// What a phase must show: its error criterion, or the rollback limit and stable where it has no criteria at all.
fn questions(plan: &Plan, phase: &Phase, base: f64) -> Vec<QuestionOutlook> {
    let is_observed = plan.analysis.evidence == Evidence::Observed;
    let mut questions = vec![];
    let fallback = phase.criteria.is_empty().then(|| plan.triggers.error_rate.unwrap_or(ERROR_LIMIT_DEFAULT));
    if let Some(limit) = phase.criteria.error_rate.or(fallback) {
        let (clean, usual) = if is_observed {
            let requests = Some(evidence::OBSERVED_REQUESTS);
            (requests, requests.filter(|_| 100.0 * base <= limit))
        } else {
            (
                evidence::requests_under_limit(limit / 100.0, 0.0),
                evidence::requests_under_limit(limit / 100.0, base),
            )
        };
        questions.push(QuestionOutlook {
            name: "errorRate",
            limit: Some(limit),
            requests_without_errors: clean,
            requests: usual,
        });
    }
    if phase.criteria.is_empty() && !phase.is_full() && !is_observed {
        let share = phase.percentage.fraction();
        questions.push(QuestionOutlook {
            name: "errorsVsStable",
            limit: None,
            requests_without_errors: evidence::requests_beside_stable(share, 0.0),
            requests: evidence::requests_beside_stable(share, base),
        });
    }
    questions
}

fn not_counted(phase: &Phase) -> Vec<&'static str> {
    let criteria = phase.criteria;
    let mut names = vec![];
    names.extend(criteria.response_time.map(|_| "responseTime"));
    names.extend(criteria.health_score.map(|_| "healthScore"));
    if criteria.is_empty() && !phase.is_full() {
        names.push("latencyVsStable");
    }
    names
}

#[cfg(test)]
mod tests;
