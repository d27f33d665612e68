//! `fw rollout report`: a report of a run, to standard output or a file.

use std::path::Path;

use super::resolve;
use crate::args::{ReportArgs, ReportFormat};
use crate::client::{Client, escape};
use crate::failure::Failure;
use crate::output::{Out, say};

pub(super) async fn run(client: &Client, args: ReportArgs, out: &mut Out) -> Result<(), Failure> {
    let name = resolve::name(client, args.name).await?;
    let kind = match args.kind {
        Some(kind) => kind.word(),
        // What people want to know of one that went back.
        None => {
            let detail = client.get(&format!("/api/v1/rollouts/{}", escape(&name))).await?;
            if matches!(detail["status"].as_str(), Some("rolled_back")) { "rollback" } else { "completion" }
        }
    };
    let path = |format: &str| format!("/api/v1/rollouts/{}/reports/{kind}?format={format}", escape(&name));
    let format = args.format.unwrap_or(if out.is_json() { ReportFormat::Json } else { ReportFormat::Md });
    let text = match format {
        ReportFormat::Json => {
            let value = client.get(&path("json")).await?;
            serde_json::to_string_pretty(&value).map_err(|e| Failure::Failed(e.to_string()))? + "\n"
        }
        ReportFormat::Md => client.get_text(&path("md")).await?,
        ReportFormat::Html => client.get_text(&path("html")).await?,
    };
    match args.file {
        None => Ok(out.line(text.trim_end())?),
        Some(file) => write(&file, &text),
    }
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text)
        .map_err(|e| Failure::Failed(format!("{} can't be written: {e}", file.display())))?;
    say(&format!("written to {}", file.display()));
    Ok(())
}
