//! Merging of reports: cumulative counters per source, the higher `seq` wins (contract section 6).
//!
//! What the evaluations have consumed is kept beside what was reported last; their difference is
//! what the next look sees. The consumed side is made durable with the look that consumed it, so a
//! report that is lost, repeated, reordered, or sent again after a restart changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fw_api::wire::CellWire;
use fw_api::{Report, WireError};
use fw_engine::rollout::{Delta, InFlight, SourceSeen};
use fw_model::{CellKey, Counts, Epoch, SourceId, Timestamp, Users, Variant};
use fw_store::SourceRow;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::watching::{SILENCE_MAX, Served};

/// An old epoch's cells are closed when they did not change for this long.
const CLOSE_AFTER: Duration = Duration::from_secs(60);
/// Format of a source's stored payload.
pub(super) const SOURCE_FORMAT: u16 = 1;
/// A source unheard of for this long is forgotten when no rollout is under way.
pub(super) const FORGET_AFTER: Duration = Duration::from_secs(3600);
/// Most sources of one service.
pub(super) const SOURCES_MAX: usize = 10_000;

type Cells = BTreeMap<CellKey, Counts>;

/// One data plane as last heard of.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) id: SourceId,
    /// In this process: gone when the process is.
    pub(super) local: bool,
    pub(super) seq: u64,
    pub(super) confirmed: Epoch,
    pub(super) heard: Instant,
    /// Whether it reported to this process (and not only to one before a restart).
    pub(super) reported: bool,
    latest: Arc<Cells>,
    consumed: Arc<Cells>,
    in_flight: InFlight,
    changed: BTreeMap<Epoch, Instant>,
    closed: BTreeSet<Epoch>,
    users: Option<RunUsers>,
}

/// Different users of one rollout, by variant.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RunUsers {
    /// The rollout's first epoch.
    first: Epoch,
    /// Stable's and the canary's.
    of: [Users; 2],
}

/// What is stored of a source.
#[derive(Debug, Serialize, Deserialize)]
struct SourceRecord {
    local: bool,
    confirmed: u64,
    consumed: Vec<CellWire>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    users: Option<UsersRecord>,
}

/// What is stored of users: sketches as they travel.
#[derive(Debug, Serialize, Deserialize)]
struct UsersRecord {
    first: u64,
    stable: String,
    canary: String,
}

impl RunUsers {
    /// Nobody yet, of the rollout that begins with this epoch.
    pub(super) fn new(first: Epoch) -> RunUsers {
        RunUsers { first, of: [Users::default(), Users::default()] }
    }

    /// Adds everybody of another; those of another rollout are others.
    pub(super) fn merge(&mut self, other: &RunUsers) {
        if other.first == self.first {
            self.of.iter_mut().zip(&other.of).for_each(|(own, other)| own.merge(other));
        }
    }

    /// How many of a variant, about; none where no data plane tells.
    pub(super) fn count(&self, variant: Variant) -> Option<u64> {
        let users = &self.of[variant.index()];
        (!users.is_empty()).then(|| users.estimate().round() as u64)
    }

    /// Takes in what a report says of this rollout.
    fn hear(&mut self, cells: &[CellWire]) {
        for cell in cells.iter().filter(|cell| cell.epoch >= self.first.0) {
            if let Some(users) = cell.users.as_deref().and_then(Users::from_text) {
                self.of[cell.variant.index()].merge(&users);
            }
        }
    }

    fn record(&self) -> UsersRecord {
        let [stable, canary] = [Variant::Stable, Variant::Canary].map(|v| self.of[v.index()].to_text());
        UsersRecord { first: self.first.0, stable, canary }
    }

    fn from_record(record: &UsersRecord) -> RunUsers {
        let mut users = RunUsers::new(Epoch(record.first));
        for (variant, text) in [(Variant::Stable, &record.stable), (Variant::Canary, &record.canary)] {
            users.of[variant.index()] = Users::from_text(text).unwrap_or_default();
        }
        users
    }
}

