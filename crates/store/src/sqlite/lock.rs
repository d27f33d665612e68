//! One server per database: an advisory lock on `<db>.lock`, held as long as the log is open.
//!
//! The kernel gives the lock back when the process ends, however it ends, so a lock file left by
//! `kill -9` blocks nobody. The file holds the pid of its owner, only for the error message, and is
//! never removed: removing it would let two servers hold "the" lock on two different files.
//! If a person does remove it, the fencing token still tells the two apart (`write.rs`).

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::fail::Place;
use crate::Error;

/// Longest text read from a lock file, in bytes: a pid and a line end.
const OWNER_BYTES_MAX: u64 = 32;

/// The held lock; dropping it (closing the file) gives it back.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the database at `db`.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process, or another log in this one, holds it;
    /// [`Error::NoAccess`], [`Error::ReadOnly`], [`Error::Io`] when the lock file cannot be made.
    pub(super) fn take(db: &Path) -> Result<Lock, Error> {
        let place = Place(db.to_owned());
        let path = beside(db, ".lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(|e| place.io(e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Locked { path: db.to_owned(), pid: owner(&mut file) });
            }
            Err(TryLockError::Error(e)) => return Err(place.io(e)),
        }
        write_owner(&mut file).map_err(|e| place.io(e))?;
        Ok(Lock { _file: file })
    }
}

/// The path of a file that belongs to the database: its name with `suffix` after it.
pub(super) fn beside(db: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(db);
    name.push(suffix);
    PathBuf::from(name)
}

fn owner(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(OWNER_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_owner(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}
