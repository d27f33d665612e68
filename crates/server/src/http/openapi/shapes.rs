//! Schemas of answers that are put together by hand: the detail of a rollout, the list, history, live frames, KPIs, flags.
//!
//! They say what a client may rely on and are written as short lists of members. What makes the answers is
//! `fw_runtime::view` and `http/flags`; a test of the API holds real answers against these schemas. Answers
//! that are Rust types bring their own schema and are not here.

mod releases;

use serde_json::{Map, Value, json};

/// Every schema of this file, by name.
pub(super) fn all() -> Vec<(&'static str, Value)> {
    let mut all = of_rollouts();
    all.extend(of_regions());
    all.extend(of_findings());
    all.extend(of_live());
    all.extend(of_kpis());
    all.extend(of_flags());
    all.extend(releases::all());
    all
}

/// An object with all of these members, and perhaps more.
fn object(members: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let members: Map<String, Value> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "required": names, "properties": members })
}

/// The members of a schema and these.
fn also(name: &str, members: &[(&str, Value)]) -> Value {
    json!({ "allOf": [to(name), object(members)] })
}

fn to(name: &str) -> Value {
    super::reference(name)
}

fn number() -> Value {
    json!({ "type": "number" })
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn truth() -> Value {
    json!({ "type": "boolean" })
}

fn list(of: Value) -> Value {
    json!({ "type": "array", "items": of })
}

fn map(of: Value) -> Value {
    json!({ "type": "object", "additionalProperties": of })
}

fn one_of(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

/// This or null.
fn maybe(mut schema: Value) -> Value {
    if let Some(kind) = schema.get("type").and_then(Value::as_str) {
        schema["type"] = json!([kind, "null"]);
        return schema;
    }
    json!({ "oneOf": [schema, { "type": "null" }] })
}

fn of_rollouts() -> Vec<(&'static str, Value)> {
    let version = object(&[("version", text()), ("urls", list(text()))]);
    let criteria = object(&[
        ("errorRate", maybe(number())),
        ("responseTime", maybe(number())),
        ("healthScore", maybe(number())),
    ]);
    let phase = object(&[
        ("position", count()),
        ("id", json!({ "type": "integer" })),
        ("description", text()),
        ("percentage", number()),
        ("durationSeconds", number()),
        ("riskScore", number()),
        ("endedHealthy", maybe(truth())),
        ("successCriteria", criteria),
    ]);
    let moving = object(&[
        ("fromPhase", maybe(count())),
        ("toPhase", maybe(count())),
        ("trigger", text()),
        ("evidence", list(text())),
        ("decidedAt", time()),
    ]);
    let run =
        also("Status", &[("startedAt", time()), ("endedAt", maybe(time())), ("versions", to("Versions"))]);
    let event =
        also("Status", &[("type", text()), ("timestamp", time()), ("id", json!({ "type": "integer" }))]);
    vec![
        ("Versions", object(&[("stable", version.clone()), ("canary", version)])),
        ("Phase", phase),
        ("Moving", moving),
        ("Run", run),
        ("RunList", object(&[("rollouts", list(to("Run"))), ("regional", list(to("Run")))])),
        ("HistoryEvent", event),
        ("History", object(&[("events", list(to("HistoryEvent")))])),
        ("Detail", detail()),
    ]
}

/// A rollout over several regions: what `GET /api/v1/rollouts/{name}` has for a service with regions.
fn of_regions() -> Vec<(&'static str, Value)> {
    let region = object(&[
        ("region", text()),
        ("wave", count()),
        ("state", text()),
        ("run", maybe(text())),
        ("beganAt", maybe(time())),
        ("phase", maybe(count())),
        ("canary", maybe(number())),
        ("progress", maybe(number())),
        ("requests", maybe(count())),
        ("errors", maybe(count())),
        ("errorRate", maybe(number())),
        ("responseTime", maybe(number())),
        ("health", maybe(number())),
        ("standing", maybe(text())),
        ("why", maybe(text())),
        ("held", truth()),
        ("fallen", truth()),
        ("healthyForSeconds", number()),
        ("waitingOn", list(to("WaitingOn"))),
    ]);
    let halt = object(&[
        ("region", maybe(text())),
        ("cause", one_of(&["rolled_back", "aborted", "degraded", "pooled", "refused"])),
        ("why", text()),
        ("others", one_of(&["none begins", "hold", "rollback"])),
        ("since", time()),
    ]);
    let part = object(&[("region", text()), ("weight", number()), ("evidence", number())]);
    let pooled = object(&[
        ("evidence", number()),
        ("limit", number()),
        ("lead", maybe(text())),
        ("shown", truth()),
        ("overridden", truth()),
        ("test", object(&[("weight", number()), ("evidence", number())])),
        ("regions", list(part)),
    ]);
    let wave = object(&[("wave", count()), ("regions", list(text())), ("beganAt", maybe(time()))]);
    let members = [
        ("attempt", count()),
        ("regions", list(to("RegionOfRollout"))),
        ("waves", list(wave)),
        ("halt", maybe(halt)),
        ("pooled", pooled),
    ];
    vec![("RegionOfRollout", region), ("RegionalRollout", also("Run", &members))]
}

fn detail() -> Value {
    let metric = object(&[("count", count()), ("mean", maybe(number()))]);
    let health = object(&[
        ("score", number()),
        ("errors", number()),
        ("response", number()),
        ("satisfaction", number()),
    ]);
    let risk =
        object(&[("score", number()), ("phase", number()), ("verdict", number()), ("exposure", number())]);
    also(
        "Run",
        &[
            ("findings", list(to("Finding"))),
            ("questions", list(to("Question"))),
            ("stableOverLimit", truth()),
            ("sharedBreach", truth()),
            ("splitAlarm", maybe(text())),
            ("concentrated", maybe(text())),
            ("notes", list(text())),
            ("evidence", object(&[("value", number()), ("limit", number()), ("anytimeP", number())])),
            ("healthInterval", maybe(object(&[("low", number()), ("high", number()), ("level", number())]))),
            ("healthParts", maybe(health)),
            ("riskParts", risk),
            ("clockRuns", truth()),
            ("phaseEnteredAt", time()),
            ("watchedSeconds", number()),
            ("attempt", count()),
            ("planHash", text()),
            ("salt", text()),
            ("router", text()),
            ("phases", list(to("Phase"))),
            ("rollback", maybe(to("Moving"))),
            ("confirmed", truth()),
            ("dataPlanes", list(text())),
            ("quarantine", maybe(text())),
            ("lastWaitingOn", list(to("WaitingOn"))),
            ("metrics", object(&[("stable", map(metric.clone())), ("canary", map(metric))])),
            ("users", object(&[("stable", maybe(count())), ("canary", maybe(count()))])),
        ],
    )
}

fn of_findings() -> Vec<(&'static str, Value)> {
    let arm = object(&[
        ("n", number()),
        ("sum", number()),
        ("estimate", maybe(number())),
        ("low", maybe(number())),
        ("high", maybe(number())),
    ]);
    let finding = object(&[
        ("trigger", text()),
        ("name", text()),
        ("strength", one_of(&["quiet", "warning", "shown"])),
        ("value", maybe(number())),
        ("limit", number()),
        ("text", text()),
        ("phi", number()),
        ("weight", number()),
        ("evidence", number()),
        ("evidenceAtFaceValue", number()),
        ("canary", arm.clone()),
        ("stable", arm),
    ]);
    let question = object(&[
        ("name", text()),
        ("answered", truth()),
        ("met", truth()),
        ("requestsMissing", maybe(count())),
        ("text", text()),
    ]);
    vec![("Finding", finding), ("Question", question)]
}

fn of_live() -> Vec<(&'static str, Value)> {
    let arm = object(&[
        ("requests", count()),
        ("errors", count()),
        ("errorRate", maybe(number())),
        ("meanMs", maybe(number())),
        ("p50Ms", maybe(number())),
        ("p95Ms", maybe(number())),
        ("p99Ms", maybe(number())),
        ("apdex", maybe(number())),
        ("metrics", map(maybe(number()))),
    ]);
    let point = object(&[
        ("at", count()),
        ("phase", maybe(count())),
        ("share", number()),
        ("health", maybe(number())),
        ("risk", number()),
        ("evidence", number()),
        ("canary", to("LiveArm")),
        ("stable", to("LiveArm")),
    ]);
    let series = object(&[("stepSeconds", number()), ("reset", truth()), ("points", list(to("LivePoint")))]);
    vec![
        ("LiveArm", arm),
        ("LivePoint", point),
        ("LiveFrame", object(&[("detail", to("Detail")), ("series", series)])),
    ]
}

fn of_kpis() -> Vec<(&'static str, Value)> {
    let counts = ["started", "ended", "completed", "rolledBack", "aborted", "underWay"];
    let rollouts = object(&counts.map(|name| (name, count())));
    let rate =
        ["percent", "low", "high"].map(|name| (name, maybe(number()))).into_iter().chain([("of", count())]);
    let rate: Vec<(&str, Value)> = rate.collect();
    let lasting =
        object(&[("meanSeconds", maybe(number())), ("medianSeconds", maybe(number())), ("of", count())]);
    let impact = object(&[
        ("canaryRequests", count()),
        ("failedRequests", count()),
        ("exposedUsers", maybe(count())),
        ("affectedUsersAtMost", maybe(count())),
    ]);
    let recovery = object(&[
        ("meanMs", maybe(number())),
        ("medianMs", maybe(number())),
        ("slowestMs", maybe(number())),
        ("of", count()),
    ]);
    let run = object(&[
        ("run", text()),
        ("service", text()),
        ("region", maybe(text())),
        ("version", text()),
        ("status", text()),
        ("startedAt", time()),
        ("endedAt", maybe(time())),
        ("durationSeconds", maybe(number())),
        ("timeTo100Seconds", maybe(number())),
        ("canaryRequests", count()),
        ("canaryErrors", count()),
        ("exposedUsers", maybe(count())),
        ("rollbacks", count()),
        ("recoveryMs", maybe(number())),
        ("trigger", maybe(text())),
    ]);
    let kpis = object(&[
        ("from", time()),
        ("to", time()),
        ("rollouts", rollouts),
        ("successRate", object(&rate)),
        ("timeTo100", lasting),
        ("userImpact", impact),
        ("recovery", recovery),
        ("runs", list(to("KpiRun"))),
    ]);
    vec![("KpiRun", run), ("Kpis", kpis)]
}

fn of_flags() -> Vec<(&'static str, Value)> {
    let mut variant = object(&[("name", text()), ("value", json!({})), ("evaluations", count())]);
    variant["properties"]["weight"] = number();
    let slice = object(&[("group", text()), ("from", number()), ("to", number())]);
    let flag = object(&[
        ("key", text()),
        ("enabled", truth()),
        ("service", text()),
        ("boundToRollout", truth()),
        ("variants", list(variant)),
        ("withoutValue", count()),
        ("rules", list(object(&[("if", json!({})), ("variant", maybe(text()))]))),
        ("exclusive", maybe(slice)),
    ]);
    let mut arm = object(&[("name", text()), ("mean", maybe(number()))]);
    arm["properties"]["difference"] = maybe(number());
    arm["properties"]["interval"] = maybe(list(number()));
    arm["properties"]["verdict"] = text();
    let metric = object(&[
        ("name", text()),
        ("unit", text()),
        ("better", one_of(&["higher", "lower"])),
        ("variants", list(arm)),
    ]);
    let experiment = object(&[
        ("variants", list(object(&[("name", text()), ("users", count())]))),
        ("sampleRatio", object(&[("evidence", number()), ("alarm", truth())])),
        ("level", number()),
        ("approximate", truth()),
        ("full", truth()),
        ("metrics", list(metric)),
    ]);
    vec![
        ("Flag", flag),
        ("FlagList", object(&[("flags", list(to("Flag")))])),
        ("Experiment", experiment),
        ("FlagDetail", also("Flag", &[("experiment", maybe(to("Experiment")))])),
    ]
}
