//! What all regions together have against the canary, under one α.
//!
//! M = Σ w_r·E_r + w_p·E_p. E_r is a region's own evidence, E_p the pooled test's: for each question the product of
//! the regions' e-values, averaged over the questions with the weights of the plan. All weights sum to 1 and are fixed
//! before the first look, so M is an average of e-processes: were the canary acceptable everywhere, it would ever
//! reach 1/α with probability at most α. The average needs no independence of regions; the product needs that, given
//! what was seen before, the outcomes of one look are independent between regions.
//!
//! Source: docs/adr/0080-waves-under-one-alpha.md; Vovk & Wang, "E-values: Calibration, combination and applications"
//! (Annals of Statistics 2021), sections 3 and 4.

use std::collections::BTreeMap;

use fw_model::Region;
use fw_stats::decision::{GUARD_EVENTS, GUARD_REQUESTS};

use super::state::Stake;
use super::{Evidence, RegionState, RegionalRollout, Seen};

/// Smallest and largest logarithm that is reckoned with: beyond, an f64's exponential is 0 or infinite.
const LOG_MAX: f64 = 700.0;

/// What all regions together have against the canary.
#[derive(Debug, Clone, PartialEq)]
pub struct Pooled {
    /// ln of M.
    pub log_total: f64,
    /// ln of 1/α.
    pub log_needed: f64,
    /// ln of the pooled test's e-value; 0 where nothing is pooled.
    pub log_pooled: f64,
    /// The pooled test's weight.
    pub weight: f64,
    /// One for each region, in the order of the plan.
    pub parts: Vec<Part>,
    /// The question that has the most against it in the pooled test.
    pub lead: Option<String>,
    /// Whether it has seen enough to decide: 10 canary requests and 5 bad ones.
    pub guarded: bool,
}

/// One region's part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Which.
    pub region: Region,
    /// Its weight.
    pub weight: f64,
    /// ln of its evidence; 0 before it began.
    pub log: f64,
}

impl Pooled {
    /// Whether that is enough.
    pub fn is_shown(&self) -> bool {
        self.log_total >= self.log_needed && self.guarded
    }

    /// In words.
    pub fn text(&self) -> String {
        let lead = self.lead.as_ref().map_or(String::new(), |lead| format!(", most of it on {lead}"));
        let (total, needed) = (times(self.log_total), times(self.log_needed));
        format!("all regions together show that the canary is worse: evidence {total}{lead}, limit {needed}")
    }
}

fn times(log: f64) -> String {
    let value = log.min(LOG_MAX).exp();
    match value {
        v if v >= 1e6 => format!("{v:.1e}"),
        v if v >= 10.0 => format!("{v:.0}"),
        v => format!("{v:.2}"),
    }
}

/// The evidence of all regions as they were last seen.
pub fn pooled(whole: &RegionalRollout) -> Pooled {
    let (own, shared) = (whole.plan.region_weight(), whole.plan.pooled_weight());
    let part = |state: &RegionState| Part {
        region: state.region.clone(),
        weight: own,
        log: state
            .seen
            .as_ref()
            .map_or(0.0, |seen| log_sum_exp(seen.evidence.iter().map(|e| e.weight.ln() + factor(state, e)))),
    };
    let parts: Vec<Part> = whole.regions.iter().map(part).collect();
    let questions = questions(whole);
    let log_pooled = if questions.is_empty() {
        0.0
    } else {
        log_sum_exp(questions.values().map(|q| q.weight.ln() + q.log))
    };
    let lead =
        questions.iter().max_by(|a, b| (a.1.weight.ln() + a.1.log).total_cmp(&(b.1.weight.ln() + b.1.log)));
    let guarded = lead.is_some_and(|(_, q)| q.requests >= GUARD_REQUESTS && q.bad >= GUARD_EVENTS);
    let regional = parts.iter().map(|part| part.weight.ln() + part.log);
    let log_total = log_sum_exp(regional.chain(std::iter::once(shared.ln() + log_pooled)));
    Pooled {
        log_total,
        log_needed: -whole.plan.alpha.ln(),
        log_pooled,
        weight: shared,
        lead: lead.map(|(name, _)| name.clone()),
        guarded,
        parts,
    }
}

/// One question over all regions.
struct Question {
    weight: f64,
    log: f64,
    requests: f64,
    bad: f64,
    regions: usize,
}

/// The questions that every region asks, each with the smallest of its weights: those only shrink as regions begin,
/// so the average stays below one with fixed weights.
fn questions(whole: &RegionalRollout) -> BTreeMap<String, Question> {
    let mut found: BTreeMap<String, Question> = BTreeMap::new();
    let mut seen = 0;
    for state in &whole.regions {
        let Some(sight) = &state.seen else { continue };
        seen += 1;
        for evidence in &sight.evidence {
            let log = factor(state, evidence);
            let question = found.entry(evidence.test.clone()).or_insert(Question {
                weight: 1.0,
                log: 0.0,
                requests: 0.0,
                bad: 0.0,
                regions: 0,
            });
            question.weight = question.weight.min(evidence.weight);
            question.log = (question.log + log).clamp(-LOG_MAX, LOG_MAX);
            question.requests += evidence.requests;
            question.bad += evidence.bad;
            question.regions += 1;
        }
    }
    found.retain(|_, question| question.regions == seen && question.weight > 0.0);
    found
}

/// ln of a test's evidence in this attempt of the whole: what earlier attempts of the region left, and what this one
/// added since the whole's attempt began.
fn factor(state: &RegionState, evidence: &Evidence) -> f64 {
    let stake = state.stakes.get(&evidence.test).copied().unwrap_or_default();
    (stake.carried + evidence.log.clamp(-LOG_MAX, LOG_MAX) - stake.base).clamp(-LOG_MAX, LOG_MAX)
}

/// Takes a sight's evidence in: where the region began a new attempt, the old one's stays as it was.
pub(super) fn stake(state: &mut RegionState, seen: &Seen) {
    let anew = state.seen.as_ref().is_some_and(|before| before.attempt != seen.attempt);
    for evidence in &seen.evidence {
        let stake = state.stakes.entry(evidence.test.clone()).or_default();
        if anew {
            *stake = Stake { carried: stake.carried + stake.last - stake.base, base: 0.0, last: 0.0 };
        }
        stake.last = evidence.log.clamp(-LOG_MAX, LOG_MAX);
    }
}

/// A new attempt of the whole: everything counts from here.
pub(super) fn begin_attempt(state: &mut RegionState) {
    for stake in state.stakes.values_mut() {
        *stake = Stake { carried: 0.0, base: stake.last, last: stake.last };
    }
}

/// ln of a sum of exponentials; negative infinity for nothing.
fn log_sum_exp(logs: impl Iterator<Item = f64>) -> f64 {
    let logs: Vec<f64> = logs.filter(|log| *log > f64::NEG_INFINITY).collect();
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + logs.iter().map(|log| (log - largest).exp()).sum::<f64>().ln()
}
