//! `fw rollout list`: a line each.

use fw_api::Status;

use super::resolve;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Align, Out, clean, health, percent, say, status_word, table};

pub(super) async fn run(client: &Client, out: &mut Out) -> Result<(), Failure> {
    let (answer, statuses) = resolve::list(client).await?;
    if out.is_json() {
        return Ok(out.json(&answer)?);
    }
    if statuses.is_empty() {
        say("no rollout yet; `fw rollout start` begins one");
        return Ok(());
    }
    let head = [
        ("ROLLOUT", Align::Left),
        ("STATUS", Align::Left),
        ("PHASE", Align::Right),
        ("CANARY", Align::Right),
        ("HEALTH", Align::Right),
        ("VERDICT", Align::Left),
        ("WAITING ON", Align::Left),
    ];
    let rows: Vec<Vec<String>> = statuses.iter().map(row).collect();
    for line in table(&head, &rows) {
        out.line(&line)?;
    }
    Ok(())
}

fn row(status: &Status) -> Vec<String> {
    let name = status.run.as_deref().or(status.rollout.as_deref()).unwrap_or("–");
    let waiting: Vec<String> = status.waiting_on.iter().map(|reason| clean(&reason.kind)).collect();
    vec![
        clean(name),
        status_word(&status.status),
        status.state.current_phase.map_or("–".into(), |phase| phase.to_string()),
        percent(status.split.map(|split| f64::from(split.canary) / 1000.0)),
        health(status.health),
        clean(status.verdict.as_deref().unwrap_or("–")),
        waiting.join(", "),
    ]
}
