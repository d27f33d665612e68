//! A worker without HTTP: jobs from a queue, a new way of doing them, and an engine in the same process.
//!
//! `cargo run -p fw-sdk --features embedded --example worker`. The new way fails one time in five: watch the
//! engine find out and go back by itself. With `FW_SERVER` set a server decides instead, for the service `worker`.

use std::time::{Duration, Instant};

use fw_sdk::{Rollout, Scheduler};

/// The rollout block alone is a config.
const CONFIG: &str = r#"{
    "phases": [
        { "percentage": 10, "duration": "30s", "riskScore": 50, "description": "A tenth" },
        { "percentage": 100, "duration": "30s", "riskScore": 30, "description": "All" }
    ]
}"#;
/// Jobs done before the worker ends.
const JOBS: u64 = 20_000;

fn old_way(_job: u64) -> Result<f64, &'static str> {
    Ok(1.0)
}

fn new_way(job: u64) -> Result<f64, &'static str> {
    if job.is_multiple_of(5) { Err("the new way trips over every fifth job") } else { Ok(1.2) }
}

fn work(rollout: &Rollout) -> anyhow::Result<()> {
    let mut last = rollout.current_phase();
    for job in 0..JOBS {
        // A job's customer is its key: who gets the new way keeps it.
        let assignment = rollout.assign(format!("customer-{}", job % 500));
        let began = Instant::now();
        let done = if assignment.is_canary() { new_way(job) } else { old_way(job) };
        if let Ok(value) = done {
            assignment.record_custom_metric("value", value)?;
        }
        assignment.record(done.is_ok(), began.elapsed());
        let now = rollout.current_phase();
        if now != last {
            println!("job {job}: {} % on the new way", now.percentage);
            last = now;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn main() -> anyhow::Result<()> {
    if let Ok(server) = std::env::var("FW_SERVER") {
        let rollout = Rollout::connect(&server, "worker")?;
        work(&rollout)?;
        return Ok(rollout.shutdown(Duration::from_secs(5))?);
    }
    let scheduler = Scheduler::new(CONFIG)?;
    scheduler.start()?;
    work(&scheduler)?;
    if let Some(status) = scheduler.status() {
        println!("{}", serde_json::to_string_pretty(&status)?);
    }
    Ok(scheduler.shutdown(Duration::from_secs(5))?)
}
