//! What past rollouts teach a plan: how long proof took, what traffic and errors there were, and what follows.
//!
//! Suggestions only, each with the runs it comes from. Phases are matched by their share: a plan's 5 % phase learns from
//! every past visit to 5 %.

use std::time::Duration;

use fw_engine::analysis::Verdict;
use fw_engine::{Event, Rollout, Status};
use fw_model::{Counts, Phase, Plan, Variant, Weight};
use serde::Serialize;

use super::follow::follow;
use super::{HistoryError, Recorded};
use fw_engine::analysis::Discounts;

use crate::outlook::{Demand, outlook};

/// Stable's errors are believed from this many requests on.
const BASE_REQUESTS_MIN: u64 = 1000;
/// A suggested limit is this many times stable's errors.
const LIMIT_FACTOR: f64 = 3.0;
/// Limits that people write, percent.
const LIMITS: [f64; 10] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0];
/// A duration is worth a change from this part of it on.
const CHANGE_MIN: f64 = 0.2;

/// One visit to a phase.
#[derive(Debug, Clone, PartialEq)]
struct Visit {
    run: String,
    share: Weight,
    /// Watched time, seconds.
    watched: f64,
    /// Watched time until everything was shown, if it was.
    proof: Option<f64>,
    canary: Counts,
    stable: Counts,
}

/// What past rollouts teach.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tuning {
    /// Runs that were read, oldest first.
    pub runs: Vec<String>,
    /// Runs that could not be read, and why.
    pub skipped: Vec<String>,
    /// Requests a second seen, both versions; null without watched time.
    pub rps: Option<f64>,
    /// Stable's errors, percent; null with too few requests.
    pub base_error_rate: Option<f64>,
    /// What should be changed.
    pub suggestions: Vec<Suggestion>,
}

/// A change that the past speaks for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Suggestion {
    /// Position of the phase.
    pub phase: usize,
    /// Its share, percent.
    pub percentage: f64,
    /// `duration` or `successCriteria.errorRate`.
    pub key: &'static str,
    /// As it is, in the form of a config.
    pub now: String,
    /// As it should be.
    pub suggested: String,
    /// Why, with the runs.
    pub reason: String,
}

/// Learns from past runs, each with its events or why they can't be had.
pub fn tune(plan: &Plan, runs: &[(String, Result<Vec<Recorded>, String>)]) -> Tuning {
    let mut tuning =
        Tuning { runs: vec![], skipped: vec![], rps: None, base_error_rate: None, suggestions: vec![] };
    let mut visits = vec![];
    for (name, events) in runs {
        let read = events.as_ref().map_err(Clone::clone).and_then(|e| learn(name, e).map_err(|e| e.told()));
        match read {
            Ok(learnt) => {
                tuning.runs.push(name.clone());
                visits.extend(learnt);
            }
            Err(why) => tuning.skipped.push(format!("{name}: {why}")),
        }
    }
    let watched: f64 = visits.iter().map(|v| v.watched).sum();
    let requests: u64 = visits.iter().map(|v| v.canary.requests + v.stable.requests).sum();
    tuning.rps = (watched > 0.0 && requests > 0).then(|| requests as f64 / watched);
    let stable = visits.iter().fold((0, 0), |sum, v| (sum.0 + v.stable.requests, sum.1 + v.stable.errors));
    let base = (stable.0 >= BASE_REQUESTS_MIN).then(|| stable.1 as f64 / stable.0 as f64);
    tuning.base_error_rate = base.map(|base| 100.0 * base);
    for (position, phase) in plan.phases.iter().enumerate() {
        tuning.suggestions.extend(limit(position, phase, base, &visits));
        tuning.suggestions.extend(duration(plan, position, phase, &visits, tuning.rps, base));
    }
    tuning
}

