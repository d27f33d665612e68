//! `cargo xtask bench clusters` and `bench bursts`: identical versions whose failures come in clusters.
//!
//! The first simulates them through the real engine and the rules of other tools, and prints a table; `--json` keeps the
//! rows. The second runs the same with processes: it is a test that takes half an hour, and lives with the other tests
//! of the whole product.

mod plot;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::machine;
use crate::sh;

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Runs of each row.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: u32,
    /// Where chance begins.
    #[arg(long, default_value_t = 2026)]
    seed: u64,
    /// Only scenarios that begin so.
    #[arg(long, default_value = "")]
    only: String,
    /// Also writes the rows there, a line of JSON each.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Prints the table of rows that were written before, instead of simulating.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    from: Option<PathBuf>,
    /// Draws the scenarios with one canary instance and 30 minutes of history.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

/// Simulates, or reads, and prints.
pub(crate) fn run(args: &Args) -> Result<()> {
    let rows = match &args.from {
        Some(file) => std::fs::read_to_string(file).with_context(|| file.display().to_string())?,
        None => simulate(args)?,
    };
    println!("{}", machine::describe());
    println!(
        "| scenario | instances | history | runs | fw | 95 % | Argo | Flagger 5 | Kayenta | φ errors / batches / slow |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let lines = rows.lines().filter(|line| line.starts_with('{'));
    let read: Vec<Value> = lines.map(serde_json::from_str).collect::<serde_json::Result<_>>()?;
    for one in &read {
        println!("{}", row(one).context("a row that lacks something")?);
    }
    if let Some(file) = &args.plot {
        std::fs::write(file, plot::svg(&read)).with_context(|| file.display().to_string())?;
    }
    if let Some(file) = &args.json {
        std::fs::write(file, rows).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

fn simulate(args: &Args) -> Result<String> {
    let mut command = sh::cargo();
    command.args(["run", "--release", "--quiet", "--package", "fw-sim", "--example", "clusters", "--"]);
    command.args([args.runs.to_string(), args.seed.to_string(), args.only.clone()]);
    let output = command.stderr(std::process::Stdio::inherit()).output().context("cargo")?;
    if !output.status.success() {
        bail!("the simulation failed: {}", output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn row(row: &Value) -> Option<String> {
    let percent = |value: &Value| value.as_f64().map(|share| format!("{:.1} %", 100.0 * share));
    let peer = |name: &str| percent(&row["peers"][name]["falseRollbackRate"]);
    let phi =
        |name: &str| row["clustered"][name].as_f64().map_or("–".to_owned(), |phi| format!("{phi:.1}"));
    let bound = |name: &str| row[name].as_f64().map(|share| 100.0 * share);
    let text = |name: &str| row[name].as_str().map(str::to_owned);
    let notes = match (row["rps"].as_f64()?, row["errors"].as_f64()?) {
        (500.0, 0.1) => String::new(),
        (500.0, errors) => format!(", errors {errors} %"),
        (rps, _) => format!(", {rps} req/s"),
    };
    Some(format!(
        "| {}{notes} | {} + {} | {} min | {} | **{}** | {:.1}–{:.1} % | {} | {} | {} | {} / {} / {} |",
        text("scenario")?,
        row["instances"][0],
        row["instances"][1],
        row["historyMinutes"],
        row["runs"],
        percent(&row["rolledBack"])?,
        bound("low")?,
        bound("high")?,
        peer("argo")?,
        peer("flagger")?,
        peer("kayenta")?,
        phi("errors"),
        phi("batches"),
        phi("slow"),
    ))
}

/// Runs it with processes.
pub(crate) fn for_real() -> Result<()> {
    println!("{}", machine::describe());
    let mut command = sh::cargo();
    command.args([
        "test",
        "--package",
        "fw-cli",
        "--test",
        "e2e",
        "--",
        "--ignored",
        "--nocapture",
        "--exact",
    ]);
    command.arg("heavy_clusters::ten_rollouts_with_stables_own_bursts_stay_and_a_bad_one_goes_back");
    if !command.status().context("cargo")?.success() {
        bail!("a version as good as stable was rolled back, or a bad one was not");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_its_interval_and_what_is_special_about_it() {
        let rate = serde_json::json!({ "falseRollbackRate": 0.135 });
        let peers = serde_json::json!({ "argo": rate, "flagger": rate, "kayenta": rate });
        let one = serde_json::json!({
            "scenario": "bursts", "instances": [19, 1], "historyMinutes": 30, "rps": 50.0, "errors": 0.1, "runs": 200,
            "rolledBack": 0.005, "low": 0.0001, "high": 0.0275, "peers": peers, "clustered": { "errors": 11.6 },
        });
        let shown = row(&one).unwrap();
        assert!(
            shown.starts_with("| bursts, 50 req/s | 19 + 1 | 30 min | 200 | **0.5 %** | 0.0–2.8 % | 13.5 %"),
            "{shown}"
        );
        assert!(shown.ends_with("11.6 / – / – |"), "{shown}");
        assert_eq!(row(&serde_json::json!({ "scenario": "bursts" })), None);
    }
}
