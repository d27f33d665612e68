//! A network that loses, repeats and reorders reports, and a server that is killed: totals are exact all the same.

use std::sync::atomic::Ordering;
use std::time::Duration;

use fw_testkit::{Fate, Relay, wait_until};
use serde_json::json;

use crate::stress::{self, THREADS};
use crate::support::{Control, DEADLINE};

#[test]
fn no_count_is_lost_though_reports_are_lost_repeated_and_late_and_the_server_is_killed_twice() {
    const EACH: u64 = 1_000_000;
    let mut control = Control::start(&json!({}));
    let relay = Relay::start(control.addr, 1).unwrap();
    let rollout = control.sdk_over(relay.addr()).connect().unwrap();
    assert!(rollout.wait_for_split(DEADLINE));
    control.roll(&rollout);
    let recorded = stress::work(&rollout, EACH, |done| {
        for part in [1, 2] {
            wait_until(DEADLINE, || done.load(Ordering::Relaxed) >= THREADS * EACH * part / 3);
            control.kill();
            std::thread::sleep(Duration::from_millis(300));
            control.restart();
        }
    });
    let arrived = wait_until(DEADLINE, || control.totals() == recorded);
    assert!(arrived, "counted {:?}, recorded {recorded:?}", control.totals());
    // Ten requests are a deck: each fate befell one at least.
    let fates = [Fate::Lost, Fate::Unanswered, Fate::Repeated, Fate::Held, Fate::Late];
    assert!(wait_until(DEADLINE, || fates.iter().all(|fate| relay.had(*fate) > 0)));
    relay.be_honest();
    rollout.shutdown(DEADLINE).unwrap();
    assert!(wait_until(DEADLINE, || relay.is_settled()));
    assert_eq!(control.totals(), recorded, "what came late or again was counted again");
}
