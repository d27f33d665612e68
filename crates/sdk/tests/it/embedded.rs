//! The engine in the process: the pattern the project started from, without a server.

use std::time::Duration;

use fw_sdk::{Command, Scheduler, SchedulerError};
use fw_testkit::wait_until;

use crate::support::DEADLINE;

/// The rollout block alone, as JSON.
const CONFIG: &str = r#"{
    "phases": [
        { "percentage": 50, "duration": 60, "riskScore": 65, "description": "Half" },
        { "percentage": 100, "duration": 60, "riskScore": 35, "description": "All" }
    ],
    "autoAdvance": true, "riskThreshold": 70, "enableRollback": true, "monitoringInterval": 30
}"#;

const MS: Duration = Duration::from_millis(1);

fn is(scheduler: &Scheduler, status: &str) -> bool {
    wait_until(DEADLINE, || {
        scheduler.status().is_some_and(|now| serde_json::to_value(&now).unwrap()["status"] == status)
    })
}

fn canary_requests(scheduler: &Scheduler) -> u64 {
    scheduler.engine().latest(None, None).unwrap().map_or(0, |run| run.counts.canary.requests)
}

#[test]
fn a_rollout_begins_serves_is_steered_and_rolls_back_in_one_process() {
    let scheduler = Scheduler::new(CONFIG).unwrap();
    assert!(!scheduler.should_serve(), "nothing is moved before it starts");
    scheduler.start().unwrap();
    assert!(is(&scheduler, "running"));
    assert_eq!(scheduler.current_phase().percentage, 50.0);
    assert!(matches!(scheduler.start(), Err(SchedulerError::Refused(_))));
    scheduler.command(Command::Pause, Some("lunch")).unwrap();
    assert!(is(&scheduler, "paused"));
    scheduler.command(Command::Resume, None).unwrap();
    assert!(is(&scheduler, "running"));
    for i in 0..500 {
        scheduler.assign(format!("user-{i}")).record(true, MS);
    }
    assert!(wait_until(DEADLINE, || canary_requests(&scheduler) > 200));
    // Every canary request fails now: the engine goes back by itself.
    let rolled_back = wait_until(DEADLINE, || {
        for i in 0..200 {
            let assignment = scheduler.assign(format!("user-{i}-{:?}", std::time::Instant::now()));
            let ok = !assignment.is_canary();
            assignment.record(ok, MS);
        }
        scheduler.current_phase().percentage == 0.0
    });
    assert!(rolled_back, "{:?}", scheduler.status());
    assert!(is(&scheduler, "rolled_back"));
    assert!(!scheduler.should_serve() && !scheduler.should_serve_for("user-1"));
    scheduler.shutdown(DEADLINE).unwrap();
    assert!(matches!(scheduler.start(), Err(SchedulerError::Refused(_) | SchedulerError::Gone)));
}

#[test]
fn with_a_store_a_restart_goes_on_where_it_stopped_and_loses_no_count() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("state.db");
    let first = Scheduler::with_store(CONFIG, &store).unwrap();
    first.start().unwrap();
    assert!(is(&first, "running"));
    let mut canary = 0;
    for i in 0..300 {
        let assignment = first.assign(i.to_string());
        canary += u64::from(assignment.is_canary());
        assignment.record(true, MS);
    }
    let chosen: Vec<bool> = (0..300).map(|i| first.should_serve_for(i.to_string())).collect();
    first.shutdown(DEADLINE).unwrap();
    drop(first);
    let second = {
        let mut opened = None;
        wait_until(DEADLINE, || {
            opened = Scheduler::with_store(CONFIG, &store).ok();
            opened.is_some()
        });
        opened.unwrap()
    };
    assert_eq!(second.current_phase().percentage, 50.0);
    assert!((0..300).all(|i| second.should_serve_for(i.to_string()) == chosen[i]));
    assert_eq!(canary_requests(&second), canary);
    second.shutdown(DEADLINE).unwrap();
}

#[test]
fn a_config_with_faults_names_them_all() {
    let text = Scheduler::new(
        r#"{ "phases": [{ "percentage": 0, "duration": 1, "riskScore": 1 }], "autoAdvnce": true }"#,
    );
    let text = text.unwrap_err().to_string();
    assert!(text.contains("autoAdvance") && text.contains("percentage"), "{text}");
}
