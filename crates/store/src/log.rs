//! The trait every store implements, and what its calls take and give.
//!
//! It is synchronous, because its work is a disk write: asynchronous callers use a blocking
//! thread, or a [`GroupCommitter`](crate::GroupCommitter), which has its own.

use std::path::PathBuf;
use std::time::Duration;

use fw_model::{LogId, RunId, ServiceKey, Timestamp};

use crate::{
    Batch, Error, EventRow, IdempotencyRow, Published, RolloutRow, ServiceRow, SinkRow, SnapshotRow,
    SourceRow, StoredRollout,
};

/// A durable, ordered log of rollouts.
///
/// Crash meaning: once [`commit`](RolloutLog::commit) returned `Ok`, the batch survives `kill -9` and power
/// loss. If the process dies before, either all or nothing of it is there afterwards.
pub trait RolloutLog: Send + Sync {
    /// Who this log is and under which fencing token it was opened.
    fn open_info(&self) -> LogInfo;

    /// Everything needed to go on: services, runs under way and the newest run of each service, sources.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a row is missing or fails its checksum; [`Error::Io`], [`Error::Busy`].
    fn load(&self) -> Result<Loaded, Error>;

    /// Writes several batches, in order, in one durable transaction: all of them or none.
    ///
    /// # Errors
    /// [`Error::Rejected`] if any batch breaks a rule, [`Error::Fenced`] when another server took over,
    /// [`Error::Full`], [`Error::Busy`], [`Error::Io`], [`Error::Broken`]. Nothing was written then
    /// (with the reservation of [`Error::Io`]).
    fn commit_all(&self, batches: &[&Batch]) -> Result<(), Error>;

    /// Writes one batch in one durable transaction.
    ///
    /// # Errors
    /// As [`commit_all`](RolloutLog::commit_all).
    fn commit(&self, batch: &Batch) -> Result<(), Error> {
        self.commit_all(&[batch])
    }

    /// Published events with an id above `id`, ascending, at most `limit` (and
    /// [`PAGE_ROWS_MAX`](crate::limits::PAGE_ROWS_MAX)); only those of one service and region when `filter` is given.
    ///
    /// If `id` is older than the oldest kept, it begins at the oldest: compare with [`published_range`](RolloutLog::published_range).
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a row is missing or fails its checksum; [`Error::Io`], [`Error::Busy`].
    fn published_after(
        &self,
        id: u64,
        filter: Option<&ServiceKey>,
        limit: usize,
    ) -> Result<Vec<Published>, Error>;

    /// The kept ids, or `None` when none is kept.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Io`], [`Error::Busy`].
    fn published_range(&self) -> Result<Option<PublishedRange>, Error>;

    /// Events of one run with a sequence number above `after_seq`, ascending, at most `limit` (and
    /// [`PAGE_ROWS_MAX`](crate::limits::PAGE_ROWS_MAX)). Empty for an unknown run.
    ///
    /// A compacted run begins at its [`oldest_seq`](RolloutRow::oldest_seq).
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a row is missing or fails its checksum; [`Error::Io`], [`Error::Busy`].
    fn history(&self, run: &RunId, after_seq: u64, limit: usize) -> Result<Vec<EventRow>, Error>;

    /// Runs that pass the filter, ended ones too, the most recently started first, at most `limit` (and
    /// [`PAGE_ROWS_MAX`](crate::limits::PAGE_ROWS_MAX)).
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a row fails its checksum; [`Error::Io`], [`Error::Busy`].
    fn rollouts(&self, filter: &RolloutFilter, limit: usize) -> Result<Vec<RolloutRow>, Error>;

    /// One run with its latest snapshot; `None` when it is unknown.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a row fails its checksum; [`Error::Io`], [`Error::Busy`].
    fn rollout(&self, run: &RunId) -> Result<Option<StoredRollout>, Error>;

    /// What was answered under this key; `None` when it was never used, or long ago.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the row fails its checksum; [`Error::Io`], [`Error::Busy`].
    fn idempotent(&self, scope: &str, key: &str) -> Result<Option<IdempotencyRow>, Error>;

    /// Every sink that is known, by name.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a row is missing or fails its checksum; [`Error::Io`], [`Error::Busy`].
    fn sinks(&self) -> Result<Vec<SinkRow>, Error>;

    /// Removes what `policy` no longer keeps, at most
    /// [`COMPACT_ROWS_MAX`](crate::limits::COMPACT_ROWS_MAX) rows of each table, in one transaction, so that it
    /// never holds up commits for long. Call again while [`Compacted::more`] is set.
    ///
    /// # Errors
    /// As [`commit_all`](RolloutLog::commit_all).
    fn compact(&self, policy: &Retention, now: Timestamp) -> Result<Compacted, Error>;
}

/// Identity of an open log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogInfo {
    /// Made when the log was created, kept for its life. Epochs compare only under the same one.
    pub log_id: LogId,
    /// Version of the database schema.
    pub schema: u32,
    /// Grown at each open; every commit checks that it is still the newest.
    pub fence: u64,
    /// The database file; `None` in memory.
    pub path: Option<PathBuf>,
}

/// What a start needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// All services, by key.
    pub services: Vec<ServiceRow>,
    /// Every run without an end, and the newest run of each service and region even if ended; in the order they were begun.
    pub rollouts: Vec<LoadedRollout>,
    /// All kept reports, by service and source.
    pub sources: Vec<SourceRow>,
    /// Newest published id; 0 before the first. The next one is this plus 1, also when none is kept.
    pub last_published: u64,
    /// Oldest kept published id; `last_published + 1` when none is kept.
    pub oldest_published: u64,
}

/// One run: its latest state and what happened since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedRollout {
    /// The latest snapshot.
    pub snapshot: SnapshotRow,
    /// All events after it, without holes.
    pub events: Vec<EventRow>,
}

/// Ids of the kept published events, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedRange {
    /// Oldest kept id.
    pub oldest: u64,
    /// Newest id.
    pub newest: u64,
}

/// Which runs to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RolloutFilter {
    /// Only those of this service and region.
    pub key: Option<ServiceKey>,
    /// Only those under way.
    pub unended: bool,
    /// Only those started before this moment: the way to the next page.
    pub started_before: Option<Timestamp>,
}

/// How long things are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// A published event is kept at least this long …
    pub published_age: Duration,
    /// … and as long as it is among this many newest ones.
    pub published_count: u64,
    /// A published event that some sink has not acknowledged is kept this much longer than its age alone would have it.
    pub sink_extra_age: Duration,
    /// Engine events of a run are kept this long after its end; its last snapshot is kept for good.
    pub events_age: Duration,
    /// Idempotency keys are kept this long.
    pub idempotency_age: Duration,
    /// Reports of a data plane are kept this long after the last one, and always while their service has a run under way.
    pub sources_age: Duration,
}

impl Default for Retention {
    /// What the API promises: 24 h and 100 000 published events; a week more for a sink that does not answer; events
    /// 30 days after the end; keys and sources 24 h.
    fn default() -> Self {
        let day = Duration::from_secs(24 * 60 * 60);
        Retention {
            published_age: day,
            published_count: 100_000,
            sink_extra_age: 7 * day,
            events_age: 30 * day,
            idempotency_age: day,
            sources_age: day,
        }
    }
}

/// What one call of `compact` removed, in rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Published events.
    pub published: u64,
    /// Engine events.
    pub events: u64,
    /// Idempotency keys.
    pub idempotency: u64,
    /// Reports of data planes.
    pub sources: u64,
    /// A limit was reached; calling again removes more.
    pub more: bool,
}
