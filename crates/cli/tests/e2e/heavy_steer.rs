//! A rollout from its start to its end, steered from the command line, seen over status and events.

use std::time::Duration;

use fw_testkit::{Load, LoadSpec, SseFollower};
use serde_json::{Value, json};

use super::world::{SOON, World, by_hand};

fn kinds(frames: &[fw_testkit::SseFrame]) -> Vec<String> {
    let kind = |f: &fw_testkit::SseFrame| {
        serde_json::from_str::<Value>(&f.data).unwrap()["type"].as_str().unwrap().to_owned()
    };
    frames.iter().map(kind).collect()
}

/// Quick phases with criteria that a little traffic can show.
fn quick() -> Value {
    let phase = |percentage: u64| json!({ "percentage": percentage, "duration": "2s", "riskScore": 50, "successCriteria": { "errorRate": 20 } });
    json!({ "phases": [phase(25), phase(100)], "monitoringInterval": 1 })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_runs_by_itself_and_tells_it_in_the_seeds_words() {
    let world = World::start(quick()).await;
    let before = world.status().await;
    assert_eq!((&before["status"], &before["progress"]), (&json!("none"), &json!(0.0)));
    let follower = SseFollower::start(world.api, "/events", None);
    let load = Load::open(LoadSpec::get(world.proxy, "/"), 200, 8);
    world.fw_ok(&["rollout", "start"]);
    let running = world.status().await;
    for key in ["currentPhase", "isRunning", "isPaused", "overallHealth", "totalRequests", "totalErrors"] {
        assert!(running["state"].get(key).is_some(), "{key}");
    }
    for key in ["description", "percentage", "riskScore", "metrics"] {
        assert!(running["currentPhase"].get(key).is_some(), "{key}");
    }
    for key in ["requestsServed", "errorRate", "responseTime", "userSatisfaction"] {
        assert!(running["currentPhase"]["metrics"].get(key).is_some(), "{key}");
    }
    assert_eq!(running["currentPhase"]["percentage"], json!(25.0));
    world.until("completed", Duration::from_secs(90)).await;
    let done =
        follower.wait_until(SOON, |frames| kinds(frames).last().is_some_and(|k| k == "report_ready")).await;
    let kinds = kinds(&follower.frames());
    assert!(done, "{kinds:?}");
    let told: Vec<&str> = kinds
        .iter()
        .map(String::as_str)
        .filter(|k| !["metrics_update", "phase_held", "phase_released"].contains(k))
        .collect();
    assert_eq!(
        told,
        ["initial_state", "rollout_started", "phase_advanced", "rollout_completed", "report_ready"]
    );
    assert!(kinds.iter().any(|k| k == "metrics_update"));
    let tally = load.stop().await;
    assert_eq!(tally.not_ok(), 0, "{tally:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_works_from_another_terminal_and_nonsense_is_refused() {
    let world = World::start(by_hand()).await;
    world.fw_ok(&["rollout", "start"]);
    assert_eq!(world.fw(&["rollout", "start"]).0, 1, "one is under way");
    world.fw_ok(&["rollout", "pause", "--reason", "coffee"]);
    assert_eq!(world.status().await["state"]["isPaused"], true);
    assert_eq!(world.fw(&["rollout", "pause"]).0, 1);
    world.fw_ok(&["rollout", "resume"]);
    world.fw_ok(&["rollout", "advance"]);
    world.fw_ok(&["rollout", "advance"]);
    assert_eq!(world.status().await["split"]["canary"], 50_000);
    world.fw_ok(&["rollout", "rollback", "--to", "0"]);
    assert_eq!(world.until("rolled_back", SOON).await["split"]["canary"], 5000);
    world.fw_ok(&["rollout", "resume"]);
    world.fw_ok(&["rollout", "rollback", "--to", "stable"]);
    assert_eq!(world.until("rolled_back", SOON).await["split"]["canary"], 0);
    world.fw_ok(&["rollout", "abort"]);
    assert_eq!(world.status().await["status"], "aborted");
    assert_eq!(world.fw(&["rollout", "resume"]).0, 1);
    assert!(world.fw_ok(&["rollout", "status"]).to_lowercase().contains("aborted"));
    let (code, _, error) = world.fw(&["rollout", "pause", "nothing-like-it"]);
    assert_eq!(code, 1, "{error}");
}
