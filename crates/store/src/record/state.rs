//! States (snapshots) as records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fw_engine::analysis::State;
use fw_engine::rollout::{GateState, InFlight, Moving, Said, Tally, Totals};
use fw_engine::{Rollout, Waiting};
use fw_model::release::Answer;
use fw_model::{Epoch, Plan, RunId, Salt, SourceId, Timestamp, Weight};
use serde::{Deserialize, Serialize};

use super::plain::{CountsRecord, HistogramRecord, Real, Span, is_default};
use super::{RecordError, bytes_of, check_format, shape, words};

/// Format of the states this version writes.
pub const STATE_FORMAT: u16 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateRecord {
    run: RunId,
    plan: Plan,
    plan_hash: String,
    salt: Salt,
    status: String,
    #[serde(default, skip_serializing_if = "is_default")]
    position: Option<usize>,
    first_epoch: Epoch,
    epoch: Epoch,
    canary: Weight,
    confirmed: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    live: BTreeSet<SourceId>,
    started_at: Timestamp,
    #[serde(default, skip_serializing_if = "is_default")]
    ended_at: Option<Timestamp>,
    entered_at: Timestamp,
    watched: Span,
    #[serde(default, skip_serializing_if = "is_default")]
    tally_canary: CountsRecord,
    #[serde(default, skip_serializing_if = "is_default")]
    tally_stable: CountsRecord,
    ended_healthy: Vec<bool>,
    total_requests: u64,
    total_errors: u64,
    attempt: u32,
    analysis: AnalysisRecord,
    #[serde(default, skip_serializing_if = "is_default")]
    moving: Option<MovingRecord>,
    #[serde(default, skip_serializing_if = "is_default")]
    waiting: Vec<WaitingRecord>,
    held: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    alerted: Vec<String>,
    metrics_at: Timestamp,
    #[serde(default, skip_serializing_if = "is_default")]
    quarantine: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    gates: Vec<GateRecord>,
    effects: u64,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GateRecord {
    #[serde(default, skip_serializing_if = "is_default")]
    said: Vec<SaidRecord>,
    #[serde(default, skip_serializing_if = "is_default")]
    answer: Option<Answer>,
    #[serde(default, skip_serializing_if = "is_default")]
    open: bool,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SaidRecord {
    actor: String,
    #[serde(default, skip_serializing_if = "is_default")]
    reason: Option<String>,
    at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnalysisRecord {
    #[serde(default, skip_serializing_if = "is_default")]
    in_flight_canary: HistogramRecord,
    #[serde(default, skip_serializing_if = "is_default")]
    in_flight_stable: HistogramRecord,
    /// By the test's name: its state as numbers.
    tests: BTreeMap<String, Vec<Real>>,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MovingRecord {
    #[serde(default, skip_serializing_if = "is_default")]
    from: Option<usize>,
    #[serde(default, skip_serializing_if = "is_default")]
    to: Option<usize>,
    trigger: String,
    evidence: Vec<String>,
    decided_at: Timestamp,
    #[serde(default, skip_serializing_if = "is_default")]
    awaited: BTreeSet<SourceId>,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WaitingRecord {
    kind: String,
    text: String,
    since: Timestamp,
    #[serde(default, skip_serializing_if = "is_default")]
    eta: Option<Span>,
}

/// A state as bytes, with the format they are in.
pub fn encode_state(rollout: &Rollout) -> (u16, Vec<u8>) {
    (STATE_FORMAT, bytes_of(&record_of(rollout)))
}

/// A state from its bytes.
///
/// # Errors
/// [`RecordError`] for another format or other bytes.
pub fn decode_state(format: u16, bytes: &[u8]) -> Result<Rollout, RecordError> {
    check_format("a state", format, STATE_FORMAT)?;
    let record: StateRecord = serde_json::from_slice(bytes).map_err(|e| shape("a state", e))?;
    state_of(record).map_err(|e| shape("a state", e))
}

fn record_of(rollout: &Rollout) -> StateRecord {
    let Rollout {
        run,
        plan,
        plan_hash,
        salt,
        status,
        position,
        first_epoch,
        epoch,
        canary,
        confirmed,
        live,
        started_at,
        ended_at,
        entered_at,
        watched,
        tally: Tally { canary: tally_canary, stable: tally_stable },
        ended_healthy,
        totals: Totals { requests, errors },
        attempt,
        analysis,
        moving,
        waiting,
        held,
        alerted,
        metrics_at,
        quarantine,
        gates,
        effects,
    } = rollout.clone();
    StateRecord {
        run,
        plan: (*plan).clone(),
        plan_hash: plan_hash.to_string(),
        salt,
        status: status.as_str().into(),
        position,
        first_epoch,
        epoch,
        canary,
        confirmed,
        live,
        started_at,
        ended_at,
        entered_at,
        watched: Span(watched),
        tally_canary: tally_canary.into(),
        tally_stable: tally_stable.into(),
        ended_healthy,
        total_requests: requests,
        total_errors: errors,
        attempt,
        analysis: analysis_record(analysis),
        moving: moving.map(moving_record),
        waiting: waiting.into_iter().map(waiting_record).collect(),
        held,
        alerted: alerted.iter().map(|t| t.as_str().into()).collect(),
        metrics_at,
        quarantine,
        gates: gates.into_iter().map(gate_record).collect(),
        effects,
    }
}

fn state_of(r: StateRecord) -> Result<Rollout, String> {
    Ok(Rollout {
        run: r.run,
        plan: Arc::new(r.plan),
        plan_hash: r.plan_hash.into(),
        salt: r.salt,
        status: words::status(&r.status)?,
        position: r.position,
        first_epoch: r.first_epoch,
        epoch: r.epoch,
        canary: r.canary,
        confirmed: r.confirmed,
        live: r.live,
        started_at: r.started_at,
        ended_at: r.ended_at,
        entered_at: r.entered_at,
        watched: r.watched.0,
        tally: Tally { canary: r.tally_canary.into(), stable: r.tally_stable.into() },
        ended_healthy: r.ended_healthy,
        totals: Totals { requests: r.total_requests, errors: r.total_errors },
        attempt: r.attempt,
        analysis: analysis_of(r.analysis)?,
        moving: r.moving.map(moving_of).transpose()?,
        waiting: r.waiting.into_iter().map(waiting_of).collect::<Result<_, _>>()?,
        held: r.held,
        alerted: r.alerted.iter().map(|t| words::trigger(t)).collect::<Result<_, _>>()?,
        metrics_at: r.metrics_at,
        quarantine: r.quarantine,
        gates: r.gates.into_iter().map(gate_of).collect(),
        effects: r.effects,
    })
}

fn gate_record(state: GateState) -> GateRecord {
    let GateState { said, answer, open } = state;
    let said = said.into_iter().map(|Said { actor, reason, at }| SaidRecord { actor, reason, at });
    GateRecord { said: said.collect(), answer, open }
}

fn gate_of(record: GateRecord) -> GateState {
    let GateRecord { said, answer, open } = record;
    let said = said.into_iter().map(|SaidRecord { actor, reason, at }| Said { actor, reason, at });
    GateState { said: said.collect(), answer, open }
}

fn analysis_record(state: State) -> AnalysisRecord {
    let numbers = |list: Vec<f64>| list.into_iter().map(Real).collect();
    let tests = state.parts().into_iter().map(|(name, list)| (name, numbers(list))).collect();
    let InFlight { canary, stable } = state.in_flight;
    AnalysisRecord { in_flight_canary: canary.into(), in_flight_stable: stable.into(), tests }
}

fn analysis_of(record: AnalysisRecord) -> Result<State, String> {
    let AnalysisRecord { in_flight_canary, in_flight_stable, tests } = record;
    let in_flight = InFlight { canary: in_flight_canary.into(), stable: in_flight_stable.into() };
    let list = |name: &str| Some(tests.get(name)?.iter().map(|number| number.0).collect());
    State::from_parts(in_flight, list)
}

fn moving_record(moving: Moving) -> MovingRecord {
    let Moving { from, to, trigger, evidence, decided_at, awaited } = moving;
    MovingRecord { from, to, trigger: trigger.as_str().into(), evidence, decided_at, awaited }
}

fn moving_of(record: MovingRecord) -> Result<Moving, String> {
    let MovingRecord { from, to, trigger, evidence, decided_at, awaited } = record;
    Ok(Moving { from, to, trigger: words::trigger(&trigger)?, evidence, decided_at, awaited })
}

fn waiting_record(waiting: Waiting) -> WaitingRecord {
    let Waiting { kind, text, since, eta } = waiting;
    WaitingRecord { kind: kind.as_str().into(), text, since, eta: eta.map(Span) }
}

fn waiting_of(record: WaitingRecord) -> Result<Waiting, String> {
    let WaitingRecord { kind, text, since, eta } = record;
    Ok(Waiting { kind: words::waiting_kind(&kind)?, text, since, eta: eta.map(|Span(eta)| eta) })
}
