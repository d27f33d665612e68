//! `fw release [start]`: local checks, fixes, and the request; with `--wait` to the end.
//!
//! What is looked at here (config, working tree, secrets) is sent along, so that the release has it in its record. The
//! config is sent with its environment merged and its defaults written out: what was checked is what is released.

use fw_runtime::config::{self, ServiceConfig};
use serde_json::{Value, json};

use super::show::{card, finding_line};
use super::{follow, text};
use crate::args::{FixArgs, ReleaseStartArgs};
use crate::checks;
use crate::client::Client;
use crate::commands::config as config_commands;
use crate::failure::Failure;
use crate::output::{Out, Paint, say};

pub(super) async fn run(client: &Client, args: &ReleaseStartArgs, out: &mut Out) -> Result<(), Failure> {
    let mut mended = None;
    if args.auto_fix {
        let fix = FixArgs {
            config: args.config.clone(),
            env: args.env.clone(),
            dry_run: args.dry_run,
            requests_per_second: args.requests_per_second,
        };
        mended = Some(config_commands::fix_quietly(&fix)?);
    }
    // In a dry run the file is as it was; what would be released is the mended text.
    let mended = mended.filter(|_| args.dry_run);
    let service = match &mended {
        Some(text) => config::load_str(&args.config.display().to_string(), text, args.env.as_deref())?,
        None => config::load_file(&args.config, args.env.as_deref())?,
    };
    let mut local = checks::local(&args.config, args.env.as_deref(), args.requests_per_second);
    local.findings.retain(|finding| mended.is_none() || !finding.fixable);
    let paint = Paint::stderr();
    let findings = serde_json::to_value(&local.findings).unwrap_or_default();
    for finding in findings.as_array().into_iter().flatten() {
        say(&finding_line(finding, paint));
    }
    let body = request(&service, args, &findings, &json!(local.change));
    let key = uuid::Uuid::new_v4().to_string();
    let release = client.post("/api/v1/releases", &body, Some(&key)).await?;
    let id = text(&release, "id").to_owned();
    if args.dry_run {
        say("a dry run: nothing was changed, and nothing has begun");
        return print(&release, out);
    }
    if args.wait {
        return follow::to_the_end(client, &id, out).await;
    }
    print(&release, out)?;
    if !out.is_json() {
        say(&format!("`fw release show {id}` shows it; `fw release start --wait` would have waited"));
    }
    Ok(())
}

fn request(service: &ServiceConfig, args: &ReleaseStartArgs, findings: &Value, change: &Value) -> Value {
    let mut body = json!({
        "config": config::request_json(service),
        "autoApprove": args.auto_approve,
        "findings": findings,
    });
    let optional = [
        ("environment", json!(args.env)),
        ("strategy", json!(args.strategy.map(crate::args::StrategyChoice::word))),
        ("reason", json!(args.reason)),
        ("change", change.clone()),
        ("withoutRollout", json!(args.without_rollout.then_some(true))),
        ("dryRun", json!(args.dry_run.then_some(true))),
    ];
    for (name, value) in optional {
        if !value.is_null() {
            body[name] = value;
        }
    }
    body
}

fn print(release: &Value, out: &mut Out) -> Result<(), Failure> {
    if out.is_json() {
        return Ok(out.json(release)?);
    }
    for line in card(release, out.paint) {
        out.line(&line)?;
    }
    Ok(())
}
