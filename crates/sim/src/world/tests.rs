//! Of worlds whose failures cluster: what the statistics measure in them, and that a data plane would count the same.
//!
//! The dispersions are those of the design's measurements of the same worlds (20 instances, 25 requests a second each,
//! 0.1 % errors, half an hour).

use std::sync::Arc;

use fw_engine::Event;
use fw_model::{Counts, Variant, Weight};

use super::*;
use crate::run::{Setup, past, record};

const WORLDS: [&str; 6] =
    ["bursts", "retries", "sticky-users", "beta:5:5s", "slow-instances", "bursts,error-rate=5%"];

fn setup(scenario: &str) -> Setup {
    Setup {
        plan: Arc::new(crate::built_in_plan("simulated".parse().unwrap())),
        scenario: scenario.parse().unwrap(),
        rps: 500.0,
        stable_errors: 0.001,
        look_ms: 1000,
        horizon_ms: 60_000,
        metrics: false,
        instances: (19, 1),
        history: None,
    }
}

fn clustered(setup: &Setup, run: u64) -> Clustered {
    past(setup, 1, run).unwrap().history(&setup.plan).clustered()
}

/// The median of φ over a few runs.
fn phi(scenario: &str, which: fn(&Clustered) -> f64) -> f64 {
    let mut all: Vec<f64> = (0..7).map(|run| which(&clustered(&setup(scenario), run))).collect();
    all.sort_by(f64::total_cmp);
    all[3]
}

#[test]
fn each_world_is_as_clustered_as_the_design_measured() {
    let errors: fn(&Clustered) -> f64 = |phi| phi.errors.value;
    let batches: fn(&Clustered) -> f64 = |phi| phi.batches.value;
    for (scenario, which, wanted) in [
        ("bursts", errors, 103.6),
        ("bursts", batches, 8.9),
        ("beta:2:1s", errors, 3.2),
        ("beta:2:5s", errors, 9.9),
        ("beta:5:5s", errors, 31.7),
        ("beta:10:20s", errors, 152.6),
        ("beta:10:20s", batches, 24.0),
        ("retries:3", errors, 7.1),
        ("retries:10", errors, 21.3),
        ("sticky-users:500", errors, 1.0),
        ("sticky-users", batches, 1.0),
        ("slow-instances", errors, 1.0),
        ("slow-instances", |phi| phi.slow.value, 43.0),
    ] {
        let got = phi(scenario, which);
        let near = if wanted == 1.0 { 0.999..1.3 } else { wanted * 0.7..wanted * 1.4 };
        assert!(near.contains(&got), "{scenario}: {got}, should be {wanted}");
    }
    let independent = Setup { history: Some(std::time::Duration::from_secs(1800)), ..setup("healthy") };
    assert!(clustered(&independent, 0).errors.value < 1.2);
}

#[test]
fn a_past_has_every_instance_in_every_second_and_the_usual_errors() {
    for scenario in WORLDS {
        let (setup, mut chance) = (setup(scenario), crate::chance::Chance::of(1, 0));
        let usual = Traffic::new(&mut chance, setup.scenario, 500.0, 0.001, false, (19, 1)).usual();
        let past = past(&setup, 1, 0).unwrap();
        assert_eq!((past.watched.len(), past.span().as_secs()), (1800, 1800));
        assert!(past.watched.iter().all(|second| second.instances.len() == 19 && second.seconds == 1.0));
        let total = past.total();
        // A run of 900 000 requests; bursts come by the dozen.
        let rate = total.errors as f64 / total.requests as f64;
        assert!((rate / usual.errors - 1.0).abs() < 0.4, "{scenario}: {rate} {usual:?}");
        let slow = total.duration.histogram.above_ms(Law::base_point_ms(0.01)) as f64 / total.requests as f64;
        // A histogram knows a time only as well as its buckets.
        assert!((slow / usual.slow - 1.0).abs() < 0.3, "{scenario}: {slow} {usual:?}");
        let first: u64 = past.watched.iter().map(|second| second.instances[0].1.requests).sum();
        assert!((first as f64 * 19.0 / total.requests as f64 - 1.0).abs() < 0.03, "{scenario}: {first}");
        assert!(total.repeat_errors == 0 && total.batches.total > total.requests / 20 - 20, "{scenario}");
    }
}

