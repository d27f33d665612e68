//! Many runs over all cores, and the figures they give.
//!
//! Run i of a seed is the same on any number of threads, and figures are summed in the order of the runs, so the
//! same seed gives the same numbers to the last bit.

mod figures;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use fw_engine::Rejection;

use crate::run::{Ran, Setup, run};

pub use figures::{Figures, Medians, OutcomeShares, PeerFigures, Simulation, Summary, interval};

/// Most runs of a simulation.
pub const RUNS_MAX: u64 = 1_000_000;

/// Makes `runs` runs, at most [`RUNS_MAX`]. `progress` is called after each with how many are done, from any thread.
///
/// # Errors
/// The engine's [`Rejection`] when the plan is unsound.
pub fn simulate(
    setup: &Setup,
    runs: u64,
    seed: u64,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Simulation, Rejection> {
    let runs = runs.clamp(1, RUNS_MAX);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(runs as usize);
    simulate_on(setup, runs, seed, threads, progress)
}

/// As [`simulate`], on this many threads.
pub(crate) fn simulate_on(
    setup: &Setup,
    runs: u64,
    seed: u64,
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Simulation, Rejection> {
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let results: Mutex<Vec<(u64, Result<Ran, Rejection>)>> = Mutex::new(vec![]);
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= runs {
                        break;
                    }
                    let ran = run(setup, seed, number);
                    // A thread that panicked poisons the lock, and the scope passes the panic on.
                    if let Ok(mut results) = results.lock() {
                        results.push((number, ran));
                    }
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1);
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_default();
    results.sort_by_key(|(number, _)| *number);
    let runs = results.into_iter().map(|(_, ran)| ran).collect::<Result<Vec<Ran>, Rejection>>()?;
    Ok(Simulation::of(setup, seed, runs))
}

#[cfg(test)]
mod tests;
