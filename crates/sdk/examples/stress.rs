//! No count is lost: 8 threads that start and end all the time, reports that get lost, exact totals.
//!
//! `cargo run --release -p fw-sdk --example stress [STEPS A THREAD]`, by default 10 million: assignments with their
//! outcomes, requests and values of a metric, while the server is killed twice and the network loses, repeats and reorders
//! reports. `… stress away [SECONDS]`, by default 60: what a call costs before, while and after the server is away, and
//! what the process grows by. Ends with 1 if a single count is missing.

#![allow(clippy::unwrap_used)] // A tool that may fail, on purpose.

#[path = "../tests/it/stress.rs"]
#[allow(dead_code)]
mod stress;
#[path = "../tests/it/support.rs"]
#[allow(dead_code)]
mod support;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fw_sdk::{Outcome, Rollout};
use fw_testkit::{Fate, Relay, wait_until};
use serde_json::json;
use stress::{Both, THREADS};
use support::{Control, DEADLINE, Process};

/// Calls that are timed at once.
const SLICE: u64 = 200_000;
/// Slices before, and after.
const SLICES: usize = 10;
/// Keys that are asked for again and again.
const KEYS: u64 = 10_000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, default: u64| args.get(place).map_or(default, |n| n.parse().unwrap());
    if args.first().is_some_and(|arg| arg == "away") {
        away(Duration::from_secs(number(1, 60)));
    } else {
        lossy(number(0, 10_000_000));
    }
}

fn lossy(each: u64) {
    let mut control = Control::start(&json!({}));
    let relay = Relay::start(control.addr, 1).unwrap();
    let rollout = control.sdk_over(relay.addr()).connect().unwrap();
    assert!(rollout.wait_for_split(DEADLINE));
    control.roll(&rollout);
    let began = Instant::now();
    let recorded = stress::work(&rollout, each, |done| {
        for part in [1, 2] {
            while done.load(Ordering::Relaxed) < THREADS * each * part / 3 {
                std::thread::sleep(Duration::from_millis(5));
            }
            control.kill();
            std::thread::sleep(Duration::from_millis(300));
            control.restart();
        }
    });
    let seconds = began.elapsed().as_secs_f64();
    let arrived = wait_until(DEADLINE, || control.totals() == recorded);
    relay.be_honest();
    rollout.shutdown(DEADLINE).unwrap();
    wait_until(DEADLINE, || relay.is_settled());
    let counted = control.totals();
    let had = |fate| relay.had(fate);
    println!(
        "{}",
        json!({
            "steps": THREADS * each, "seconds": seconds, "recorded": shown(&recorded), "counted": shown(&counted),
            "reports": { "passed": had(Fate::Passes), "lost": had(Fate::Lost), "unanswered": had(Fate::Unanswered),
                "repeated": had(Fate::Repeated), "held": had(Fate::Held), "late": had(Fate::Late) },
        })
    );
    assert!(arrived && counted == recorded, "they are not equal");
}

fn shown(both: &Both) -> serde_json::Value {
    let of = |variant: fw_model::Variant| {
        let t = both[variant.index()];
        json!({ "requests": t.requests, "timed": t.timed, "errors": t.errors, "clientErrors": t.client_errors,
            "clientAborts": t.client_aborts, "abandoned": t.abandoned, "values": t.values, "sum": t.sum })
    };
    json!({ "canary": of(fw_model::Variant::Canary), "stable": of(fw_model::Variant::Stable) })
}

fn away(time: Duration) {
    let (mut control, other) = (Control::start(&json!({})), Control::start(&json!({})));
    let [rollout, beside] = [&control, &other].map(|control| {
        let rollout = control.sdk().report_every(Duration::from_secs(1)).connect().unwrap();
        assert!(rollout.wait_for_split(DEADLINE));
        control.roll(&rollout);
        rollout
    });
    let chosen = choices(&rollout);
    let mut costs = Costs::default();
    let before = costs.median(&rollout, &beside, |slices| slices < SLICES);
    control.kill();
    let (process, began) = (Process::now(), Instant::now());
    let meanwhile = costs.median(&rollout, &beside, |_| {
        assert_eq!(choices(&rollout), chosen, "somebody was moved");
        began.elapsed() < time
    });
    let (seconds, grown) = (began.elapsed().as_secs_f64(), Process::now());
    control.restart();
    let back = Instant::now();
    assert!(
        wait_until(DEADLINE, || control.counts().requests >= costs.calls),
        "{}",
        control.counts().requests
    );
    let told = back.elapsed().as_secs_f64();
    let after = costs.median(&rollout, &beside, |slices| slices < SLICES);
    rollout.shutdown(DEADLINE).unwrap();
    // A report is answered before the server shows what was in it.
    wait_until(DEADLINE, || control.counts().requests >= costs.calls);
    let counted = control.counts();
    println!(
        "{}",
        json!({ "awaySeconds": seconds, "calls": costs.calls, "counted": counted.requests,
            "timed": counted.duration.histogram.total(), "before": before, "away": meanwhile, "after": after,
            "toldAfterSeconds": told, "threads": [process.threads, grown.threads],
            "residentKib": [process.resident_kib, grown.resident_kib] })
    );
    assert_eq!((counted.requests, counted.duration.histogram.total()), (costs.calls, costs.calls));
}

/// Calls timed so far.
#[derive(Default)]
struct Costs {
    calls: u64,
}

impl Costs {
    /// Times slices for as long as `more` says, each beside one of a rollout whose server is there; medians of ns a call
    /// and of the ratio, so that a slow moment of the machine is in both.
    fn median(
        &mut self,
        rollout: &Rollout,
        beside: &Rollout,
        mut more: impl FnMut(usize) -> bool,
    ) -> serde_json::Value {
        let (mut costs, mut ratios) = (vec![], vec![]);
        while more(costs.len()) {
            let (own, other) = (cost(rollout, self.calls), cost(beside, self.calls));
            self.calls += SLICE;
            costs.push(own);
            ratios.push(own / other);
            std::thread::sleep(Duration::from_millis(100));
        }
        [&mut costs, &mut ratios].into_iter().for_each(|values| values.sort_by(f64::total_cmp));
        json!({ "nsACall": costs[costs.len() / 2], "ratioToConnected": ratios[ratios.len() / 2] })
    }
}

fn choices(rollout: &Rollout) -> Vec<bool> {
    (0..KEYS).map(|key| rollout.should_serve_for(key.to_le_bytes())).collect()
}

/// CPU time of this thread for an assignment with its outcome, ns.
fn cost(rollout: &Rollout, from: u64) -> f64 {
    let cpu = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
    };
    let before = cpu();
    for i in from..from + SLICE {
        rollout.assign((i % KEYS).to_le_bytes()).record(Outcome::Success, Duration::from_micros(i % 100_000));
    }
    (cpu() - before) / SLICE as f64
}
