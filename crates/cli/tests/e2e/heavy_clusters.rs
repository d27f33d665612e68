//! Failures that come in clusters, with real processes: a sick node is no sick version, bursts that both versions have
//! are no reason to go back, and a version that is truly bad goes back all the same.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::fleet::Fleet;

/// How long stable is watched before a rollout that bursts are to be known for.
const WATCHED: Duration = Duration::from_secs(300);
/// Rollouts of a version with stable's own bursts, and how long each is watched.
const ROLLOUTS: (u32, Duration) = (10, Duration::from_secs(90));

/// One phase, so that each instance has about the same load.
fn a_third() -> Value {
    let phase = |share: f64| json!({ "percentage": share, "duration": "1h", "riskScore": 50 });
    json!({ "phases": [phase(33.3), phase(100.0)], "monitoringInterval": 1, "rollbackTriggers": { "errorRate": 4 } })
}

fn waits_on(detail: &Value, kind: &str) -> Option<String> {
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
async fn goes_back(fleet: &Fleet, bursts: bool) -> String {
    let began = Instant::now();
    fleet.fail(0..4, 50, bursts).await;
    let gone = fleet.until("back", Duration::from_secs(240), |now| now["status"] == "rolled_back").await;
    let trigger = &gone["rollback"]["trigger"];
    format!("{:.1} s after the first bad request by {trigger}", began.elapsed().as_secs_f64())
}

/// Half an hour: `cargo xtask bench bursts`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes half an hour: cargo xtask bench bursts"]
async fn ten_rollouts_with_stables_own_bursts_stay_and_a_bad_one_goes_back() {
    let fleet = Fleet::start(a_third()).await;
    fleet.burst(true).await;
    println!("8 + 4 processes at 400 requests/s, each failing 30 % for 10 s once in two minutes");
    tokio::time::sleep(WATCHED).await;
    let mut back = 0;
    for number in 1..=ROLLOUTS.0 {
        fleet.start_rollout();
        let began = Instant::now();
        while began.elapsed() < ROLLOUTS.1 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let end = fleet.get("/api/v1/rollouts/checkout").await;
        let of = |name: &str| {
            end["findings"].as_array().unwrap().iter().find(|f| f["name"] == name).unwrap().clone()
        };
        let (errors, batches) = (of("errorsVsStable"), of("errorsVsStable batches"));
        let went_back = end["rollback"] != Value::Null;
        back += u32::from(went_back);
        println!(
            "rollout {number}: {}, canary {} of {} failed; evidence {:.2} : 1 (batches {:.2} : 1), at face value {:.0} : 1; φ {:.1}, \
             {:.1}{}",
            if went_back { "ROLLED BACK" } else { "stays" },
            errors["canary"]["sum"],
            errors["canary"]["n"],
            errors["evidence"].as_f64().unwrap(),
            batches["evidence"].as_f64().unwrap(),
            errors["evidenceAtFaceValue"].as_f64().unwrap(),
            errors["phi"].as_f64().unwrap(),
            batches["phi"].as_f64().unwrap(),
            waits_on(&end, "concentrated").map_or(String::new(), |why| format!("; held: {why}")),
        );
        if !went_back {
            fleet.post("/api/v1/rollouts/checkout/abort", json!({})).await;
        }
        fleet.until("ended", Duration::from_secs(30), |now| !now["endedAt"].is_null()).await;
    }
    assert_eq!(back, 0, "of {} identical versions", ROLLOUTS.0);
    fleet.start_rollout();
    fleet.until("running", Duration::from_secs(30), |now| now["status"] == "running").await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    println!("a version that fails 5 % beside the bursts: rolled back {}", goes_back(&fleet, true).await);
    fleet.stop().await;
}
