//! Custom metrics from anywhere: counted once, shown in the detail, refused where they make no sense.

use serde_json::{Value, json};

use crate::support::{DEADLINE, Plane, Setup, World, config};

const PATH: &str = "/api/v1/services/checkout/metrics";

fn with_metrics() -> Value {
    let mut config = config("checkout");
    config["metrics"] = json!([
        { "name": "conversion" },
        { "name": "revenue", "kind": "amount", "cap": 100 },
    ]);
    config
}

/// A server with a rollout under way whose plan has metrics.
async fn world() -> (World, Plane) {
    let world = World::with(Setup { services: vec![with_metrics()], ..Setup::default() }).await;
    let mut plane = Plane::new("checkout");
    let reply = world.post("/api/v1/rollouts", &with_metrics()).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let end = tokio::time::Instant::now() + DEADLINE;
    while world.get("/status").await.json()["status"] != "running" {
        assert!(tokio::time::Instant::now() < end);
        plane.report(&world, 0, 0).await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    (world, plane)
}

/// Waits until the detail shows these metrics.
async fn shows(world: &World, want: Value) {
    let end = tokio::time::Instant::now() + DEADLINE;
    loop {
        let detail = world.get("/api/v1/rollouts/checkout").await.json();
        if detail["metrics"] == want {
            return;
        }
        assert!(tokio::time::Instant::now() < end, "{}", detail["metrics"]);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn value(world: &World, key: &str, body: &Value) -> Value {
    let reply = world.post_with(PATH, &[("idempotency-key", key)], body).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    reply.json()
}

async fn sums(world: &World, source: &str, seq: u64, count: u64) -> Value {
    let body = json!({ "name": "orders", "variant": "stable", "count": count, "sum": 2 * count,
        "sumSquares": 4 * count, "source": source, "seq": seq });
    let reply = world.post(PATH, &body).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    reply.json()
}

#[tokio::test]
async fn a_value_counts_once_however_often_it_is_sent() {
    let (world, _plane) = world().await;
    let body = json!({ "name": "conversion", "value": 1 });
    let first = value(&world, "k1", &body).await;
    let epoch = &first["epoch"];
    assert_eq!(first, json!({ "name": "conversion", "variant": "canary", "epoch": epoch, "counted": true }));
    for _ in 0..3 {
        assert_eq!(value(&world, "k1", &body).await, first);
    }
    value(&world, "k2", &json!({ "name": "conversion", "value": 0 })).await;
    let capped = json!({ "name": "revenue", "variant": "stable", "value": 250 });
    value(&world, "k3", &capped).await;
    let other = world.post_with(PATH, &[("idempotency-key", "k1")], &capped).await;
    assert_eq!((other.status, other.problem().code.as_str()), (422, "idempotency_mismatch"));
    let want = json!({
        "canary": { "conversion": { "count": 2, "mean": 0.5 } },
        "stable": { "revenue": { "count": 1, "mean": 100.0 } },
    });
    shows(&world, want).await;
}

#[tokio::test]
async fn the_newest_sums_of_each_source_count() {
    let (world, _plane) = world().await;
    assert_eq!(sums(&world, "a", 2, 10).await["counted"], true);
    for (seq, count) in [(1, 4), (2, 10), (2, 99)] {
        assert_eq!(sums(&world, "a", seq, count).await["counted"], false, "{seq}");
    }
    assert_eq!(sums(&world, "b", 1, 5).await["counted"], true);
    assert_eq!(sums(&world, "a", 7, 12).await["counted"], true);
    shows(&world, json!({ "canary": {}, "stable": { "orders": { "count": 17, "mean": 2.0 } } })).await;
    let views = world.handle.views();
    assert_eq!(views.services.values().next().unwrap().sources, 1, "reporters are no data planes");
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_crash_and_counts_once() {
    let (world, mut plane) = world().await;
    let body = json!({ "name": "conversion", "value": 1 });
    let first = value(&world, "k1", &body).await;
    sums(&world, "a", 1, 10).await;
    // Gone at once: most often before a look has seen them.
    let world = world.restarted().await;
    assert_eq!(value(&world, "k1", &body).await, first);
    assert_eq!(sums(&world, "a", 1, 10).await["counted"], false);
    value(&world, "k2", &body).await;
    sums(&world, "a", 2, 11).await;
    plane.report(&world, 0, 0).await;
    let want = json!({
        "canary": { "conversion": { "count": 2, "mean": 1.0 } },
        "stable": { "orders": { "count": 11, "mean": 2.0 } },
    });
    shows(&world, want).await;
}

#[tokio::test]
async fn a_source_of_metrics_is_never_waited_for() {
    let (world, mut plane) = world().await;
    sums(&world, "gone-for-ever", 1, 10).await;
    // Only the data plane confirms, and the source says no more: the phase goes on.
    world.act("checkout", "advance", &json!({})).await;
    let end = tokio::time::Instant::now() + DEADLINE;
    loop {
        plane.report(&world, 10, 0).await;
        let detail = world.get("/api/v1/rollouts/checkout").await.json();
        assert_eq!(detail["dataPlanes"].as_array().map_or(0, Vec::len), 1, "{}", detail["dataPlanes"]);
        assert!(!detail["waitingOn"].to_string().contains("gone-for-ever"), "{}", detail["waitingOn"]);
        if detail["confirmed"] == true && detail["state"]["totalRequests"].as_u64() > Some(40) {
            return;
        }
        assert!(tokio::time::Instant::now() < end, "{detail}");
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn an_epoch_can_be_named_and_a_closed_one_takes_nothing() {
    let (world, mut plane) = world().await;
    let first = value(&world, "k1", &json!({ "name": "conversion", "value": 1 })).await;
    let epoch = first["epoch"].as_u64().unwrap();
    let named = json!({ "name": "conversion", "value": 1, "epoch": epoch });
    assert_eq!(value(&world, "k2", &named).await["counted"], true);
    let before = json!({ "name": "conversion", "value": 1, "epoch": epoch - 1 });
    assert_eq!(value(&world, "k3", &before).await["counted"], false);
    let reply = world
        .post_with(
            PATH,
            &[("idempotency-key", "k4")],
            &json!({ "name": "conversion", "value": 1, "epoch": epoch + 1 }),
        )
        .await;
    assert!(reply.problem().detail.starts_with("epoch: "), "{}", reply.text());
    plane.report(&world, 1, 0).await;
    shows(&world, json!({ "canary": { "conversion": { "count": 2, "mean": 1.0 } }, "stable": {} })).await;
}

#[tokio::test]
async fn nonsense_is_refused_with_its_place_and_changes_nothing() {
    let (world, _plane) = world().await;
    let key = [("idempotency-key", "k")];
    let sums = |count: i64, sum: f64, squares: f64| json!({ "name": "m", "count": count, "sum": sum, "sumSquares": squares, "source": "a", "seq": 1 });
    let proportion =
        json!({ "name": "conversion", "count": 2, "sum": 3, "sumSquares": 9, "source": "a", "seq": 1 });
    let cases = [
        (json!({}), "missing field `name`"),
        (json!([]), "is a list"),
        (json!({ "name": "m" }), "count: is missing"),
        (json!({ "name": "", "value": 1 }), "name: "),
        (json!({ "name": "no spaces", "value": 1 }), "name: "),
        (json!({ "name": "x".repeat(65), "value": 1 }), "name: "),
        (json!({ "name": "m", "value": "1" }), "expected f64"),
        (json!({ "name": "m", "value": 1e300 }), "value: must be within"),
        (json!({ "name": "m", "value": 1, "count": 1 }), "count: goes with sums"),
        (json!({ "name": "m", "value": 1, "variant": "blue" }), "unknown variant `blue`"),
        (json!({ "name": "m", "value": 1, "valeu": 1 }), "unknown field `valeu`"),
        (json!({ "name": "m", "value": 1, "epoch": 1000 }), "epoch: 1000 is not yet"),
        (json!({ "name": "conversion", "value": 1.5 }), "conversion is a proportion"),
        (json!({ "name": "conversion", "value": -1 }), "conversion is a proportion"),
        (json!({ "name": "revenue", "value": -0.5 }), "revenue is an amount"),
        (proportion, "sum: conversion is a proportion"),
        (sums(-1, 0.0, 0.0), "expected u64"),
        (sums(0, 1.0, 1.0), "sum: is more"),
        (sums(1, 2.0, 1.0), "sumSquares: is less"),
        (sums(1, 2.0, -4.0), "sumSquares: is negative"),
    ];
    for (body, says) in cases {
        let reply = world.post_with(PATH, &key, &body).await;
        let problem = reply.problem();
        assert_eq!((reply.status, problem.code.as_str()), (400, "bad_request"), "{body}");
        assert!(problem.detail.contains(says), "{body}: {}", problem.detail);
    }
    let good = json!({ "name": "m", "value": 1 });
    assert!(world.post(PATH, &good).await.problem().detail.contains("Idempotency-Key"));
    let unknown = world.post_with("/api/v1/services/nobody/metrics", &key, &good).await;
    assert_eq!((unknown.status, unknown.problem().code.as_str()), (404, "unknown_service"));
    let abroad = world.post_with(&format!("{PATH}?region=eu"), &key, &good).await;
    assert_eq!(abroad.problem().code, "unknown_service");
    let large = json!({ "name": "m", "value": 1, "source": "x".repeat(20_000) });
    assert_eq!(world.post_with(PATH, &key, &large).await.status, 413);
    assert_eq!(
        world.get("/api/v1/rollouts/checkout").await.json()["metrics"],
        json!({ "canary": {}, "stable": {} })
    );
    // Nothing of all that took the key.
    assert_eq!(value(&world, "k", &good).await["counted"], true);
}

#[tokio::test]
async fn a_service_has_at_most_64_metrics() {
    let (world, _plane) = world().await;
    for i in 0..64 {
        value(&world, &format!("k{i}"), &json!({ "name": format!("m{i}"), "value": 1 })).await;
    }
    let reply =
        world.post_with(PATH, &[("idempotency-key", "last")], &json!({ "name": "m64", "value": 1 })).await;
    assert!(reply.problem().detail.contains("64 metrics"), "{}", reply.text());
    // One that is there goes on.
    value(&world, "again", &json!({ "name": "m63", "value": 1 })).await;
}

#[tokio::test]
async fn sums_that_went_back_are_told_what_to_do() {
    let (world, _plane) = world().await;
    sums(&world, "a", 1, 10).await;
    let body = json!({ "name": "orders", "variant": "stable", "count": 3, "sum": 6, "sumSquares": 12, "source": "a", "seq": 2 });
    let problem = world.post(PATH, &body).await.problem();
    assert!(problem.detail.contains("went back from 10 to 3"), "{}", problem.detail);
    // The data planes' ids and those of reporters can't meet.
    let mut report = Plane::new("checkout").body();
    report["source"]["id"] = "metrics:a".into();
    let reply = world.post("/api/v1/services/checkout/observations", &report).await;
    assert!(reply.problem().detail.starts_with("source.id: "), "{}", reply.text());
}
