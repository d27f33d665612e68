//! Rollouts over HTTP: start, actions, list, detail, history; what is repeated is done once.

use serde_json::{Value, json};

use crate::support::{Plane, World, config};

#[tokio::test]
async fn a_start_says_where_the_rollout_is_and_who_began_it() {
    let world = World::new().await;
    let reply = world.post("/api/v1/rollouts?reason=release%20day", &config("checkout")).await;
    assert_eq!((reply.status, reply.header("location")), (201, "/api/v1/rollouts/checkout.1".into()));
    let detail = world.get(&reply.header("location")).await.json();
    assert_eq!(detail["run"], "checkout.1");
    for key in ["state", "waitingOn", "findings", "questions", "phases", "versions", "planHash", "startedAt"]
    {
        assert!(detail.get(key).is_some(), "{key}");
    }
    assert_eq!(world.get("/api/v1/rollouts/checkout").await.json()["run"], "checkout.1");
}

#[tokio::test]
async fn the_seeds_options_alone_are_a_config() {
    let seed = json!({
        "phases": [{ "percentage": 5, "duration": 2 }, { "percentage": 100, "duration": 5 }],
        "autoAdvance": true, "riskThreshold": 70, "enableRollback": true, "sseEnabled": true, "port": 3002,
    });
    let services = vec![json!({ "service": "default", "traffic": { "router": "sdk" } })];
    let world = World::with(crate::support::Setup { services, ..Default::default() }).await;
    let reply = world.post("/api/v1/rollouts", &seed).await;
    assert_eq!((reply.status, reply.header("location")), (201, "/api/v1/rollouts/default.1".into()));
}

#[tokio::test]
async fn a_life_of_actions_is_in_the_history_with_actor_and_reason() {
    let world = World::new().await;
    let mut plane = world.run("checkout").await;
    assert_eq!(world.act("checkout", "pause", &json!({ "reason": "lunch" })).await["status"], "paused");
    assert_eq!(world.act("checkout", "resume", &json!({})).await["status"], "running");
    world.act("checkout", "advance", &json!({ "reason": "sure" })).await;
    plane.report(&world, 10, 0).await;
    world.act("checkout.1", "rollback", &json!({ "to": "stable" })).await;
    plane.report(&world, 0, 0).await;
    world.until("checkout", "rolled_back").await;
    assert_eq!(world.act("checkout", "abort", &json!({})).await["status"], "aborted");
    let history = world.get("/api/v1/rollouts/checkout/history").await.json();
    let events = history["events"].as_array().unwrap();
    let types: Vec<&str> = events.iter().map(|e| e["type"].as_str().unwrap()).collect();
    for wanted in [
        "rollout_started",
        "rollout_paused",
        "rollout_resumed",
        "phase_advanced",
        "rollback_started",
        "rollback_completed",
        "rollout_aborted",
    ] {
        assert!(types.contains(&wanted), "{wanted}: {types:?}");
    }
    let paused = events.iter().find(|e| e["type"] == "rollout_paused").unwrap();
    assert_eq!(paused["reason"], "lunch");
    assert!(paused["actor"].as_str().unwrap().starts_with("local:"), "{paused}");
    assert!(paused["timestamp"].is_string() && paused["status"] == "paused", "{paused}");
    let ids: Vec<u64> = events.iter().map(|e| e["id"].as_u64().unwrap()).collect();
    assert!(ids.windows(2).all(|w| w[0] < w[1]), "{ids:?}");
    let after =
        world.get(&format!("/api/v1/rollouts/checkout/history?after={}&limit=1", ids[1])).await.json();
    assert_eq!(after["events"].as_array().unwrap().len(), 1);
    assert_eq!(after["events"][0]["id"], ids[2]);
}

#[tokio::test]
async fn a_list_is_newest_first_and_can_be_cut() {
    let world = World::new().await;
    let mut plane = Plane::new("checkout");
    for _ in 0..2 {
        world.run_with(&mut plane).await;
        world.act("checkout", "abort", &json!({})).await;
    }
    world.run_with(&mut plane).await;
    let runs = |list: Value| -> Vec<String> {
        list["rollouts"].as_array().unwrap().iter().map(|r| r["run"].as_str().unwrap().to_owned()).collect()
    };
    let all = runs(world.get("/api/v1/rollouts").await.json());
    assert_eq!(all, ["checkout.3", "checkout.2", "checkout.1"]);
    assert_eq!(runs(world.get("/api/v1/rollouts?limit=2").await.json()), all[..2]);
    assert_eq!(runs(world.get("/api/v1/rollouts?unended=true").await.json()), ["checkout.3"]);
}

#[tokio::test]
async fn a_repeated_request_is_done_once_and_answered_the_same() {
    let world = World::new().await;
    let key = [("idempotency-key", "start-1")];
    let first = world.post_with("/api/v1/rollouts", &key, &config("checkout")).await;
    let again = world.post_with("/api/v1/rollouts", &key, &config("checkout")).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!((again.header("location"), again.json()), (first.header("location"), first.json()));
    Plane::new("checkout").report(&world, 0, 0).await;
    world.until("checkout", "running").await;
    let key = [("idempotency-key", "pause-1")];
    let path = "/api/v1/rollouts/checkout/pause";
    let first = world.post_with(path, &key, &json!({ "reason": "a" })).await;
    let newest = world.newest();
    let again = world.post_with(path, &key, &json!({ "reason": "a" })).await;
    assert_eq!((first.status, again.status, again.json()), (200, 200, first.json()));
    assert_eq!(world.newest(), newest);
    let other = world.post_with(path, &key, &json!({ "reason": "b" })).await;
    assert_eq!((other.status, other.problem().code.as_str()), (422, "idempotency_mismatch"));
    assert_eq!(world.post(path, &json!({})).await.problem().code, "illegal_transition");
}
