//! The multi-region example, run as it stands: compiled and called, not copied.

use std::time::Duration;

use fw_testkit::wait_until;

use crate::support::DEADLINE;

#[path = "../../examples/regions.rs"]
mod example;

#[test]
fn the_example_begins_one_region_after_the_other() {
    let rollouts = example::schedulers().unwrap();
    let of = |place: usize| rollouts[place].status();
    assert!((0..3).all(|place| of(place).is_none()), "nothing has begun");
    example::stagger(&rollouts[..1], Duration::ZERO).unwrap();
    assert!(of(1).is_none(), "the others wait");
    assert_eq!(of(0).unwrap().region.as_deref(), Some(example::REGIONS[0]));
    example::stagger(&rollouts[1..], Duration::from_millis(10)).unwrap();
    let run = |place: usize| of(place).is_some_and(|status| status.status == "running");
    assert!(wait_until(DEADLINE, || (0..3).all(run)), "each serves its own region");
    for rollout in rollouts {
        rollout.shutdown(DEADLINE).unwrap();
    }
}
