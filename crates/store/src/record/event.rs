//! Events as records.
//!
//! A look is by far the most frequent event; its records are short. Everything else is rare and written
//! in full words.

use std::sync::Arc;

use fw_engine::rollout::{Delta, InFlight, Requested, SourceSeen};
use fw_engine::{Event, Look, Started, Target};
use fw_model::release::Answer;
use fw_model::{Epoch, Plan, RunId, Salt, SourceId, Variant};
use serde::{Deserialize, Serialize};

use super::history::HistoryRecord;
use super::plain::{CountsRecord, HistogramRecord, Span, is_default};
use super::{RecordError, bytes_of, check_format, shape};

/// Format of the events this version writes.
pub const EVENT_FORMAT: u16 = 1;

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum EventRecord {
    Started(Box<StartedRecord>),
    Looked(LookRecord),
    Paused(RequestedRecord),
    Resumed(RequestedRecord),
    Advanced(RequestedRecord),
    RollbackRequested { to: TargetRecord, by: RequestedRecord },
    AbortRequested(RequestedRecord),
    GateAnswered { phase: usize, gate: usize, answer: Answer, by: RequestedRecord },
    Superseded { by: RunId },
    Quarantined { reason: String },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StartedRecord {
    run: RunId,
    plan: Plan,
    plan_hash: String,
    salt: Salt,
    last_epoch: Epoch,
    actor: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<HistoryRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestedRecord {
    actor: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TargetRecord {
    Previous,
    Stable,
    Phase(usize),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LookRecord {
    watched: Span,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deltas: Vec<DeltaRecord>,
    #[serde(default, skip_serializing_if = "is_default")]
    in_flight_canary: HistogramRecord,
    #[serde(default, skip_serializing_if = "is_default")]
    in_flight_stable: HistogramRecord,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sources: Vec<SourceRecord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    windows: Vec<(usize, bool)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeltaRecord {
    epoch: Epoch,
    variant: Variant,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    instance: String,
    counts: CountsRecord,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceRecord {
    id: SourceId,
    silent_for: Span,
    confirmed: Epoch,
}

/// An event as bytes, with the format they are in.
pub fn encode_event(event: &Event) -> (u16, Vec<u8>) {
    let record = match event {
        Event::Started(started) => EventRecord::Started(Box::new(started_record(started))),
        Event::Looked(look) => EventRecord::Looked(look_record(look)),
        Event::Paused(by) => EventRecord::Paused(requested_record(by)),
        Event::Resumed(by) => EventRecord::Resumed(requested_record(by)),
        Event::Advanced(by) => EventRecord::Advanced(requested_record(by)),
        Event::RollbackRequested { to, by } => {
            let to = match to {
                Target::Previous => TargetRecord::Previous,
                Target::Stable => TargetRecord::Stable,
                Target::Phase(phase) => TargetRecord::Phase(*phase),
            };
            EventRecord::RollbackRequested { to, by: requested_record(by) }
        }
        Event::AbortRequested(by) => EventRecord::AbortRequested(requested_record(by)),
        Event::GateAnswered { phase, gate, answer, by } => EventRecord::GateAnswered {
            phase: *phase,
            gate: *gate,
            answer: *answer,
            by: requested_record(by),
        },
        Event::Superseded { by } => EventRecord::Superseded { by: by.clone() },
        Event::Quarantined { reason } => EventRecord::Quarantined { reason: reason.clone() },
    };
    (EVENT_FORMAT, bytes_of(&record))
}

/// An event from its bytes.
///
/// # Errors
/// [`RecordError`] for another format or other bytes.
pub fn decode_event(format: u16, bytes: &[u8]) -> Result<Event, RecordError> {
    check_format("an event", format, EVENT_FORMAT)?;
    let record: EventRecord = serde_json::from_slice(bytes).map_err(|e| shape("an event", e))?;
    Ok(match record {
        EventRecord::Started(started) => {
            Event::Started(started_of(*started).map_err(|e| shape("an event", e))?)
        }
        EventRecord::Looked(look) => Event::Looked(look_of(look)),
        EventRecord::Paused(by) => Event::Paused(requested_of(by)),
        EventRecord::Resumed(by) => Event::Resumed(requested_of(by)),
        EventRecord::Advanced(by) => Event::Advanced(requested_of(by)),
        EventRecord::RollbackRequested { to, by } => {
            let to = match to {
                TargetRecord::Previous => Target::Previous,
                TargetRecord::Stable => Target::Stable,
                TargetRecord::Phase(phase) => Target::Phase(phase),
            };
            Event::RollbackRequested { to, by: requested_of(by) }
        }
        EventRecord::AbortRequested(by) => Event::AbortRequested(requested_of(by)),
        EventRecord::GateAnswered { phase, gate, answer, by } => {
            Event::GateAnswered { phase, gate, answer, by: requested_of(by) }
        }
        EventRecord::Superseded { by } => Event::Superseded { by },
        EventRecord::Quarantined { reason } => Event::Quarantined { reason },
    })
}

fn started_record(started: &Started) -> StartedRecord {
    let Started { run, plan, plan_hash, salt, last_epoch, actor, reason, before } = started.clone();
    StartedRecord {
        run,
        plan: (*plan).clone(),
        plan_hash: plan_hash.to_string(),
        salt,
        last_epoch,
        actor,
        reason,
        before: before.map(|before| HistoryRecord::of(&before)),
    }
}

fn started_of(record: StartedRecord) -> Result<Started, String> {
    let StartedRecord { run, plan, plan_hash, salt, last_epoch, actor, reason, before } = record;
    let before = before.map(|before| before.history()).transpose()?.map(Box::new);
    Ok(Started {
        run,
        plan: Arc::new(plan),
        plan_hash: plan_hash.into(),
        salt,
        last_epoch,
        actor,
        reason,
        before,
    })
}

fn requested_record(by: &Requested) -> RequestedRecord {
    let Requested { actor, reason } = by.clone();
    RequestedRecord { actor, reason }
}

fn requested_of(record: RequestedRecord) -> Requested {
    let RequestedRecord { actor, reason } = record;
    Requested { actor, reason }
}

fn look_record(look: &Look) -> LookRecord {
    let Look { watched, deltas, in_flight: InFlight { canary, stable }, sources, windows } = look.clone();
    LookRecord {
        watched: Span(watched),
        deltas: deltas.into_iter().map(delta_record).collect(),
        in_flight_canary: canary.into(),
        in_flight_stable: stable.into(),
        sources: sources.into_iter().map(source_record).collect(),
        windows,
    }
}

fn look_of(record: LookRecord) -> Look {
    let LookRecord { watched: Span(watched), deltas, in_flight_canary, in_flight_stable, sources, windows } =
        record;
    Look {
        watched,
        deltas: deltas.into_iter().map(delta_of).collect(),
        in_flight: InFlight { canary: in_flight_canary.into(), stable: in_flight_stable.into() },
        sources: sources.into_iter().map(source_of).collect(),
        windows,
    }
}

fn delta_record(delta: Delta) -> DeltaRecord {
    let Delta { epoch, variant, instance, counts } = delta;
    DeltaRecord { epoch, variant, instance, counts: counts.into() }
}

fn delta_of(record: DeltaRecord) -> Delta {
    let DeltaRecord { epoch, variant, instance, counts } = record;
    Delta { epoch, variant, instance, counts: counts.into() }
}

fn source_record(source: SourceSeen) -> SourceRecord {
    let SourceSeen { id, silent_for, confirmed } = source;
    SourceRecord { id, silent_for: Span(silent_for), confirmed }
}

fn source_of(record: SourceRecord) -> SourceSeen {
    let SourceRecord { id, silent_for: Span(silent_for), confirmed } = record;
    SourceSeen { id, silent_for, confirmed }
}
