//! Identical versions whose instances fail in bursts, for real: ten rollouts stay, and a bad version goes back.
//!
//! Half an hour, so it is a target that runs when it is asked for: `cargo xtask bench bursts`.

#![allow(clippy::unwrap_used)] // Helpers of a test may fail it.
#![allow(dead_code)] // The helpers are those of the other tests of the whole product.

#[path = "e2e/fleet.rs"]
mod fleet;
#[path = "e2e/heavy_clusters.rs"]
mod heavy_clusters;
#[path = "e2e/upstream.rs"]
mod upstream;
#[path = "e2e/world.rs"]
mod world;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use fleet::Fleet;
use heavy_clusters::{a_third, goes_back, waits_on};

/// How long stable is watched before a rollout that bursts are to be known for.
const WATCHED: Duration = Duration::from_secs(300);
/// Rollouts of a version with stable's own bursts, and how long each is watched.
const ROLLOUTS: (u32, Duration) = (10, Duration::from_secs(90));

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
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
