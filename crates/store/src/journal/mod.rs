//! Journals: what happened to a subject, event by event, for state machines beside the rollouts (releases, waves).
//!
//! A subject is a name such as `release/checkout.r3`; its events are numbered from 1 without holes, so two writers can't both
//! append. There are no snapshots: a subject has some hundred events at most, and its state is what replaying them gives.
//! An appended event is durable on return. What payloads mean is the business of `record`.

mod memory;
mod sqlite;

use fw_model::Timestamp;

pub use memory::MemoryJournal;
pub use sqlite::SqliteJournal;

/// Largest payload of an event, bytes.
pub const JOURNAL_PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// Longest name of a subject, bytes.
pub const SUBJECT_BYTES_MAX: usize = 256;
/// Most events of a subject.
pub const SUBJECT_EVENTS_MAX: u64 = 100_000;

/// An event of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// Its place, from 1.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Format of the payload.
    pub format: u16,
    /// The event, as bytes.
    pub payload: Vec<u8>,
}

/// A subject, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// Place of its last event.
    pub last_seq: u64,
    /// When its first event happened.
    pub began_at: Timestamp,
    /// When its last event happened.
    pub last_at: Timestamp,
}

/// The journal can't do what was asked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Somebody else appended, or the caller lost count.
    #[error("event {given} of {subject} can't be appended: its next one is {next}")]
    NotNext {
        /// Which subject.
        subject: String,
        /// The place that was given.
        given: u64,
        /// The place that is free.
        next: u64,
    },
    /// Too large, or too many.
    #[error("{subject}: {what}")]
    Limit {
        /// Which subject.
        subject: String,
        /// Which limit.
        what: String,
    },
    /// A row fails its checksum, or is missing.
    #[error(
        "the journal {place} is damaged: {what}. Restore it from a copy, or move it away to begin a new one"
    )]
    Corrupt {
        /// Which file.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// A newer version wrote it.
    #[error("the journal {0} was written by a newer fw: use that")]
    TooNew(String),
    /// The disk, or SQLite.
    #[error("the journal {place}: {what}")]
    Io {
        /// Which file.
        place: String,
        /// What is wrong.
        what: String,
    },
}

/// Durable events of named subjects.
pub trait Journal: Send + Sync {
    /// Appends the event at `row.seq`, which must be the next one. Durable on return.
    ///
    /// # Errors
    /// [`JournalError::NotNext`], [`JournalError::Limit`], [`JournalError::Io`].
    fn append(&self, subject: &str, row: &JournalRow) -> Result<(), JournalError>;

    /// All events of a subject, in order; empty for an unknown one.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`] when one is missing or fails its checksum; [`JournalError::Io`].
    fn read(&self, subject: &str) -> Result<Vec<JournalRow>, JournalError>;

    /// Subjects whose names begin with `prefix`, the one that began last first, at most `limit`.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    fn subjects(&self, prefix: &str, limit: usize) -> Result<Vec<Subject>, JournalError>;
}

/// What every form refuses alike.
fn admit(subject: &str, row: &JournalRow, next: u64) -> Result<(), JournalError> {
    let limit = |what: String| JournalError::Limit { subject: subject.to_owned(), what };
    if subject.is_empty() || subject.len() > SUBJECT_BYTES_MAX {
        return Err(limit(format!("a subject's name has 1 to {SUBJECT_BYTES_MAX} bytes")));
    }
    if row.payload.len() > JOURNAL_PAYLOAD_BYTES_MAX {
        return Err(limit(format!("an event has at most {JOURNAL_PAYLOAD_BYTES_MAX} bytes")));
    }
    if next > SUBJECT_EVENTS_MAX {
        return Err(limit(format!("a subject has at most {SUBJECT_EVENTS_MAX} events")));
    }
    if row.seq != next {
        return Err(JournalError::NotNext { subject: subject.to_owned(), given: row.seq, next });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seq: u64, text: &str) -> JournalRow {
        JournalRow { seq, at: Timestamp(1_000 + seq as i64), format: 1, payload: text.into() }
    }

    /// What both forms must do.
    fn holds(journal: &dyn Journal) {
        assert_eq!(journal.read("release/a.r1").unwrap(), []);
        journal.append("release/a.r1", &row(1, "one")).unwrap();
        journal.append("release/a.r1", &row(2, "two")).unwrap();
        journal.append("wave/a.1", &row(1, "x")).unwrap();
        journal.append("release/a.r2", &JournalRow { at: Timestamp(5_000), ..row(1, "y") }).unwrap();
        assert_eq!(journal.read("release/a.r1").unwrap(), [row(1, "one"), row(2, "two")]);
        for given in [0, 1, 2, 4] {
            let refused = journal.append("release/a.r1", &row(given, "z")).unwrap_err();
            assert!(matches!(refused, JournalError::NotNext { next: 3, .. }), "{refused}");
        }
        let names = |prefix: &str, limit| {
            let subjects = journal.subjects(prefix, limit).unwrap();
            subjects.into_iter().map(|s| (s.name, s.last_seq)).collect::<Vec<_>>()
        };
        assert_eq!(names("release/", 9), [("release/a.r2".to_owned(), 1), ("release/a.r1".to_owned(), 2)]);
        assert_eq!(names("release/", 1), [("release/a.r2".to_owned(), 1)]);
        assert_eq!(names("", 9).len(), 3);
        assert_eq!(names("release/a.r1x", 9), []);
        let huge = JournalRow { payload: vec![0; JOURNAL_PAYLOAD_BYTES_MAX + 1], ..row(3, "") };
        assert!(matches!(journal.append("release/a.r1", &huge), Err(JournalError::Limit { .. })));
        assert!(matches!(journal.append("", &row(1, "")), Err(JournalError::Limit { .. })));
        assert_eq!(journal.read("release/a.r1").unwrap().len(), 2);
    }

    #[test]
    fn events_are_kept_in_order_without_holes() {
        holds(&MemoryJournal::default());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.db");
        holds(&SqliteJournal::open(&path).unwrap());
        let again = SqliteJournal::open(&path).unwrap();
        assert_eq!(again.read("release/a.r1").unwrap(), [row(1, "one"), row(2, "two")]);
        again.append("release/a.r1", &row(3, "three")).unwrap();
    }

    #[test]
    fn damage_is_found_when_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.db");
        let journal = SqliteJournal::open(&path).unwrap();
        (1..=3).for_each(|seq| journal.append("a", &row(seq, "x")).unwrap());
        drop(journal);
        let harm = |statement: &str| {
            rusqlite::Connection::open(&path).unwrap().execute_batch(statement).unwrap();
            SqliteJournal::open(&path).unwrap().read("a").unwrap_err().to_string()
        };
        let changed = harm("UPDATE event SET payload = x'00' WHERE seq = 2");
        assert!(changed.contains("event 2 of a"), "{changed}");
        let missing = harm("DELETE FROM event WHERE seq = 2");
        assert!(missing.contains("event 2 of a is missing"), "{missing}");
        rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 9").unwrap();
        assert!(matches!(SqliteJournal::open(&path), Err(JournalError::TooNew(_))));
    }
}
