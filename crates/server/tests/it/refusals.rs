//! Nonsense: each bad call gives a clear problem document and changes nothing.
//!
//! Three services stand still while everything is tried: an aborted rollout, a completed one, and one
//! whose first split nobody confirms. Before and after each call all of it is compared.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::{Plane, Reply, Setup, World, config, raw, request};

const JSON: (&str, &str) = ("content-type", "application/json");
const START: &str = "/api/v1/rollouts";
const PAUSE: &str = "/api/v1/rollouts/aborted/pause";
const REPORT: &str = "/api/v1/services/aborted/observations";

/// One bad call: what it is, its bytes, and what it must come to.
struct Bad {
    name: &'static str,
    bytes: Vec<u8>,
    status: u16,
    code: &'static str,
    /// A part of the detail or of a listed fault.
    says: &'static str,
}

struct Calls {
    addr: SocketAddr,
    all: Vec<Bad>,
}

impl Calls {
    fn raw(
        &mut self,
        name: &'static str,
        bytes: Vec<u8>,
        status: u16,
        code: &'static str,
        says: &'static str,
    ) {
        self.all.push(Bad { name, bytes, status, code, says });
    }

    fn post(&mut self, name: &'static str, path: &str, body: &[u8], want: (u16, &'static str, &'static str)) {
        let bytes = request(self.addr, "POST", path, &[JSON], body);
        self.raw(name, bytes, want.0, want.1, want.2);
    }

    fn with(
        &mut self,
        name: &'static str,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        want: (u16, &'static str, &'static str),
    ) {
        let bytes = request(self.addr, method, path, headers, if method == "POST" { b"{}" } else { b"" });
        self.raw(name, bytes, want.0, want.1, want.2);
    }
}

/// Everything that must stay as it is.
async fn stands(world: &World) -> Value {
    let mut seen = vec![json!(world.newest())];
    for service in ["aborted", "completed"] {
        seen.push(world.get(&format!("/status?rollout={service}")).await.json());
    }
    let mut pending = world.get("/status?rollout=pending").await.json();
    // What it waits for tells how long it has waited.
    pending.as_object_mut().unwrap().remove("waitingOn");
    seen.push(pending);
    for service in world.handle.views().services.values() {
        seen.push(json!([service.epoch.0, service.current_version, service.sources]));
    }
    seen.push(world.get(START).await.json()["rollouts"].as_array().unwrap().len().into());
    Value::Array(seen)
}

async fn still_world() -> World {
    let services = vec![config("aborted"), config("completed"), config("pending")];
    let world = World::with(Setup { services, ..Setup::default() }).await;
    let mut plane = world.run("aborted").await;
    let abort = [("idempotency-key", "used")];
    let reply = world.post_with("/api/v1/rollouts/aborted/abort", &abort, &json!({})).await;
    assert_eq!(reply.status, 200);
    plane.report(&world, 0, 0).await;
    world.until("aborted", "aborted").await;
    let mut plane = world.run("completed").await;
    for _ in 0..3 {
        world.act("completed", "advance", &json!({})).await;
        plane.report(&world, 0, 0).await;
    }
    world.until("completed", "completed").await;
    let reply = world.post_with(START, &[("idempotency-key", "used")], &config("pending")).await;
    assert_eq!((reply.status, reply.json()["status"].clone()), (201, json!("pending")));
    world
}

fn config_with(change: impl Fn(&mut Value)) -> Vec<u8> {
    let mut config = config("aborted");
    change(&mut config);
    config.to_string().into_bytes()
}

fn bodies(calls: &mut Calls) {
    let bad = |says| (400, "bad_request", says);
    calls.post("an empty body", START, b"", bad("empty"));
    calls.post("no JSON", START, b"service: checkout", bad("line 1 column 1"));
    calls.post("half of JSON", START, b"{\"service\": \"aborted\",", bad("line 1 column 22"));
    calls.post("two values", START, b"{} {}", bad("trailing characters"));
    calls.post("a list for a config", START, b"[1, 2]", bad("a list"));
    calls.post("a text for a config", START, b"\"hello\"", bad("expected"));
    calls.post(
        "bad UTF-8",
        START,
        b"{\"service\": \"\xff\xfe\"}",
        bad("not UTF-8: it stops being text at byte 13"),
    );
    calls.post("a lone surrogate", PAUSE, b"{\"reason\": \"\\ud800\"}", bad("line 1"));
    let deep = [b"{\"a\":".to_vec(), b"[".repeat(5000), b"]".repeat(5000), b"}".to_vec()].concat();
    calls.post("deep nesting", START, &deep, bad("recursion limit"));
    let nested = [b"{\"a\":".to_vec(), b"[".repeat(100), b"]".repeat(100), b"}".to_vec()].concat();
    calls.post("nesting a config does not take", START, &nested, (400, "invalid_config", "nest"));
    calls.post("a number beyond all", START, b"{\"service\": 1e999}", bad("number out of range"));
    let huge = [b"{\"x\":\"".to_vec(), b"x".repeat(2 << 20), b"\"}".to_vec()].concat();
    calls.post("a huge config", START, &huge, (413, "too_large", "1048576 bytes"));
    calls.post("a huge action", PAUSE, &huge, (413, "too_large", "1048576 bytes"));
    let huge = [b"{\"x\":\"".to_vec(), b"x".repeat(5 << 20), b"\"}".to_vec()].concat();
    calls.post("a huge report", REPORT, &huge, (413, "too_large", "4194304 bytes"));
    let mut chunked = request(calls.addr, "GET", START, &[JSON, ("transfer-encoding", "chunked")], b"");
    chunked.splice(..3, *b"POST");
    chunked.extend_from_slice(b"200000\r\n");
    chunked.extend_from_slice(&b"x".repeat(0x0020_0000));
    chunked.extend_from_slice(b"\r\n0\r\n\r\n");
    calls.raw("a huge body in chunks", chunked, 413, "too_large", "1048576 bytes");
}

