//! A journal in a SQLite file of its own, beside the event log. Its one user holds the event log's lock, which keeps a second
//! server out; the numbering refuses one that gets in all the same.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use fw_model::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Journal, JournalError, JournalRow, Subject, admit};
use crate::sum::Sum;
use crate::{BesideError, open_beside};

/// Version of the layout.
const VERSION: i64 = 1;
/// Number of the table in checksums; those of the event log count from 1.
const TABLE: u64 = 101;
const SCHEMA: &str = "
CREATE TABLE event (subject TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, format INTEGER NOT NULL,
  payload BLOB NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (subject, seq)) STRICT, WITHOUT ROWID;
";

/// Subjects with their events, in a file.
#[derive(Debug)]
pub struct SqliteJournal {
    conn: Mutex<Connection>,
    place: PathBuf,
}

impl SqliteJournal {
    /// Opens the file; makes it where there is none.
    ///
    /// # Errors
    /// [`JournalError::TooNew`], [`JournalError::Io`].
    pub fn open(place: &Path) -> Result<SqliteJournal, JournalError> {
        let conn = open_beside(place, SCHEMA, VERSION).map_err(|error| match error {
            BesideError::TooNew(_) => JournalError::TooNew(place.display().to_string()),
            BesideError::Sqlite(e) => io(place, &e),
        })?;
        Ok(SqliteJournal { conn: Mutex::new(conn), place: place.to_path_buf() })
    }

    fn fail(&self, error: &rusqlite::Error) -> JournalError {
        io(&self.place, error)
    }
}

impl Journal for SqliteJournal {
    fn append(&self, subject: &str, row: &JournalRow) -> Result<(), JournalError> {
        let mut conn = self.conn.lock().unwrap_or_else(PoisonError::into_inner);
        let fail = |e: rusqlite::Error| self.fail(&e);
        let tx = conn.transaction().map_err(fail)?;
        let last: Option<u64> = tx
            .query_row("SELECT max(seq) FROM event WHERE subject = ?1", [subject], |found| found.get(0))
            .optional()
            .map_err(fail)?
            .flatten();
        admit(subject, row, last.unwrap_or(0) + 1)?;
        let sum = sum_of(subject, row);
        tx.execute(
            "INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![subject, row.seq, row.at.as_millis(), row.format, row.payload, sum],
        )
        .map_err(fail)?;
        tx.commit().map_err(fail)
    }

    fn read(&self, subject: &str) -> Result<Vec<JournalRow>, JournalError> {
        let conn = self.conn.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || -> rusqlite::Result<Vec<(JournalRow, i64)>> {
            let mut query = conn.prepare_cached(
                "SELECT seq, at, format, payload, sum FROM event WHERE subject = ?1 ORDER BY seq",
            )?;
            let row = |row: &rusqlite::Row<'_>| {
                let (seq, at, format, payload) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                Ok((JournalRow { seq, at: Timestamp(at), format, payload }, row.get(4)?))
            };
            query.query_map([subject], row)?.collect()
        };
        let rows = read().map_err(|e| self.fail(&e))?;
        let corrupt = |what: String| JournalError::Corrupt { place: self.place.display().to_string(), what };
        let mut sound = Vec::with_capacity(rows.len());
        for (place, (row, sum)) in (1..).zip(rows) {
            if row.seq != place {
                return Err(corrupt(format!("event {place} of {subject} is missing")));
            }
            if sum_of(subject, &row) != sum {
                return Err(corrupt(format!("event {place} of {subject} fails its checksum")));
            }
            sound.push(row);
        }
        Ok(sound)
    }

    fn subjects(&self, prefix: &str, limit: usize) -> Result<Vec<Subject>, JournalError> {
        let conn = self.conn.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || -> rusqlite::Result<Vec<Subject>> {
            let mut query = conn.prepare_cached(
                "SELECT subject, max(seq), min(at), max(at), (SELECT at FROM event f WHERE f.subject = e.subject AND f.seq = 1)
                 FROM event e WHERE substr(subject, 1, length(?1)) = ?1 GROUP BY subject ORDER BY 5 DESC, subject DESC LIMIT ?2",
            )?;
            let row = |row: &rusqlite::Row<'_>| {
                let began: Option<i64> = row.get(4)?;
                Ok(Subject {
                    name: row.get(0)?,
                    last_seq: row.get(1)?,
                    began_at: Timestamp(began.unwrap_or(row.get(2)?)),
                    last_at: Timestamp(row.get(3)?),
                })
            };
            query.query_map(params![prefix, i64::try_from(limit).unwrap_or(i64::MAX)], row)?.collect()
        };
        read().map_err(|e| self.fail(&e))
    }
}

fn sum_of(subject: &str, row: &JournalRow) -> i64 {
    let sum = Sum::of(TABLE).bytes(subject.as_bytes()).uint(row.seq).int(row.at.as_millis());
    sum.uint(u64::from(row.format)).bytes(&row.payload).done()
}

fn io(place: &Path, error: &rusqlite::Error) -> JournalError {
    JournalError::Io { place: place.display().to_string(), what: error.to_string() }
}
