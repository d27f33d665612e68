//! `GET /events`: in order, none missing, none twice; resumed, filtered, with gaps told.

use std::sync::Arc;
use std::time::Duration;

use fw_model::Timestamp;
use fw_store::{MemoryLog, Retention, RolloutLog};
use fw_testkit::SseFollower;
use serde_json::{Value, json};

use crate::support::{DEADLINE, Setup, World, config, next};

/// Pauses and resumes until the newest event has at least this id.
pub(crate) async fn publish_until(world: &World, id: u64) {
    while world.newest() < id {
        world.act("checkout", "pause", &json!({})).await;
        world.act("checkout", "resume", &json!({})).await;
    }
}

#[tokio::test]
async fn a_new_client_begins_with_the_state_and_the_newest_id() {
    let world = World::new().await;
    let mut early = world.stream("/events", None).await;
    let (id, state) = next(&mut early).await;
    assert_eq!((id, &state["type"], &state["status"]), (0, &json!("initial_state"), &json!("none")));
    assert!(state["timestamp"].is_string() && state.get("gap").is_none(), "{state}");
    world.run("checkout").await;
    let (id, started) = next(&mut early).await;
    assert_eq!((id, &started["type"]), (1, &json!("rollout_started")));
    for key in ["state", "currentPhase", "progress", "split", "waitingOn", "phase", "planHash", "timestamp"] {
        assert!(started.get(key).is_some(), "{key}");
    }
    world.act("checkout", "pause", &json!({ "reason": "r" })).await;
    let newest = world.newest();
    let (id, state) = next(&mut world.stream("/events", None).await).await;
    assert_eq!((id, &state["type"], &state["status"]), (newest, &json!("initial_state"), &json!("paused")));
}

#[tokio::test]
async fn the_answer_is_not_kept_by_anyone_on_the_way() {
    let world = World::with(Setup { sse_enabled: false, ..Setup::default() }).await;
    assert_eq!(world.get("/events").await.problem().code, "not_found");
    let world = World::new().await;
    let head =
        crate::connections::head_of(world.addr, "GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    for line in ["content-type: text/event-stream", "cache-control: no-store", "x-accel-buffering: no"] {
        assert!(head.to_ascii_lowercase().contains(line), "{head}");
    }
}

#[tokio::test]
async fn a_resumed_client_gets_every_later_event_once() {
    let world = World::new().await;
    world.run("checkout").await;
    publish_until(&world, 150).await;
    let newest = world.newest();
    for (path, header, from) in [
        ("/events", Some("0"), 0),
        ("/events?lastEventId=0", None, 0),
        ("/events", Some("70"), 70),
        ("/events?lastEventId=3", Some("149"), 149),
    ] {
        let mut stream = world.stream(path, header).await;
        for want in from + 1..=newest {
            let (id, data) = next(&mut stream).await;
            assert_eq!(id, want, "{path} {header:?}");
            assert_ne!(data["type"], "initial_state");
        }
    }
    let mut current = world.stream("/events", Some(&newest.to_string())).await;
    world.act("checkout", "pause", &json!({})).await;
    assert_eq!(next(&mut current).await.0, newest + 1);
}

#[tokio::test]
async fn followers_see_the_same_log_while_it_grows_and_over_a_restart() {
    let mut world = World::new().await;
    world.run("checkout").await;
    let live: Vec<SseFollower> =
        (0..8).map(|_| SseFollower::start(world.addr, "/events", Some("0"))).collect();
    publish_until(&world, 300).await;
    let last = world.newest().to_string();
    for follower in &live {
        let all = |frames: &[fw_testkit::SseFrame]| frames.last().is_some_and(|f| f.id == last);
        assert!(follower.wait_until(DEADLINE, all).await);
        let ids: Vec<u64> = follower.frames().iter().map(|f| f.id.parse().unwrap()).collect();
        assert_eq!(ids, (1..=world.newest()).collect::<Vec<_>>());
    }
    let before = live[0].frames();
    drop(live);
    world = world.restarted().await;
    let mut again = world.stream("/events", Some("0")).await;
    for frame in before {
        let (id, data) = next(&mut again).await;
        assert_eq!((id.to_string(), data), (frame.id, serde_json::from_str::<Value>(&frame.data).unwrap()));
    }
    let seen = world.newest();
    let mut resumed = world.stream("/events", Some(&seen.to_string())).await;
    world.act("checkout", "abort", &json!({})).await;
    assert_eq!(next(&mut resumed).await.0, seen + 1, "ids go on where they were");
}

