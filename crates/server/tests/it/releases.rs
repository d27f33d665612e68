//! Releases over HTTP, without a deployer: who may, what is refused, what is found, how approvals end.
//!
//! What a release does with a real service is shown end to end by the tests of `fw`; the state machine has its own.

use std::sync::Arc;
use std::time::Duration;

use fw_runtime::config::Role;
use fw_store::{Journal, MemoryJournal};
use serde_json::{Value, json};

use crate::auth::token;
use crate::support::{DEADLINE, Plane, Reply, Setup, World, config, raw, request};

const RELEASES: &str = "/api/v1/releases";

fn with(release: Value) -> Value {
    let mut service = config("checkout");
    service["release"] = release;
    service
}

/// A server whose own file has this section, and a data plane that reports.
async fn world(release: Value, journal: &Arc<MemoryJournal>) -> World {
    let setup = Setup { services: vec![with(release)], journal: journal.clone(), ..Setup::default() };
    let world = World::with(setup).await;
    Plane::new("checkout").report(&world, 0, 0).await;
    world
}

async fn fresh(release: Value) -> World {
    world(release, &Arc::default()).await
}

/// Waits until a release shows this value of a member.
async fn until(world: &World, member: &str, wanted: &str) -> Value {
    let end = tokio::time::Instant::now() + DEADLINE;
    loop {
        let now = world.get("/api/v1/releases/checkout").await.json();
        if now[member] == wanted {
            return now;
        }
        assert!(tokio::time::Instant::now() < end, "{member} is not {wanted}: {now}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn begin(world: &World, release: &Value, more: Value) -> Reply {
    let mut body = json!({ "config": with(release.clone()), "withoutRollout": true });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.post(RELEASES, &body).await
}

#[tokio::test]
async fn a_start_has_a_place_and_no_second_one_beside_it() {
    let policy = json!({});
    let world = fresh(policy.clone()).await;
    let reply = begin(&world, &policy, json!({ "reason": "the weekly one" })).await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (201, "/api/v1/releases/checkout.r1".into()),
        "{}",
        reply.text()
    );
    let waits = until(&world, "step", "approve").await;
    assert_eq!((&waits["reason"], &waits["overallStatus"]), (&json!("the weekly one"), &Value::Null));
    assert_eq!(waits["waitingOn"][0]["kind"], "gate", "{waits}");
    let second = begin(&world, &policy, json!({})).await.problem();
    assert_eq!((second.status, second.code.as_str()), (409, "under_way"));
    let jump = world.post("/api/v1/releases/checkout/jump", &json!({})).await.problem();
    assert_eq!((jump.status, jump.code.as_str()), (404, "not_found"));
    let reply = world.post("/api/v1/releases/checkout/reject", &json!({ "reason": "not today" })).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let over = until(&world, "overallStatus", "cancelled").await;
    let said: Vec<&Value> =
        over["timeline"].as_array().unwrap().iter().filter(|m| m["reason"] == "not today").collect();
    assert_eq!(said.len(), 1, "who and why is in the history: {over}");
    world.stop().await;
}

#[tokio::test]
async fn who_approves_is_said_by_the_servers_own_file() {
    let world = fresh(json!({ "approval": { "quorum": 2 } })).await;
    let other = begin(&world, &json!({ "approval": { "quorum": 1 } }), json!({})).await.problem();
    assert_eq!((other.status, other.code.as_str()), (409, "policy_differs"));
    assert!(other.detail.contains("approval"), "{}", other.detail);
    let list = world.get(RELEASES).await.json();
    assert_eq!(list["releases"], json!([]), "nothing was begun");
    world.stop().await;
}

#[tokio::test]
async fn two_different_people_with_the_role_make_a_quorum() {
    let policy = json!({ "approval": { "quorum": 2 } });
    let tokens = vec![
        token("op", &[Role::Operator]),
        token("ann", &[Role::Approver]),
        token("bob", &[Role::Approver]),
        token("sdk", &[Role::Reporter]),
    ];
    let services = vec![with(policy.clone())];
    let world = World::with(Setup { tokens, services, ..Setup::default() }).await;
    let call = async |who: &str, method: &str, path: &str, body: Value| {
        let bearer = format!("Bearer secret-of-{who}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = if method == "POST" { body.to_string() } else { String::new() };
        raw(world.addr, &request(world.addr, method, path, &headers, body.as_bytes())).await
    };
    let report = Plane::new("checkout").body();
    assert_eq!(call("sdk", "POST", "/api/v1/services/checkout/observations", report).await.status, 202);
    let start = json!({ "config": with(policy), "withoutRollout": true });
    let reply = call("op", "POST", RELEASES, start).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let get = async || call("op", "GET", "/api/v1/releases/checkout", json!({})).await.json();
    let end = tokio::time::Instant::now() + DEADLINE;
    while get().await["step"] != "approve" {
        assert!(tokio::time::Instant::now() < end, "{}", get().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let approve = async |who: &str| {
        call(who, "POST", "/api/v1/releases/checkout/approve", json!({ "reason": "fine" })).await
    };
    assert_eq!(approve("op").await.problem().code, "forbidden");
    assert_eq!(approve("ann").await.status, 200);
    let again = approve("ann").await;
    assert_eq!(again.status, 409, "the same person counts once: {}", again.text());
    assert_eq!(get().await["step"], "approve");
    assert_eq!(approve("bob").await.status, 200);
    let end = tokio::time::Instant::now() + DEADLINE;
    while get().await["overallStatus"] != "success" {
        assert!(tokio::time::Instant::now() < end, "{}", get().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let over = get().await;
    for who in ["op", "ann", "bob"] {
        let told = over["timeline"].as_array().unwrap().iter().any(|moment| moment["actor"] == who);
        assert!(told, "{who} is in the history: {over}");
    }
    world.stop().await;
}

#[tokio::test]
async fn silence_is_a_no_when_the_time_is_over() {
    let policy = json!({ "approval": { "expires": "1s" } });
    let world = fresh(policy.clone()).await;
    assert_eq!(begin(&world, &policy, json!({})).await.status, 201);
    let over = until(&world, "overallStatus", "cancelled").await;
    assert!(over["why"].as_str().is_some_and(|why| !why.is_empty()), "{over}");
    world.stop().await;
}

#[tokio::test]
async fn the_limit_decides_whether_a_person_is_asked() {
    for (limit, member, wanted) in [(100, "overallStatus", "success"), (0, "step", "approve")] {
        let policy = json!({ "approval": { "limit": limit } });
        let world = fresh(policy.clone()).await;
        let reply = begin(&world, &policy, json!({ "autoApprove": true, "environment": "staging" })).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        let now = until(&world, member, wanted).await;
        let risk = &now["riskDetail"];
        let parts = risk["parts"].as_array().unwrap().iter().map(|part| part["points"].as_f64().unwrap());
        let sum: f64 = parts.sum();
        assert!((sum - risk["score"].as_f64().unwrap()).abs() < 0.5, "a sum of its parts: {risk}");
        world.stop().await;
    }
}

#[tokio::test]
async fn what_the_checks_find_ends_it_before_anything_was_done() {
    let frozen = json!({ "checks": { "freeze": [{ "from": "2000-01-01", "to": "2999-12-31" }] } });
    let apart = json!({ "checks": { "dependsOn": ["nobody"] } });
    for (policy, check) in [(frozen, "freeze"), (apart, "dependencies")] {
        let world = fresh(policy.clone()).await;
        assert_eq!(begin(&world, &policy, json!({ "autoApprove": true })).await.status, 201);
        let over = until(&world, "overallStatus", "failed").await;
        let found = over["findings"].as_array().unwrap();
        assert!(found.iter().any(|f| f["check"] == check && f["severity"] == "error"), "{over}");
        assert_eq!(over["rollout"], Value::Null);
        world.stop().await;
    }
}

#[tokio::test]
async fn a_dry_run_shows_what_it_finds_and_writes_nothing() {
    let journal = Arc::new(MemoryJournal::default());
    let policy = json!({});
    let world = world(policy.clone(), &journal).await;
    let reply = begin(&world, &policy, json!({ "dryRun": true })).await;
    let shown = reply.json();
    assert_eq!((reply.status, &shown["dryRun"]), (200, &json!(true)), "{shown}");
    assert!(shown["riskDetail"]["score"].is_number(), "{shown}");
    assert_eq!(journal.subjects("", 10).unwrap(), vec![], "nothing is written");
    assert_eq!(world.get(RELEASES).await.json()["releases"], json!([]));
    world.stop().await;
}

#[tokio::test]
async fn the_same_key_is_the_same_release() {
    let world = fresh(json!({})).await;
    let body = json!({ "config": with(json!({})) });
    let mut ids = vec![];
    for _ in 0..2 {
        let reply = world.post_with(RELEASES, &[("idempotency-key", "monday")], &body).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        ids.push(reply.json()["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(world.get(RELEASES).await.json()["releases"].as_array().unwrap().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn the_report_is_markdown_and_what_people_wrote_stays_text() {
    let world = fresh(json!({})).await;
    let reason = "a | b <script>alert(1)</script>";
    assert_eq!(begin(&world, &json!({}), json!({ "reason": reason })).await.status, 201);
    let report = world.get("/api/v1/releases/checkout/report").await;
    assert_eq!(report.header("content-type"), "text/markdown; charset=utf-8");
    let text = report.text();
    assert!(text.contains("checkout.r1") && text.contains("1.4.2"), "{text}");
    assert!(!text.contains("<script>"), "{text}");
    let row = text.lines().find(|line| line.starts_with("| Asked for by")).unwrap();
    assert!(row.contains(r"a \| b"), "one cell: {row}");
    assert!(text.contains("canary (local:"), "a blank before who: {text}");
    world.stop().await;
}

#[tokio::test]
async fn a_body_that_says_more_or_less_is_refused() {
    let world = fresh(json!({})).await;
    let config = with(json!({}));
    let findings: Vec<Value> =
        (0..201).map(|_| json!({ "check": "a", "severity": "info", "message": "b" })).collect();
    for body in [
        json!({}),
        json!({ "config": config, "hurry": true }),
        json!({ "config": config, "strategy": "prayer" }),
        json!({ "config": config, "findings": findings }),
    ] {
        let problem = world.post(RELEASES, &body).await.problem();
        assert_eq!(problem.status, 400, "{problem:?}");
    }
    let problem = world.post("/api/v1/releases/checkout/undo", &json!({ "why": "x" })).await.problem();
    assert_eq!(problem.status, 400);
    world.stop().await;
}
