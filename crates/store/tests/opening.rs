//! Every way an opening can be refused is a clear error of its own, and leaves the file alone.
#![allow(clippy::unwrap_used)] // a test may fail

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use common::{folder, read};
use fw_store::conformance::sample::{begin, events, publish, view};
use fw_store::{Batch, Error, RolloutLog, SqliteLog, SqliteOptions};

/// The error of an opening that must fail.
fn refusal(path: impl AsRef<Path>) -> Error {
    SqliteLog::open(path).expect_err("must be refused")
}

#[test]
fn a_second_log_on_one_file_is_refused_and_names_the_owner() {
    let dir = folder();
    let path = dir.path().join("state.db");
    let log = SqliteLog::open(&path).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, Error::Locked { pid: Some(pid), .. } if pid == std::process::id()), "{error:?}");
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    // Also under another name of the same file.
    symlink(&path, dir.path().join("alias.db")).unwrap();
    assert!(matches!(refusal(dir.path().join("alias.db")), Error::Locked { .. }));
    assert!(matches!(
        refusal(dir.path().join("sub/../state.db")),
        Error::NoAccess { .. } | Error::Locked { .. }
    ));
    drop(log);
    SqliteLog::open(&path).unwrap();
}

#[test]
fn a_lock_file_left_behind_blocks_nobody() {
    let dir = folder();
    for left in ["", "12345\n", "garbage \u{0}", &"9".repeat(1_000)] {
        fs::write(dir.path().join("state.db.lock"), left).unwrap();
        SqliteLog::open(dir.path().join("state.db")).unwrap();
    }
}

#[test]
fn what_is_no_log_of_ours_is_refused_and_left_alone() {
    let dir = folder();
    let other = dir.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let text = dir.path().join("notes.txt");
    fs::write(&text, "not a database at all, but long enough to have a header of one ".repeat(20)).unwrap();
    let short = dir.path().join("short");
    fs::write(&short, "x").unwrap();
    for path in [other, text, short] {
        let before = read(&path);
        assert!(matches!(refusal(&path), Error::NotOurs { .. }), "{path:?}");
        assert_eq!(read(&path), before);
    }
    assert!(matches!(refusal(dir.path()), Error::NotOurs { .. }));
    assert!(matches!(refusal("/dev/null"), Error::NotOurs { .. }));
}

#[test]
fn an_empty_file_and_a_lost_main_file_are_damage_not_a_new_log() {
    let dir = folder();
    let empty = dir.path().join("empty.db");
    fs::write(&empty, "").unwrap();
    assert!(matches!(refusal(&empty), Error::Corrupt { .. }));
    fs::write(dir.path().join("lost.db-wal"), "x").unwrap();
    let error = refusal(dir.path().join("lost.db"));
    assert!(matches!(error, Error::Corrupt { .. }));
    for advice in ["lost.db-wal", ".recover", "--store sqlite:"] {
        assert!(error.to_string().contains(advice), "{error}");
    }
    assert!(!dir.path().join("lost.db").exists());
}

#[test]
fn a_newer_schema_is_refused_with_what_to_do() {
    let dir = folder();
    let path = dir.path().join("state.db");
    drop(SqliteLog::open(&path).unwrap());
    let set = |version: i32| {
        let conn = rusqlite::Connection::open(&path).unwrap();
        conn.pragma_update(None, "user_version", version).unwrap();
    };
    set(99);
    let error = refusal(&path);
    assert!(matches!(error, Error::TooNew { found: 99, .. }), "{error:?}");
    assert!(error.to_string().contains("upgrade"), "{error}");
    for never in [0, -3] {
        set(never);
        assert!(matches!(refusal(&path), Error::Corrupt { .. }));
    }
    set(2);
    SqliteLog::open(&path).unwrap();
}

#[test]
fn folders_are_made_and_impossible_ones_refused() {
    let dir = folder();
    drop(SqliteLog::open(dir.path().join("a/b/state.db")).unwrap());
    fs::write(dir.path().join("file"), "x").unwrap();
    assert!(matches!(refusal(dir.path().join("file/state.db")), Error::NoAccess { .. } | Error::Io { .. }));
    assert!(matches!(refusal(""), Error::NoAccess { .. }));
}

