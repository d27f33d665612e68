//! Both stores keep what the trait promises.
#![allow(clippy::unwrap_used)] // a test may fail

use fw_store::conformance::{Bed, run_all};
use fw_store::{MemoryLog, RolloutLog, SqliteLog};

struct Memory(MemoryLog);

impl Bed for Memory {
    type Log = MemoryLog;

    fn empty() -> Self {
        Memory(MemoryLog::new())
    }

    fn open(&self) -> MemoryLog {
        self.0.reopen()
    }

    fn open_around_lock(&self) -> MemoryLog {
        self.0.reopen()
    }
}

struct Sqlite(tempfile::TempDir);

impl Bed for Sqlite {
    type Log = SqliteLog;

    fn empty() -> Self {
        Sqlite(tempfile::tempdir().unwrap())
    }

    fn open(&self) -> SqliteLog {
        SqliteLog::open(self.0.path().join("state.db")).unwrap()
    }

    fn open_around_lock(&self) -> SqliteLog {
        std::fs::remove_file(self.0.path().join("state.db.lock")).unwrap();
        self.open()
    }
}

#[test]
fn the_memory_log_conforms() {
    run_all::<Memory>();
}

#[test]
fn the_sqlite_log_conforms() {
    run_all::<Sqlite>();
}

#[test]
fn a_log_names_its_file() {
    let bed = Sqlite::empty();
    assert!(bed.open().open_info().path.unwrap().ends_with("state.db"));
    assert_eq!(MemoryLog::new().open_info().path, None);
}
