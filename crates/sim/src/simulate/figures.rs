//! From runs to figures: shares with exact intervals, delays, exposure, and how near to the best possible.
//!
//! A figure that nothing was measured for is none, never zero.

use std::collections::BTreeMap;

use fw_stats::{binomial, power};
use serde::Serialize;

use crate::peers;
use crate::run::{Outcome, Ran, Ruled, Setup};
use crate::world::{Clustered, Law, Regression, Slower};

/// Error probability of each end of an interval.
const TAIL: f64 = 0.025;
/// Halvings of a search for an interval's end.
const HALVINGS: u32 = 60;

/// All that was simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulation {
    /// The figures.
    pub summary: Summary,
    /// The runs, in order.
    pub runs: Vec<Ran>,
}

/// The figures of a simulation, as they are printed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// What happened, in the form it is read in.
    pub scenario: String,
    /// Whether a rollback was right.
    pub is_regression: bool,
    /// How runs ended, as shares.
    pub outcomes: OutcomeShares,
    /// The engine's figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// Canary requests nobody can do without: ln(1/α) / KL(regression ‖ stable), Wald's bound; none where it is not known.
    pub wald_requests: Option<f64>,
    /// What rolled back, as shares of all runs.
    pub triggers: BTreeMap<String, f64>,
    /// The first words of evidence of the first run that was rolled back.
    pub example: Option<String>,
    /// How clustered stable's requests were before the start; none where it was not watched second by second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clustered: Option<Medians>,
    /// The rules of other tools.
    pub peers: BTreeMap<&'static str, PeerFigures>,
    /// What was assumed.
    pub settings: Settings,
}

/// φ of stable before the start, 1 = independent; medians of all runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Medians {
    /// Of errors.
    pub errors: f64,
    /// Of bad batches: of 20 consecutive requests of an instance, one failed.
    pub batches: f64,
    /// Of requests slower than 99 % of the usual ones.
    pub slow: f64,
}

/// How runs ended, as shares of all runs.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutcomeShares {
    /// Decided to go back.
    pub rolled_back: f64,
    /// All traffic on the canary.
    pub completed: f64,
    /// In a later phase than the first at the end of the simulated time.
    pub advanced: f64,
    /// Waiting for something else than time.
    pub held: f64,
    /// In the first phase, whose time was not over.
    pub running: f64,
}

/// What one rule did, over all runs.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Share of runs rolled back while the canary was as good as stable; none where it never was.
    pub false_rollback_rate: Option<f64>,
    /// Lower end of its 95 % interval (Clopper-Pearson).
    pub false_rollback_rate_low: Option<f64>,
    /// Upper end.
    pub false_rollback_rate_high: Option<f64>,
    /// Share of runs rolled back once the canary was bad; none where it never was.
    pub detected_share: Option<f64>,
    /// Seconds from the onset of the regression to the decision, of the runs that found it.
    pub mean_seconds: Option<f64>,
    /// Half of them took no longer.
    pub median_seconds: Option<f64>,
    /// Nine of ten took no longer.
    pub p90_seconds: Option<f64>,
    /// Canary requests from the onset to the decision, of the runs that found it.
    pub mean_canary_requests: Option<f64>,
    /// Canary requests that failed (or were slower than 99 % of stable's) above stable's rate, of all runs.
    pub users_harmed: Option<f64>,
    /// Canary requests over the fewest possible.
    pub ratio_to_wald: Option<f64>,
}

/// The figures of another tool's rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerFigures {
    /// What it does.
    pub rule: &'static str,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// What was assumed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Runs.
    pub runs: u64,
    /// The seed.
    pub seed: u64,
    /// Requests a second, both versions.
    pub rps: f64,
    /// Time between looks, seconds.
    pub look_seconds: f64,
    /// Simulated time, seconds.
    pub for_seconds: f64,
    /// When the regression begins, seconds.
    pub onset_seconds: f64,
    /// Stable's errors, percent.
    pub stable_errors_percent: f64,
    /// Response times.
    pub latency: String,
    /// Custom metrics reported.
    pub metrics: bool,
    /// Stable's traffic the engine was given from before the rollout, seconds.
    pub before_seconds: u64,
    /// Instances of stable and of the canary.
    pub instances: [usize; 2],
    /// Shares of the plan's phases, percent.
    pub phases_percent: Vec<f64>,
    /// Their durations, seconds.
    pub phases_seconds: Vec<f64>,
    /// Largest probability of a false rollback.
    pub alpha: f64,
    /// The plan's warm-up, seconds.
    pub warm_up_seconds: f64,
}

