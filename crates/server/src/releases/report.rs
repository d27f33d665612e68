//! What a release tells people at its end: one page of Markdown that ties checks, risk, approval, deployment and rollout
//! together.
//!
//! The rollout's own numbers are in its reports; this page links to them.

use std::fmt::Write as _;

use fw_engine::release::{Overall, Release, Task, TaskState, waiting_on};
use fw_engine::rollout::Status;
use fw_model::Timestamp;
use fw_model::release::Severity;
use fw_runtime::view::rfc3339;

/// The page.
pub(super) fn markdown(release: &Release, now: Timestamp) -> String {
    let plan = &release.plan;
    let (stable, canary) = (&plan.rollout.stable.version, &plan.rollout.canary.version);
    let mut out = String::new();
    let (mark, word) = match release.overall {
        Some(Overall::Success) => ("✅", "success"),
        Some(Overall::Failed) => ("❌", "failed"),
        Some(Overall::Partial) => ("⚠️", "partial"),
        Some(Overall::RolledBack) => ("↩️", "rolled back"),
        Some(Overall::Cancelled) => ("🚫", "cancelled"),
        None => ("⏳", "under way"),
    };
    let _ = writeln!(out, "# {mark} {}: {stable} → {canary}, {word}\n", release.id);
    if let Some(why) = &release.why {
        let _ = writeln!(out, "**{}**\n", cell(why));
    }
    let _ = writeln!(out, "| | |\n|---|---|");
    let mut row = |name: &str, value: String| {
        let _ = writeln!(out, "| {name} | {} |", cell(&value));
    };
    row("Service", release.id.key.to_string());
    row("Environment", plan.environment.clone().unwrap_or_else(|| "none named".into()));
    row("Strategy", plan.strategy.as_str().into());
    let reason = release.by.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    row("Asked for by", format!("{}{reason}", release.by.actor));
    row("Began", rfc3339(release.started_at));
    row("Ended", release.ended_at.map_or_else(|| "not yet".into(), rfc3339));
    row("Took", span(release.ended_at.unwrap_or(now).since(release.started_at)));
    for waits in waiting_on(release, now) {
        row("Waits for", waits.text);
    }
    risk(release, &mut out);
    checks(release, &mut out);
    rollout(release, &mut out);
    works(release, &mut out);
    let _ = writeln!(out, "\n## What happened\n");
    for moment in &release.timeline {
        let who = match (&moment.actor, &moment.reason) {
            (Some(actor), Some(reason)) => format!(" ({actor}: {reason})"),
            (Some(actor), None) => format!(" ({actor})"),
            (None, _) => String::new(),
        };
        let _ = writeln!(
            out,
            "* `{}` **{}** {}",
            rfc3339(moment.at),
            moment.step.as_str(),
            line(&format!("{}{who}", moment.text))
        );
    }
    out
}

fn risk(release: &Release, out: &mut String) {
    let Some(risk) = &release.risk else { return };
    let limit = release.plan.policy.approval.limit;
    let _ = writeln!(out, "\n## Risk: {} of 100\n", risk.score);
    let _ = writeln!(out, "`--auto-approve` approves up to {limit}.\n");
    let _ = writeln!(out, "| part | points | from |\n|---|--:|---|");
    for part in &risk.parts {
        let _ = writeln!(out, "| {} | {} | {} |", part.name, part.points, cell(&part.text));
    }
}

fn checks(release: &Release, out: &mut String) {
    let _ = writeln!(out, "\n## Checks\n");
    let mut findings: Vec<_> = release.findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    if findings.is_empty() {
        let _ = writeln!(out, "Nothing was found.");
        return;
    }
    let _ = writeln!(out, "| | check | what | where |\n|---|---|---|---|");
    for finding in findings {
        let mark = match finding.severity {
            Severity::Error => "❌ error",
            Severity::Warning => "⚠️ warning",
            Severity::Info => "info",
        };
        let place = finding.place.as_deref().unwrap_or("");
        let _ = writeln!(
            out,
            "| {mark} | {} | {} | {} |",
            cell(&finding.check),
            cell(&finding.message),
            cell(place)
        );
    }
}

fn rollout(release: &Release, out: &mut String) {
    let Some(seen) = &release.rollout else { return };
    let kind = if matches!(seen.status, Status::RolledBack | Status::RollingBack) || release.undo.is_some() {
        "rollback"
    } else {
        "completion"
    };
    let _ = writeln!(out, "\n## Rollout {}: {}\n", seen.run, seen.status.as_str());
    for why in &seen.why {
        let _ = writeln!(out, "* {}", line(why));
    }
    let _ = writeln!(
        out,
        "\nIts numbers: `fw rollout report {run} --kind {kind}`, or `/api/v1/rollouts/{run}/reports/{kind}?format=html`.",
        run = seen.run
    );
}

fn works(release: &Release, out: &mut String) {
    let _ = writeln!(out, "\n## Works\n\n| # | step | work | took | outcome |\n|--:|---|---|--:|---|");
    for task in &release.tasks {
        let took = task.ended_at.map_or_else(String::new, |ended| span(ended.since(task.began_at)));
        let _ = writeln!(
            out,
            "| {} | {} | {} | {took} | {} |",
            task.id,
            task.step.as_str(),
            task.work.as_str(),
            cell(&outcome(task))
        );
    }
}

fn outcome(task: &Task) -> String {
    match &task.state {
        TaskState::Running => "under way".into(),
        TaskState::Waiting { why, .. } => format!("tried again soon: {why}"),
        TaskState::Done { text } if text.is_empty() => "done".into(),
        TaskState::Done { text } => text.clone(),
        TaskState::Failed { why } => format!("failed: {why}"),
        TaskState::Unknown { why } => format!("not known: {why}"),
    }
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    line(text).replace('|', "\\|")
}

/// A text on one line, without what Markdown or HTML would take for markup.
fn line(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    flat.replace('<', "&lt;").replace('*', "\\*").replace('_', "\\_")
}

fn span(time: std::time::Duration) -> String {
    let s = time.as_secs();
    match s {
        0 => format!("{} ms", time.as_millis()),
        1..120 => format!("{s} s"),
        _ => format!("{} min {} s", s / 60, s % 60),
    }
}
