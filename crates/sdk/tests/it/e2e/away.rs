//! A server that is away for long: the application keeps its split, grows by nothing, and tells everything afterwards.

use std::time::{Duration, Instant};

use fw_testkit::wait_until;
use serde_json::json;

use crate::stress::{self, Both};
use crate::support::{Control, DEADLINE, Process};

/// Longer than the longest pause between tries (5 s) and many reports.
const AWAY: Duration = Duration::from_secs(9);

#[test]
fn a_server_away_for_long_costs_no_user_their_version_no_memory_and_no_count() {
    let mut control = Control::start(&json!({}));
    let rollout = control.sdk().connect().unwrap();
    assert!(rollout.wait_for_split(DEADLINE));
    control.roll(&rollout);
    let choices =
        || -> Vec<bool> { (0..1000_u64).map(|key| rollout.should_serve_for(key.to_le_bytes())).collect() };
    let (chosen, mut recorded, mut from) = (choices(), Both::default(), 0);
    let mut live = |recorded: &mut Both| {
        let one = rollout.clone();
        let life = std::thread::spawn(move || stress::life(&one, from, 1000)).join().unwrap();
        recorded.iter_mut().zip(&life).for_each(|(all, more)| all.add(more));
        from += 1000;
    };
    (0..50).for_each(|_| live(&mut recorded));
    control.kill();
    let (before, began) = (Process::now(), Instant::now());
    while began.elapsed() < AWAY {
        live(&mut recorded);
        assert_eq!(choices(), chosen, "somebody was moved after {:?}", began.elapsed());
        std::thread::sleep(Duration::from_millis(50));
    }
    let after = Process::now();
    // Each test has a process of its own. A reading may catch a thread that is just ending.
    assert!(after.threads <= before.threads + 1, "{before:?} {after:?}");
    assert!(after.resident_kib <= before.resident_kib + 4096, "{before:?} {after:?}");
    assert_eq!(rollout.current_phase().percentage, 50.0);
    control.restart();
    assert!(wait_until(DEADLINE, || control.totals() == recorded), "{:?} {recorded:?}", control.totals());
    rollout.shutdown(DEADLINE).unwrap();
    assert_eq!(control.totals(), recorded);
}
