//! Start-up: the log is read, the states are rebuilt, and unfinished effects follow from them.
//!
//! A snapshot plus the events after it is the state; a hole or a record that can't be read is an
//! error with its place, never skipped. Nothing here moves traffic.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fw_engine::Rollout;
use fw_model::{Epoch, Salt, ServiceKey};
use fw_store::{Loaded, LoadedRollout, LogInfo, ServiceRow, record};
use tokio::sync::watch;
use tokio::time::Instant;

use super::reporters::{self, Reporter};
use super::service::{Run, Service, ServiceDef, ServiceState};
use super::sources::Source;
use super::watching::Watching;

/// How long data planes known from before a restart may take to come back.
const GRACE: Duration = Duration::from_secs(3);

/// The log and the configs don't make a server.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The store can't be read.
    #[error("{0}")]
    Store(#[from] fw_store::Error),
    /// A record can't be understood.
    #[error(
        "the log holds something this version can't read: {what}. Use the version of fw that wrote it, or another --store"
    )]
    Record {
        /// Which, and why.
        what: String,
    },
    /// Replaying an event was refused: the log and the engine disagree.
    #[error(
        "replaying {run} failed at event {seq}: {what}. Keep the database and report it; another --store starts afresh"
    )]
    Replay {
        /// Which run.
        run: String,
        /// Which event.
        seq: u64,
        /// Why.
        what: String,
    },
    /// Two configs of one service and region.
    #[error("two configs are for {0}: each service and region has one")]
    Twice(ServiceKey),
}

/// Rebuilds every service that is served. `bits` draws 128 random bits.
pub(super) fn services(
    loaded: &Loaded,
    defs: Vec<ServiceDef>,
    info: &LogInfo,
    bits: &dyn Fn() -> u128,
) -> Result<BTreeMap<ServiceKey, Service>, BootError> {
    let now = Instant::now();
    let mut services = BTreeMap::new();
    for def in defs {
        let key = def.plan.key.clone();
        let state = state_of(loaded, &key, now)?;
        let resting_salt = Salt::from_bits(bits());
        let mut service = Service {
            state,
            plan: def.plan,
            resting_salt,
            log_id: info.log_id.clone(),
            split: dummy(&key, info),
        };
        settle(&mut service);
        let split = Arc::new(service.split_now());
        service.split = watch::Sender::new(split);
        if services.insert(key.clone(), service).is_some() {
            return Err(BootError::Twice(key));
        }
    }
    Ok(services)
}

/// Replaced at once; a watch channel wants a first value.
fn dummy(key: &ServiceKey, info: &LogInfo) -> watch::Sender<Arc<fw_model::Split>> {
    let plan = fw_model::Plan::seed(key.clone());
    watch::Sender::new(Arc::new(fw_model::Split::resting(
        &plan,
        info.log_id.clone(),
        Epoch(0),
        Salt::from_bits(0),
    )))
}

/// Where nothing is under way and the config names what runs as stable at another place, the config's place counts
/// from now on: a new epoch, everything to stable.
fn settle(service: &mut Service) {
    let Some(run) = &service.state.run else { return };
    let rollout = &run.rollout;
    if rollout.is_watched() || rollout.epoch != service.state.epoch {
        return;
    }
    let configured = &service.plan.stable;
    let runs = if rollout.is_full() { &rollout.plan.canary } else { &rollout.plan.stable };
    if configured.version == runs.version && configured.urls != runs.urls {
        service.state.epoch = service.state.epoch.next();
    }
}

fn state_of(loaded: &Loaded, key: &ServiceKey, now: Instant) -> Result<ServiceState, BootError> {
    let row = loaded.services.iter().find(|row| row.key == *key);
    let latest =
        loaded.rollouts.iter().filter(|l| l.snapshot.run.key == *key).max_by_key(|l| l.snapshot.run.number);
    let run = latest.map(rebuild).transpose()?;
    let (mut sources, mut reporters) = (BTreeMap::new(), BTreeMap::new());
    for row in loaded.sources.iter().filter(|row| row.key == *key) {
        if row.source.0.starts_with(reporters::PREFIX) {
            let reporter = Reporter::from_row(row, now).map_err(|what| BootError::Record { what })?;
            reporters.insert(row.source.clone(), Arc::new(reporter));
            continue;
        }
        let source = Source::from_row(row, now).map_err(|what| BootError::Record { what })?;
        sources.insert(row.source.clone(), source);
    }
    let epoch = run.as_ref().map_or(Epoch(0), |run| run.rollout.epoch);
    let watching = row.map(watching_of).transpose()?.unwrap_or_default();
    Ok(ServiceState {
        key: key.clone(),
        epoch: row.map_or(Epoch(0), |row| row.epoch).max(epoch),
        runs: row.map_or(0, |row| row.runs),
        current_version: row.and_then(|row| row.current_version.clone()),
        run,
        sources,
        reporters,
        watching: Arc::new(watching),
        urgent: false,
        grace_until: now + GRACE,
    })
}

fn watching_of(row: &ServiceRow) -> Result<Watching, BootError> {
    if row.payload.is_empty() {
        return Ok(Watching::default());
    }
    let (version, history) = record::decode_history(row.format, &row.payload)
        .map_err(|e| BootError::Record { what: format!("{}: {e}", row.key) })?;
    Ok(Watching::stored(version, history))
}

/// A run from its snapshot and the events after it.
fn rebuild(loaded: &LoadedRollout) -> Result<Run, BootError> {
    let snapshot = &loaded.snapshot;
    let unreadable =
        |e: record::RecordError| BootError::Record { what: format!("{} snapshot: {e}", snapshot.run) };
    let mut rollout: Rollout =
        record::decode_state(snapshot.format, &snapshot.payload).map_err(unreadable)?;
    let mut seq = snapshot.seq;
    for row in &loaded.events {
        let replay = |what: String| BootError::Replay { run: row.run.to_string(), seq: row.seq, what };
        let event = record::decode_event(row.format, &row.payload).map_err(|e| replay(e.to_string()))?;
        rollout = fw_engine::step(&rollout, &event, row.at).map_err(|e| replay(e.to_string()))?.next;
        seq = row.seq;
    }
    Ok(run_of(rollout, seq, snapshot.seq))
}

/// A run that has not been looked at yet.
pub(super) fn run_of(rollout: Rollout, seq: u64, snapshot_seq: u64) -> Run {
    let report = fw_engine::rollout::report_of(&rollout);
    Run { shown: rollout.clone(), rollout, report, seq, snapshot_seq, carried: Duration::ZERO, looked: None }
}

/// Reads a run that is not the latest of its service, for showing.
pub(crate) fn decode_run(
    stored: &fw_store::StoredRollout,
    events: &[fw_store::EventRow],
) -> Result<(Rollout, fw_engine::Report), BootError> {
    let run = rebuild(&LoadedRollout { snapshot: stored.snapshot.clone(), events: events.to_vec() })?;
    Ok((run.rollout, run.report))
}
