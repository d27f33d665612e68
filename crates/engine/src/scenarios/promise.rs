//! The promise, by Monte Carlo with fixed seeds: healthy versions are hardly ever rolled back, bad
//! ones within seconds.
//!
//! Each request fails by its own coin. The promise is α = 1 % for each attempt; the evidence keeps
//! inside it at every look, so 2 % leaves room for chance and none for a broken budget.

use std::sync::Arc;
use std::time::Duration;

use fw_model::{Apdex, Counts, DurationStats, Epoch, Histogram, Plan, Salt, SourceId, Timestamp, Variant};

use super::settings::plan;
use crate::generate::Rng;
use crate::rollout::{
    Delta, Event, InFlight, Look, Rollout, SourceSeen, Started, Status, Trigger, begin, step,
};

/// A phase that lasts longer than any run here.
const PLAN: &[&str] = &["5/3600s", "100/60s"];
const RUNS: u64 = 400;
const LOOKS: u64 = 300;

/// Requests and error rate of one version in one second.
#[derive(Clone, Copy)]
struct Traffic {
    requests: u64,
    error_rate: f64,
}

fn counts(rng: &mut Rng, traffic: Traffic) -> Counts {
    let Traffic { requests, error_rate } = traffic;
    let errors = (0..requests).filter(|_| rng.unit() < error_rate).count() as u64;
    let mut histogram = Histogram::default();
    histogram.add(90, requests);
    let ms = fw_model::bucket_upper_ms(90);
    Counts {
        requests,
        errors,
        duration: DurationStats {
            sum_ms: ms * requests as f64,
            sum_squares: ms * ms * requests as f64,
            histogram,
        },
        apdex: Apdex { satisfied: requests - errors, tolerating: 0 },
        ..Counts::default()
    }
}

/// Looks once a second until something rolls back; at which look, and why.
fn run(
    plan: &Arc<Plan>,
    seed: u64,
    traffic: impl Fn(u64, Variant) -> Traffic,
    looks: u64,
) -> Option<(u64, Trigger)> {
    let mut rng = Rng::new(seed);
    let now = |second: u64| Timestamp(1000 * second as i64);
    let started = Started {
        run: "checkout.1".parse().unwrap(),
        plan: plan.clone(),
        plan_hash: "0123456789abcdef".into(),
        salt: Salt::from_bits(7),
        last_epoch: Epoch(0),
        actor: "ann".into(),
        reason: None,
        before: None,
    };
    let mut rollout: Rollout = begin(&started, now(0)).unwrap().next;
    // Look 0 confirms the first split.
    for second in 0..=looks {
        let delta = |rng: &mut Rng, variant| Delta {
            epoch: rollout.epoch,
            variant,
            instance: "i1".into(),
            counts: counts(rng, traffic(second, variant)),
        };
        let deltas =
            if second == 0 { vec![] } else { Variant::ALL.map(|variant| delta(&mut rng, variant)).into() };
        let source =
            SourceSeen { id: SourceId("p1".into()), silent_for: Duration::ZERO, confirmed: rollout.epoch };
        let look = Look {
            windows: vec![],
            watched: Duration::from_secs(1),
            deltas,
            in_flight: InFlight::default(),
            sources: vec![source],
        };
        rollout = step(&rollout, &Event::Looked(look), now(second)).unwrap().next;
        if rollout.status == Status::RollingBack {
            return Some((second, rollout.moving.unwrap().trigger));
        }
    }
    None
}

fn false_rollbacks(words: &[&str], traffic: impl Fn(u64, Variant) -> Traffic) -> Vec<(u64, Trigger)> {
    let plan = Arc::new(plan(words));
    (0..RUNS).filter_map(|seed| run(&plan, seed, &traffic, LOOKS)).collect()
}

/// How many of `RUNS` runs a canary failing 20 % of 10 requests a second is found in, within so many looks
/// of the onset, and not before.
fn found_in_time(onset: u64, looks: u64) -> usize {
    let plan = Arc::new(plan(PLAN));
    let traffic = |second: u64, variant| {
        let bad = variant == Variant::Canary && second >= onset;
        let requests = if variant == Variant::Canary { 10 } else { 190 };
        Traffic { requests, error_rate: if bad { 0.2 } else { 0.001 } }
    };
    let last = onset + looks - 1;
    (0..RUNS).filter_map(|seed| run(&plan, seed, traffic, last)).filter(|(look, _)| *look >= onset).count()
}

/// Whether it is at least this share of the runs, in percent.
#[track_caller]
fn at_least(percent: u64, found: usize) {
    assert!(found as u64 * 100 >= RUNS * percent, "found in {found} of {RUNS}");
}

#[test]
fn identical_versions_at_the_very_limit_are_hardly_ever_rolled_back() {
    let wrong = false_rollbacks(PLAN, |_, variant| Traffic {
        requests: if variant == Variant::Canary { 20 } else { 100 },
        error_rate: 0.01,
    });
    assert!(wrong.len() as u64 * 50 <= RUNS, "{} of {RUNS}: {wrong:?}", wrong.len());
}

#[test]
fn a_canary_that_is_no_worse_than_a_bad_stable_is_hardly_ever_rolled_back() {
    // Without a limit of its own, only the comparison stands: both fail 5 %.
    let words = ["5/3600s", "100/60s", "errors=off", "health=off"];
    let wrong = false_rollbacks(&words, |_, variant| Traffic {
        requests: if variant == Variant::Canary { 20 } else { 100 },
        error_rate: 0.05,
    });
    assert!(wrong.len() as u64 * 50 <= RUNS, "{} of {RUNS}: {wrong:?}", wrong.len());
}

#[test]
fn a_canary_that_fails_one_request_in_five_is_found_within_six_looks() {
    at_least(95, found_in_time(1, 6));
}

#[test]
fn an_onset_after_a_hundred_good_looks_is_found_within_nine() {
    // The hundredth look spends a ten-thousandth of the budget: the price of looking often with exact
    // tests. Sequential tests have to do better here, not worse.
    at_least(95, found_in_time(100, 9));
    at_least(80, found_in_time(100, 6));
}