fn configs(calls: &mut Calls) {
    let invalid = |says| (400, "invalid_config", says);
    calls.post("an unknown key", START, &config_with(|c| c["rolout"] = json!({})), invalid("rollout"));
    let body = config_with(|c| c["rollout"]["phases"] = json!([]));
    calls.post("no phase", START, &body, invalid("phases"));
    let body = config_with(|c| c["rollout"]["phases"][0]["percentage"] = "many".into());
    calls.post("a wrong type", START, &body, invalid("rollout.phases[0].percentage"));
    let body = config_with(|c| c["rollout"]["phases"][1]["percentage"] = 3.into());
    calls.post("phases that shrink", START, &body, invalid("rollout.phases[1].percentage"));
    let path = "/api/v1/rollouts?env=moon";
    calls.post("an unknown environment", path, &config_with(|_| ()), invalid("moon"));
    let body = config_with(|c| c["service"] = "elsewhere".into());
    calls.post("a service that is not served", START, &body, (404, "unknown_service", "elsewhere"));
    calls.post(
        "one that is under way",
        START,
        config("pending").to_string().as_bytes(),
        (409, "under_way", "pending.1"),
    );
    calls.post(
        "a stable version that does not run",
        START,
        config("completed").to_string().as_bytes(),
        (409, "stable_mismatch", "1.5.0"),
    );
}

fn actions(calls: &mut Calls) {
    let bad = |says| (400, "bad_request", says);
    let illegal = |says| (409, "illegal_transition", says);
    for (name, path) in [
        ("pause what is over", "/api/v1/rollouts/aborted/pause"),
        ("resume what is over", "/api/v1/rollouts/aborted/resume"),
        ("advance what is over", "/api/v1/rollouts/aborted/advance"),
        ("roll back what is over", "/api/v1/rollouts/aborted/rollback"),
        ("abort what is over", "/api/v1/rollouts/aborted/abort"),
        ("advance what is complete", "/api/v1/rollouts/completed/advance"),
        ("abort what is complete", "/api/v1/rollouts/completed/abort"),
        ("pause what is pending", "/api/v1/rollouts/pending/pause"),
        ("advance what is pending", "/api/v1/rollouts/pending/advance"),
    ] {
        calls.post(name, path, b"{}", illegal(""));
    }
    calls.post(
        "an unknown rollout",
        "/api/v1/rollouts/nobody/pause",
        b"{}",
        (404, "unknown_rollout", "nobody"),
    );
    calls.post(
        "a run that was not",
        "/api/v1/rollouts/aborted.7/pause",
        b"{}",
        (404, "unknown_rollout", "aborted.7"),
    );
    calls.post("an unknown action", "/api/v1/rollouts/aborted/explode", b"{}", (404, "not_found", "explode"));
    calls.post("a reason that is no text", PAUSE, b"{\"reason\": 5}", bad("expected a string"));
    let long = json!({ "reason": "x".repeat(1001) }).to_string();
    calls.post("a reason too long", PAUSE, long.as_bytes(), bad("1000"));
    calls.post("a reason for terminals", PAUSE, b"{\"reason\": \"\\u001b[2J\"}", bad("control"));
    calls.post("an unknown field", PAUSE, b"{\"why\": \"x\"}", bad("unknown field `why`"));
    calls.post("a list for an action", PAUSE, b"[]", bad("a list"));
    calls.post("a target where none goes", PAUSE, b"{\"to\": \"stable\"}", bad("rollback"));
    let rollback = "/api/v1/rollouts/completed/rollback";
    for body in ["{\"to\": -1}", "{\"to\": 1.5}", "{\"to\": \"yesterday\"}", "{\"to\": {}}"] {
        calls.post("a target that is none", rollback, body.as_bytes(), bad("expected"));
    }
    calls.post("a phase that is not there", rollback, b"{\"to\": 99}", illegal(""));
    let path = "/api/v1/rollouts/aborted/abort";
    let keys = |key: &'static str| [JSON, ("idempotency-key", key)];
    calls.with("a key with blanks", ("POST", PAUSE), &keys("a b"), bad("Idempotency-Key"));
    let bytes = request(calls.addr, "POST", path, &keys("used"), b"{\"reason\":\"another\"}");
    calls.raw("a key used for another action", bytes, 422, "idempotency_mismatch", "used");
    let body = config("pending").to_string() + " ";
    let bytes = request(calls.addr, "POST", START, &keys("used"), body.as_bytes());
    calls.raw("a key used for another start", bytes, 422, "idempotency_mismatch", "used");
}

