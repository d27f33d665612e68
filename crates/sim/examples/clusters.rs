//! Identical versions whose failures come in clusters: how often each rule rolls back all the same.
//!
//! `cargo xtask bench clusters` builds and runs it. Every row is one kind of world, simulated through the real engine
//! and through the rules of other tools. Prints one line of JSON a row.

use fw_sim::rows::ROWS;
use fw_sim::simulate;

#[allow(clippy::disallowed_methods)] // A benchmark reads its arguments.
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, usual: u64| args.get(place).and_then(|arg| arg.parse().ok()).unwrap_or(usual);
    let (runs, seed, only) = (number(0, 2000), number(1, 1), args.get(2).cloned().unwrap_or_default());
    for row in ROWS.iter().filter(|row| row.scenario.starts_with(&only)) {
        let result = simulate(&row.setup(), runs, seed, &|_| ()).expect("a sound plan");
        let summary = result.summary;
        let json = |value: serde_json::Result<String>| value.unwrap_or_default();
        println!(
            "{{\"scenario\":\"{}\",\"instances\":[{},{}],\"historyMinutes\":{},\"rps\":{},\"errors\":{},\
             \"runs\":{runs},\"rolledBack\":{},\"low\":{},\"high\":{},\"triggers\":{},\"clustered\":{},\"example\":{:?},\"peers\":{}}}",
            row.scenario,
            row.instances.0,
            row.instances.1,
            row.history_minutes,
            row.rps,
            row.errors,
            summary.outcomes.rolled_back,
            summary.figures.false_rollback_rate_low.unwrap_or_default(),
            summary.figures.false_rollback_rate_high.unwrap_or_default(),
            json(serde_json::to_string(&summary.triggers)),
            json(serde_json::to_string(&summary.clustered)),
            summary.example.unwrap_or_default(),
            json(serde_json::to_string(&summary.peers)),
        );
    }
}
