//! What can go wrong, sorted by what the caller can do about it.
//!
//! A [`Fault`] says that the caller's batch broke a rule: nothing was written and trying again
//! changes nothing. The other variants speak of the database and its file, and each says, in its
//! text, what a person should do.

use std::path::PathBuf;

use fw_model::{Epoch, RunId, ServiceKey};

/// Why a call to the log failed. Nothing of the batch was written, except as said at [`Error::Io`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The batch breaks a rule of the log; the same batch will always be refused.
    #[error("the batch was refused: {0}")]
    Rejected(#[from] Fault),
    /// Another process has this database open.
    #[error(
        "{} is in use by another server{}; stop that one first, or give this one its own store with --store sqlite:OTHER.db",
        path.display(),
        match pid { Some(pid) => format!(" (process {pid})"), None => String::new() }
    )]
    Locked {
        /// The database file.
        path: PathBuf,
        /// Who holds it, when the lock file says so.
        pid: Option<u32>,
    },
    /// Another server opened this log after us: we must perform no further effect.
    #[error(
        "another server has taken over this store (its fencing token is {current}, ours {ours}); this one must stop"
    )]
    Fenced {
        /// The token this handle was opened with.
        ours: u64,
        /// The token in the store now.
        current: u64,
    },
    /// The database is damaged: something that was committed cannot be read back.
    #[error("{} is damaged: {what}. {advice}", path.display())]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What was found, in plain words.
        what: String,
        /// What to do, with commands.
        advice: String,
    },
    /// Written by a newer release.
    #[error(
        "{} was written by a newer release (schema {found}, this one knows {known}); upgrade fw, or start with another store: --store sqlite:OTHER.db",
        path.display()
    )]
    TooNew {
        /// The database file.
        path: PathBuf,
        /// Schema version in the file.
        found: u32,
        /// Highest schema version this program reads.
        known: u32,
    },
    /// A file is there, but it is no log of ours.
    #[error("{} is not a FactoryWager store: {what}; nothing was changed; name another file with --store sqlite:FILE", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: String,
    },
    /// The file or its folder cannot be opened.
    #[error("{} cannot be opened; check that the folder exists and that this user may read and write it", path.display())]
    NoAccess {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file can be read but not written.
    #[error("{} is read-only; the server writes to its store: give this user write permission on it and its folder", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// No space is left on the device, or the size limit is reached. Trying again after making room works.
    #[error("no space is left for {}; nothing of this batch was written: free some space, the server goes on by itself", path.display())]
    Full {
        /// The database file.
        path: PathBuf,
    },
    /// Some other program holds SQLite's lock for too long. Trying again may work.
    #[error("{} stayed locked by another program (a backup, a sqlite3 shell?); close it", path.display())]
    Busy {
        /// The database file.
        path: PathBuf,
    },
    /// Reading or writing the file failed. When a commit ends like this its fate is unknown until the
    /// log is opened anew, so this handle writes nothing more.
    #[error("reading or writing {} failed; check the disk, then restart the server", path.display())]
    Io {
        /// The database file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An earlier commit of this handle ended in [`Error::Io`] or a panic: only opening anew tells what is on disk.
    #[error("an earlier write to {} failed, so nothing more is written; check the disk, then restart the server", path.display())]
    Broken {
        /// The database file.
        path: PathBuf,
    },
    /// Any other answer of SQLite; a defect of this program.
    #[error("SQLite refused a statement on {}; this is a defect of fw, please report it", path.display())]
    Database {
        /// The database file.
        path: PathBuf,
        /// SQLite's answer.
        #[source]
        source: rusqlite::Error,
    },
    /// The group committer has stopped.
    #[error("the log is closing; the batch was not written")]
    Closed,
}

impl Error {
    /// Whether the same call may succeed later without anyone changing the batch or restarting.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Error::Full { .. } | Error::Busy { .. })
    }
}

/// Which rule a batch broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Published ids must be exactly the last one plus 1, 2, 3 …
    #[error("published id {got} does not follow {last}")]
    PublishedGap {
        /// The newest id before this one.
        last: u64,
        /// The id given.
        got: u64,
    },
    /// Event sequences must be exactly the run's last one plus 1, 2, 3 …
    #[error("event {got} of {run} does not follow {last}")]
    EventGap {
        /// The run.
        run: RunId,
        /// Its newest sequence number before this one (0: none).
        last: u64,
        /// The sequence number given.
        got: u64,
    },
    /// The first batch of a run must carry a snapshot of it: without one a run could not be listed or loaded.
    #[error("{run} has no snapshot yet; its first batch must carry one")]
    NoSnapshot {
        /// The run.
        run: RunId,
    },
    /// A snapshot speaks of events that are not in the log.
    #[error("the snapshot of {run} stands at event {got}, but the log ends at {last}")]
    SnapshotAhead {
        /// The run.
        run: RunId,
        /// Its newest sequence number.
        last: u64,
        /// What the snapshot claims.
        got: u64,
    },
    /// A snapshot older than the stored one.
    #[error("the snapshot of {run} stands at event {got}, the stored one already at {stored}")]
    SnapshotBack {
        /// The run.
        run: RunId,
        /// Where the stored one stands.
        stored: u64,
        /// Where the given one stands.
        got: u64,
    },
    /// Epochs of a service and region never decrease.
    #[error("the epoch of {key} would go back from {} to {}", stored.0, got.0)]
    EpochBack {
        /// The service and region.
        key: ServiceKey,
        /// The stored epoch.
        stored: Epoch,
        /// The epoch given.
        got: Epoch,
    },
    /// The count of runs of a service and region never decreases.
    #[error("the run count of {key} would go back from {stored} to {got}")]
    RunsBack {
        /// The service and region.
        key: ServiceKey,
        /// The stored count.
        stored: u64,
        /// The count given.
        got: u64,
    },
    /// A published event names one service and a run of another.
    #[error("a published event of {key} names the run {run}")]
    OtherRun {
        /// The service and region of the event.
        key: ServiceKey,
        /// The run it names.
        run: RunId,
    },
    /// This idempotency key was already used: the action was done before.
    #[error("the idempotency key {key:?} of {scope:?} is already taken")]
    KeyTaken {
        /// What the key belongs to.
        scope: String,
        /// The key.
        key: String,
    },
    /// A sink can't have acknowledged what was not published.
    #[error("the sink {name:?} would stand at {got}, but the newest published id is {last}")]
    SinkAhead {
        /// The sink.
        name: String,
        /// The newest published id, with those of this batch.
        last: u64,
        /// Where it would stand.
        got: u64,
    },
    /// A field or the whole batch is larger than its limit (see [`crate::limits`]), or a number above `i64::MAX`.
    #[error("{what} is {got}, more than the limit of {max}")]
    TooBig {
        /// Which field.
        what: &'static str,
        /// Its size or value.
        got: u64,
        /// The limit, in the same unit.
        max: u64,
    },
}
