//! A canary that fails a fifth of its requests is off within five seconds, and stays off.

use std::time::{Duration, Instant};

use fw_testkit::{Load, LoadSpec};

use super::world::{SOON, World, by_hand};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_canary_is_off_within_five_seconds_and_gets_nothing_more() {
    let world = World::start(by_hand()).await;
    world.canary.fail_every(5);
    let load = Load::open(LoadSpec::get(world.proxy, "/"), 200, 16);
    world.fw_ok(&["rollout", "start"]);
    // The contract's promise is to users, so it is watched from outside: when the canary is last asked.
    let began = Instant::now();
    while world.canary.first_failure().is_none() {
        assert!(began.elapsed() < SOON, "no failure seen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let first = world.canary.first_failure().unwrap();
    world.until("rolled_back", SOON).await;
    let after = first.elapsed();
    let served = world.canary.served();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.canary.served(), served, "nothing reaches it after rollback_completed");
    assert!(after < Duration::from_secs(5), "{after:?} after the first failure");
    let events = world.all_events().await;
    let started = events.iter().find(|e| e["type"] == "rollback_started").unwrap();
    assert_eq!(started["trigger"], "errorRate");
    assert!(started["evidence"][0].as_str().unwrap().contains("limit 1 %"), "{started}");
    load.stop().await;
}
