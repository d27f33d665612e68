//! `fw release approve | reject | cancel | undo | resolve`.

use serde_json::Value;

use super::show::card;
use super::{follow, resolve, text};
use crate::args::ReleaseAct;
use crate::client::{Client, escape};
use crate::failure::Failure;
use crate::output::Out;

pub(super) async fn run(
    client: &Client,
    action: &str,
    args: ReleaseAct,
    mut body: Value,
    out: &mut Out,
) -> Result<(), Failure> {
    let name = resolve::name(client, args.name).await?;
    if let Some(reason) = args.reason {
        body["reason"] = reason.into();
    }
    let path = format!("/api/v1/releases/{}/{action}", escape(&name));
    let release = client.post(&path, &body, None).await?;
    if args.wait {
        let id = text(&release, "id").to_owned();
        return undone(action, follow::to_the_end(client, &id, out).await);
    }
    if out.is_json() {
        return Ok(out.json(&release)?);
    }
    let mut short = release;
    short["timeline"] = Value::Array(vec![]);
    short["findings"] = Value::Array(vec![]);
    for line in card(&short, out.paint) {
        out.line(&line)?;
    }
    Ok(())
}

/// An undo or a cancellation that was waited for did what was asked when the release is back or stopped.
fn undone(action: &str, ended: Result<(), Failure>) -> Result<(), Failure> {
    match (action, ended) {
        ("undo", Err(Failure::Failed(text))) if text.ends_with("rolled-back") => Ok(()),
        ("cancel", Err(Failure::Failed(text))) if text.ends_with("cancelled") => Ok(()),
        (_, ended) => ended,
    }
}
