//! An experiment over kill -9: who saw what before an answered track, and what was told, is there after each restart,
//! and counts once however often it is told again.

use fw_testkit::Client;
use serde_json::{Value, json};

use super::world::{World, by_hand};

const ROUNDS: u32 = 5;
const USERS: u32 = 60;

async fn post(world: &World, path: &str, body: Value) -> Value {
    let answer = Client::new(world.api).post_json(path, body.to_string()).await.unwrap();
    assert!(answer.status.is_success(), "{path}: {}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

/// The variant of a user, 0 or 1.
async fn variant(world: &World, user: u32) -> usize {
    let context = json!({ "context": { "targetingKey": format!("user-{user}") } });
    let answer = post(world, "/ofrep/v1/evaluate/flags/button", context).await;
    usize::from(answer["variant"] == "green")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_told_is_lost_or_counted_twice_over_five_kills() {
    let variants = json!([
        { "name": "blue", "value": 1, "weight": 50 }, { "name": "green", "value": 2, "weight": 50 } ]);
    let more = json!({
        "metrics": [{ "name": "revenue", "kind": "amount", "cap": 1000 }],
        "flags": [{ "key": "button", "variants": variants }],
    });
    let mut world = World::start_with(by_hand(), more).await;
    let (mut users, mut sums) = ([0_u64; 2], [0.0; 2]);
    let mut told: Vec<Value> = vec![];
    for round in 0..ROUNDS {
        for user in round * USERS..(round + 1) * USERS {
            let place = variant(&world, user).await;
            users[place] += 1;
            sums[place] += f64::from(user);
            told.push(json!({
                "id": format!("order-{user}"), "trackingEventName": "revenue",
                "context": { "targetingKey": format!("user-{user}") }, "trackingEventDetails": { "value": user },
            }));
        }
        // All that were ever told come again with the new ones.
        let answer = post(&world, "/ofrep/v1/track", json!({ "events": told })).await;
        assert_eq!(answer["counted"], USERS, "{answer}");
        world.kill_and_restart();
        let shown = world.get("/api/v1/flags/button").await["experiment"].clone();
        for place in 0..2 {
            let counted = shown["variants"][place]["users"].as_u64().unwrap();
            let mean = shown["metrics"][0]["variants"][place]["mean"].as_f64().unwrap();
            assert_eq!(counted, users[place], "round {round}: {shown}");
            assert!((mean * counted as f64 - sums[place]).abs() < 1e-6, "round {round}: {shown}");
        }
    }
}
