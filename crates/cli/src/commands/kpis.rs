//! `fw kpis`: key numbers over the rollouts of a server.

use serde_json::Value;

use super::{block_on, client};
use crate::args::{Global, KpisArgs};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Align, Out, Paint, clean, percent, plain_number, say, table, thousands};

/// Runs that are listed below the numbers.
const RUNS_SHOWN: usize = 20;

/// Does what was typed.
pub(super) fn run(args: &KpisArgs, global: &Global, out: &mut Out) -> Result<(), Failure> {
    let client = client(global)?;
    block_on(show(&client, args.days, out))
}

async fn show(client: &Client, days: u32, out: &mut Out) -> Result<(), Failure> {
    let answer = client.get(&format!("/api/v1/kpis?days={days}")).await?;
    if out.is_json() {
        return Ok(out.json(&answer)?);
    }
    if answer["rollouts"]["started"] == 0 {
        say(&format!("no rollout began in the last {days} days; `fw rollout start` begins one"));
        return Ok(());
    }
    let paint = Paint::stdout();
    for (name, value, note) in numbers(&answer) {
        out.line(&format!("{name:<22}{}  {}", paint.bold(&format!("{value:>12}")), paint.dim(&note)))?;
    }
    out.line("")?;
    for line in runs(&answer) {
        out.line(&line)?;
    }
    Ok(())
}

/// Name, value, and what stands behind it.
fn numbers(answer: &Value) -> Vec<(&'static str, String, String)> {
    let rollouts = &answer["rollouts"];
    let count = |key: &str| rollouts[key].as_u64().unwrap_or(0);
    let (rate, full) = (&answer["successRate"], &answer["timeTo100"]);
    let (impact, recovery) = (&answer["userImpact"], &answer["recovery"]);
    let bounds = ["low", "high"].map(|end| percent(rate[end].as_f64()));
    let rate_note = match rate["of"].as_u64() {
        None | Some(0) => "none has ended yet".to_owned(),
        Some(of) => format!(
            "completed without a rollback, of {of} that ended (95 % interval {} to {})",
            bounds[0], bounds[1]
        ),
    };
    let users = match (impact["exposedUsers"].as_u64(), impact["affectedUsersAtMost"].as_u64()) {
        (Some(users), Some(most)) => {
            format!("about {} users exposed, at most {} met a failure", thousands(users), thousands(most))
        }
        _ => "how many users that were is not known".into(),
    };
    vec![
        (
            "Rollouts",
            count("started").to_string(),
            format!(
                "{} completed, {} rolled back, {} aborted, {} under way",
                count("completed"),
                count("rolledBack"),
                count("aborted"),
                count("underWay")
            ),
        ),
        ("Success rate", percent(rate["percent"].as_f64()), rate_note),
        (
            "Time to 100 %",
            seconds(full["meanSeconds"].as_f64()),
            format!("mean of {}; median {}", full["of"], seconds(full["medianSeconds"].as_f64())),
        ),
        (
            "User impact",
            thousands(impact["failedRequests"].as_u64().unwrap_or(0)),
            format!(
                "failed of {} canary requests; {users}",
                thousands(impact["canaryRequests"].as_u64().unwrap_or(0))
            ),
        ),
        (
            "Recovery time",
            seconds(recovery["meanMs"].as_f64().map(|ms| ms / 1e3)),
            format!(
                "mean of {} rollbacks, decision to confirmed; slowest {}",
                recovery["of"],
                seconds(recovery["slowestMs"].as_f64().map(|ms| ms / 1e3))
            ),
        ),
    ]
}

fn seconds(value: Option<f64>) -> String {
    match value {
        None => "–".into(),
        Some(s) if s < 1.0 => format!("{} ms", plain_number((s * 1e3).round())),
        Some(s) if s < 120.0 => format!("{} s", plain_number((s * 10.0).round() / 10.0)),
        Some(s) => format!("{} min", plain_number((s / 6.0).round() / 10.0)),
    }
}

/// The newest runs, newest first.
fn runs(answer: &Value) -> Vec<String> {
    let head = [
        ("RUN", Align::Left),
        ("VERSION", Align::Left),
        ("STATUS", Align::Left),
        ("TO 100 %", Align::Right),
        ("REQUESTS", Align::Right),
        ("FAILED", Align::Right),
        ("BACK", Align::Right),
        ("TRIGGER", Align::Left),
    ];
    let text = |run: &Value, key: &str| run[key].as_str().map_or("–".into(), clean);
    let row = |run: &Value| {
        vec![
            text(run, "run"),
            text(run, "version"),
            text(run, "status"),
            seconds(run["timeTo100Seconds"].as_f64()),
            thousands(run["canaryRequests"].as_u64().unwrap_or(0)),
            thousands(run["canaryErrors"].as_u64().unwrap_or(0)),
            run["rollbacks"].to_string(),
            text(run, "trigger"),
        ]
    };
    let all = answer["runs"].as_array().map_or(&[][..], Vec::as_slice);
    let rows: Vec<Vec<String>> = all.iter().rev().take(RUNS_SHOWN).map(row).collect();
    table(&head, &rows)
}