/// The visits of one run.
fn learn(name: &str, events: &[Recorded]) -> Result<Vec<Visit>, HistoryError> {
    let mut visits: Vec<Visit> = vec![];
    let mut open: Option<(fw_model::Epoch, Visit)> = None;
    follow(events, |before, recorded, transition| {
        let next = &transition.next;
        let Some(before) = before else { return };
        if let (Event::Looked(look), Status::Running) = (&recorded.event, before.status) {
            let same = open.take_if(|(epoch, _)| *epoch == before.epoch);
            let mut visit = same.map_or_else(|| fresh(name, before), |(_, visit)| visit);
            for delta in look.deltas.iter().filter(|delta| delta.epoch == before.epoch) {
                match delta.variant {
                    Variant::Canary => visit.canary.merge(&delta.counts),
                    Variant::Stable => visit.stable.merge(&delta.counts),
                }
            }
            let counted = next.epoch == before.epoch;
            visit.watched = if counted { next.watched } else { before.watched + look.watched }.as_secs_f64();
            let ended = !counted || next.status == Status::Completed;
            let ended_healthy = before.position.and_then(|p| next.ended_healthy.get(p)).copied();
            let is_shown = match ended {
                true => ended_healthy == Some(true),
                false => transition.report.judgement.verdict == Verdict::Healthy,
            };
            visit.proof = visit.proof.or(is_shown.then_some(visit.watched));
            open = Some((before.epoch, visit));
        }
        if next.epoch != before.epoch || next.status != Status::Running {
            visits.extend(open.take().map(|(_, visit)| visit));
        }
    })?;
    visits.extend(open.map(|(_, visit)| visit));
    Ok(visits)
}

fn fresh(name: &str, rollout: &Rollout) -> Visit {
    Visit {
        run: name.to_owned(),
        share: rollout.canary,
        watched: 0.0,
        proof: None,
        canary: Counts::default(),
        stable: Counts::default(),
    }
}

/// A limit that stable itself does not keep well.
fn limit(position: usize, phase: &Phase, base: Option<f64>, visits: &[Visit]) -> Option<Suggestion> {
    let (now, base) = (phase.criteria.error_rate?, 100.0 * base?);
    if LIMIT_FACTOR * base <= now || !visits.iter().any(|v| v.share == phase.weight()) {
        return None;
    }
    let suggested = LIMITS.into_iter().find(|limit| *limit >= LIMIT_FACTOR * base)?;
    (suggested > now).then(|| Suggestion {
        phase: position,
        percentage: phase.percentage.value(),
        key: "successCriteria.errorRate",
        now: trimmed(now),
        suggested: trimmed(suggested),
        reason: format!(
            "stable itself failed {} %: a canary as good as it can hardly be shown to be below {} %",
            trimmed(base),
            trimmed(now)
        ),
    })
}

/// A duration that fits the time that proof took.
fn duration(
    plan: &Plan,
    position: usize,
    phase: &Phase,
    visits: &[Visit],
    rps: Option<f64>,
    base: Option<f64>,
) -> Option<Suggestion> {
    let here: Vec<&Visit> = visits.iter().filter(|v| v.share == phase.weight()).collect();
    let proofs: Vec<(&str, f64)> = here.iter().filter_map(|v| Some((v.run.as_str(), v.proof?))).collect();
    let longest = proofs.iter().map(|(_, seconds)| *seconds).max_by(f64::total_cmp);
    let (needed, reason) = match longest {
        Some(longest) => {
            let took: Vec<String> =
                proofs.iter().map(|(run, s)| format!("{} in {run}", written(*s))).collect();
            (longest, format!("proof took {}", took.join(", ")))
        }
        None if here.is_empty() => return None,
        None => {
            let seen = outlook(plan, Demand { rps, base_errors: base?, phi: Discounts::NONE });
            let needed = seen.phases.get(position)?.seconds_to_show?;
            (
                needed,
                format!(
                    "it was never proven in {} visits; at {:.0} requests/s it needs this long",
                    here.len(),
                    rps?
                ),
            )
        }
    };
    let now = phase.duration.as_secs_f64();
    let suggested = rounded(needed);
    ((suggested - now).abs() > CHANGE_MIN * now).then(|| Suggestion {
        phase: position,
        percentage: phase.percentage.value(),
        key: "duration",
        now: written(now),
        suggested: written(suggested),
        reason,
    })
}

/// Up to a time that people write, at least a minute.
fn rounded(seconds: f64) -> f64 {
    let step = if seconds < 600.0 { 30.0 } else { 60.0 };
    ((seconds / step).ceil() * step).max(60.0)
}

/// `90s` or `5m`, as a config has it.
fn written(seconds: f64) -> String {
    let whole = Duration::from_secs(seconds.ceil() as u64).as_secs();
    if whole.is_multiple_of(60) && whole > 0 { format!("{}m", whole / 60) } else { format!("{whole}s") }
}

fn trimmed(n: f64) -> String {
    format!("{n:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
}
