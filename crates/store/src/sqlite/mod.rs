//! The durable log: one SQLite file in WAL mode, synced at every commit.
//!
//! One connection writes; up to [`READERS_MAX`] read, each seeing whole transactions only and never waiting
//! for the writer. One server at a time: `lock.rs`. What is checked when: `check.rs`. What a
//! transaction does: `write.rs`. Layout of the file: `migrations/`.

mod check;
mod compact;
mod fail;
mod load;
mod lock;
mod open;
mod read;
mod schema;
mod table;
mod write;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use fw_model::{LogId, RunId, ServiceKey, Timestamp};
use rusqlite::Connection;

use crate::limits::READERS_MAX;
use crate::{
    Batch, Compacted, Error, EventRow, IdempotencyRow, Loaded, LogInfo, Published, PublishedRange, Retention,
    RolloutFilter, RolloutLog, RolloutRow, SinkRow, StoredRollout,
};
use fail::Place;

/// Choices at opening.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SqliteOptions {
    /// Largest size of the database file in bytes, rounded down to whole pages; beyond it commits end in
    /// [`Error::Full`]. `None`: as large as the disk allows.
    pub bytes_max: Option<u64>,
}

/// An open SQLite log. Dropping it moves the write-ahead log into the database and gives back the lock.
#[derive(Debug)]
pub struct SqliteLog {
    writer: Mutex<Writer>,
    readers: [Mutex<Option<Connection>>; READERS_MAX],
    next_reader: AtomicUsize,
    place: Place,
    log_id: LogId,
    fence: u64,
    // Last, so that it is given back only after the connections are closed.
    _lock: lock::Lock,
}

/// The writing connection, and whether its fate became unknown.
#[derive(Debug)]
struct Writer {
    conn: Connection,
    broken: bool,
}

