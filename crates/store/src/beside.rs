//! Small SQLite files of our own beside the event log: opened alike, each with a number for its layout.
//!
//! Their user holds the event log's lock, so there is one at a time.

use std::path::Path;

use rusqlite::Connection;

/// A file beside the event log can't be opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum BesideError {
    /// A newer version wrote it.
    #[error("its layout has the number {0}, which this version does not know")]
    TooNew(i64),
    /// The disk, or SQLite.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// Opens a file; a new one gets this layout and its number, an old one must have it. What is written is durable on return.
///
/// # Errors
/// [`BesideError::TooNew`] for another layout than 0 or `version`; [`BesideError::Sqlite`].
pub fn open_beside(place: &Path, schema: &str, version: i64) -> Result<Connection, BesideError> {
    let mut conn = Connection::open(place)?;
    conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = off;")?;
    let tx = conn.transaction()?;
    match tx.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))? {
        0 => tx.execute_batch(schema)?,
        found if found == version => {}
        found => return Err(BesideError::TooNew(found)),
    }
    tx.pragma_update(None, "user_version", version)?;
    tx.commit()?;
    Ok(conn)
}
