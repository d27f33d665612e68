//! A real server that is killed and comes back, and applications that go on meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fw_sdk::Outcome;
use fw_testkit::wait_until;
use serde_json::json;

use crate::support::{Control, DEADLINE};

const MS: Duration = Duration::from_millis(1);

#[test]
fn every_count_arrives_though_threads_come_and_go_and_the_server_is_killed_twice() {
    const EACH: u64 = 500;
    let mut control = Control::start(&json!({}));
    let rollout = control.sdk().connect().unwrap();
    assert!(rollout.wait_for_split(DEADLINE));
    control.roll(&rollout);
    let (canary, given_up) = (AtomicU64::new(0), AtomicU64::new(0));
    let serve = |from: u64| {
        for i in from..from + EACH {
            let assignment = rollout.assign(i.to_string());
            canary.fetch_add(u64::from(assignment.is_canary()), Ordering::Relaxed);
            match i % 50 {
                0 => {
                    given_up.fetch_add(1, Ordering::Relaxed);
                    canary.fetch_sub(u64::from(assignment.is_canary()), Ordering::Relaxed);
                    drop(assignment);
                }
                1 => assignment.record(Outcome::Error, MS),
                _ => {
                    assignment.record_custom_metric("revenue", 2.0).unwrap();
                    assignment.record(Outcome::Success, MS);
                }
            }
        }
    };
    let run = |round: u64| {
        std::thread::scope(|scope| {
            (0..8).for_each(|worker| drop(scope.spawn(move || serve((round * 8 + worker) * EACH))));
        });
    };
    for round in 0..6 {
        run(round);
        match round {
            1 | 3 => control.kill(),
            2 | 4 => control.restart(),
            _ => {}
        }
    }
    rollout.shutdown(DEADLINE).unwrap();
    let (all, given_up) = (6 * 8 * EACH, given_up.into_inner());
    assert_eq!(given_up, all / 50);
    let served = all - given_up;
    assert!(wait_until(DEADLINE, || control.counts().requests == served), "{:?}", control.counts().requests);
    let counts = control.counts();
    assert_eq!(control.canary(), canary.into_inner());
    assert_eq!((counts.errors, counts.abandoned), (all / 50, given_up));
    assert_eq!((counts.units > 0, counts.duration.histogram.total()), (true, served));
    assert_eq!(counts.metrics["revenue"].count, served - all / 50);
    assert_eq!(counts.metrics["revenue"].sum, 2.0 * (served - all / 50) as f64);
}

#[test]
fn a_process_without_its_server_keeps_its_split_also_over_a_restart() {
    let mut control = Control::start(&json!({}));
    let dir = tempfile::tempdir().unwrap();
    let first = control.sdk_in(dir.path()).connect().unwrap();
    assert!(first.wait_for_split(DEADLINE));
    control.roll(&first);
    let keys: Vec<String> = (0..1000).map(|i| format!("user-{i}")).collect();
    let chosen: Vec<bool> = keys.iter().map(|key| first.should_serve_for(key)).collect();
    assert!(wait_until(DEADLINE, || {
        std::fs::read_to_string(dir.path().join("split-shop.json")).is_ok_and(|text| text.contains("50000"))
    }));
    control.kill();
    for _ in 0..100 {
        first.record_request(true, MS);
    }
    assert_eq!(first.current_phase().percentage, 50.0);
    assert!(first.shutdown(Duration::from_millis(500)).is_err(), "nobody took the last report");
    drop(first);
    let second = control.sdk_in(dir.path()).connect().unwrap();
    assert_eq!(second.current_phase().percentage, 50.0);
    assert!(keys.iter().zip(chosen).all(|(key, was)| second.should_serve_for(key) == was));
    for _ in 0..70 {
        second.record_request(true, MS);
    }
    control.restart();
    assert!(wait_until(DEADLINE, || control.counts().requests == 70), "{}", control.counts().requests);
    second.shutdown(DEADLINE).unwrap();
}

#[test]
fn the_dead_man_moves_all_to_stable_and_the_server_back_again() {
    let dead_man = json!({ "deadMan": { "after": "10s", "then": "stable" } });
    let mut control = Control::start(&dead_man);
    let rollout = control.sdk().connect().unwrap();
    assert!(rollout.wait_for_split(DEADLINE));
    control.roll(&rollout);
    control.kill();
    let keys: Vec<String> = (0..1000).map(|i| format!("user-{i}")).collect();
    assert!(wait_until(DEADLINE, || rollout.current_phase().percentage == 0.0), "the switch is not thrown");
    assert!(keys.iter().all(|key| !rollout.should_serve_for(key)) && !rollout.should_serve());
    // Everybody is stable's now, which says nothing of the split: the server must not take it for a wrong one.
    keys.iter().for_each(|key| rollout.assign(key).record(true, MS));
    control.restart();
    assert!(wait_until(DEADLINE, || rollout.current_phase().percentage == 50.0), "not back");
    assert!(keys.iter().any(|key| rollout.should_serve_for(key)));
    assert!(wait_until(DEADLINE, || control.counts().requests == 1000));
    assert_eq!(control.counts().units, 0, "{}", control.detail());
    rollout.shutdown(DEADLINE).unwrap();
}
