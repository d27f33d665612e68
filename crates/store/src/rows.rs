//! What is stored, row by row.
//!
//! A payload is bytes plus the format version that says how to read them; the store never looks
//! inside. Times are [`Timestamp`], milliseconds since 1970 UTC. Sizes are bounded by
//! [`crate::limits`].

use fw_model::{Epoch, RunId, ServiceKey, SourceId, Timestamp};

/// One event of the engine, as applied to one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// The run it belongs to.
    pub run: RunId,
    /// Place in the run, from 1, without holes.
    pub seq: u64,
    /// When it was applied.
    pub at: Timestamp,
    /// Version of the payload's format.
    pub format: u16,
    /// The event, opaque.
    pub payload: Vec<u8>,
}

/// The state of a run after some event, so that loading needs only the events after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRow {
    /// The run.
    pub run: RunId,
    /// The last event the state includes; 0 before the first.
    pub seq: u64,
    /// Version of the payload's format.
    pub format: u16,
    /// The state, opaque.
    pub payload: Vec<u8>,
    /// Status text for lists, such as `running`.
    pub status: String,
    /// When the run began.
    pub started_at: Timestamp,
    /// When it ended; `None` while it is under way. Only ended runs are ever compacted.
    pub ended_at: Option<Timestamp>,
    /// Hash of the plan it runs by.
    pub plan_hash: String,
    /// What lists show of it, opaque and small.
    pub summary: Vec<u8>,
}

/// One event as clients see it (SSE): numbered over the whole log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Number over the whole log, from 1, without holes.
    pub id: u64,
    /// Service and region it speaks of.
    pub key: ServiceKey,
    /// The run it speaks of.
    pub run: RunId,
    /// Its type, such as `phase_advanced`.
    pub kind: String,
    /// When it was published.
    pub at: Timestamp,
    /// The JSON text clients get.
    pub data: String,
}

/// What is known of one service in one region, over all its rollouts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRow {
    /// The service and region.
    pub key: ServiceKey,
    /// Epoch of its split; never decreases.
    pub epoch: Epoch,
    /// Rollouts begun so far; never decreases.
    pub runs: u64,
    /// The version all traffic gets when no rollout is under way, once known.
    pub current_version: Option<String>,
    /// Version of the payload's format.
    pub format: u16,
    /// Further state, opaque.
    pub payload: Vec<u8>,
}

/// The last cumulative report of one data plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// The service and region it serves.
    pub key: ServiceKey,
    /// Which process.
    pub source: SourceId,
    /// Number of the report. A row with a lower one than the stored is ignored: the higher wins.
    pub seq: u64,
    /// When it came.
    pub at: Timestamp,
    /// Version of the payload's format.
    pub format: u16,
    /// The report, opaque.
    pub payload: Vec<u8>,
}

/// What was answered to a request with an `Idempotency-Key`, so that a repeat gets the same answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRow {
    /// What the key belongs to: who asked, for what.
    pub scope: String,
    /// The key the client chose.
    pub key: String,
    /// Hash of the request, to tell a repeat from another request under the same key.
    pub request_hash: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// Body of the answer.
    pub body: Vec<u8>,
    /// When it was answered.
    pub at: Timestamp,
}

/// How far a receiver of notifications has been told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkRow {
    /// Its name in the config.
    pub name: String,
    /// Newest published id it acknowledged, or need not get; 0: none yet. A row with a lower one than the stored is
    /// ignored: the higher wins.
    pub cursor: u64,
    /// When the cursor moved.
    pub at: Timestamp,
}

/// A run as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutRow {
    /// The run.
    pub run: RunId,
    /// Status text of the latest snapshot.
    pub status: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; `None` while it is under way.
    pub ended_at: Option<Timestamp>,
    /// Hash of the plan it runs by.
    pub plan_hash: String,
    /// Opaque summary of the latest snapshot.
    pub summary: Vec<u8>,
    /// Sequence number of its newest event; 0 before the first.
    pub last_seq: u64,
    /// Sequence number of its oldest kept event; `last_seq + 1` when none is kept.
    pub oldest_seq: u64,
}

/// A run with its latest state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRollout {
    /// What lists show.
    pub row: RolloutRow,
    /// The latest snapshot.
    pub snapshot: SnapshotRow,
}
