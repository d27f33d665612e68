//! Damaged files: whatever bytes are in them, the log opens with exactly a state that was committed, or
//! says what is wrong. Never a panic, never silently less.
#![allow(clippy::unwrap_used)] // a test may fail

mod common;

use common::{Crashed, crashed, folder, place, read};
use fw_store::conformance::sample::{View, published, view};
use fw_store::{Batch, Error, RolloutLog, SqliteLog};

/// How one damaged file ended.
#[derive(Debug, Default)]
struct Tally {
    refused: usize,
    whole: usize,
}

/// Opens and reads everything. Fails the test unless the outcome is an allowed state or a clear error.
fn judge(db: &[u8], wal: Option<&[u8]>, allowed: &[View], what: &str, tally: &mut Tally) {
    let (dir, path) = place(db, wal);
    let opened = SqliteLog::open(&path);
    let refused_at_open = opened.is_err();
    match opened.and_then(|log| view(&log)) {
        Ok(found) => {
            assert!(allowed.contains(&found), "{what}: opened with a state that was never committed");
            tally.whole += 1;
        }
        Err(error) => {
            let clear = matches!(
                error,
                Error::Corrupt { .. } | Error::NotOurs { .. } | Error::TooNew { .. } | Error::Io { .. }
            );
            assert!(clear, "{what}: {error:?}");
            assert!(error.to_string().contains("state.db"), "{what}: {error}");
            tally.refused += 1;
        }
    }
    if refused_at_open {
        assert_eq!(read(&path), db, "{what}: a refused file was changed");
        if let Some(wal) = wal {
            assert_eq!(
                read(&dir.path().join("state.db-wal")),
                wal,
                "{what}: the log of a refused file was changed"
            );
        }
    }
}

fn last(crashed: &Crashed) -> &[View] {
    &crashed.states[crashed.states.len() - 1..]
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    let crashed = crashed();
    let mut tally = Tally::default();
    for end in (0..crashed.whole.len()).step_by(509).chain((0..crashed.whole.len()).step_by(4096)) {
        judge(&crashed.whole[..end], None, last(&crashed), &format!("cut at {end}"), &mut tally);
    }
    assert_eq!(tally.whole, 0, "no part of a database is a database");
}

#[test]
fn a_flipped_bit_anywhere_changes_nothing_or_is_found() {
    let crashed = crashed();
    let mut tally = Tally::default();
    for at in (0..crashed.whole.len()).step_by(223).chain(0..120) {
        let mut db = crashed.whole.clone();
        db[at] ^= 1 << (at % 8);
        judge(&db, None, last(&crashed), &format!("bit of byte {at} flipped"), &mut tally);
    }
    assert!(tally.refused > 50, "most bytes matter: {tally:?}");
}

#[test]
fn a_zeroed_or_overwritten_page_changes_nothing_or_is_found() {
    let crashed = crashed();
    let mut tally = Tally::default();
    for (filler, from) in (0..crashed.whole.len()).step_by(1_024).flat_map(|from| [(0, from), (0xFF, from)]) {
        for length in [512, 4096] {
            let mut db = crashed.whole.clone();
            let end = (from + length).min(db.len());
            db[from..end].fill(filler);
            judge(&db, None, last(&crashed), &format!("{from}..{end} = {filler}"), &mut tally);
        }
    }
    assert!(tally.refused > tally.whole, "{tally:?}");
}

#[test]
fn swapped_pages_are_found() {
    let crashed = crashed();
    let mut tally = Tally::default();
    let pages = crashed.whole.len() / 4096;
    for (a, b) in (1..pages).flat_map(|a| (a + 1..pages).map(move |b| (a, b))).step_by(7) {
        let mut db = crashed.whole.clone();
        let (front, back) = db.split_at_mut(b * 4096);
        front[a * 4096..(a + 1) * 4096].swap_with_slice(&mut back[..4096]);
        judge(&db, None, last(&crashed), &format!("pages {a} and {b} swapped"), &mut tally);
    }
    assert!(tally.refused > tally.whole, "{tally:?}");
}

#[test]
fn a_damaged_write_ahead_log_gives_a_committed_state() {
    let crashed = crashed();
    let mut tally = Tally::default();
    let judge = |wal: &[u8], what: &str, tally: &mut Tally| {
        judge(&crashed.db, Some(wal), &crashed.states, what, tally);
    };
    judge(&crashed.wal, "untouched", &mut tally);
    for end in (0..crashed.wal.len()).step_by(4_003) {
        judge(&crashed.wal[..end], &format!("log cut at {end}"), &mut tally);
        let mut wal = crashed.wal.clone();
        wal[end] ^= 0x10;
        judge(&wal, &format!("byte {end} of the log flipped"), &mut tally);
        wal[end..].fill(0);
        judge(&wal, &format!("log zeroed from {end}"), &mut tally);
    }
    for seed in 0..10 {
        let mut random = fastrand::Rng::with_seed(seed);
        let garbage: Vec<u8> = (0..random.usize(1..20_000)).map(|_| random.u8(..)).collect();
        judge(&garbage, &format!("garbage log {seed}"), &mut tally);
    }
    // All these leave the main file alone, so all open.
    assert_eq!(tally.refused, 0);
}

#[test]
fn without_damage_a_crash_loses_nothing() {
    let crashed = crashed();
    let (_dir, path) = place(&crashed.db, Some(&crashed.wal));
    let log = SqliteLog::open(&path).unwrap();
    assert_eq!(view(&log).unwrap(), crashed.states[crashed.states.len() - 1]);
    log.verify().unwrap();
}

/// A file too large to be checked fully at each open.
fn large(bytes: usize) -> (Vec<u8>, View) {
    let dir = folder();
    let path = dir.path().join("state.db");
    let log = SqliteLog::open(&path).unwrap();
    let text = "x".repeat(2_000);
    for first in (1..=bytes as u64 / 2_000).step_by(500) {
        let published = (first..first + 500).map(|id| {
            let mut published = published(id, "a.1");
            published.data.clone_from(&text);
            published
        });
        log.commit(&Batch { published: published.collect(), ..Batch::default() }).unwrap();
    }
    let view = view(&log).unwrap();
    drop(log);
    (read(&path), view)
}

#[test]
fn in_files_too_large_to_check_at_the_start_damage_is_found_when_read() {
    for bytes in [6 << 20, 40 << 20] {
        let (whole, state) = large(bytes);
        let mut tally = Tally::default();
        let mut random = fastrand::Rng::with_seed(bytes as u64);
        for round in 0..40 {
            let at = random.usize(..whole.len());
            let mut db = whole.clone();
            let end = (at + [1, 4096][round % 2]).min(db.len());
            db[at..end].iter_mut().for_each(|byte| *byte = !*byte);
            judge(&db, None, std::slice::from_ref(&state), &format!("{at}..{end} inverted"), &mut tally);
        }
        assert!(tally.refused > 10, "{tally:?}");
    }
}
