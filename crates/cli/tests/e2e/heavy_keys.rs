//! One rule for who gets the canary: the proxy, the SDK and OFREP agree on every one of 100 000 keys at every share.
//!
//! Shares themselves, for keys of every kind, are the model's tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use fw_sdk::Rollout;
use fw_testkit::{Load, LoadSpec};
use http::Request;
use serde_json::{Value, json};

use super::world::{World, soon};

const KEYS: usize = 100_000;
const SHARES: [f64; 6] = [0.1, 1.0, 5.0, 25.0, 50.0, 100.0];
/// What nobody answered yet.
const UNKNOWN: u8 = 2;

fn by_hand() -> Value {
    let phase = |percentage: f64| json!({ "percentage": percentage, "duration": "1h", "riskScore": 50 });
    json!({ "phases": SHARES.map(phase), "monitoringInterval": 1 })
}

fn key(n: u64) -> String {
    format!("user-{}@example.org", n % KEYS as u64)
}

/// Asks for every key once, or a few twice; 1 where the answer says canary.
async fn ask(spec: LoadSpec, is_canary: fn(&[u8]) -> Option<bool>) -> Vec<u8> {
    let found: Arc<Vec<AtomicU8>> = Arc::new((0..KEYS).map(|_| AtomicU8::new(UNKNOWN)).collect());
    let seen = Arc::clone(&found);
    let load = Load::closed(
        spec.on_outcome(move |n, outcome| {
            if let Some(canary) = outcome.as_ref().ok().and_then(|answer| is_canary(&answer.body)) {
                seen[n as usize % KEYS].store(u8::from(canary), Ordering::Relaxed);
            }
        }),
        16,
    );
    while load.tally().sent < KEYS as u64 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let tally = load.stop().await;
    assert_eq!(tally.not_ok(), 0, "{tally:?}");
    found.iter().map(|one| one.load(Ordering::Relaxed)).collect()
}

async fn by_proxy(world: &World) -> Vec<u8> {
    let target = world.proxy;
    let spec = LoadSpec::new(target, move |n| {
        let request = Request::get("/").header("host", target.to_string()).header("x-user-id", key(n));
        request.body(Default::default()).unwrap()
    });
    ask(spec, |body| match body {
        b"canary" => Some(true),
        b"stable" => Some(false),
        _ => None,
    })
    .await
}

async fn by_flag(world: &World) -> Vec<u8> {
    let target = world.api;
    let spec = LoadSpec::new(target, move |n| {
        let body = json!({ "context": { "targetingKey": key(n) } }).to_string();
        let request = Request::post("/ofrep/v1/evaluate/flags/new-checkout")
            .header("host", target.to_string())
            .header("content-type", "application/json");
        request.body(body.into()).unwrap()
    });
    ask(spec, |body| serde_json::from_slice::<Value>(body).ok()?["value"].as_bool()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxy_sdk_and_flags_agree_on_a_hundred_thousand_keys_at_every_share() {
    let flags = json!({ "flags": [{ "key": "new-checkout", "stable": false, "canary": true }] });
    let world = World::start_with(by_hand(), flags).await;
    let dir = tempfile::tempdir().unwrap();
    let sdk = Rollout::builder(&format!("http://{}", world.api), "checkout").state_dir(dir.path());
    let sdk = sdk.connect().unwrap();
    world.fw_ok(&["rollout", "start"]);
    let mut before = vec![0; KEYS];
    for (phase, share) in SHARES.into_iter().enumerate() {
        if phase > 0 {
            world.fw_ok(&["rollout", "advance"]);
        }
        soon("the SDK has the split", || sdk.current_phase().percentage == share).await;
        world.confirmed().await;
        let proxy = by_proxy(&world).await;
        let code: Vec<u8> = (0..KEYS as u64).map(|n| u8::from(sdk.should_serve_for(key(n)))).collect();
        let differing = (0..KEYS).find(|n| proxy[*n] != code[*n]);
        assert_eq!(differing.map(|n| key(n as u64)), None, "proxy and SDK differ at {share} %");
        let flag = by_flag(&world).await;
        let differing = (0..KEYS).find(|n| proxy[*n] != flag[*n]);
        assert_eq!(differing.map(|n| key(n as u64)), None, "proxy and flag differ at {share} %");
        assert!(before.iter().zip(&proxy).all(|(before, now)| before <= now), "who was in stays in");
        let canary: f64 = proxy.iter().map(|one| f64::from(*one)).sum();
        println!("{share} %: {canary} of {KEYS} keys, the same by proxy, SDK and flag");
        before = proxy;
    }
    // Every key has had the canary by now; a sketch's standard error is 2.3 %.
    let mut users = 0.0;
    for _ in 0..100 {
        users = world.get("/api/v1/rollouts/checkout").await["users"]["canary"].as_f64().unwrap_or(0.0);
        if users > 90_000.0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!((90_800.0..=109_200.0).contains(&users), "{users} different users of the canary");
}
