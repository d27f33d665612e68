//! Who gets the canary: the share is right, keys stay in as it grows, and leave last-in-first-out.

use std::collections::BTreeSet;

use fw_testkit::{Load, LoadSpec};

use super::world::{SOON, World, by_hand};

const REQUESTS: u64 = 10_000;

/// Sends 10 000 requests, one for each user if `keyed`; gives the users the canary got and how many requests.
async fn send(world: &World, keyed: bool) -> (BTreeSet<String>, u64) {
    world.canary.take_users();
    let before = world.canary.served();
    let target = world.proxy;
    let spec = LoadSpec::new(target, move |n| {
        let request = http::Request::get("/").header("host", target.to_string());
        let request =
            if keyed { request.header("x-user-id", format!("user-{}", n % REQUESTS)) } else { request };
        request.body(Default::default()).unwrap()
    });
    let load = Load::closed(spec, 16);
    while load.tally().sent < REQUESTS {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let tally = load.stop().await;
    assert_eq!(tally.not_ok(), 0, "{tally:?}");
    let served = world.canary.served() - before;
    (world.canary.take_users().into_keys().collect(), served * REQUESTS / tally.sent)
}

fn within_four_standard_errors(count: u64, share: f64) {
    let expected = REQUESTS as f64 * share;
    let error = (REQUESTS as f64 * share * (1.0 - share)).sqrt();
    assert!(
        (count as f64 - expected).abs() <= 4.0 * error + 1.0,
        "{count} of {REQUESTS}, {expected} expected"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shares_are_right_and_keys_stay_in_and_leave_last_in_first_out() {
    let world = World::start(by_hand()).await;
    world.fw_ok(&["rollout", "start"]);
    let mut inside: Vec<BTreeSet<String>> = vec![];
    for (phase, share) in [0.05, 0.25, 0.5].into_iter().enumerate() {
        if phase > 0 {
            world.fw_ok(&["rollout", "advance"]);
        }
        world.confirmed().await;
        let (users, _) = send(&world, true).await;
        within_four_standard_errors(users.len() as u64, share);
        let (_, keyless) = send(&world, false).await;
        within_four_standard_errors(keyless, share);
        if let Some(before) = inside.last() {
            assert!(before.is_subset(&users), "who was in stays in");
        }
        inside.push(users);
    }
    for phase in [1_usize, 0] {
        world.fw_ok(&["rollout", "rollback", "--to", &phase.to_string()]);
        world.until("rolled_back", SOON).await;
        let (users, _) = send(&world, true).await;
        assert_eq!(users, inside[phase], "the last in are the first out");
        if phase > 0 {
            world.fw_ok(&["rollout", "resume"]);
            world.confirmed().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_changes_of_the_split_fail_no_request() {
    let world = World::start(by_hand()).await;
    world.fw_ok(&["rollout", "start"]);
    let load = Load::closed(LoadSpec::get(world.proxy, "/"), 16);
    let mut client = fw_testkit::Client::new(world.api);
    for change in 0..100 {
        // Two changes with every thousand requests: they are spread over the whole load.
        while load.tally().sent < change * 1000 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        for action in ["advance", "rollback"] {
            let answer =
                client.post_json(&format!("/api/v1/rollouts/checkout/{action}"), "{}").await.unwrap();
            assert_eq!(answer.status, 200, "{change} {action}: {}", answer.text());
        }
        world.until("rolled_back", SOON).await;
    }
    while load.tally().sent < 100_000 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let epoch = world.status().await["split"]["epoch"].as_u64().unwrap();
    let tally = load.stop().await;
    assert!(epoch > 200, "{epoch}");
    assert!(tally.sent >= 100_000);
    assert_eq!(tally.not_ok(), 0, "{tally:?}");
}
