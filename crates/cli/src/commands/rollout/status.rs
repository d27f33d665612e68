//! `fw rollout status`: where a rollout stands, as a card or as the server's JSON.

use crate::client::{Client, escape};
use crate::failure::Failure;
use serde_json::Value;

use crate::output::{Align, Detail, Moment, Out, card, clean, health, percent, table};

use super::status_of;

pub(super) async fn run(client: &Client, name: Option<&str>, out: &mut Out) -> Result<(), Failure> {
    let path = match name {
        None => "/status".to_owned(),
        Some(name) => format!("/status?rollout={}", escape(name)),
    };
    let answer = client.get(&path).await?;
    if out.is_json() {
        return Ok(out.json(&answer)?);
    }
    let status = status_of(&answer)?;
    let answer = match &status.run {
        // Only adds to the card: whatever keeps it away leaves the status as it is.
        Some(run) => client.get(&format!("/api/v1/rollouts/{}", escape(run))).await.unwrap_or_default(),
        None => Value::Null,
    };
    for line in card(&status, &Detail::read(&answer), &Moment::here(), out.paint) {
        out.line(&line)?;
    }
    let regions = answer["regions"].as_array().map_or(&[][..], Vec::as_slice);
    if !regions.is_empty() {
        for line in table(&HEAD, &regions.iter().map(row).collect::<Vec<_>>()) {
            out.line(&line)?;
        }
    }
    Ok(())
}

/// Columns of the regions of one that goes over several.
const HEAD: [(&str, Align); 9] = [
    ("REGION", Align::Left),
    ("WAVE", Align::Right),
    ("STATE", Align::Left),
    ("PHASE", Align::Right),
    ("CANARY", Align::Right),
    ("REQUESTS", Align::Right),
    ("ERRORS", Align::Right),
    ("HEALTH", Align::Right),
    ("WAITING ON", Align::Left),
];

fn row(region: &Value) -> Vec<String> {
    let whole = |key: &str| region[key].as_u64().map_or("–".to_owned(), |n| n.to_string());
    let waits = region["waitingOn"].as_array().and_then(|list| list.first()?["text"].as_str());
    vec![
        clean(region["region"].as_str().unwrap_or("–")),
        whole("wave"),
        clean(&region["state"].as_str().unwrap_or("–").replace('_', " ")),
        whole("phase"),
        percent(region["canary"].as_f64()),
        whole("requests"),
        whole("errors"),
        health(region["health"].as_f64()),
        clean(waits.unwrap_or("")),
    ]
}
