//! `GET /status`: the seed's shape, before and during a rollout.

use serde_json::{Value, json};

use crate::support::{Setup, World, config};

const KEYS: [&str; 14] = [
    "state",
    "currentPhase",
    "progress",
    "health",
    "estimatedCompletion",
    "estimatedCompletionAt",
    "rollout",
    "run",
    "region",
    "status",
    "verdict",
    "risk",
    "waitingOn",
    "split",
];

fn assert_keys(value: &Value, keys: &[&str]) {
    for key in keys {
        assert!(value.get(key).is_some(), "{key} is missing in {value}");
    }
}

#[tokio::test]
async fn before_any_rollout_every_key_is_there() {
    let world = World::new().await;
    let reply = world.get("/status").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/json".into()));
    let status = reply.json();
    assert_keys(&status, &KEYS);
    assert_eq!((&status["status"], &status["progress"]), (&json!("none"), &json!(0.0)));
    assert!(status["currentPhase"].is_null() && status["health"].is_null());
    assert_eq!(status["state"]["isRunning"], false);
    assert_eq!(world.get("/status?rollout=checkout").await.json(), status);
}

#[tokio::test]
async fn during_a_rollout_it_has_the_seeds_numbers() {
    let world = World::new().await;
    let mut plane = world.run("checkout").await;
    plane.report(&world, 200, 2).await;
    let counted = |status: &Value| status["state"]["totalRequests"] == 200;
    let mut status = world.get("/status").await.json();
    let end = tokio::time::Instant::now() + crate::support::DEADLINE;
    while !counted(&status) && tokio::time::Instant::now() < end {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        status = world.get("/status").await.json();
    }
    assert_keys(&status, &KEYS);
    let state = json!({
        "currentPhase": 0, "isRunning": true, "isPaused": false, "overallHealth": status["health"],
        "totalRequests": 200, "totalErrors": 2,
    });
    assert_eq!(status["state"], state);
    let phase = &status["currentPhase"];
    assert_eq!(phase["description"], "Initial canary");
    assert_eq!((phase["percentage"].as_f64(), phase["riskScore"].as_f64()), (Some(5.0), Some(65.0)));
    let metrics = &phase["metrics"];
    assert_eq!(metrics["requestsServed"], 200);
    assert_eq!((metrics["errorRate"].as_f64(), metrics["responseTime"].as_f64()), (Some(1.0), Some(20.0)));
    assert_eq!(metrics["userSatisfaction"].as_f64(), Some(99.0));
    assert_keys(phase, &["baseline"]);
    assert_eq!((&status["rollout"], &status["run"]), (&json!("checkout"), &json!("checkout.1")));
    assert_eq!(
        status["split"],
        json!({ "epoch": world.handle.views().services.values().next().unwrap().epoch.0, "canary": 5000 })
    );
    assert_eq!(status["region"], Value::Null);
    assert_keys(&status["waitingOn"][0], &["kind", "text", "since", "etaSeconds"]);
}

#[tokio::test]
async fn names_regions_and_older_runs_are_found() {
    let mut regional = config("search");
    regional["region"] = "eu".into();
    let services = vec![config("checkout"), regional.clone()];
    let world = World::with(Setup { services, ..Setup::default() }).await;
    let mut plane = world.run("checkout").await;
    world.act("checkout", "abort", &json!({})).await;
    world.run_with(&mut plane).await;
    assert_eq!(world.post("/api/v1/rollouts", &regional).await.status, 201);
    let run = |status: Value| status["run"].as_str().map(str::to_owned);
    assert_eq!(run(world.get("/status").await.json()).as_deref(), Some("search@eu.1"), "the last started");
    assert_eq!(run(world.get("/status?region=eu").await.json()).as_deref(), Some("search@eu.1"));
    assert_eq!(run(world.get("/status?rollout=search%40eu").await.json()).as_deref(), Some("search@eu.1"));
    assert_eq!(run(world.get("/status?rollout=checkout").await.json()).as_deref(), Some("checkout.2"));
    let older = world.get("/status?rollout=checkout.1").await.json();
    assert_keys(&older, &KEYS);
    assert_eq!((run(older.clone()).as_deref(), &older["status"]), (Some("checkout.1"), &json!("aborted")));
    assert!(older.get("findings").is_none(), "a status is a status, not the detail");
    assert_eq!(world.get("/status?rollout=checkout.3").await.problem().code, "unknown_rollout");
}
