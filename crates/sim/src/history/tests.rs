//! Recorded rollouts, made up by the simulation, under other plans.

use std::sync::Arc;
use std::time::Duration;

use fw_engine::rollout::Requested;
use fw_model::plan::SuccessCriteria;
use fw_model::{Percent, Plan};

use super::*;
use crate::run::{Setup, record};

/// Phases of 10 and 100 %, half a minute each.
fn plan() -> Plan {
    let mut plan = Plan::seed("checkout".parse().unwrap());
    plan.phases.truncate(2);
    for (phase, share) in plan.phases.iter_mut().zip([10.0, 100.0]) {
        phase.percentage = Percent::new(share).unwrap();
        phase.duration = Duration::from_secs(30);
        phase.criteria = SuccessCriteria { error_rate: Some(2.0), ..SuccessCriteria::default() };
    }
    plan
}

fn recorded(scenario: &str, plan: &Plan) -> Vec<Recorded> {
    let setup = Setup {
        plan: Arc::new(plan.clone()),
        scenario: scenario.parse().unwrap(),
        rps: 1000.0,
        stable_errors: 0.001,
        look_ms: 1000,
        horizon_ms: 240_000,
        metrics: false,
        instances: (1, 1),
        history: None,
    };
    record(&setup, 1, 0).unwrap()
}

fn kinds(story: &Story) -> Vec<&'static str> {
    story.chapters.iter().map(|c| c.kind).filter(|kind| !matches!(*kind, "held" | "released")).collect()
}

#[test]
fn the_same_plan_gives_the_same_story() {
    let events = recorded("healthy", &plan());
    let replay = replay(&events, &plan()).unwrap();
    assert_eq!(replay.recorded, replay.replayed);
    assert_eq!(kinds(&replay.recorded), ["started", "advanced", "completed"]);
    assert_eq!((replay.canary_requests_saved, replay.notes.len()), (0, 0));
}

#[test]
fn a_stricter_plan_would_have_rolled_back() {
    let mut lax = plan();
    lax.triggers.error_rate = None;
    lax.enable_rollback = false;
    let events = recorded("error-rate=20%", &lax);
    let replay = replay(&events, &plan()).unwrap();
    assert_eq!(kinds(&replay.recorded), ["started"]);
    assert_eq!(kinds(&replay.replayed), ["started", "rolled_back"]);
    let back = replay.replayed.chapters.last().unwrap();
    assert!(back.seconds < 10.0 && back.percentage == 0.0 && !back.text.is_empty(), "{back:?}");
    assert!(replay.canary_requests_saved > 1000);
}

#[test]
fn counts_of_another_share_are_used_and_that_is_said() {
    let events = recorded("healthy", &plan());
    let mut other = plan();
    other.phases[0].percentage = Percent::new(20.0).unwrap();
    let replayed = replay(&events, &other).unwrap();
    assert!(
        replayed.notes.iter().any(|n| n.contains("10 % of traffic") && n.contains("20 %")),
        "{:?}",
        replayed.notes
    );
    other.phases[0].duration = Duration::from_secs(60);
    let slower = replay(&events, &other).unwrap();
    assert!(slower.notes.iter().any(|n| n.contains("ends before")), "{:?}", slower.notes);
}

#[test]
fn commands_are_left_out_and_a_rollback_ends_the_replay() {
    let mut events = recorded("error-rate=20%", &plan());
    let at = events[1].at;
    let by = Requested { actor: "local:a".into(), reason: None };
    events.insert(2, Recorded { seq: 3, at, event: Event::Paused(by) });
    let mut blind = plan();
    blind.enable_rollback = false;
    let last = events.last().unwrap().at;
    for second in 1..4 {
        let at = last.plus(Duration::from_secs(second));
        events.push(Recorded { seq: 0, at, event: Event::Looked(fw_engine::Look::default()) });
    }
    let replay = replay(&events, &blind).unwrap();
    assert!(replay.notes.iter().any(|n| n.contains("1 commands")), "{:?}", replay.notes);
    assert!(replay.notes.iter().any(|n| n.contains("no canary traffic")), "{:?}", replay.notes);
    assert_eq!(replay.replayed.status, "running");
}

#[test]
fn a_run_without_its_beginning_is_refused() {
    let events = recorded("healthy", &plan());
    assert_eq!(replay(&events[1..], &plan()), Err(HistoryError::Incomplete));
    assert_eq!(replay(&[], &plan()), Err(HistoryError::Incomplete));
}

#[test]
fn durations_follow_the_proof_and_limits_follow_stable() {
    let mut hasty = plan();
    hasty.phases[0].criteria.error_rate = Some(0.3);
    let events = recorded("healthy", &hasty);
    let mut slow = hasty.clone();
    slow.phases[0].duration = Duration::from_secs(1200);
    slow.phases[0].criteria.error_rate = Some(0.1);
    let tuning = tune(&slow, &[("checkout.1".into(), Ok(events)), ("checkout.2".into(), Err("gone".into()))]);
    assert_eq!((tuning.runs.len(), tuning.skipped.len()), (1, 1));
    assert!((tuning.rps.unwrap() / 1000.0 - 1.0).abs() < 0.05, "{tuning:?}");
    assert!((tuning.base_error_rate.unwrap() - 0.1).abs() < 0.05, "{tuning:?}");
    let keys: Vec<_> = tuning.suggestions.iter().filter(|s| s.phase == 0).map(|s| s.key).collect();
    assert_eq!(keys, ["successCriteria.errorRate", "duration"]);
    let duration = &tuning.suggestions[1];
    assert_eq!(duration.now, "20m");
    assert!(duration.reason.contains("in checkout.1"), "{duration:?}");
}

#[test]
fn without_a_past_nothing_is_suggested() {
    let tuning = tune(&plan(), &[]);
    assert_eq!((tuning.suggestions.len(), tuning.rps, tuning.base_error_rate), (0, None, None));
}
