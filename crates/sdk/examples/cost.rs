//! What a call costs: nanoseconds per operation at 1, 2 and 4 threads, beside the floor, as JSON lines.
//!
//! `cargo run --release -p fw-sdk --example cost`. Time is the thread's own CPU time, so
//! that other processes count little. Rounds are interleaved
//! over the cases; printed are median, least and most. Keys are 15-byte texts, fetched from a table; loop and
//! fetch are included, as in the case `empty`. No server is needed: the split comes from a state folder.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::Context;
use fw_model::{Epoch, LogId, Plan, Salt, Split, Weight};
use fw_plane::follow::state;
use fw_sdk::{Outcome, Rollout};

const ROUNDS: usize = 7;
const CALLS: u32 = 2_000_000;
const KEYS: usize = 1024;

struct Case {
    name: &'static str,
    run: fn(&Rollout, &[String]) -> u64,
}

#[inline(never)]
fn nothing(key: &str) -> bool {
    black_box(key).is_empty()
}

/// Calls `f` with key after key; the sum keeps the calls from being left out.
#[inline(always)]
fn each(keys: &[String], mut f: impl FnMut(&str, u32) -> bool) -> u64 {
    (0..CALLS).map(|i| u64::from(f(&keys[i as usize % KEYS], i))).sum()
}

/// Response times from 0.7 µs to 20 ms, made beforehand.
static ELAPSED: [Duration; KEYS] = {
    let mut times = [Duration::ZERO; KEYS];
    let mut i = 0;
    while i < KEYS {
        times[i] = Duration::from_nanos(i as u64 * 20_000 + 700);
        i += 1;
    }
    times
};

#[inline(always)]
fn elapsed(i: u32) -> Duration {
    ELAPSED[i as usize % KEYS]
}

const CASES: &[Case] = &[
    Case { name: "floor/empty call", run: |_, keys| each(keys, |key, _| nothing(key)) },
    Case {
        name: "floor/Instant::now and elapsed",
        run: |_, keys| each(keys, |_, _| black_box(Instant::now()).elapsed() > Duration::from_secs(9)),
    },
    Case { name: "should_serve", run: |rollout, keys| each(keys, |_, _| rollout.should_serve()) },
    Case {
        name: "should_serve_for",
        run: |rollout, keys| each(keys, |key, _| rollout.should_serve_for(key)),
    },
    Case {
        name: "should_serve_for, 36-byte key",
        run: |rollout, _| {
            let key: &str = black_box("8f14e45f-ceea-467f-9c3d-1b2a3c4d5e6f");
            (0..CALLS).map(|_| u64::from(rollout.should_serve_for(black_box(key)))).sum()
        },
    },
    Case {
        name: "record_request",
        run: |rollout, keys| {
            each(keys, |_, i| {
                rollout.record_request(true, elapsed(i));
                true
            })
        },
    },
    Case {
        name: "record_request, 1 % errors",
        run: |rollout, keys| {
            each(keys, |_, i| {
                rollout.record_request(i % 100 != 0, elapsed(i));
                true
            })
        },
    },
    Case {
        name: "assign+record, key",
        run: |rollout, keys| {
            each(keys, |key, i| {
                rollout.assign(key).record(Outcome::Success, elapsed(i));
                true
            })
        },
    },
    Case {
        name: "assign+record, random",
        run: |rollout, keys| {
            each(keys, |_, i| {
                rollout.assign_random().record(Outcome::Success, elapsed(i));
                true
            })
        },
    },
    Case {
        name: "assign+into_owned+record, key",
        run: |rollout, keys| {
            each(keys, |key, i| {
                rollout.assign(key).into_owned().record(Outcome::Success, elapsed(i));
                true
            })
        },
    },
    Case {
        name: "record_custom_metric",
        run: |rollout, keys| each(keys, |_, i| rollout.record_custom_metric("revenue", f64::from(i)).is_ok()),
    },
];

/// CPU time of this thread so far, ns.
fn cpu_nanos() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Nanoseconds a call on each of `threads` threads at once, the mean over them.
fn measure(case: &Case, threads: usize, rollout: &Rollout, keys: &[String]) -> f64 {
    let barrier = Barrier::new(threads);
    let each_thread = || {
        // The first calls take cells and rows.
        black_box(rollout.assign(&keys[0]).variant());
        rollout.record_request(true, Duration::ZERO);
        barrier.wait();
        let before = cpu_nanos();
        black_box((case.run)(rollout, keys));
        (cpu_nanos() - before) / f64::from(CALLS)
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(each_thread)).collect();
        let spent: Vec<f64> = running.into_iter().filter_map(|thread| thread.join().ok()).collect();
        spent.iter().sum::<f64>() / spent.len() as f64
    })
}

fn main() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let plan = Plan::seed("cost".parse()?);
    let mut split = Split::resting(&plan, LogId("cost".into()), Epoch(1), Salt::from_bits(7));
    split.canary = Weight::new(10_000)?;
    state::save(&state::file(dir.path(), &plan.key), &split)?;
    // Nobody listens there: the kept split stays in force.
    let rollout = Rollout::builder("http://127.0.0.1:9", "cost").state_dir(dir.path()).connect()?;
    anyhow::ensure!(rollout.current_phase().percentage == 10.0, "the kept split is not in force");
    let keys: Vec<String> = (0..KEYS).map(|i| format!("user-{i:010}")).collect();
    let mut results = vec![vec![vec![]; 3]; CASES.len()];
    for _ in 0..ROUNDS {
        for (case, results) in CASES.iter().zip(&mut results) {
            for (threads, results) in [1, 2, 4].into_iter().zip(results) {
                results.push(measure(case, threads, &rollout, &keys));
            }
        }
    }
    for (case, results) in CASES.iter().zip(&mut results) {
        for (threads, results) in [1, 2, 4].into_iter().zip(results) {
            results.sort_by(f64::total_cmp);
            let (least, median) = (results.first().context("no round")?, results[results.len() / 2]);
            let most = results.last().context("no round")?;
            println!(
                r#"{{"case":"{}","threads":{threads},"ns":{median:.2},"least":{least:.2},"most":{most:.2}}}"#,
                case.name
            );
        }
    }
    Ok(())
}
