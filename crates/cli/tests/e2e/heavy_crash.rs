//! The server is killed again and again: no event is lost or told twice, no count goes back, no
//! traffic is moved by a restart, and the rollout completes.

use std::time::Duration;

use fw_testkit::{Load, LoadSpec, ProcSpec, SseFollower, SseFrame, free_port};
use serde_json::{Value, json};

use super::world::{SOON, World, by_hand, soon};

const KILLS: u32 = 50;

fn phases() -> Value {
    let phase = |percentage: u64| json!({ "percentage": percentage, "duration": "8s", "riskScore": 50, "successCriteria": { "errorRate": 20 } });
    json!({ "phases": [phase(5), phase(25), phase(100)], "monitoringInterval": 1 })
}

/// Ids of logged events, in the order they came.
fn ids(frames: &[SseFrame]) -> Vec<u64> {
    let logged = |f: &&SseFrame| !f.data.contains(r#""type":"initial_state""#);
    frames.iter().filter(logged).map(|f| f.id.parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_lose_nothing_and_move_nothing() {
    let mut world = World::start(phases()).await;
    let follower = SseFollower::start(world.api, "/events", Some("0"));
    let load = Load::open(LoadSpec::get(world.proxy, "/"), 200, 16);
    world.fw_ok(&["rollout", "start"]);
    let mut lives = Lives { seed: 0x5eed, requests: 0 };
    for kill in 0..KILLS {
        tokio::time::sleep(lives.next()).await;
        let before = world.status().await;
        lives.never_back(&before, kill);
        world.kill_and_restart();
        let after = world.status().await;
        lives.never_back(&after, kill);
        let moved = after["split"]["epoch"].as_u64() > before["split"]["epoch"].as_u64();
        // Between the last look at the old server and its end a phase may have advanced; the event tells.
        let told = world.all_events().await.iter().filter(|e| e["type"] == "phase_advanced").count() as u64;
        assert_eq!(
            after["split"]["epoch"].as_u64(),
            Some(1 + told),
            "kill {kill}: moved={moved}\n{before:#}\n{after:#}"
        );
    }
    world.until("completed", Duration::from_secs(120)).await;
    load.stop().await;
    let newest = world.all_events().await.last().unwrap()["id"].as_u64().unwrap();
    assert!(
        follower.wait_until(SOON, |frames| ids(frames).last() == Some(&newest)).await,
        "{:?}",
        ids(&follower.frames())
    );
    let seen = ids(&follower.frames());
    assert_eq!(seen, (1..=newest).collect::<Vec<_>>(), "each once, in order, none missing");
    let whole = SseFollower::start(world.api, "/events", Some("0"));
    assert!(whole.wait_until(SOON, |frames| frames.len() as u64 >= newest).await);
    assert_eq!(ids(&whole.frames()), seen);
    let data = |frames: &[SseFrame]| -> Vec<String> {
        frames.iter().filter(|f| !f.data.contains("initial_state")).map(|f| f.data.clone()).collect()
    };
    assert_eq!(data(&whole.frames()), data(&follower.frames()), "what was told is what is kept");
}

/// Random lengths of lives, and the counter that never goes back.
struct Lives {
    seed: u64,
    requests: u64,
}

impl Lives {
    fn next(&mut self) -> Duration {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis(50 + (self.seed >> 33) % 1200)
    }

    fn never_back(&mut self, status: &Value, kill: u32) {
        let now = status["state"]["totalRequests"].as_u64().unwrap();
        assert!(now >= self.requests, "kill {kill}: {now} after {}", self.requests);
        self.requests = now;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_apart_serves_on_while_the_server_is_dead() {
    let mut world = World::start(by_hand()).await;
    let port = free_port().unwrap();
    let spec = ProcSpec::new(env!("CARGO_BIN_EXE_fw")).unwrap().name("proxy").args([
        "proxy",
        "--control",
        &format!("http://{}", world.api),
        "--service",
        "checkout",
        "--listen",
        &format!("127.0.0.1:{port}"),
    ]);
    let mut proxy = spec.spawn().unwrap();
    let addr = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    proxy.listening(addr, SOON).unwrap();
    world.fw_ok(&["rollout", "start"]);
    let load = Load::open(LoadSpec::get(addr, "/"), 200, 8);
    soon("the canary gets its share", || world.canary.served() > 5).await;
    world.server.kill().unwrap();
    let (before, on_canary) = (load.tally().ok, world.canary.served());
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(load.tally().ok > before + 200, "requests keep flowing");
    assert!(world.canary.served() > on_canary, "by the last split");
    world.kill_and_restart();
    let at_restart = world.status().await["state"]["totalRequests"].as_u64().unwrap();
    let began = std::time::Instant::now();
    while world.status().await["state"]["totalRequests"].as_u64().unwrap() <= at_restart {
        assert!(began.elapsed() < SOON, "its counts come back with it");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let tally = load.stop().await;
    assert_eq!(tally.not_ok(), 0, "{tally:?}");
    // Every request the canary served was counted once, those served while the server was dead too.
    let began = std::time::Instant::now();
    while world.status().await["state"]["totalRequests"].as_u64() != Some(world.canary.served()) {
        assert!(
            began.elapsed() < SOON,
            "{} counted, {} served",
            world.status().await["state"]["totalRequests"],
            world.canary.served()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
