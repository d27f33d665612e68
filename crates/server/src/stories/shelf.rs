//! The shelf: stories of runs that came to rest, in a SQLite file beside the event log, or in memory.
//!
//! Everything on it was told from the log, so a lost shelf is filled again from what the log still keeps. A story is
//! written as a whole, once for each time its run comes to rest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use fw_reports::{STORY_FORMAT, Story};
use fw_store::{BesideError, open_beside};
use rusqlite::{Connection, OptionalExtension, params};

use super::kpis::Row;

/// Version of the layout.
const VERSION: i64 = 1;
const SCHEMA: &str = "
CREATE TABLE story (run TEXT PRIMARY KEY, started_at INTEGER NOT NULL, format INTEGER NOT NULL,
  kpi TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX story_started ON story (started_at);
";
/// Most runs that key numbers are made of.
const ROWS_MAX: usize = 10_000;

/// The shelf can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// SQLite says why.
    #[error("the stories of past rollouts in {place}: {what}")]
    Disk {
        /// Which file.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// A newer version wrote it.
    #[error("{0} was written by a newer fw; use that, or move the file away: it is made again from the log")]
    TooNew(String),
}

/// A story with its key numbers.
#[derive(Clone)]
pub(super) struct Shelved {
    pub(super) kpi: Row,
    pub(super) story: Story,
}

/// Where stories are.
pub(super) enum Shelf {
    Memory(Mutex<BTreeMap<String, Shelved>>),
    File(Mutex<Connection>, PathBuf),
}

impl Shelf {
    pub(super) fn in_memory() -> Shelf {
        Shelf::Memory(Mutex::default())
    }

    pub(super) fn open(place: &Path) -> Result<Shelf, ShelfError> {
        let conn = open_beside(place, SCHEMA, VERSION).map_err(|error| match error {
            BesideError::TooNew(_) => ShelfError::TooNew(place.display().to_string()),
            BesideError::Sqlite(e) => disk(place, &e),
        })?;
        Ok(Shelf::File(Mutex::new(conn), place.to_path_buf()))
    }

    /// Keeps a story in the place of what was kept of its run.
    pub(super) fn put(&self, shelved: &Shelved) -> Result<(), ShelfError> {
        let run = shelved.story.run.clone();
        match self {
            Shelf::Memory(all) => {
                let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                all.insert(run, shelved.clone());
                Ok(())
            }
            Shelf::File(conn, place) => {
                let (kpi, body) = (text(place, &shelved.kpi)?, text(place, &shelved.story)?);
                let conn = conn.lock().unwrap_or_else(PoisonError::into_inner);
                let values = params![run, shelved.story.started_at, STORY_FORMAT, kpi, body];
                let done = conn.execute("INSERT OR REPLACE INTO story VALUES (?1, ?2, ?3, ?4, ?5)", values);
                done.map(|_| ()).map_err(|e| disk(place, &e))
            }
        }
    }

    /// The story of a run; none where none is kept, or in a form this version can't read.
    pub(super) fn story(&self, run: &str) -> Result<Option<Story>, ShelfError> {
        match self {
            Shelf::Memory(all) => {
                let all = all.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(all.get(run).map(|shelved| shelved.story.clone()))
            }
            Shelf::File(conn, place) => {
                let conn = conn.lock().unwrap_or_else(PoisonError::into_inner);
                let body: Option<String> = conn
                    .query_row(
                        "SELECT body FROM story WHERE run = ?1 AND format = ?2",
                        params![run, STORY_FORMAT],
                        |row| row.get(0),
                    )
                    .optional()
                    .map_err(|e| disk(place, &e))?;
                Ok(body.and_then(|body| serde_json::from_str(&body).ok()))
            }
        }
    }

    /// Key numbers of runs that began at a moment or later, oldest first; the newest [`ROWS_MAX`].
    pub(super) fn rows_since(&self, since: i64) -> Result<Vec<Row>, ShelfError> {
        match self {
            Shelf::Memory(all) => {
                let all = all.lock().unwrap_or_else(PoisonError::into_inner);
                let mut rows: Vec<Row> =
                    all.values().map(|s| s.kpi.clone()).filter(|r| r.started_at >= since).collect();
                rows.sort_by(|a, b| a.started_at.cmp(&b.started_at).then_with(|| a.run.cmp(&b.run)));
                Ok(rows)
            }
            Shelf::File(conn, place) => {
                let conn = conn.lock().unwrap_or_else(PoisonError::into_inner);
                let read = || -> rusqlite::Result<Vec<String>> {
                    let mut query = conn.prepare_cached(
                        "SELECT kpi FROM story WHERE started_at >= ?1 ORDER BY started_at DESC, run DESC LIMIT ?2",
                    )?;
                    query.query_map(params![since, ROWS_MAX as i64], |row| row.get(0))?.collect()
                };
                let texts = read().map_err(|e| disk(place, &e))?;
                Ok(texts.iter().rev().filter_map(|text| serde_json::from_str(text).ok()).collect())
            }
        }
    }
}

fn text(place: &Path, value: &impl serde::Serialize) -> Result<String, ShelfError> {
    serde_json::to_string(value)
        .map_err(|e| ShelfError::Disk { place: place.display().to_string(), what: e.to_string() })
}

fn disk(place: &Path, error: &rusqlite::Error) -> ShelfError {
    ShelfError::Disk { place: place.display().to_string(), what: error.to_string() }
}
