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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fw_model::{Region, ServiceName, Timestamp};
    use fw_stats::relative::Pair;
    use fw_stats::test::Comparison;

    use super::*;
    use crate::analysis::errors_ask;
    use crate::generate::Rng;
    use crate::rollout::{Requested, Status as Life};
    use crate::waves::{HaltOthers, OnPooled, OnUnreachable, Standing, Started, Wave, WavesPlan, begin};

    const ALPHA: f64 = 0.05;
    /// Runs of each kind. With fewer than α of them stopped under the null, more would only sharpen the number.
    const RUNS: u64 = 400;
    /// Looks of a run, a second each.
    const LOOKS: usize = 600;
    /// Requests a look and region, canary and stable.
    const REQUESTS: (u32, u32) = (10, 40);
    /// What share of a region's wealth the question about errors has; the rest sees nothing.
    const WEIGHT: f64 = 0.3;

    fn whole(names: &[&str], pooled: OnPooled) -> RegionalRollout {
        let regions = names.iter().map(|name| Region::new(*name).unwrap()).collect();
        let plan = WavesPlan {
            service: ServiceName::new("shop").unwrap(),
            stable: "1".into(),
            canary: "2".into(),
            waves: vec![Wave { regions, after: vec![] }],
            halt_others: HaltOthers::Hold,
            on_unreachable: OnUnreachable::Hold,
            pooled,
            alpha: ALPHA,
        };
        let by = Requested { actor: "ana".into(), reason: None };
        let started = Started { run: "shop.1".parse().unwrap(), plan: Arc::new(plan), by };
        begin(&started, Timestamp(0)).unwrap().next
    }

    fn seen(evidence: Vec<Evidence>, attempt: u32) -> Seen {
        Seen {
            run: "shop@a.1".into(),
            status: Life::Running,
            standing: Standing::Open,
            why: String::new(),
            attempt,
            phase: Some(0),
            progress: 0.0,
            canary_percent: 20.0,
            requests: 0,
            errors: 0,
            response_ms: None,
            health: None,
            evidence,
        }
    }

    fn evidence(test: &str, weight: f64, log: f64) -> Evidence {
        Evidence { test: test.into(), weight, log, requests: 1000.0, bad: 100.0 }
    }

    /// First looks at which the pooled evidence is enough, and at which a region's own is, all of α being the regions'.
    fn run(seed: u64, stable: f64, canary: [f64; 3]) -> (Option<usize>, Option<usize>) {
        let mut rng = Rng::new(seed);
        let mut whole = whole(&["a", "b", "c"], OnPooled::Rollback);
        let alone_needed = (3.0 / ALPHA).ln();
        let mut tests = [Comparison::default(), Comparison::default(), Comparison::default()];
        let ask = errors_ask(LOOKS as f64);
        let (mut together, mut alone) = (None, None);
        for look in 0..LOOKS {
            for (place, test) in tests.iter_mut().enumerate() {
                let mut draw = |n: u32, rate: f64| (0..n).filter(|_| rng.unit() < rate).count() as f64;
                let (s_t, s_c) = (draw(REQUESTS.0, canary[place]), draw(REQUESTS.1, stable));
                let counts = Pair { n_t: f64::from(REQUESTS.0), s_t, n_c: f64::from(REQUESTS.1), s_c };
                test.look(&ask, counts, 1.0, look == 0);
                let own =
                    vec![evidence("errors", WEIGHT, test.log_harm()), evidence("rest", 1.0 - WEIGHT, 0.0)];
                whole.regions[place].seen = Some(Box::new(seen(own, 1)));
            }
            let all = pooled(&whole);
            if all.is_shown() {
                together = together.or(Some(look));
            }
            if all.parts.iter().any(|part| part.log >= alone_needed) {
                alone = alone.or(Some(look));
            }
            if together.is_some() && alone.is_some() {
                break;
            }
        }
        (together, alone)
    }

    fn median(mut found: Vec<usize>) -> usize {
        found.sort_unstable();
        found[found.len() / 2]
    }

    #[test]
    fn an_acceptable_canary_is_stopped_with_probability_at_most_alpha() {
        let stopped = (0..RUNS).filter(|seed| run(*seed, 0.02, [0.02; 3]).0.is_some()).count();
        println!("false stops: {stopped} of {RUNS}");
        assert!(stopped as f64 <= ALPHA * RUNS as f64, "{stopped} of {RUNS}");
        // Also where one region differs from the others, as long as each is acceptable.
        let uneven = (0..RUNS).filter(|seed| run(*seed, 0.02, [0.021, 0.015, 0.02]).0.is_some()).count();
        assert!(uneven as f64 <= ALPHA * RUNS as f64, "{uneven} of {RUNS}");
    }

    #[test]
    fn slightly_worse_everywhere_is_found_sooner_together_than_by_any_region_alone() {
        let runs: Vec<_> = (0..100).map(|seed| run(seed, 0.02, [0.032; 3])).collect();
        let looks = |found: Option<usize>| found.unwrap_or(LOOKS);
        let together = median(runs.iter().map(|(together, _)| looks(*together)).collect());
        let alone = median(runs.iter().map(|(_, alone)| looks(*alone)).collect());
        println!("median looks: {together} together, {alone} alone");
        assert!(together < LOOKS && 4 * together <= 3 * alone, "{together} together, {alone} alone");
    }

    #[test]
    fn a_new_attempt_of_a_region_keeps_what_the_old_one_had() {
        let mut whole = whole(&["a", "b"], OnPooled::Rollback);
        let mut look = |log: f64, attempt: u32| {
            for state in &mut whole.regions {
                let sight = seen(vec![evidence("errors", 1.0, log)], attempt);
                stake(state, &sight);
                state.seen = Some(Box::new(sight));
            }
            pooled(&whole).parts[0].log
        };
        assert_eq!(look(2.0, 1), 2.0);
        assert_eq!(look(0.0, 2), 2.0, "the old attempt's evidence stays");
        assert_eq!(look(1.5, 2), 3.5, "and the new one's is added");
        whole.regions.iter_mut().for_each(begin_attempt);
        assert_eq!(pooled(&whole).parts[0].log, 0.0, "a new attempt of the whole counts from here");
    }

    #[test]
    fn only_questions_that_every_region_asks_are_pooled() {
        let mut whole = whole(&["a", "b"], OnPooled::Rollback);
        let own = vec![evidence("errors", 0.5, 1.0), evidence("revenue", 0.5, 3.0)];
        whole.regions[0].seen = Some(Box::new(seen(own, 1)));
        whole.regions[1].seen = Some(Box::new(seen(vec![evidence("errors", 1.0, 1.0)], 1)));
        let all = pooled(&whole);
        assert!((all.log_pooled - (0.5_f64.ln() + 2.0)).abs() < 1e-12, "{all:?}");
        assert_eq!(all.lead.as_deref(), Some("errors"));
    }
}
