//! Schemas of releases: what a start and an action take, the list, the detail.
//!
//! What makes the answers is `crate::releases`; what reads the bodies is `http/releases`. This only describes them.

use serde_json::{Value, json};

use super::{count, list, map, maybe, number, object, one_of, text, time, to, truth};

/// Every schema of this file, by name.
pub(super) fn all() -> Vec<(&'static str, Value)> {
    vec![
        ("ReleaseStart", start()),
        ("ReleaseAction", action()),
        ("ReleaseList", object(&[("releases", list(to("Release")))])),
        ("Release", object(&members())),
        ("ReleaseDetail", detail()),
        ("ReleaseFinding", finding()),
    ]
}

const STRATEGIES: &[&str] = &["canary", "blue-green", "rolling", "all-at-once"];
const ENDS: &[&str] = &["success", "failed", "partial", "rolled-back", "cancelled"];

fn start() -> Value {
    let change =
        object(&[("commits", count()), ("files", count()), ("insertions", count()), ("deletions", count())]);
    json!({
        "type": "object", "additionalProperties": false, "required": ["config"],
        "properties": {
            "config": {
                "type": "object",
                "description": "The config as JSON, its environment merged; what runs and who approves must be as the server's own file has it",
            },
            "environment": maybe(text()),
            "strategy": maybe(one_of(STRATEGIES)),
            "autoApprove": truth(),
            "findings": { "type": "array", "maxItems": 200, "items": to("ReleaseFinding") },
            "change": maybe(change),
            "reason": { "type": ["string", "null"], "maxLength": 1000 },
            "dryRun": truth(),
            "withoutRollout": truth(),
        },
    })
}

fn action() -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "reason": { "type": ["string", "null"], "maxLength": 1000 },
            "task": { "type": "integer", "minimum": 1, "description": "With resolve: which work" },
            "as": { "description": "With resolve: how it ended", "type": "string", "enum": ["done", "failed", "again"] },
        },
    })
}

/// In an answer every member stands; in a start the last two may be left out.
fn finding() -> Value {
    let mut finding = object(&[
        ("check", text()),
        ("severity", one_of(&["error", "warning", "info"])),
        ("message", text()),
        ("place", maybe(text())),
        ("fixable", truth()),
    ]);
    finding["required"] = json!(["check", "severity", "message"]);
    finding
}

fn members() -> Vec<(&'static str, Value)> {
    let steps = ["prepare", "check", "assess", "approve", "deploy", "rollout", "verify", "finish", "undo"];
    let status: Vec<&str> = ["running"].iter().chain(ENDS).copied().collect();
    let waits =
        object(&[("kind", text()), ("text", text()), ("since", time()), ("etaSeconds", maybe(number()))]);
    vec![
        ("id", text()),
        ("service", text()),
        ("region", maybe(text())),
        ("environment", maybe(text())),
        ("strategy", one_of(STRATEGIES)),
        ("versions", map(text())),
        ("step", one_of(&steps)),
        ("status", one_of(&status)),
        ("overallStatus", maybe(one_of(ENDS))),
        ("why", maybe(text())),
        ("rollout", maybe(text())),
        ("risk", maybe(number())),
        ("startedAt", time()),
        ("endedAt", maybe(time())),
        ("actor", text()),
        ("reason", maybe(text())),
        ("waitingOn", list(waits)),
    ]
}

fn detail() -> Value {
    let part = object(&[("name", text()), ("points", number()), ("text", text())]);
    let risk = object(&[("score", number()), ("limit", number()), ("parts", list(part))]);
    let task = object(&[
        ("id", count()),
        ("step", text()),
        ("work", text()),
        ("attempt", count()),
        ("state", one_of(&["running", "waiting", "done", "failed", "unknown"])),
        ("text", maybe(text())),
        ("beganAt", time()),
        ("endedAt", maybe(time())),
    ]);
    let said = object(&[("actor", text()), ("reason", maybe(text())), ("at", time())]);
    let gate =
        object(&[("text", text()), ("open", truth()), ("answer", maybe(text())), ("approvals", list(said))]);
    let moment = object(&[
        ("at", time()),
        ("step", text()),
        ("text", text()),
        ("actor", maybe(text())),
        ("reason", maybe(text())),
    ]);
    let rollout = object(&[
        ("run", text()),
        ("status", text()),
        ("phase", maybe(count())),
        ("superseded", truth()),
        ("why", maybe(text())),
    ]);
    let mut all = members();
    all.extend([
        ("autoApprove", truth()),
        ("riskDetail", maybe(risk)),
        ("findings", list(to("ReleaseFinding"))),
        ("tasks", list(task)),
        ("gates", list(gate)),
        ("rolloutDetail", maybe(rollout)),
        ("timeline", list(moment)),
        ("retireAt", maybe(time())),
        ("retired", truth()),
        ("phases", list(object(&[("description", text()), ("percentage", number())]))),
        ("log", list(text())),
    ]);
    object(&all)
}