/// What a report changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Merged {
    /// New canary errors, or a newly confirmed epoch: look at once.
    pub(super) urgent: bool,
    /// What each instance of the stable version did since the report before; nothing where that is not known.
    pub(super) stable: Vec<(String, Counts)>,
}

/// Who did what a cell counts: the data plane itself, where it names no instance.
fn instance(key: &CellKey, source: &SourceId) -> String {
    if key.instance.is_empty() { source.0.clone() } else { key.instance.clone() }
}

impl Source {
    pub(super) fn new(id: SourceId, local: bool, now: Instant) -> Source {
        Source {
            id,
            local,
            seq: 0,
            confirmed: Epoch(0),
            heard: now,
            reported: false,
            latest: Arc::default(),
            consumed: Arc::default(),
            in_flight: InFlight::default(),
            changed: BTreeMap::new(),
            closed: BTreeSet::new(),
            users: None,
        }
    }

    /// The users of the rollout that begins with this epoch, as far as this source tells.
    pub(super) fn users(&self, first: Epoch) -> Option<&RunUsers> {
        self.users.as_ref().filter(|users| users.first == first)
    }

    /// Takes a report in. An older or repeated one only shows that the source is alive.
    ///
    /// `stable` says which cells are the stable version's, `run` is the first epoch of the rollout that is watched.
    pub(super) fn merge(
        &mut self,
        report: &Report,
        stable: &Served,
        run: Option<Epoch>,
        now: Instant,
    ) -> Result<Merged, WireError> {
        let cells = report.checked_cells()?;
        let in_flight = InFlight {
            canary: report.in_flight.histogram(Variant::Canary)?,
            stable: report.in_flight.histogram(Variant::Stable)?,
        };
        let watched = self.reported && now.duration_since(self.heard) <= SILENCE_MAX;
        self.heard = now;
        if report.seq <= self.seq && self.reported {
            return Ok(Merged::default());
        }
        let urgent = report.confirmed_epoch > self.confirmed.0;
        let mut merged = Merged { urgent, ..Merged::default() };
        self.seq = report.seq;
        self.reported = true;
        self.confirmed = self.confirmed.max(Epoch(report.confirmed_epoch));
        self.in_flight = in_flight;
        self.forget(&cells);
        if let Some(first) = run.filter(|_| report.cells.iter().any(|cell| cell.users.is_some())) {
            if self.users(first).is_none() {
                self.users = Some(RunUsers::new(first));
            }
            self.users.iter_mut().for_each(|users| users.hear(&report.cells));
        }
        let latest = Arc::make_mut(&mut self.latest);
        for (key, counts) in cells {
            let before = latest.get(&key);
            if before == Some(&counts) {
                continue;
            }
            merged.urgent |= key.variant == Variant::Canary && counts.errors > before.map_or(0, |b| b.errors);
            if watched && stable.holds(key.epoch, key.variant) {
                let more = before.map_or_else(|| counts.clone(), |before| counts.minus(before));
                merged.stable.push((instance(&key, &self.id), more));
            }
            self.changed.insert(key.epoch, now);
            latest.insert(key, counts);
        }
        Ok(merged)
    }

    /// What was reported and not yet consumed, of epochs from `first`.
    pub(super) fn fresh(&self, first: Epoch) -> Vec<Delta> {
        let mut deltas = vec![];
        for (key, counts) in self.latest.iter().filter(|(key, _)| key.epoch >= first) {
            let delta = match self.consumed.get(key) {
                Some(before) if before == counts => continue,
                Some(before) => counts.minus(before),
                None => counts.clone(),
            };
            if !delta.is_empty() {
                deltas.push(Delta {
                    epoch: key.epoch,
                    variant: key.variant,
                    instance: instance(key, &self.id),
                    counts: delta,
                });
            }
        }
        deltas
    }

