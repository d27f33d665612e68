//! Identical versions whose failures come in clusters: how often each rule rolls back all the same.
//!
//! `cargo xtask bench clusters` builds and runs it. Every row is one kind of world, simulated through the real engine
//! and through the rules of other tools; 5 % x 5 min, 25 % x 4 min, 50 % x 3 min. Prints one line of JSON a row.

use std::sync::Arc;
use std::time::Duration;

use fw_model::{Percent, Phase};
use fw_sim::{Setup, simulate};

/// A row: scenario, instances of stable and canary, history in minutes, requests a second, stable's errors, percent, and
/// the plan's error limit, percent.
type Row = (&'static str, (usize, usize), u64, f64, f64, f64);

const ROWS: [Row; 25] = [
    ("healthy", (19, 1), 30, 500.0, 0.1, 1.0),
    ("bursts", (19, 1), 30, 500.0, 0.1, 1.0),
    ("bursts", (76, 4), 30, 500.0, 0.1, 1.0),
    ("beta:2:1s", (19, 1), 30, 500.0, 0.1, 1.0),
    ("beta:2:5s", (19, 1), 30, 500.0, 0.1, 1.0),
    ("beta:2:20s", (19, 1), 30, 500.0, 0.1, 1.0),
    ("beta:5:1s", (19, 1), 30, 500.0, 0.1, 1.0),
    ("beta:5:5s", (19, 1), 30, 500.0, 0.1, 1.0),
    ("beta:5:20s", (19, 1), 30, 500.0, 0.1, 1.0),
    ("beta:10:1s", (19, 1), 30, 500.0, 0.1, 1.0),
    ("beta:10:5s", (19, 1), 30, 500.0, 0.1, 1.0),
    ("beta:10:20s", (19, 1), 30, 500.0, 0.1, 1.0),
    ("sticky-users:500", (19, 1), 30, 500.0, 0.1, 1.0),
    ("sticky-users:5000", (19, 1), 30, 500.0, 0.1, 1.0),
    ("retries:3", (19, 1), 30, 500.0, 0.1, 1.0),
    ("retries:10", (19, 1), 30, 500.0, 0.1, 1.0),
    ("bursts", (19, 1), 10, 500.0, 0.1, 1.0),
    ("bursts", (19, 1), 0, 500.0, 0.1, 1.0),
    ("beta:5:5s", (19, 1), 0, 500.0, 0.1, 1.0),
    ("healthy", (19, 1), 0, 500.0, 0.1, 1.0),
    ("healthy", (19, 1), 30, 50.0, 0.1, 1.0),
    ("bursts", (19, 1), 30, 50.0, 0.1, 1.0),
    ("beta:2:5s", (19, 1), 30, 500.0, 1.0, 2.0),
    ("slow-instances", (19, 1), 30, 500.0, 0.1, 1.0),
    ("slow-instances", (76, 4), 30, 500.0, 0.1, 1.0),
];

/// Share of traffic, percent, and minutes.
const PHASES: [(f64, u64); 4] = [(5.0, 5), (25.0, 4), (50.0, 3), (100.0, 60)];

fn phase_of(like: &Phase, id: i64, (share, minutes): (f64, u64)) -> Phase {
    let percentage = Percent::new(share).expect("a share");
    Phase { id, percentage, duration: Duration::from_secs(60 * minutes), ..like.clone() }
}

#[allow(clippy::disallowed_methods)] // A benchmark reads its arguments.
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, usual: u64| args.get(place).and_then(|arg| arg.parse().ok()).unwrap_or(usual);
    let (runs, seed, only) = (number(0, 2000), number(1, 1), args.get(2).cloned().unwrap_or_default());
    for (scenario, instances, minutes, rps, errors, limit) in ROWS {
        if !scenario.starts_with(&only) {
            continue;
        }
        let mut plan = fw_sim::built_in_plan("bench".parse().expect("a name"));
        let first = plan.phases[0].clone();
        plan.phases = (0..).zip(PHASES).map(|(id, phase)| phase_of(&first, id, phase)).collect();
        plan.triggers.error_rate = Some(limit);
        let setup = Setup {
            plan: Arc::new(plan),
            scenario: scenario.parse().expect("a scenario"),
            rps,
            stable_errors: errors / 100.0,
            look_ms: 1000,
            horizon_ms: 720_000,
            metrics: false,
            instances,
            history: Some(Duration::from_secs(60 * minutes)),
        };
        let result = simulate(&setup, runs, seed, &|_| ()).expect("a sound plan");
        let summary = result.summary;
        let peers = serde_json::to_string(&summary.peers).unwrap_or_default();
        let triggers = serde_json::to_string(&summary.triggers).unwrap_or_default();
        println!(
            "{{\"scenario\":\"{scenario}\",\"instances\":[{},{}],\"historyMinutes\":{minutes},\"rps\":{rps},\"errors\":{errors},\
             \"runs\":{runs},\"rolledBack\":{},\"triggers\":{triggers},\"clustered\":{},\"example\":{:?},\"peers\":{peers}}}",
            instances.0,
            instances.1,
            summary.outcomes.rolled_back,
            serde_json::to_string(&summary.clustered).unwrap_or_default(),
            summary.example.unwrap_or_default(),
        );
    }
}
