//! Events of releases as records, for the journal.
//!
//! Rare, so everything is in full words. A state is never stored: it is what replaying the events gives.

use std::sync::Arc;

use fw_engine::release::{
    Event, Facts, Found, Local, Outcome, ReleasePlan, Resolution, Seen, Started, TaskId,
};
use fw_engine::rollout::Requested;
use fw_model::release::{Answer, ChangeSize, Finding, ReleaseId, ReleasePolicy, Strategy};
use fw_model::{Plan, RunId};
use serde::{Deserialize, Serialize};

use super::{RecordError, bytes_of, check_format, shape, words};

/// Format of the events this version writes.
pub const RELEASE_FORMAT: u16 = 1;

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum EventRecord {
    Started(Box<StartedRecord>),
    TaskEnded { task: u32, attempt: u32, outcome: OutcomeRecord },
    RolloutSeen(SeenRecord),
    WindowSeen { gate: usize, open: bool },
    Answered { gate: Option<usize>, answer: Answer, by: By },
    CancelRequested(By),
    UndoRequested(By),
    Resolved { task: u32, resolution: ResolutionRecord, by: By },
    Superseded { by: ReleaseId },
    Ticked,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StartedRecord {
    id: ReleaseId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
    strategy: Strategy,
    policy: ReleasePolicy,
    rollout: Plan,
    plan_hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    regions: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    change: Option<ChangeSize>,
    auto_approve: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    without_rollout: bool,
    by: By,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct By {
    actor: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OutcomeRecord {
    Done(Box<FoundRecord>),
    Failed { why: String, again: bool },
    Unknown { why: String },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FoundRecord {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    facts: Option<FactsRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen: Option<SeenRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FactsRecord {
    releases: u32,
    rolled_back: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    day_minute: Option<(u8, u16)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hours_to_freeze: Option<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeenRecord {
    run: RunId,
    status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    superseded: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    partial: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    why: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ResolutionRecord {
    Done,
    Failed,
    Again,
}

/// An event as bytes, with the format they are in.
pub fn encode_release_event(event: &Event) -> (u16, Vec<u8>) {
    let record = match event.clone() {
        Event::Started(started) => EventRecord::Started(Box::new(started_record(started))),
        Event::TaskEnded { task, attempt, outcome } => {
            EventRecord::TaskEnded { task: task.0, attempt, outcome: outcome_record(outcome) }
        }
        Event::RolloutSeen(seen) => EventRecord::RolloutSeen(seen_record(seen)),
        Event::WindowSeen { gate, open } => EventRecord::WindowSeen { gate, open },
        Event::Answered { gate, answer, by } => EventRecord::Answered { gate, answer, by: by_record(by) },
        Event::CancelRequested(by) => EventRecord::CancelRequested(by_record(by)),
        Event::UndoRequested(by) => EventRecord::UndoRequested(by_record(by)),
        Event::Resolved { task, resolution, by } => {
            let resolution = match resolution {
                Resolution::Done => ResolutionRecord::Done,
                Resolution::Failed => ResolutionRecord::Failed,
                Resolution::Again => ResolutionRecord::Again,
            };
            EventRecord::Resolved { task: task.0, resolution, by: by_record(by) }
        }
        Event::Superseded { by } => EventRecord::Superseded { by },
        Event::Ticked => EventRecord::Ticked,
    };
    (RELEASE_FORMAT, bytes_of(&record))
}

/// An event from its bytes.
///
/// # Errors
/// [`RecordError`] for another format or other bytes.
pub fn decode_release_event(format: u16, bytes: &[u8]) -> Result<Event, RecordError> {
    check_format("an event of a release", format, RELEASE_FORMAT)?;
    let bad = |e: String| shape("an event of a release", e);
    let record: EventRecord = serde_json::from_slice(bytes).map_err(|e| bad(e.to_string()))?;
    Ok(match record {
        EventRecord::Started(started) => Event::Started(started_of(*started)),
        EventRecord::TaskEnded { task, attempt, outcome } => {
            Event::TaskEnded { task: TaskId(task), attempt, outcome: outcome_of(outcome).map_err(bad)? }
        }
        EventRecord::RolloutSeen(seen) => Event::RolloutSeen(seen_of(seen).map_err(bad)?),
        EventRecord::WindowSeen { gate, open } => Event::WindowSeen { gate, open },
        EventRecord::Answered { gate, answer, by } => Event::Answered { gate, answer, by: by_of(by) },
        EventRecord::CancelRequested(by) => Event::CancelRequested(by_of(by)),
        EventRecord::UndoRequested(by) => Event::UndoRequested(by_of(by)),
        EventRecord::Resolved { task, resolution, by } => {
            let resolution = match resolution {
                ResolutionRecord::Done => Resolution::Done,
                ResolutionRecord::Failed => Resolution::Failed,
                ResolutionRecord::Again => Resolution::Again,
            };
            Event::Resolved { task: TaskId(task), resolution, by: by_of(by) }
        }
        EventRecord::Superseded { by } => Event::Superseded { by },
        EventRecord::Ticked => Event::Ticked,
    })
}

fn by_record(by: Requested) -> By {
    By { actor: by.actor, reason: by.reason }
}

fn by_of(by: By) -> Requested {
    Requested { actor: by.actor, reason: by.reason }
}

fn started_record(started: Started) -> StartedRecord {
    let Started { id, plan, local: Local { findings, change }, auto_approve, without_rollout, by } = started;
    let ReleasePlan { environment, strategy, policy, rollout, plan_hash, regions } =
        ReleasePlan::clone(&plan);
    let by = by_record(by);
    StartedRecord {
        id,
        environment,
        strategy,
        policy,
        rollout,
        plan_hash,
        regions,
        findings,
        change,
        auto_approve,
        without_rollout,
        by,
    }
}

fn started_of(record: StartedRecord) -> Started {
    let StartedRecord {
        id,
        environment,
        strategy,
        policy,
        rollout,
        plan_hash,
        regions,
        findings,
        change,
        auto_approve,
        without_rollout,
        by,
    } = record;
    Started {
        id,
        plan: Arc::new(ReleasePlan { environment, strategy, policy, rollout, plan_hash, regions }),
        local: Local { findings, change },
        auto_approve,
        without_rollout,
        by: by_of(by),
    }
}

fn outcome_record(outcome: Outcome) -> OutcomeRecord {
    match outcome {
        Outcome::Done(Found { text, findings, facts, seen }) => {
            let facts = facts.map(|facts| {
                let Facts { releases, rolled_back, day_minute, hours_to_freeze } = facts;
                FactsRecord { releases, rolled_back, day_minute, hours_to_freeze }
            });
            let seen = seen.map(seen_record);
            OutcomeRecord::Done(Box::new(FoundRecord { text, findings, facts, seen }))
        }
        Outcome::Failed { why, again } => OutcomeRecord::Failed { why, again },
        Outcome::Unknown { why } => OutcomeRecord::Unknown { why },
    }
}

fn outcome_of(record: OutcomeRecord) -> Result<Outcome, String> {
    Ok(match record {
        OutcomeRecord::Done(found) => {
            let FoundRecord { text, findings, facts, seen } = *found;
            let facts = facts.map(|facts| {
                let FactsRecord { releases, rolled_back, day_minute, hours_to_freeze } = facts;
                Facts { releases, rolled_back, day_minute, hours_to_freeze }
            });
            Outcome::Done(Found { text, findings, facts, seen: seen.map(seen_of).transpose()? })
        }
        OutcomeRecord::Failed { why, again } => Outcome::Failed { why, again },
        OutcomeRecord::Unknown { why } => Outcome::Unknown { why },
    })
}

fn seen_record(seen: Seen) -> SeenRecord {
    let Seen { run, status, position, superseded, partial, why } = seen;
    SeenRecord { run, status: status.as_str().into(), position, superseded, partial, why }
}

fn seen_of(record: SeenRecord) -> Result<Seen, String> {
    let SeenRecord { run, status, position, superseded, partial, why } = record;
    Ok(Seen { run, status: words::status(&status)?, position, superseded, partial, why })
}

#[cfg(test)]
mod tests {
    use fw_engine::rollout::Status;
    use fw_model::release::Severity;

    use super::*;

    fn by() -> Requested {
        Requested { actor: "ann".into(), reason: Some("why not".into()) }
    }

    fn seen() -> Seen {
        let why = vec!["40 errors".into()];
        let (run, status) = ("shop.12".parse().unwrap(), Status::RolledBack);
        Seen { run, status, position: Some(1), superseded: true, partial: true, why }
    }

    fn events() -> Vec<Event> {
        let plan = ReleasePlan {
            environment: Some("production".into()),
            strategy: Strategy::BlueGreen,
            policy: ReleasePolicy::default(),
            rollout: Plan::seed("shop".parse().unwrap()),
            plan_hash: "0123456789abcdef".into(),
            regions: Some("{}".into()),
        };
        let change = Some(ChangeSize { commits: 1, files: 2, insertions: 3, deletions: 4 });
        let findings = vec![Finding::new("git", Severity::Warning, "dirty").at("fw.yaml:1:1")];
        let facts =
            Facts { releases: 3, rolled_back: 1, day_minute: Some((4, 600)), hours_to_freeze: Some(7.5) };
        let found =
            Found { text: "x".into(), findings: findings.clone(), facts: Some(facts), seen: Some(seen()) };
        let ended = |outcome| Event::TaskEnded { task: TaskId(3), attempt: 2, outcome };
        let resolved = |resolution| Event::Resolved { task: TaskId(3), resolution, by: by() };
        vec![
            Event::Started(Started {
                id: "shop.r7".parse().unwrap(),
                plan: Arc::new(plan),
                local: Local { findings, change },
                auto_approve: true,
                without_rollout: true,
                by: by(),
            }),
            ended(Outcome::Done(found)),
            ended(Outcome::Done(Found::default())),
            ended(Outcome::Failed { why: "x".into(), again: true }),
            ended(Outcome::Unknown { why: "x".into() }),
            Event::RolloutSeen(seen()),
            Event::WindowSeen { gate: 1, open: true },
            Event::Answered { gate: Some(1), answer: Answer::Reject, by: by() },
            Event::Answered { gate: None, answer: Answer::Approve, by: Requested { reason: None, ..by() } },
            Event::CancelRequested(by()),
            Event::UndoRequested(by()),
            resolved(Resolution::Done),
            resolved(Resolution::Failed),
            resolved(Resolution::Again),
            Event::Superseded { by: "shop.r8".parse().unwrap() },
            Event::Ticked,
        ]
    }

    #[test]
    fn every_event_reads_back() {
        for event in events() {
            let (format, bytes) = encode_release_event(&event);
            assert_eq!(decode_release_event(format, &bytes), Ok(event));
        }
    }

    #[test]
    fn what_is_no_event_is_refused() {
        let (_, bytes) = encode_release_event(&Event::Ticked);
        assert!(matches!(decode_release_event(2, &bytes), Err(RecordError::Format { found: 2, .. })));
        for bad in
            ["", "{}", r#"{"event":"started"}"#, r#"{"event":"rollout_seen","run":"a.1","status":"odd"}"#]
        {
            assert!(decode_release_event(1, bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
