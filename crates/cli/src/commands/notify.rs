//! `fw notify`: who is told of events, how far each was told, and a test of it.

use serde_json::{Value, json};

use super::{block_on, client};
use crate::args::{Global, NotifyCommand};
use crate::client::{Client, escape};
use crate::failure::Failure;
use crate::output::{Align, Out, Paint, clean, say, table, thousands};

/// Does what was typed.
pub(super) fn run(command: NotifyCommand, global: &Global, out: &mut Out) -> Result<(), Failure> {
    let client = client(global)?;
    block_on(async {
        match command {
            NotifyCommand::List => list(&client, out).await,
            NotifyCommand::Test { name } => test(&client, name.as_deref(), out).await,
        }
    })
}

const NOBODY: &str = "this server tells nobody; receivers stand in the config, under `notifications`";

async fn sinks(client: &Client) -> Result<(Value, Vec<Value>), Failure> {
    let answer = client.get("/api/v1/notifications").await?;
    let sinks = answer["notifications"].as_array().cloned().unwrap_or_default();
    Ok((answer, sinks))
}

async fn list(client: &Client, out: &mut Out) -> Result<(), Failure> {
    let (answer, sinks) = sinks(client).await?;
    if out.is_json() {
        return Ok(out.json(&answer)?);
    }
    if sinks.is_empty() {
        say(NOBODY);
        return Ok(());
    }
    let head = [
        ("NAME", Align::Left),
        ("KIND", Align::Left),
        ("HOST", Align::Left),
        ("BEHIND", Align::Right),
        ("SENT", Align::Right),
        ("FAILED TRIES", Align::Right),
        ("GIVEN UP", Align::Right),
        ("STATE", Align::Left),
    ];
    let number = |sink: &Value, key: &str| thousands(sink[key].as_u64().unwrap_or(0));
    let row = |sink: &Value| {
        let state = match (sink["stopped"].as_bool(), sink["lastError"].as_str()) {
            (Some(true), error) => {
                format!("STOPPED: {}", clean(error.unwrap_or("it takes nothing any more")))
            }
            (_, Some(error)) => format!("tried again: {}", clean(error)),
            (_, None) => "good".to_owned(),
        };
        let missed = sink["missed"].as_u64().unwrap_or(0);
        let lost = sink["givenUp"].as_u64().unwrap_or(0) + missed;
        vec![
            text(sink, "name"),
            text(sink, "kind"),
            text(sink, "host"),
            number(sink, "behind"),
            number(sink, "sent"),
            number(sink, "failedTries"),
            thousands(lost),
            state,
        ]
    };
    let rows: Vec<Vec<String>> = sinks.iter().map(row).collect();
    table(&head, &rows).iter().try_for_each(|line| out.line(line)).map_err(Failure::from)
}

/// Tests the one that is named, or all; fails when one of them did not take it.
async fn test(client: &Client, name: Option<&str>, out: &mut Out) -> Result<(), Failure> {
    let names: Vec<String> = match name {
        Some(name) => vec![name.to_owned()],
        None => sinks(client).await?.1.iter().filter_map(|s| s["name"].as_str().map(str::to_owned)).collect(),
    };
    if names.is_empty() {
        return Err(Failure::Failed(NOBODY.into()));
    }
    let (mut answers, mut failed) = (vec![], vec![]);
    for name in &names {
        let path = format!("/api/v1/notifications/{}/test", escape(name));
        let answer = client.post(&path, &json!({}), None).await?;
        let delivered = answer["delivered"] == true;
        if !out.is_json() {
            let paint = Paint::stdout();
            let word = if delivered { paint.green("DELIVERED") } else { paint.red("FAILED") };
            let took = thousands(answer["tookMs"].as_u64().unwrap_or(0));
            out.line(&format!("{}  {word}  {} ({took} ms)", clean(name), text(&answer, "detail")))?;
        }
        if !delivered {
            failed.push(name.clone());
        }
        answers.push(answer);
    }
    if out.is_json() {
        out.json(&json!({ "tests": answers }))?;
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(format!("the test did not reach {}", clean(&failed.join(", ")))))
}

fn text(value: &Value, key: &str) -> String {
    clean(value[key].as_str().unwrap_or("–"))
}