impl Simulation {
    /// The figures of these runs.
    pub(crate) fn of(setup: &Setup, seed: u64, runs: Vec<Ran>) -> Simulation {
        let wald_requests = wald(setup);
        let peers = peers::NAMES.iter().enumerate().map(|(i, name)| {
            let ruled: Vec<Ruled> = runs.iter().map(|ran| ran.peers[i]).collect();
            (*name, PeerFigures { rule: peers::RULES[i], figures: figures(setup, &ruled, wald_requests) })
        });
        let ours: Vec<Ruled> = runs.iter().map(|ran| ran.ours).collect();
        let summary = Summary {
            scenario: setup.scenario.to_string(),
            is_regression: setup.scenario.is_regression(),
            outcomes: outcomes(&runs),
            figures: figures(setup, &ours, wald_requests),
            wald_requests,
            triggers: triggers(&runs),
            example: runs.iter().find_map(|ran| ran.trigger.as_ref().map(|(_, words)| words.clone())),
            clustered: clustered(&runs),
            peers: peers.collect(),
            settings: settings(setup, seed, runs.len() as u64),
        };
        Simulation { summary, runs }
    }
}

fn outcomes(runs: &[Ran]) -> OutcomeShares {
    let share =
        |outcome| runs.iter().filter(|ran| ran.outcome == outcome).count() as f64 / runs.len().max(1) as f64;
    OutcomeShares {
        rolled_back: share(Outcome::RolledBack),
        completed: share(Outcome::Completed),
        advanced: share(Outcome::Advanced),
        held: share(Outcome::Held),
        running: share(Outcome::Running),
    }
}

fn clustered(runs: &[Ran]) -> Option<Medians> {
    let median = |phi: fn(&Clustered) -> f64| {
        let mut all: Vec<f64> = runs.iter().filter_map(|ran| ran.clustered.as_ref()).map(phi).collect();
        all.sort_by(f64::total_cmp);
        quantile(&all, 0.5)
    };
    let (errors, batches) = (median(|phi| phi.errors.value)?, median(|phi| phi.batches.value)?);
    Some(Medians { errors, batches, slow: median(|phi| phi.slow.value)? })
}

fn triggers(runs: &[Ran]) -> BTreeMap<String, f64> {
    let mut shares = BTreeMap::new();
    for (name, _) in runs.iter().filter_map(|ran| ran.trigger.as_ref()) {
        *shares.entry((*name).to_owned()).or_insert(0.0) += 1.0 / runs.len() as f64;
    }
    shares
}

fn figures(setup: &Setup, ruled: &[Ruled], wald_requests: Option<f64>) -> Figures {
    let n = ruled.len() as u64;
    let onset = setup.scenario.onset.as_secs_f64();
    let is_regression = setup.scenario.is_regression();
    let is_false = |r: &&Ruled| r.at.is_some_and(|at| !is_regression || at <= onset);
    let mut figures = Figures::default();
    // A canary that is bad from the first request on can't be rolled back falsely.
    if !is_regression || onset > 0.0 {
        let count = ruled.iter().filter(is_false).count() as u64;
        let (low, high) = interval(n, count);
        figures.false_rollback_rate = Some(count as f64 / n as f64);
        (figures.false_rollback_rate_low, figures.false_rollback_rate_high) = (Some(low), Some(high));
    }
    if !is_regression {
        return figures;
    }
    let found: Vec<&Ruled> = ruled.iter().filter(|r| r.at.is_some() && !is_false(r)).collect();
    figures.detected_share = Some(found.len() as f64 / n as f64);
    let open: Vec<&Ruled> = ruled.iter().filter(|r| !is_false(r)).collect();
    figures.users_harmed = mean(open.iter().map(|r| r.harmed));
    let mut delays: Vec<f64> = found.iter().filter_map(|r| r.at).map(|at| at - onset).collect();
    delays.sort_by(f64::total_cmp);
    figures.mean_seconds = mean(delays.iter().copied());
    figures.median_seconds = quantile(&delays, 0.5);
    figures.p90_seconds = quantile(&delays, 0.9);
    figures.mean_canary_requests = mean(found.iter().map(|r| r.exposed as f64));
    figures.ratio_to_wald = figures.mean_canary_requests.zip(wald_requests).map(|(n, wald)| n / wald);
    figures
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let n = values.len();
    (n > 0).then(|| values.sum::<f64>() / n as f64)
}