#[test]
fn a_crash_while_creating_leaves_nothing_in_the_way() {
    let dir = folder();
    fs::write(dir.path().join("state.db.new"), "half a data").unwrap();
    let log = SqliteLog::open(dir.path().join("state.db")).unwrap();
    log.commit(&begin("a.1")).unwrap();
    assert!(!dir.path().join("state.db.new").exists());
}

#[test]
fn a_full_store_refuses_whole_batches_and_goes_on_when_there_is_room() {
    let dir = folder();
    let path = dir.path().join("state.db");
    let log = SqliteLog::open_with(&path, &SqliteOptions { bytes_max: Some(200_000) }).unwrap();
    log.commit(&begin("a.1")).unwrap();
    let mut next = 1;
    let error = loop {
        let batch = events("a.1", next, next + 99);
        match log.commit(&batch) {
            Ok(()) => next += 100,
            Err(error) => break error,
        }
        assert!(next < 10_000, "200 kB hold no 10 000 events of 200 bytes");
    };
    assert!(matches!(error, Error::Full { .. }) && error.is_retryable(), "{error:?}");
    let full = view(&log).unwrap();
    assert_eq!(full.events[0].len() as u64, next - 1);
    assert!(matches!(log.commit(&events("a.1", next, next + 99)), Err(Error::Full { .. })));
    drop(log);
    let log = SqliteLog::open(&path).unwrap();
    assert_eq!(view(&log).unwrap(), full);
    log.verify().unwrap();
    log.commit(&events("a.1", next, next + 99)).unwrap();
}

#[test]
fn a_shell_that_holds_a_lock_is_waited_for_then_named() {
    let dir = folder();
    let path = dir.path().join("state.db");
    let log = SqliteLog::open(&path).unwrap();
    let shell = rusqlite::Connection::open(&path).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = log.commit(&begin("a.1")).unwrap_err();
    assert!(matches!(error, Error::Busy { .. }) && error.is_retryable(), "{error:?}");
    // Readers are not held up.
    log.load().unwrap();
    shell.execute_batch("ROLLBACK").unwrap();
    log.commit(&begin("a.1")).unwrap();
}

const UNPRIVILEGED: &str = "FW_STORE_TEST_OPEN";

/// Opens a file as a user who may not write it. Root may write anything, so as root the test runs itself
/// again as another user.
#[test]
fn missing_permission_is_said_plainly() {
    if let Some(path) = std::env::var_os(UNPRIVILEGED) {
        match SqliteLog::open(path) {
            Err(Error::NoAccess { .. }) => println!("opened: no access"),
            Err(Error::ReadOnly { .. }) => println!("opened: read-only"),
            other => println!("opened: {other:?}"),
        }
        return;
    }
    let dir = folder();
    let path = dir.path().join("state.db");
    drop(SqliteLog::open(&path).unwrap());
    mode(dir.path(), 0o755);
    mode(&path, 0o444);
    mode(&dir.path().join("state.db.lock"), 0o444);
    assert_eq!(opened_by_another(&path), "no access");
    mode(&dir.path().join("state.db.lock"), 0o666);
    assert_eq!(opened_by_another(&path), "read-only");
    mode(&path, 0o000);
    assert_eq!(opened_by_another(&path), "no access");
    mode(dir.path(), 0o000);
    assert_eq!(opened_by_another(&path), "no access");
    mode(dir.path(), 0o755);
}

fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// What the same test says when it runs without privileges.
fn opened_by_another(path: &Path) -> String {
    // A copy where everyone can reach it: the build folder may be private.
    let dir = folder();
    mode(dir.path(), 0o755);
    let program = dir.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut command = Command::new(&program);
    command.args(["--exact", "missing_permission_is_said_plainly", "--nocapture"]);
    command.env(UNPRIVILEGED, path).current_dir("/");
    if fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0) {
        command.uid(65_534).gid(65_534);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let found = text.lines().find_map(|line| line.split_once("opened: "));
    found.expect("the child says how it went").1.to_owned()
}

#[test]
fn everything_committed_before_a_clean_end_is_in_one_file() {
    let dir = folder();
    let path = dir.path().join("state.db");
    let log = SqliteLog::open(&path).unwrap();
    log.commit(&Batch { published: publish("a.1", 1, 5).published, ..begin("a.1") }).unwrap();
    let before = view(&log).unwrap();
    drop(log);
    assert!(!dir.path().join("state.db-wal").exists());
    let copy = dir.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    assert_eq!(view(&SqliteLog::open(&copy).unwrap()).unwrap(), before);
}
