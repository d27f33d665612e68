//! The seed's multi-region rollout: one scheduler a region, the second begun a while after the first.
//!
//! `cargo run -p fw-sdk --features embedded --example regions`. Each scheduler is an engine of its own in this process,
//! which suits one process that serves several regions. Regions on several machines are the business of a server, which
//! also brakes when one goes wrong: `regions` and `waves` in its config.

use std::time::Duration;

use fw_sdk::{Scheduler, SchedulerError};

/// The regions, in the order they go.
pub(crate) const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-1"];

/// A scheduler for each region; nothing is begun yet.
///
/// # Errors
/// [`SchedulerError`] when a config can't be used.
pub(crate) fn schedulers() -> Result<Vec<Scheduler>, SchedulerError> {
    REGIONS.iter().map(|region| Scheduler::new(&format!(r#"{{ "region": "{region}" }}"#))).collect()
}

/// Begins one region after the other, `gap` apart.
///
/// # Errors
/// [`SchedulerError`] when a region can't begin.
pub(crate) fn stagger(rollouts: &[Scheduler], gap: Duration) -> Result<(), SchedulerError> {
    for (place, rollout) in rollouts.iter().enumerate() {
        if place > 0 {
            std::thread::sleep(gap);
        }
        rollout.start()?;
        let status = rollout.status().map_or("none".to_owned(), |status| status.status);
        println!("{}: {status}", REGIONS[place]);
    }
    Ok(())
}

/// Five seconds here; five minutes in the seed.
#[allow(dead_code)] // The tests call what is above.
fn main() -> anyhow::Result<()> {
    let rollouts = schedulers()?;
    stagger(&rollouts, Duration::from_secs(5))?;
    for rollout in rollouts {
        rollout.shutdown(Duration::from_secs(5))?;
    }
    Ok(())
}
