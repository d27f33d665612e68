//! What the store's tests share: a folder in memory where syncs cost nothing, and a log with history.
#![allow(dead_code, unreachable_pub)] // each test binary uses a part
#![allow(clippy::unwrap_used)] // a test may fail

use std::path::{Path, PathBuf};

use fw_store::conformance::sample::{
    View, answer, ended, events, published, service, sink, snapshot, source, view,
};
use fw_store::{Batch, RolloutLog, SqliteLog};

/// A folder that vanishes with the value: in memory where the system has such a place.
pub fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// The files of a log as a crash would leave them, and its view after each commit.
pub struct Crashed {
    /// The main file, without what is only in the write-ahead log.
    pub db: Vec<u8>,
    /// The write-ahead log.
    pub wal: Vec<u8>,
    /// All in one file, as a clean end leaves it.
    pub whole: Vec<u8>,
    /// What could be read after each commit, oldest first.
    pub states: Vec<View>,
}

/// A log of some dozen commits over all tables, crashed half-way between two checkpoints.
pub fn crashed() -> Crashed {
    let dir = folder();
    let path = dir.path().join("state.db");
    let mut states = Vec::new();
    for half in 0..2 {
        let log = SqliteLog::open(&path).unwrap();
        states.push(view(&log).unwrap());
        for step in 1..=12 {
            log.commit(&batch(half * 12 + step)).unwrap();
            states.push(view(&log).unwrap());
        }
        if half == 1 {
            let (db, wal) = (read(&path), read(&dir.path().join("state.db-wal")));
            drop(log);
            return Crashed { db, wal, whole: read(&path), states };
        }
    }
    unreachable!("the second half returns")
}

/// The n-th commit: a run in its n-th step, and something in every other table.
fn batch(n: u64) -> Batch {
    let snapshot = if n == 24 { ended("a.1", 3 * n, 9) } else { snapshot("a.1", 3 * n - 1) };
    Batch {
        snapshots: vec![snapshot],
        published: (4 * n - 3..=4 * n).map(|id| published(id, "a.1")).collect(),
        services: vec![service("a", n, 1), service(&format!("s{n}"), 1, 0)],
        sources: vec![source("a", "p1", n), source("a", &format!("p{n}"), n)],
        idempotency: vec![answer("s", &format!("k{n}"), 7)],
        sinks: vec![sink("ops", 4 * n - 1), sink(&format!("n{n}"), n)],
        ..events("a.1", 3 * n - 2, 3 * n)
    }
}

pub fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

/// Puts files of a log into a folder of their own; an absent write-ahead log is not written.
pub fn place(db: &[u8], wal: Option<&[u8]>) -> (tempfile::TempDir, PathBuf) {
    let dir = folder();
    let path = dir.path().join("state.db");
    std::fs::write(&path, db).unwrap();
    if let Some(wal) = wal {
        std::fs::write(dir.path().join("state.db-wal"), wal).unwrap();
    }
    (dir, path)
}