/// The value that a share `q` does not exceed, of sorted values.
fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let rank = ((q * sorted.len() as f64).ceil() as usize).max(1);
    sorted.get(rank - 1).copied()
}

/// The exact 95 % interval of a share seen `count` times in `n`. Source: Clopper & Pearson (1934).
pub fn interval(n: u64, count: u64) -> (f64, f64) {
    let edge = |is_low: &dyn Fn(f64) -> bool| {
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            if is_low(middle) { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    };
    let low = if count == 0 { 0.0 } else { edge(&|p| binomial::at_least(n, count, p) < TAIL) };
    let high = if count >= n { 1.0 } else { edge(&|p| binomial::at_most(n, count, p) > TAIL) };
    (low, high)
}

/// Wald's bound of this regression, canary requests; it is one of independent requests.
fn wald(setup: &Setup) -> Option<f64> {
    if setup.scenario.clusters.is_any() {
        return None;
    }
    let alpha = setup.plan.analysis.alpha;
    let nats = match setup.scenario.regression {
        Regression::Errors(rate) if rate > setup.stable_errors => {
            Some(power::divergence(rate, setup.stable_errors))
        }
        Regression::Latency(slower) => Law::slower(slower).divergence(&Law::base()),
        // A rate that moves has no one divergence; what never answers has no outcome at all.
        Regression::Errors(_) | Regression::None | Regression::SlowBurn | Regression::Hang => None,
    };
    nats.map(|nats| (1.0 / alpha).ln() / nats).filter(|n| n.is_finite() && *n > 0.0)
}

fn settings(setup: &Setup, seed: u64, runs: u64) -> Settings {
    let plan = &setup.plan;
    let change = match setup.scenario.regression {
        Regression::Latency(Slower::Factor(_) | Slower::Plus(_) | Slower::Tail(_)) => {
            "; the canary's as the scenario says"
        }
        _ => "",
    };
    Settings {
        runs,
        seed,
        rps: setup.rps,
        look_seconds: setup.look_ms as f64 / 1000.0,
        for_seconds: setup.horizon_ms as f64 / 1000.0,
        onset_seconds: setup.scenario.onset.as_secs_f64(),
        stable_errors_percent: 100.0 * setup.stable_errors,
        latency: format!("lognormal, median {} ms, sigma 0.6{change}", crate::world::MEDIAN_MS),
        metrics: setup.metrics,
        before_seconds: setup.watched_before().as_secs(),
        instances: [setup.instances.0, setup.instances.1],
        phases_percent: plan.phases.iter().map(|phase| phase.percentage.value()).collect(),
        phases_seconds: plan.phases.iter().map(|phase| phase.duration.as_secs_f64()).collect(),
        alpha: plan.analysis.alpha,
        warm_up_seconds: plan.analysis.warm_up.as_secs_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_clopper_and_pearson() {
        // Known values: 0 of 400 is below 0.92 %; 5 of 100 is 1.64 to 11.28 %.
        let (low, high) = interval(400, 0);
        assert!(low == 0.0 && (high - 0.009_18).abs() < 1e-4, "{high}");
        let (low, high) = interval(100, 5);
        assert!((low - 0.016_43).abs() < 1e-4 && (high - 0.112_8).abs() < 1e-3, "{low} {high}");
        assert_eq!(interval(3, 3).1, 1.0);
    }

    #[test]
    fn quantiles_of_few_values_are_values() {
        assert_eq!((quantile(&[], 0.5), quantile(&[3.0], 0.9)), (None, Some(3.0)));
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0], 0.5), Some(2.0));
    }
}