fn reports(calls: &mut Calls) {
    let bad = |says| (400, "bad_request", says);
    let report = |change: &dyn Fn(&mut Value)| {
        let mut body = Plane::new("aborted").body();
        body["cells"] = json!([{ "epoch": 1, "variant": "canary", "requests": 10, "errors": 0 }]);
        body["source"]["id"] = "intruder".into();
        change(&mut body);
        body.to_string().into_bytes()
    };
    calls.post("an empty report", REPORT, b"{}", bad("missing field"));
    calls.post(
        "a negative count",
        REPORT,
        &report(&|r| r["cells"][0]["requests"] = (-1).into()),
        bad("line 1 column"),
    );
    calls.post(
        "more errors than requests",
        REPORT,
        &report(&|r| r["cells"][0]["errors"] = 11.into()),
        bad("cells[0]"),
    );
    calls.post(
        "an unknown variant",
        REPORT,
        &report(&|r| r["cells"][0]["variant"] = "red".into()),
        bad("variant"),
    );
    calls.post(
        "an unknown kind",
        REPORT,
        &report(&|r| r["source"]["kind"] = "magic".into()),
        bad("source.kind"),
    );
    let scale = json!({ "sum": 1.0, "sumSquares": 1.0, "scale": 3, "offset": 0, "counts": [10] });
    calls.post(
        "another scale",
        REPORT,
        &report(&|r| r["cells"][0]["durationMs"] = scale.clone()),
        bad("scale"),
    );
    let elsewhere = "/api/v1/services/nobody/observations";
    calls.post("a service that is not here", elsewhere, &report(&|_| ()), (404, "unknown_service", "nobody"));
    let path = "/api/v1/services/a%20b/observations";
    calls.post("a service that is no name", path, &report(&|_| ()), bad("service name"));
}

fn heads(calls: &mut Calls) {
    let bad = |says| (400, "bad_request", says);
    let media = (415, "unsupported_media_type", "application/json");
    calls.with("no content type", ("POST", START), &[], media);
    calls.with("a form", ("POST", PAUSE), &[("content-type", "application/x-www-form-urlencoded")], media);
    calls.with("plain text", ("POST", REPORT), &[("content-type", "text/plain")], media);
    let foreign = |says| (403, "foreign_origin", says);
    calls.with("a foreign host", ("POST", PAUSE), &[JSON, ("host", "evil.example")], foreign("Host"));
    calls.with("a rebound name", ("GET", "/status"), &[("host", "evil.example:3002")], foreign("Host"));
    calls.with(
        "a foreign page",
        ("POST", PAUSE),
        &[JSON, ("origin", "https://evil.example")],
        foreign("Origin"),
    );
    calls.with("a page from a file", ("POST", PAUSE), &[JSON, ("origin", "null")], foreign("Origin"));
    calls.with("no host", ("GET", "/status"), &[("host", "")], bad("Host"));
    calls.with(
        "two hosts",
        ("POST", PAUSE),
        &[JSON, ("host", "localhost"), ("host", "localhost")],
        bad("Host"),
    );
    calls.with(
        "a path that is not",
        ("GET", "/api/v2/rollouts"),
        &[],
        (404, "not_found", "/api/v2/rollouts"),
    );
    calls.with("a path that is no text", ("GET", "/api/v1/rollouts/%ff"), &[], bad("UTF-8"));
    calls.with("a wrong method", ("DELETE", START), &[], (405, "method_not_allowed", "DELETE"));
    calls.with("a write to a read", ("POST", "/status"), &[JSON], (405, "method_not_allowed", "POST"));
    calls.with("a read of an action", ("GET", PAUSE), &[], (405, "method_not_allowed", "GET"));
    calls.with("a limit that is no number", ("GET", "/api/v1/rollouts?limit=all"), &[], bad("query"));
    calls.with("a limit of nothing", ("GET", "/api/v1/rollouts?limit=0"), &[], bad("limit"));
    calls.with(
        "a limit beyond all",
        ("GET", "/api/v1/rollouts/aborted/history?limit=9999"),
        &[],
        bad("limit"),
    );
    calls.with("a query that is no text", ("GET", "/status?rollout=%ff"), &[], bad("query"));
    calls.with(
        "a rollout that is not",
        ("GET", "/status?rollout=nobody"),
        &[],
        (404, "unknown_rollout", "nobody"),
    );
}