/// What the engine saw of a version, look by look and by instance.
fn seen(setup: &Setup, variant: Variant) -> Vec<(String, Counts)> {
    let events = record(setup, 1, 0).unwrap().into_iter().map(|kept| kept.event);
    let looks = events.filter_map(|event| match event {
        Event::Looked(look) => Some(look.deltas),
        _ => None,
    });
    looks.flatten().filter(|d| d.variant == variant).map(|d| (d.instance, d.counts)).collect()
}

#[test]
fn what_a_look_counts_is_sound_in_every_world_and_for_every_length() {
    for scenario in WORLDS {
        for look_ms in [500, 1000, 5000] {
            let setup = Setup { look_ms, instances: (6, 2), ..setup(scenario) };
            for (_, counts) in seen(&setup, Variant::Stable).iter().chain(&seen(&setup, Variant::Canary)) {
                let good = counts.requests - counts.errors;
                assert!(counts.repeat_errors <= counts.errors && counts.units <= counts.requests);
                assert!(counts.batches.bad <= counts.batches.total.min(counts.errors + 1), "{counts:?}");
                assert!(counts.apdex.satisfied + counts.apdex.tolerating <= good, "{counts:?}");
                assert_eq!(counts.duration.histogram.total(), counts.requests);
            }
        }
    }
}

#[test]
fn requests_with_keys_count_repeats_and_units_and_others_do_not() {
    let sum = |scenario: &str| {
        let mut sum = Counts::default();
        seen(&Setup { stable_errors: 0.02, ..setup(scenario) }, Variant::Canary)
            .iter()
            .for_each(|(_, counts)| sum.merge(counts));
        sum
    };
    let retries = sum("retries");
    assert!(retries.repeat_errors > retries.errors / 2, "{retries:?}");
    assert!((150..350).contains(&retries.units), "a key is a unit once an epoch: {retries:?}");
    let bursts = sum("bursts");
    assert_eq!((bursts.repeat_errors, bursts.units), (0, bursts.requests));
}

#[test]
fn a_seed_gives_the_same_world_again_and_the_engine_is_told_its_past() {
    for scenario in WORLDS {
        let setup = setup(scenario);
        assert_eq!(past(&setup, 3, 1), past(&setup, 3, 1));
        assert_ne!(past(&setup, 3, 1), past(&setup, 3, 2));
        let Event::Started(started) = record(&setup, 3, 1).unwrap().swap_remove(0).event else { panic!() };
        let wanted = past(&setup, 3, 1).map(|past| past.history(&setup.plan));
        assert_eq!(started.before.map(|before| *before), wanted);
    }
    let never = Setup { history: Some(std::time::Duration::ZERO), ..setup("bursts") };
    let Event::Started(started) = record(&never, 3, 1).unwrap().swap_remove(0).event else { panic!() };
    assert!(started.before.is_none());
}

#[test]
fn a_regression_beside_clusters_hits_the_canary_alone() {
    for (scenario, wanted) in
        [("bursts", 0.2055), ("beta:2:1s", 0.2), ("retries:3", 0.5), ("sticky-users", 0.2)]
    {
        let scenario: Scenario = format!("{scenario},error-rate=20%").parse().unwrap();
        let mut chance = crate::chance::Chance::of(7, 0);
        let mut traffic = Traffic::new(&mut chance, scenario, 500.0, 0.001, false, (10, 10));
        let mut sums = [(0, 0); 2];
        for second in 1..=600 {
            let moment = Moment { at: f64::from(second), span: 1.0, progress: 0.5 };
            let seen = traffic.look(&mut chance, moment, Weight::new(50_000).unwrap());
            for (sum, seen) in sums.iter_mut().zip(seen) {
                *sum = (sum.0 + seen.errors, sum.1 + seen.requests);
            }
        }
        let [stable, canary] = sums.map(|(errors, requests)| errors as f64 / requests as f64);
        assert!(stable < 0.07, "{scenario}: {stable}");
        // A sticky user of a high rank fails for up to an eighth of a side's requests.
        assert!((wanted - 0.01..wanted + 0.1).contains(&canary), "{scenario}: {canary}");
    }
}
