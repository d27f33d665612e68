//! From SQLite's answers to ours: each sorted by what a person can do about it.
//!
//! The advice for a damaged database is written here, once. The order in it matters: copy first,
//! because opening a database with a tool may change it.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::Error;

/// Where a statement failed: the database file, to name it in errors.
#[derive(Debug, Clone)]
pub(super) struct Place(pub(super) PathBuf);

impl Place {
    /// SQLite's answer as ours.
    pub(super) fn fail(&self, source: rusqlite::Error) -> Error {
        let path = self.0.clone();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt) => {
                self.corrupt(format!("SQLite finds its structure broken ({source})"))
            }
            Some(ErrorCode::NotADatabase) => {
                let what = "it is no SQLite database (or its first bytes are damaged: then restore a backup)";
                Error::NotOurs { path, what: what.to_owned() }
            }
            Some(ErrorCode::DiskFull) => Error::Full { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy { path },
            Some(ErrorCode::ReadOnly) => Error::ReadOnly { path },
            Some(
                ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::AuthorizationForStatementDenied,
            ) => Error::NoAccess { path, source: source.into() },
            Some(ErrorCode::SystemIoFailure) => Error::Io { path, source: source.into() },
            _ if is_value_error(&source) => {
                self.corrupt(format!("a row holds what was never written ({source})"))
            }
            _ => Error::Database { path, source },
        }
    }

    /// The system's answer as ours.
    pub(super) fn io(&self, source: io::Error) -> Error {
        let path = self.0.clone();
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                Error::NoAccess { path, source: source.into() }
            }
            io::ErrorKind::ReadOnlyFilesystem => Error::ReadOnly { path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full { path },
            _ => Error::Io { path, source: source.into() },
        }
    }

    /// Damage, with what to do about it.
    pub(super) fn corrupt(&self, what: impl Into<String>) -> Error {
        Error::Corrupt { path: self.0.clone(), what: what.into(), advice: advice(&self.0) }
    }
}

/// A column of the wrong type or range: our schema and code never write one.
fn is_value_error(source: &rusqlite::Error) -> bool {
    matches!(
        source,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..)
    )
}

/// Steps a person can follow, with the real file names in them.
fn advice(path: &Path) -> String {
    let db = path.display();
    format!(
        "Nothing was repaired or dropped. (1) Stop every server on it and copy {db}, {db}-wal and {db}-shm to a safe \
         place. (2) Restore a backup if there is one; else try, with a sqlite3 shell from sqlite.org (some distributions \
         build theirs without .recover): sqlite3 {db} .recover | sqlite3 {db}.recovered , and start with \
         --store sqlite:{db}.recovered (it is checked again at the start). (3) To go on at once without the history: \
         start with an empty store, --store sqlite:OTHER.db"
    )
}