fn wire(calls: &mut Calls) {
    let long = "x".repeat(20_000);
    let headers = [("x-long", long.as_str())];
    calls.with("headers too large", ("GET", "/status"), &headers, (431, "headers_too_large", "16 KiB"));
    let many: Vec<(String, String)> = (0..150).map(|i| (format!("x-{i}"), "1".into())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    calls.with("too many headers", ("GET", "/status"), &many, (431, "headers_too_large", ""));
    calls.raw("no HTTP", b"hello there\r\n\r\n".to_vec(), 400, "bad_request", "RFC 9112");
    let bytes = b"GET /status HTTP/1.1\r\nhost localhost\r\n\r\n".to_vec();
    calls.raw("a header without a colon", bytes, 400, "bad_request", "RFC 9112");
    let lengths = [JSON, ("content-length", "5")];
    calls.with("two lengths", ("POST", PAUSE), &lengths, (400, "bad_request", ""));
}

fn releases(calls: &mut Calls) {
    let missing = |says| (404, "unknown_release", says);
    let get = |path: &'static str| ("GET", path);
    calls.with("no such release", get("/api/v1/releases/nobody.r7"), &[], missing("nobody.r7"));
    calls.with("a report of no release", get("/api/v1/releases/nobody/report"), &[], missing("nobody"));
    let approve = ("POST", "/api/v1/releases/nobody/approve");
    calls.with("an answer to no release", approve, &[JSON], missing("nobody"));
    let jump = ("POST", "/api/v1/releases/nobody/jump");
    calls.with("no action of a release", jump, &[JSON], (404, "not_found", "approve, reject"));
}

fn stories(calls: &mut Calls) {
    let (bad, missing) = (|says| (400, "bad_request", says), |code, says| (404, code, says));
    let at = |rest: &str| format!("/api/v1/rollouts/{rest}");
    for (name, path, refused) in [
        ("a report of nothing", at("nobody/reports/completion"), missing("unknown_rollout", "nobody")),
        (
            "a report of a run to come",
            at("aborted.99/reports/completion"),
            missing("unknown_rollout", "aborted.99"),
        ),
        ("no such report", at("aborted/reports/weather"), missing("not_found", "performance and business")),
        ("no rollback to report", at("aborted/reports/rollback"), missing("not_found", "never went back")),
        ("no such form", at("aborted/reports/completion?format=pdf"), bad("json, md or html")),
        ("days of a word", "/api/v1/kpis?days=many".into(), bad("invalid digit")),
        ("no days", "/api/v1/kpis?days=0".into(), bad("1 to 3660")),
        ("live of nothing", at("nobody/live"), missing("unknown_rollout", "nobody")),
    ] {
        calls.with(name, ("GET", &path), &[], refused);
    }
}

fn assert_refused(bad: &Bad, reply: &Reply) {
    let name = bad.name;
    assert_eq!(reply.status, bad.status, "{name}: {}", reply.text());
    let problem = reply.problem();
    assert_eq!(problem.code, bad.code, "{name}: {problem:?}");
    let words = serde_json::to_string(&(&problem.detail, &problem.errors)).unwrap();
    assert!(words.contains(bad.says), "{name}: {words}");
    match problem.status {
        405 => assert!(!reply.header("allow").is_empty(), "{name}: {}", reply.head),
        409 if problem.code != "stable_mismatch" => assert!(problem.state.is_some(), "{name}: {problem:?}"),
        _ => {}
    }
    for inside in ["panicked", "crates/", ".rs:", "/root", "RUST_"] {
        assert!(!reply.text().contains(inside), "{name} tells {inside}: {}", reply.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_is_refused_in_words_and_changes_nothing() {
    let world = still_world().await;
    let mut calls = Calls { addr: world.addr, all: vec![] };
    bodies(&mut calls);
    configs(&mut calls);
    actions(&mut calls);
    reports(&mut calls);
    heads(&mut calls);
    wire(&mut calls);
    releases(&mut calls);
    stories(&mut calls);
    assert!(calls.all.len() >= 70, "{}", calls.all.len());
    let before = stands(&world).await;
    for bad in &calls.all {
        let reply = raw(world.addr, &bad.bytes).await;
        assert_refused(bad, &reply);
        assert_eq!(stands(&world).await, before, "{} changed something", bad.name);
    }
}
