//! Reports, key numbers and the live stream over real HTTP: numbers as the event log has them, also over a restart.

use fw_testkit::SseStream;
use serde_json::{Value, json};

use crate::support::{DEADLINE, World};

/// Starts, goes to 25 % by a person, and back because of errors.
async fn rolled_back(world: &World) {
    let mut plane = world.run("checkout").await;
    plane.report(world, 40, 0).await;
    world.act("checkout", "advance", &json!({ "reason": "the night is quiet" })).await;
    plane.report(world, 60, 1).await;
    plane.report(world, 200, 120).await;
    let end = tokio::time::Instant::now() + DEADLINE;
    loop {
        plane.report(world, 0, 0).await;
        let now = world.get("/status").await.json();
        if now["status"] == "rolled_back" {
            return;
        }
        assert!(tokio::time::Instant::now() < end, "{now}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn report(world: &World, name: &str, kind: &str) -> Value {
    let reply = world.get(&format!("/api/v1/rollouts/{name}/reports/{kind}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

async fn events(world: &World) -> Vec<Value> {
    let history = world.get("/api/v1/rollouts/checkout/history").await.json();
    history["events"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_rollback_report_has_the_numbers_of_the_event_log() {
    let world = World::new().await;
    rolled_back(&world).await;
    let events = events(&world).await;
    let of =
        |kind: &str| events.iter().find(|event| event["type"] == kind).unwrap_or_else(|| panic!("no {kind}"));
    let value = report(&world, "checkout", "rollback").await;
    let status = world.get("/status").await.json();
    let totals = &value["rollout"]["totals"]["canary"];
    assert_eq!(totals["requests"], status["state"]["totalRequests"]);
    assert_eq!(totals["errors"], status["state"]["totalErrors"]);
    assert_eq!((totals["requests"].as_u64(), totals["errors"].as_u64()), (Some(300), Some(121)));
    let rollback = &value["rollbacks"][0];
    assert_eq!(rollback["trigger"], of("rollback_started")["trigger"]);
    assert_eq!(rollback["evidence"], of("rollback_started")["evidence"]);
    assert_eq!(rollback["recoveryMs"], of("rollback_completed")["recoveryMs"]);
    assert_eq!(rollback["decidedAt"], of("rollback_started")["timestamp"]);
    assert_eq!((&rollback["fromPercent"], &rollback["toPercent"]), (&json!(25.0), &json!(0.0)));
    let phases: Vec<(f64, u64, u64)> = value["phases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|phase| {
            let canary = &phase["canary"];
            (
                phase["canaryPercent"].as_f64().unwrap(),
                canary["requests"].as_u64().unwrap(),
                canary["errors"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(phases, [(5.0, 40, 0), (25.0, 260, 121), (0.0, 0, 0)]);
    let told: Vec<&Value> =
        value["timeline"].as_array().unwrap().iter().map(|moment| &moment["type"]).collect();
    let own = events.iter().map(|e| &e["type"]).filter(|t| *t != "metrics_update" && *t != "report_ready");
    assert_eq!(told, own.collect::<Vec<_>>());
    let advanced =
        value["timeline"].as_array().unwrap().iter().find(|m| m["type"] == "phase_advanced").unwrap();
    assert_eq!(advanced["reason"], "the night is quiet");
    assert!(advanced["actor"].as_str().unwrap().starts_with("local:"));
    let ready = of("report_ready");
    assert_eq!(ready["url"], "/api/v1/rollouts/checkout.1/reports/rollback");
    assert_eq!(world.get(ready["url"].as_str().unwrap()).await.status, 200);
}

#[tokio::test]
async fn every_report_comes_in_three_forms_and_a_page_asks_for_nothing() {
    let world = World::new().await;
    rolled_back(&world).await;
    for kind in ["completion", "rollback", "performance", "business"] {
        let value = report(&world, "checkout.1", kind).await;
        assert_eq!((&value["schema"], &value["kind"]), (&json!("factorywager.report/1"), &json!(kind)));
        assert!(!value["summary"].as_array().unwrap().is_empty());
        let path = format!("/api/v1/rollouts/checkout/reports/{kind}");
        let markdown = world.get(&format!("{path}?format=md")).await;
        assert_eq!(markdown.header("content-type"), "text/markdown; charset=utf-8");
        assert!(markdown.text().starts_with("# checkout 1.5.0: "), "{}", markdown.text());
        let page = world.get(&format!("{path}?format=html")).await;
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(page.header("content-disposition").contains(&format!("checkout.1-{kind}.html")));
        assert!(page.text().contains("300") && !page.text().contains("<script"), "{kind}");
    }
}

#[tokio::test]
async fn key_numbers_count_runs_and_survive_a_restart() {
    let world = World::new().await;
    let none = world.get("/api/v1/kpis").await.json();
    assert_eq!((&none["rollouts"]["started"], &none["successRate"]["percent"]), (&json!(0), &Value::Null));
    rolled_back(&world).await;
    let before = world.get("/api/v1/kpis?days=7").await.json();
    let world = world.restarted().await;
    let after = world.get("/api/v1/kpis?days=7").await.json();
    for kpis in [&before, &after] {
        assert_eq!(kpis["rollouts"]["rolledBack"], 1, "{kpis}");
        assert_eq!((&kpis["successRate"]["percent"], &kpis["successRate"]["of"]), (&json!(0.0), &json!(1)));
        assert_eq!(kpis["userImpact"]["failedRequests"], 121);
        assert_eq!((&kpis["recovery"]["of"], &kpis["runs"][0]["rollbacks"]), (&json!(1), &json!(1)));
    }
    assert_eq!(before["recovery"], after["recovery"]);
}

async fn frame(stream: &mut SseStream) -> Value {
    serde_json::from_str(&stream.next(DEADLINE).await.unwrap().data).unwrap()
}

#[tokio::test]
async fn the_live_stream_begins_with_everything_and_goes_on_with_what_is_new() {
    let world = World::new().await;
    let mut plane = world.run("checkout").await;
    plane.report(&world, 50, 2).await;
    let mut stream = world.stream("/api/v1/rollouts/checkout/live", None).await;
    let first = frame(&mut stream).await;
    assert_eq!((&first["detail"]["run"], &first["series"]["reset"]), (&json!("checkout.1"), &json!(true)));
    let mut seen = std::collections::BTreeMap::new();
    let mut take = |frame: &Value| {
        if frame["series"]["reset"] == true {
            seen.clear();
        }
        for point in frame["series"]["points"].as_array().unwrap() {
            seen.insert(point["at"].as_i64().unwrap(), point["canary"]["requests"].as_u64().unwrap());
        }
        seen.values().sum::<u64>()
    };
    take(&first);
    plane.report(&world, 70, 0).await;
    let end = tokio::time::Instant::now() + DEADLINE;
    loop {
        let next = frame(&mut stream).await;
        if take(&next) == 120 {
            break;
        }
        assert!(tokio::time::Instant::now() < end, "{next}");
    }
    assert_eq!(world.get("/status").await.json()["state"]["totalRequests"], 120);
}
