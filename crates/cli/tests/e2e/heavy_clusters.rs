//! Failures that come in clusters, with real processes: a sick node is no sick version, and a version that is truly bad
//! goes back. What takes half an hour is in `tests/bursts.rs`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::fleet::Fleet;

/// One phase, so that each instance has about the same load.
pub(crate) fn a_third() -> Value {
    let phase = |share: f64| json!({ "percentage": share, "duration": "1h", "riskScore": 50 });
    json!({ "phases": [phase(33.3), phase(100.0)], "monitoringInterval": 1, "rollbackTriggers": { "errorRate": 4 } })
}

/// Why it waits for something of this kind.
pub(crate) fn waits_on(detail: &Value, kind: &str) -> Option<String> {
    let reasons = detail["waitingOn"].as_array()?;
    reasons.iter().find(|r| r["kind"] == kind)?["text"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_sick_canary_instance_of_four_is_held_with_its_name() {
    let fleet = Fleet::start(a_third()).await;
    fleet.start_rollout();
    fleet.until("running", Duration::from_secs(30), |now| now["status"] == "running").await;
    fleet.fail([2], 400, false).await;
    let held =
        fleet.until("held", Duration::from_secs(60), |now| waits_on(now, "concentrated").is_some()).await;
    let why = waits_on(&held, "concentrated").unwrap();
    println!("held: {why}");
    assert!(why.contains(&fleet.canary(2)), "{why}");
    // A node that stays sick stays a matter for people.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let later = fleet.get("/api/v1/rollouts/checkout").await;
    assert_eq!(
        (&later["status"], later["currentPhase"]["percentage"].as_f64()),
        (&json!("running"), Some(33.3))
    );
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_fails_on_all_its_instances_goes_back() {
    let fleet = Fleet::start(a_third()).await;
    fleet.start_rollout();
    fleet.until("running", Duration::from_secs(30), |now| now["status"] == "running").await;
    println!("a version that fails 5 %: rolled back {}", goes_back(&fleet, false).await);
    fleet.stop().await;
}

/// Has the version fail 5 % on all instances until it went back; how long that took.
pub(crate) async fn goes_back(fleet: &Fleet, bursts: bool) -> String {
    let began = Instant::now();
    fleet.fail(0..4, 50, bursts).await;
    let gone = fleet.until("back", Duration::from_secs(240), |now| now["status"] == "rolled_back").await;
    let trigger = &gone["rollback"]["trigger"];
    format!("{:.1} s after the first bad request by {trigger}", began.elapsed().as_secs_f64())
}
