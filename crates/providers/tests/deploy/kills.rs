//! `kill -9` at many points: of the server, of the wrapper. However it falls, a command runs once at most.
//!
//! The points are spread over the time that a begin takes, so that each stretch of it is hit by some: before the spec,
//! between spec and claim, between claim and command, in the command.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use fw_providers::deploy::command::{Ended, How, Look, begin, look, wait};
use fw_testkit::wait_until;

use crate::support::{Place, SOON, server, wrapper};

const POLL: Duration = Duration::from_millis(5);

async fn end(order: &Path) -> Look {
    tokio::time::timeout(SOON, wait(order, POLL, &|_| ())).await.expect("it ends").unwrap()
}

fn is_success(look: &Look) -> bool {
    matches!(look, Look::Ended(Ended { how: How::Exited { code: 0 }, .. }))
}

#[tokio::test]
async fn a_command_outlives_the_server_that_began_it() {
    let place = Place::new();
    let order = place.order("a/deploy");
    let spec =
        place.script("echo begun >> effect; while ! test -e go; do sleep 0.05; done; echo ended >> effect");
    let mut first = server(&order, &spec);
    assert!(wait_until(SOON, || place.lines("effect").len() == 1));
    // With its whole process group, as a terminal that is closed would do it.
    first.kill().unwrap();
    assert!(matches!(look(&order).unwrap(), Look::Running { .. }));
    std::fs::write(place.file("go"), "").unwrap();
    begin(&order, &spec, &wrapper()).await.unwrap();
    assert!(is_success(&end(&order).await));
    assert_eq!(place.lines("effect"), ["begun", "ended"]);
}

#[tokio::test]
async fn a_server_killed_at_any_point_of_a_begin_costs_no_run_and_adds_none() {
    let mut begun_before = 0;
    for point in 0..24 {
        let place = Place::new();
        let order = place.order("a/deploy");
        let spec = place.script("echo ran >> effect");
        let mut first = server(&order, &spec);
        let kill_at = Instant::now() + Duration::from_millis(point * 3);
        while Instant::now() < kill_at {
            std::thread::yield_now();
        }
        first.kill().unwrap();
        begun_before += usize::from(order.join("claim.json").exists());
        begin(&order, &spec, &wrapper()).await.unwrap();
        let look = end(&order).await;
        // Its wrapper was not killed, unless it was still in the server's group: then it had claimed nothing.
        assert!(is_success(&look), "point {point}: {look:?}");
        assert_eq!(place.lines("effect"), ["ran"], "point {point}");
    }
    eprintln!("{begun_before} of 24 had been claimed when the server was killed");
}

#[tokio::test]
async fn a_wrapper_killed_at_any_point_leaves_a_run_that_is_told_truly() {
    let (mut unknown, mut ended) = (0, 0);
    for point in 0..24 {
        let place = Place::new();
        let order = place.order("a");
        let spec = place.script("echo ran >> effect; sleep 0.02");
        std::fs::create_dir_all(&order).unwrap();
        std::fs::write(order.join("spec.json"), serde_json::to_string(&spec).unwrap()).unwrap();
        let wrapper = wrapper();
        let mut first = Command::new(&wrapper.program).args(&wrapper.args).arg(&order).spawn().unwrap();
        let kill_at = Instant::now() + Duration::from_millis(point * 4);
        while Instant::now() < kill_at {
            std::thread::yield_now();
        }
        first.kill().unwrap();
        first.wait().unwrap();
        let left = look(&order).unwrap();
        begin(&order, &spec, &wrapper).await.unwrap();
        let after = end(&order).await;
        match &left {
            // Nothing had run: this time it did, whole.
            Look::NotBegun => assert!(is_success(&after), "point {point}: {after:?}"),
            Look::Ended(_) => assert!(is_success(&after) && left == after, "point {point}: {after:?}"),
            Look::Unknown { .. } => assert_eq!(left, after, "point {point}"),
            Look::Running { .. } => panic!("point {point}: its wrapper is gone"),
        }
        match after {
            Look::Ended(_) => {
                ended += 1;
                assert_eq!(place.lines("effect"), ["ran"], "point {point}");
            }
            _ => {
                unknown += 1;
                assert!(place.lines("effect").len() <= 1, "point {point}");
            }
        }
    }
    eprintln!("{ended} ended, {unknown} unknown");
    assert_eq!(ended + unknown, 24);
}
