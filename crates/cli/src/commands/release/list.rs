//! `fw release list`.

use serde_json::json;

use super::{resolve, text};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Align, Out, clean, say, table};

pub(super) async fn run(client: &Client, out: &mut Out) -> Result<(), Failure> {
    let releases = resolve::list(client).await?;
    if out.is_json() {
        return Ok(out.json(&json!({ "releases": releases }))?);
    }
    if releases.is_empty() {
        say("no release yet; `fw release` begins one");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = releases
        .iter()
        .map(|release| {
            let versions = &release["versions"];
            let risk = release["risk"].as_f64().map_or_else(|| "–".to_owned(), |risk| risk.to_string());
            let waits =
                release["waitingOn"][0]["text"].as_str().or(release["why"].as_str()).unwrap_or_default();
            [
                text(release, "id").to_owned(),
                format!("{} → {}", text(versions, "stable"), text(versions, "canary")),
                release["environment"].as_str().unwrap_or("–").to_owned(),
                text(release, "strategy").to_owned(),
                risk,
                status(release),
                text(release, "startedAt").to_owned(),
                waits.to_owned(),
            ]
            .map(|cell| clean(&cell))
            .to_vec()
        })
        .collect();
    let head = [
        ("RELEASE", Align::Left),
        ("VERSIONS", Align::Left),
        ("ENV", Align::Left),
        ("STRATEGY", Align::Left),
        ("RISK", Align::Right),
        ("STATUS", Align::Left),
        ("BEGAN", Align::Left),
        ("", Align::Left),
    ];
    for line in table(&head, &rows) {
        out.line(&line)?;
    }
    Ok(())
}

fn status(release: &serde_json::Value) -> String {
    match text(release, "status") {
        "running" => format!("in {}", text(release, "step")),
        over => over.to_owned(),
    }
}