impl SqliteLog {
    /// Opens the log in this file; makes the file, and its folder, when there is none.
    ///
    /// # Errors
    /// [`Error::Locked`] when another server has it, [`Error::NotOurs`], [`Error::TooNew`], [`Error::Corrupt`],
    /// [`Error::ReadOnly`], [`Error::NoAccess`], [`Error::Full`], [`Error::Busy`], [`Error::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<SqliteLog, Error> {
        SqliteLog::open_with(path, &SqliteOptions::default())
    }

    /// As [`open`](SqliteLog::open), with choices.
    ///
    /// # Errors
    /// As [`open`](SqliteLog::open).
    pub fn open_with(path: impl AsRef<Path>, options: &SqliteOptions) -> Result<SqliteLog, Error> {
        let opened = open::open(path.as_ref(), options)?;
        Ok(SqliteLog {
            writer: Mutex::new(Writer { conn: opened.writer, broken: false }),
            readers: std::array::from_fn(|_| Mutex::new(None)),
            next_reader: AtomicUsize::new(0),
            place: opened.place,
            log_id: LogId(opened.head.log_id),
            fence: opened.head.fence,
            _lock: opened.lock,
        })
    }

    /// Checks the whole file, whatever its size: structure, indexes, every checksum, every sequence. Reads all of it.
    ///
    /// # Errors
    /// [`Error::Corrupt`] with the first finding; [`Error::Io`], [`Error::Busy`].
    pub fn verify(&self) -> Result<(), Error> {
        self.read(|conn| check::everything(conn, &self.place))
    }

    /// Runs `write` on the writing connection. Once a write ended with an unknown fate (an I/O error, a
    /// panic half-way), every later one is refused: what is on disk is known again only after opening anew.
    fn write<T>(&self, write: impl FnOnce(&mut Connection) -> Result<T, Error>) -> Result<T, Error> {
        let broken = || Error::Broken { path: self.place.0.clone() };
        let mut writer = self.writer.lock().map_err(|_| broken())?;
        if writer.broken {
            return Err(broken());
        }
        let result = write(&mut writer.conn);
        writer.broken = matches!(result, Err(Error::Io { .. }));
        result
    }

    /// Runs `read` in one transaction on a free reading connection, which is opened at its first use.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        let mut reader = self.reader();
        let conn = match &mut *reader {
            Some(conn) => conn,
            none => none.insert(open::connect_reader(&self.place)?),
        };
        let tx = read::begin(conn, &self.place)?;
        read(&tx)
    }

    /// A reader that is free; when all are busy, they are waited for in turn. A panic in an earlier read
    /// leaves its connection usable: its transaction was rolled back when it was dropped.
    fn reader(&self) -> MutexGuard<'_, Option<Connection>> {
        for reader in &self.readers {
            match reader.try_lock() {
                Ok(guard) => return guard,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let turn = self.next_reader.fetch_add(1, Ordering::Relaxed) % READERS_MAX;
        self.readers[turn].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RolloutLog for SqliteLog {
    fn open_info(&self) -> LogInfo {
        LogInfo {
            log_id: self.log_id.clone(),
            schema: schema::VERSION,
            fence: self.fence,
            path: Some(self.place.0.clone()),
        }
    }

    fn load(&self) -> Result<Loaded, Error> {
        self.read(|conn| load::load(conn, &self.place))
    }

    fn commit_all(&self, batches: &[&Batch]) -> Result<(), Error> {
        self.write(|conn| write::commit(conn, &self.place, self.fence, batches))
    }

    fn published_after(
        &self,
        id: u64,
        filter: Option<&ServiceKey>,
        limit: usize,
    ) -> Result<Vec<Published>, Error> {
        self.read(|conn| read::published_after(conn, &self.place, id, filter, limit))
    }

    fn published_range(&self) -> Result<Option<PublishedRange>, Error> {
        self.read(|conn| read::published_range(conn, &self.place))
    }

    fn history(&self, run: &RunId, after_seq: u64, limit: usize) -> Result<Vec<EventRow>, Error> {
        self.read(|conn| read::history(conn, &self.place, run, after_seq, limit))
    }

    fn rollouts(&self, filter: &RolloutFilter, limit: usize) -> Result<Vec<RolloutRow>, Error> {
        self.read(|conn| read::rollouts(conn, &self.place, filter, limit))
    }

    fn rollout(&self, run: &RunId) -> Result<Option<StoredRollout>, Error> {
        self.read(|conn| read::rollout(conn, &self.place, run))
    }

    fn idempotent(&self, scope: &str, key: &str) -> Result<Option<IdempotencyRow>, Error> {
        self.read(|conn| read::idempotent(conn, &self.place, scope, key))
    }

    fn sinks(&self) -> Result<Vec<SinkRow>, Error> {
        self.read(|conn| load::sinks(conn, &self.place))
    }

    fn compact(&self, policy: &Retention, now: Timestamp) -> Result<Compacted, Error> {
        self.write(|conn| compact::compact(conn, &self.place, self.fence, policy, now))
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn open(dir: &tempfile::TempDir) -> SqliteLog {
        SqliteLog::open(dir.path().join("state.db")).unwrap()
    }

    fn is_broken(log: &SqliteLog) -> bool {
        matches!(log.commit(&Batch::default()), Err(Error::Broken { .. }))
    }

    #[test]
    fn after_a_write_of_unknown_fate_nothing_is_written_until_opened_anew() {
        let dir = tempfile::tempdir().unwrap();
        let log = open(&dir);
        let io = || log.place.io(std::io::ErrorKind::Other.into());
        assert!(matches!(log.write::<()>(|_| Err(io())), Err(Error::Io { .. })));
        assert!(is_broken(&log));
        log.load().unwrap();
        drop(log);
        assert!(!is_broken(&open(&dir)));
    }

    #[test]
    fn a_panic_in_a_write_counts_as_unknown_fate_too() {
        let dir = tempfile::tempdir().unwrap();
        let log = open(&dir);
        let panicked = catch_unwind(AssertUnwindSafe(|| log.write::<()>(|_| panic!("planted"))));
        assert!(panicked.is_err() && is_broken(&log));
    }

    #[test]
    fn a_refusal_breaks_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let log = open(&dir);
        let gap = crate::Fault::PublishedGap { last: 0, got: 2 };
        assert!(log.write::<()>(|_| Err(gap.into())).is_err());
        assert!(!is_broken(&log));
    }

    #[test]
    fn the_connection_that_writes_syncs_and_the_others_cannot_write() {
        let dir = tempfile::tempdir().unwrap();
        let log = open(&dir);
        let pragma =
            |conn: &Connection, name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let writer = log.writer.lock().unwrap();
        assert_eq!(pragma(&writer.conn, "synchronous").unwrap(), 2);
        assert_eq!(pragma(&writer.conn, "foreign_keys").unwrap(), 1);
        let mode = writer.conn.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
        assert_eq!(mode.unwrap(), "wal");
        let written = log.read(|conn| conn.execute("DELETE FROM head", []).map_err(|e| log.place.fail(e)));
        assert!(written.is_err());
    }
}