#[tokio::test]
async fn what_is_no_longer_kept_is_told_as_a_gap() {
    let log = Arc::new(MemoryLog::new());
    let world = World::with(Setup { log: log.clone(), ..Setup::default() }).await;
    world.run("checkout").await;
    publish_until(&world, 60).await;
    let retention = Retention { published_age: Duration::ZERO, published_count: 10, ..Retention::default() };
    while log.compact(&retention, Timestamp(i64::MAX / 2)).unwrap().more {}
    // A restart, so that memory does not know what the log forgot.
    let world = world.restarted().await;
    let (oldest, newest) = world.handle.events_kept().await.unwrap().unwrap();
    assert!(oldest > 3 && newest == world.newest(), "{oldest} {newest}");
    for lost in ["1", &(oldest - 2).to_string(), &(newest + 1).to_string(), "18446744073709551615"] {
        let (id, state) = next(&mut world.stream("/events", Some(lost)).await).await;
        assert_eq!(
            (id, &state["type"], &state["gap"]),
            (newest, &json!("initial_state"), &json!(true)),
            "{lost}"
        );
    }
    let (id, kept) = next(&mut world.stream("/events", Some(&(oldest - 1).to_string())).await).await;
    assert_eq!((id, kept["type"] == "initial_state"), (oldest, false));
    let (id, kept) = next(&mut world.stream("/events", Some("0")).await).await;
    assert_eq!((id, kept["type"] == "initial_state"), (oldest, false), "0 is all that is kept");
    let (_, state) = next(&mut world.stream("/events", Some("nonsense")).await).await;
    assert!(state.get("gap").is_none(), "no id was asked for: {state}");
}

#[tokio::test]
async fn a_filter_skips_ids_and_nothing_else() {
    let services = vec![config("checkout"), config("search")];
    let world = World::with(Setup { services, ..Setup::default() }).await;
    let mut plane = world.run("checkout").await;
    world.run("search").await;
    world.act("checkout", "abort", &json!({})).await;
    world.run_with(&mut plane).await;
    world.act("search", "pause", &json!({})).await;
    let newest = world.newest();
    let mut all = world.stream("/events", Some("0")).await;
    let mut seen = vec![];
    while seen.len() < usize::try_from(newest).unwrap() {
        seen.push(next(&mut all).await);
    }
    for (filter, keep) in [
        ("checkout", Box::new(|e: &Value| e["rollout"] == "checkout") as Box<dyn Fn(&Value) -> bool>),
        ("search", Box::new(|e: &Value| e["rollout"] == "search")),
        ("checkout.1", Box::new(|e: &Value| e["run"] == "checkout.1")),
    ] {
        let mut stream = world.stream(&format!("/events?rollout={filter}"), Some("0")).await;
        let wanted: Vec<_> = seen.iter().filter(|(_, event)| keep(event)).collect();
        assert!(!wanted.is_empty() && wanted.len() < seen.len(), "{filter}");
        for want in wanted {
            assert_eq!(&next(&mut stream).await, want, "{filter}");
        }
        let (_, state) = next(&mut world.stream(&format!("/events?rollout={filter}"), None).await).await;
        assert!(keep(&state), "{filter}: {state}");
    }
    for unknown in ["nope", "checkout.9", "checkout@eu"] {
        assert_eq!(world.get(&format!("/events?rollout={unknown}")).await.problem().code, "unknown_rollout");
    }
}

#[tokio::test]
async fn a_silent_stream_shows_that_it_lives() {
    let limits = fw_server::http::Limits { heartbeat_every: Duration::from_millis(50), ..Default::default() };
    let world = World::with(Setup { limits, ..Setup::default() }).await;
    let mut stream = world.stream("/events", None).await;
    next(&mut stream).await;
    let end = tokio::time::Instant::now() + DEADLINE;
    while stream.comments() < 3 {
        assert!(stream.next(Duration::from_millis(100)).await.is_err(), "no frame was due");
        assert!(tokio::time::Instant::now() < end);
    }
}
