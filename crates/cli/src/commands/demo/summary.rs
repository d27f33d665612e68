//! What a demo prints at its end: what happened, from the engine's evidence and the client's counts.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::expect::{End, fault_words};
use super::load::Sent;
use crate::args::Fault;
use crate::failure::Failure;
use crate::output::{Out, thousands};

/// What there is to tell.
pub(super) struct Summary {
    pub(super) fault: Fault,
    pub(super) foretold: End,
    pub(super) end: End,
    pub(super) sent: Arc<Sent>,
    pub(super) detail: Option<Value>,
}

/// Prints it.
pub(super) fn print(summary: &Summary, out: &mut Out) -> Result<(), Failure> {
    let sent = &summary.sent;
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let (all, failed, dropped) = (count(&sent.all), count(&sent.failed), count(&sent.dropped));
    let (canary, canary_failed) = (count(&sent.canary), count(&sent.canary_failed));
    let moments = sent.moments();
    let exposed = moments
        .first_failure
        .zip(moments.last_on_canary)
        .map(|(first, last)| last.saturating_duration_since(first));
    if out.is_json() {
        return Ok(out.json_line(&json!({
            "type": "demo_summary", "outcome": summary.end.words(), "foretold": summary.foretold.words(),
            "fault": fault_words(summary.fault), "requestsSent": all, "requestsFailed": failed, "requestsDropped": dropped,
            "canaryRequests": canary, "canaryFailed": canary_failed,
            "millisFromFirstFailureToLastCanaryRequest": exposed.map(|d| d.as_millis() as u64),
        }))?);
    }
    out.line("")?;
    let mark = if summary.end == summary.foretold { out.paint.green("✓") } else { out.paint.red("✗") };
    out.line(&format!(
        "{mark} it ended as {}, foretold was {}",
        summary.end.words(),
        summary.foretold.words()
    ))?;
    for line in evidence(summary) {
        out.line(&format!("  {line}"))?;
    }
    out.line(&format!(
        "  requests sent {}, failed {} (canary {} of {}), without an answer {}",
        thousands(all),
        thousands(failed),
        thousands(canary_failed),
        thousands(canary),
        thousands(dropped),
    ))?;
    if let (End::RolledBack, Some(exposed)) = (summary.end, exposed) {
        out.line(&format!(
            "  {:.1} s from the canary's first failed answer to the last request it got",
            exposed.as_secs_f64()
        ))?;
    }
    Ok(())
}

/// What the decision rests on: the rollback's evidence, or the last phase's answered questions.
fn evidence(summary: &Summary) -> Vec<String> {
    let Some(detail) = &summary.detail else { return vec![] };
    let texts = |list: &Value| -> Vec<String> {
        let items = list.as_array().into_iter().flatten();
        items.filter_map(|item| item.as_str().or_else(|| item["text"].as_str()).map(str::to_owned)).collect()
    };
    match summary.end {
        End::RolledBack => texts(&detail["rollback"]["evidence"]),
        End::Completed => texts(&detail["questions"]),
        End::Held | End::TooLong | End::Interrupted => texts(&detail["waitingOn"]),
    }
}
