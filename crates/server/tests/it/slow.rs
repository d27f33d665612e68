//! A client that does not read: it is cut off, it slows nobody, and it catches up by id.

use std::time::Duration;

use fw_server::http::Limits;
use fw_testkit::SseFollower;

use crate::events::publish_until;
use crate::support::{DEADLINE, Setup, World, next};

/// More than the buffers between server and client hold: about 1.5 kB each.
const EVENTS: u64 = 1500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_cut_off_and_resumes() {
    let limits = Limits { stall_max: Duration::from_secs(3), ..Limits::default() };
    let world = World::with(Setup { limits, ..Setup::default() }).await;
    world.run("checkout").await;
    let mut slow = world.stream("/events", Some("0")).await;
    let mut seen = next(&mut slow).await.0;
    let other = SseFollower::start(world.addr, "/events", Some("0"));
    publish_until(&world, EVENTS).await;
    let last = world.newest().to_string();
    let done = |frames: &[fw_testkit::SseFrame]| frames.last().is_some_and(|f| f.id == last);
    assert!(other.wait_until(DEADLINE, done).await, "others are not slowed");
    assert_eq!(other.connections(), 1, "one that reads is not cut off");
    let end = tokio::time::Instant::now() + DEADLINE;
    while world.metric("fw_streams_open").await != Some(1.0) {
        assert!(tokio::time::Instant::now() < end, "the slow one is still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // What was on its way may still arrive, in order; then the connection is broken.
    while let Ok(frame) = slow.next(DEADLINE).await {
        seen += 1;
        assert_eq!(frame.id, seen.to_string());
    }
    assert!(seen < EVENTS, "it was cut off before the end: {seen}");
    let mut resumed = world.stream("/events", Some(&seen.to_string())).await;
    while seen < world.newest() {
        seen += 1;
        assert_eq!(next(&mut resumed).await.0, seen);
    }
}