    /// Marks everything reported as consumed. Returns whether that changed anything.
    pub(super) fn consume(&mut self) -> bool {
        let changed = !Arc::ptr_eq(&self.latest, &self.consumed) && *self.latest != *self.consumed;
        self.consumed = self.latest.clone();
        changed
    }

    pub(super) fn in_flight(&self) -> &InFlight {
        &self.in_flight
    }

    pub(super) fn seen(&self, now: Instant) -> SourceSeen {
        SourceSeen {
            id: self.id.clone(),
            silent_for: now.duration_since(self.heard),
            confirmed: self.confirmed,
        }
    }

    /// Epochs before `current` whose cells stood still and are consumed: the source may forget them.
    /// This side forgets them when the source no longer sends them.
    pub(super) fn close(&mut self, current: Epoch, now: Instant) -> Vec<u64> {
        let settled = |epoch: &Epoch| {
            self.latest
                .iter()
                .filter(|(key, _)| key.epoch == *epoch)
                .all(|(key, c)| self.consumed.get(key) == Some(c))
        };
        let closed: Vec<Epoch> = self
            .changed
            .iter()
            .filter(|(epoch, at)| {
                **epoch < current && now.duration_since(**at) >= CLOSE_AFTER && settled(epoch)
            })
            .map(|(epoch, _)| *epoch)
            .collect();
        self.closed.extend(closed);
        self.closed.iter().map(|epoch| epoch.0).collect()
    }

    /// Drops cells of closed epochs that the source no longer sends.
    fn forget(&mut self, sent: &Cells) {
        let gone: Vec<Epoch> = self
            .closed
            .iter()
            .filter(|epoch| !sent.keys().any(|key| key.epoch == **epoch))
            .copied()
            .collect();
        if gone.is_empty() {
            return;
        }
        Arc::make_mut(&mut self.latest).retain(|key, _| !gone.contains(&key.epoch));
        Arc::make_mut(&mut self.consumed).retain(|key, _| !gone.contains(&key.epoch));
        for epoch in gone {
            self.closed.remove(&epoch);
            self.changed.remove(&epoch);
        }
    }

    pub(super) fn to_row(&self, key: &fw_model::ServiceKey, at: Timestamp) -> SourceRow {
        let consumed = self.consumed.iter().map(|(key, counts)| CellWire::from_counts(key, counts)).collect();
        let users = self.users.as_ref().map(RunUsers::record);
        let record = SourceRecord { local: self.local, confirmed: self.confirmed.0, consumed, users };
        SourceRow {
            key: key.clone(),
            source: self.id.clone(),
            seq: self.seq,
            at,
            format: SOURCE_FORMAT,
            // Serialising plain structs of numbers and strings can't fail.
            payload: serde_json::to_vec(&record).unwrap_or_default(),
        }
    }

    /// A source as it was stored: its counts consumed, not yet heard of since.
    pub(super) fn from_row(row: &SourceRow, now: Instant) -> Result<Source, String> {
        if row.format != SOURCE_FORMAT {
            return Err(format!(
                "source {} has format {}; this version reads {SOURCE_FORMAT}",
                row.source, row.format
            ));
        }
        let record: SourceRecord =
            serde_json::from_slice(&row.payload).map_err(|e| format!("source {}: {e}", row.source))?;
        let report = Report {
            source: fw_api::wire::SourceWire { id: row.source.0.clone(), kind: String::new(), region: None },
            seq: row.seq,
            confirmed_epoch: record.confirmed,
            cells: record.consumed,
            in_flight: fw_api::wire::InFlightWire::default(),
        };
        let cells = Arc::new(report.checked_cells().map_err(|e| format!("source {}: {e}", row.source))?);
        let mut source = Source::new(row.source.clone(), record.local, now);
        source.seq = row.seq;
        source.confirmed = Epoch(record.confirmed);
        source.users = record.users.as_ref().map(RunUsers::from_record);
        source.latest = cells.clone();
        source.consumed = cells;
        Ok(source)
    }
}
