//! No count is lost: 8 threads that start and end all the time, a server that is killed twice, exact totals.
//!
//! `cargo run --release -p fw-sdk --example stress [ASSIGNMENTS A THREAD]`, by default 10 million: assignments with
//! their outcomes, every hundredth an error and every thousandth abandoned. Ends with 1 if a single one is missing.

#![allow(clippy::unwrap_used)] // A tool that may fail, on purpose.

#[path = "../tests/it/support.rs"]
#[allow(dead_code)]
mod support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fw_sdk::{Outcome, Rollout};
use serde_json::json;
use support::{Control, DEADLINE};

const THREADS: u64 = 8;
/// Assignments of one thread before it ends and another takes its place.
const LIFE: u64 = 50_000;

fn life(rollout: &Rollout, from: u64, count: u64) -> u64 {
    let mut canary = 0;
    for i in from..from + count {
        let assignment = rollout.assign(i.to_le_bytes());
        if i.is_multiple_of(1000) {
            drop(assignment);
            continue;
        }
        canary += u64::from(assignment.is_canary());
        let outcome = if i.is_multiple_of(100) { Outcome::Error } else { Outcome::Success };
        assignment.record(outcome, Duration::from_micros(i % 100_000));
    }
    canary
}

fn main() {
    let each: u64 = std::env::args().nth(1).map_or(10_000_000, |n| n.parse().unwrap());
    let each = each.next_multiple_of(LIFE);
    let mut control = Control::start(&json!({}));
    let rollout = control.sdk().connect().unwrap();
    assert!(rollout.wait_for_split(DEADLINE));
    control.roll(&rollout);
    let (canary, done, began) = (AtomicU64::new(0), AtomicU64::new(0), Instant::now());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (rollout, canary, done) = (&rollout, &canary, &done);
            scope.spawn(move || {
                for start in (0..each).step_by(LIFE as usize) {
                    let rollout = rollout.clone();
                    let from = thread * each + start;
                    let one = std::thread::spawn(move || life(&rollout, from, LIFE));
                    canary.fetch_add(one.join().unwrap(), Ordering::Relaxed);
                    done.fetch_add(LIFE, Ordering::Relaxed);
                }
            });
        }
        for part in [1, 2] {
            while done.load(Ordering::Relaxed) < THREADS * each * part / 3 {
                std::thread::sleep(Duration::from_millis(5));
            }
            control.kill();
            std::thread::sleep(Duration::from_millis(300));
            control.restart();
        }
    });
    let all = THREADS * each;
    let seconds = began.elapsed().as_secs_f64();
    rollout.shutdown(DEADLINE).unwrap();
    // Each thread begins at a multiple of 1000, so these are exact.
    let (abandoned, errors) = (all / 1000, all / 100 - all / 1000);
    let arrived = fw_testkit::wait_until(DEADLINE, || control.counts().requests == all - abandoned);
    let counts = control.counts();
    println!(
        "{}",
        json!({ "assignments": all, "seconds": seconds, "requests": counts.requests, "errors": counts.errors,
            "abandoned": counts.abandoned, "timed": counts.duration.histogram.total(), "canary": control.canary() })
    );
    assert!(arrived, "{} of {} requests arrived", counts.requests, all - abandoned);
    assert_eq!((counts.errors, counts.abandoned), (errors, abandoned));
    assert_eq!(counts.duration.histogram.total(), all - abandoned);
    assert_eq!(control.canary(), canary.into_inner());
}
