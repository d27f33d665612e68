//! How often a version as good as stable is rolled back when failures come in clusters: 500 rollouts of some rows of
//! the table, through the real engine, always the same chance. `cargo xtask bench clusters` measures every row.

use fw_sim::rows::ROWS;
use fw_sim::simulate;

const RUNS: u64 = 500;
const SEED: u64 = 7;

/// The share that is rolled back of the first row of this scenario.
fn rolled_back(scenario: &str) -> f64 {
    let row = ROWS.iter().find(|row| row.scenario == scenario).expect("a row");
    let summary = simulate(&row.setup(), RUNS, SEED, &|_| ()).expect("a sound plan").summary;
    println!("{scenario}: {} {:?}", summary.outcomes.rolled_back, summary.triggers);
    summary.outcomes.rolled_back
}

#[test]
fn heavy_independent_failures() {
    assert!(rolled_back("healthy") <= 0.01);
}

#[test]
fn heavy_bursts_of_instances() {
    assert!(rolled_back("bursts") <= 0.02);
}

#[test]
fn heavy_users_who_always_fail() {
    assert!(rolled_back("sticky-users:500") <= 0.02);
}

#[test]
fn heavy_instances_that_are_slow_for_seconds() {
    assert!(rolled_back("slow-instances") <= 0.02);
}
