//! `fw release show` and `fw release report`.

use serde_json::Value;

use super::{detail, resolve, text};
use crate::client::{Client, escape};
use crate::failure::Failure;
use crate::output::{Out, Paint, clean};

pub(super) async fn run(client: &Client, name: Option<String>, out: &mut Out) -> Result<(), Failure> {
    let name = resolve::name(client, name).await?;
    let release = detail(client, &name).await?;
    if out.is_json() {
        return Ok(out.json(&release)?);
    }
    for line in card(&release, out.paint) {
        out.line(&line)?;
    }
    Ok(())
}

/// The report as it is, in Markdown.
pub(super) async fn report(client: &Client, name: Option<String>, out: &mut Out) -> Result<(), Failure> {
    let name = resolve::name(client, name).await?;
    let text = client.get_text(&format!("/api/v1/releases/{}/report", escape(&name))).await?;
    Ok(out.line(text.trim_end())?)
}

/// Where it is, why, and what happened, in some lines.
pub(super) fn card(release: &Value, paint: Paint) -> Vec<String> {
    let versions = &release["versions"];
    let environment =
        release["environment"].as_str().map_or(String::new(), |name| format!(", {}", clean(name)));
    let mut lines = vec![format!(
        "{}  {} → {}, {}{environment}",
        paint.bold(&clean(text(release, "id"))),
        clean(text(versions, "stable")),
        clean(text(versions, "canary")),
        text(release, "strategy"),
    )];
    lines.push(format!("{}  {}", steps(release, paint), outcome(release, paint)));
    if let Some(why) = release["why"].as_str() {
        lines.push(format!("  {}", clean(why)));
    }
    for waits in release["waitingOn"].as_array().into_iter().flatten() {
        lines.push(format!("  waits for {}: {}", text(waits, "kind"), clean(text(waits, "text"))));
    }
    lines.extend(risk(&release["riskDetail"], paint));
    for finding in release["findings"].as_array().into_iter().flatten() {
        lines.push(finding_line(finding, paint));
    }
    if let Some(moments) = release["timeline"].as_array().filter(|moments| !moments.is_empty()) {
        lines.push(String::new());
        lines.extend(moments.iter().map(|moment| moment_line(moment, paint)));
    }
    lines
}

/// The way, with the step it is in.
fn steps(release: &Value, paint: Paint) -> String {
    let all = ["prepare", "check", "assess", "approve", "deploy", "rollout", "verify", "finish"];
    let step = text(release, "step");
    let at = all.iter().position(|name| *name == step);
    if step == "undo" {
        return paint.yellow("undo");
    }
    let over = release["overallStatus"].is_string();
    let words = all.iter().enumerate().map(|(i, name)| match at {
        Some(at) if i < at || (over && i == at) => paint.green(name),
        Some(at) if i == at => paint.bold(name),
        _ => paint.dim(name),
    });
    words.collect::<Vec<_>>().join(" › ")
}

/// How it ended, or that it has not.
pub(super) fn outcome(release: &Value, paint: Paint) -> String {
    match text(release, "status") {
        "success" => paint.green("success"),
        "running" => paint.cyan("under way"),
        bad => paint.red(&clean(bad)),
    }
}

fn risk(risk: &Value, paint: Paint) -> Vec<String> {
    let Some(score) = risk["score"].as_f64() else { return vec![] };
    let mut lines = vec![format!(
        "  risk {} of 100 (--auto-approve: up to {})",
        paint.bold(&score.to_string()),
        risk["limit"]
    )];
    for part in risk["parts"].as_array().into_iter().flatten() {
        let points = part["points"].as_f64().unwrap_or_default();
        if points > 0.0 {
            lines.push(paint.dim(&format!(
                "  {points:>6} {}: {}",
                text(part, "name"),
                clean(text(part, "text"))
            )));
        }
    }
    lines
}

/// `error health: stable: … (factory-wager.yaml:3:4)`.
pub(super) fn finding_line(finding: &Value, paint: Paint) -> String {
    let word = match text(finding, "severity") {
        "error" => paint.red("error"),
        "warning" => paint.yellow("warning"),
        other => paint.dim(&clean(other)),
    };
    let place = finding["place"].as_str().map_or(String::new(), |place| format!(" ({})", clean(place)));
    format!("  {word} {}: {}{place}", clean(text(finding, "check")), clean(text(finding, "message")))
}

/// A moment of the timeline.
pub(super) fn moment_line(moment: &Value, paint: Paint) -> String {
    let who = match (moment["actor"].as_str(), moment["reason"].as_str()) {
        (Some(actor), Some(reason)) => format!(" ({}: {})", clean(actor), clean(reason)),
        (Some(actor), None) => format!(" ({})", clean(actor)),
        (None, _) => String::new(),
    };
    let time = paint.dim(text(moment, "at").get(11..19).unwrap_or_default());
    format!("{time}  {:<8} {}{}", text(moment, "step"), clean(text(moment, "text")), paint.dim(&who))
}
