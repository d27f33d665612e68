//! What data planes use: reports in, splits out.

use fw_model::Users;
use fw_testkit::SseFrame;
use serde_json::{Value, json};

use crate::support::{DEADLINE, Plane, Setup, World, config};

fn split(frame: &SseFrame) -> Value {
    assert_eq!(frame.event, "split");
    let value: Value = serde_json::from_str(&frame.data).unwrap();
    assert_eq!(frame.id, value["epoch"].to_string());
    value
}

#[tokio::test]
async fn the_split_comes_at_once_and_with_every_change() {
    let world = World::new().await;
    let mut stream = world.stream("/api/v1/services/checkout/split", None).await;
    let resting = split(&stream.next(DEADLINE).await.unwrap());
    assert_eq!(resting["weights"], json!({ "stable": 100_000, "canary": 0 }));
    assert_eq!((&resting["service"], &resting["region"]), (&json!("checkout"), &Value::Null));
    for key in ["rollout", "logId", "salt", "upstreams", "stickiness", "deadMan"] {
        assert!(resting.get(key).is_some(), "{key}");
    }
    world.run("checkout").await;
    let first = split(&stream.next(DEADLINE).await.unwrap());
    assert_eq!(first["weights"]["canary"], 5_000);
    assert!(first["epoch"].as_u64() > resting["epoch"].as_u64());
    assert_eq!(first["salt"].as_str().map(str::len), Some(32));
    world.act("checkout", "advance", &json!({})).await;
    let second = split(&stream.next(DEADLINE).await.unwrap());
    assert_eq!((&second["weights"]["canary"], &second["salt"]), (&json!(25_000), &first["salt"]));
}

#[tokio::test]
async fn a_report_is_answered_with_the_split_and_counted_once() {
    let world = World::new().await;
    let mut plane = world.run("checkout").await;
    let answer = plane.report(&world, 100, 1).await;
    assert_eq!(answer["split"]["weights"]["canary"], 5_000);
    assert!(answer["closedEpochs"].is_array());
    let repeated = plane.body();
    for _ in 0..3 {
        let reply = world.post("/api/v1/services/checkout/observations", &repeated).await;
        assert_eq!(reply.status, 202);
    }
    plane.report(&world, 11, 0).await;
    let end = tokio::time::Instant::now() + DEADLINE;
    loop {
        let total = world.get("/status").await.json()["state"]["totalRequests"].as_u64().unwrap();
        assert!(total <= 111, "counted twice: {total}");
        if total == 111 {
            return;
        }
        assert!(tokio::time::Instant::now() < end, "{total}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn regions_are_told_by_the_query_or_the_source_and_must_agree() {
    let mut regional = config("search");
    regional["region"] = "eu".into();
    let world = World::with(Setup { services: vec![regional], ..Setup::default() }).await;
    let mut body = Plane::new("search").body();
    let path = "/api/v1/services/search/observations";
    assert_eq!(world.post(path, &body).await.problem().code, "unknown_service");
    assert_eq!(world.post(&format!("{path}?region=eu"), &body).await.status, 202);
    body["source"]["region"] = "eu".into();
    assert_eq!(world.post(path, &body).await.status, 202);
    let reply = world.post(&format!("{path}?region=us"), &body).await;
    assert_eq!(reply.problem().code, "bad_request");
    let mut stream = world.stream("/api/v1/services/search/split?region=eu", None).await;
    assert_eq!(split(&stream.next(DEADLINE).await.unwrap())["region"], "eu");
    assert_eq!(world.get("/api/v1/services/search/split").await.problem().code, "unknown_service");
}

#[tokio::test]
async fn different_users_of_all_data_planes_are_joined_and_outlive_a_restart() {
    let world = World::new().await;
    let mut plane = world.run("checkout").await;
    let sketch = |keys: std::ops::Range<u64>| {
        // SplitMix64's output function: any hash will do that is the same everywhere.
        let hash = |n: u64| {
            let z = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        let mut users = Users::default();
        keys.for_each(|n| users.add(hash((n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))));
        users.to_text()
    };
    let mut other = Plane::new("checkout");
    other.report(&world, 10, 0).await;
    let tell = async |world: &World, plane: &mut Plane, users: String| {
        let mut body = plane.body();
        // Users come with requests: a report that counts nothing new shows nothing new.
        body["cells"][0]["requests"] = json!(11);
        body["cells"][0]["users"] = json!(users);
        let reply = world.post("/api/v1/services/checkout/observations", &body).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
    };
    plane.report(&world, 10, 0).await;
    tell(&world, &mut plane, sketch(0..2_000)).await;
    tell(&world, &mut other, sketch(1_000..3_000)).await;
    tell(&world, &mut other, "of another form".into()).await;
    let near = |detail: &Value| {
        let canary = detail["users"]["canary"].as_f64().unwrap_or(0.0);
        (canary - 3_000.0).abs() < 280.0 && detail["users"]["stable"].is_null()
    };
    let until = async |world: &World| {
        let end = tokio::time::Instant::now() + DEADLINE;
        loop {
            let detail = world.get("/api/v1/rollouts/checkout").await.json();
            if near(&detail) {
                return;
            }
            assert!(tokio::time::Instant::now() < end, "{}", detail["users"]);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    until(&world).await;
    let world = world.restarted().await;
    until(&world).await;
}
