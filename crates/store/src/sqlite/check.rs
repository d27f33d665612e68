//! Is the file whole? Asked before anything is written to it.
//!
//! SQLite's own check covers the structure (pages, b-trees, indexes); our checksums cover what is in
//! the rows, which SQLite has no way to judge. A start has a time budget, so how much is checked
//! depends on the size of the file. What is not checked at the start is checked when it is read.

use fw_model::{RunId, ServiceKey};
use rusqlite::{Connection, params};

use super::fail::Place;
use super::load;
use super::read::{all, events, published_after, rollout};
use super::table::{IDEMPOTENCY, RUN, RunRow, read_idempotency};
use super::write::read_head;
use crate::Error;
use crate::limits::{CHECK_FULL_BYTES_MAX, CHECK_QUICK_BYTES_MAX, PAGE_ROWS_MAX};

/// Checks as much as the size allows: everything, the structure, or the head only.
pub(super) fn at_open(conn: &Connection, place: &Place, bytes: u64) -> Result<(), Error> {
    if bytes <= CHECK_FULL_BYTES_MAX {
        everything(conn, place)
    } else if bytes <= CHECK_QUICK_BYTES_MAX {
        structure(conn, place, "quick_check")?;
        load::load(conn, place).map(|_| ())
    } else {
        read_head(conn, place).map(|_| ())
    }
}

/// Checks the structure, the indexes, every row's checksum and every sequence of numbers.
pub(super) fn everything(conn: &Connection, place: &Place) -> Result<(), Error> {
    structure(conn, place, "integrity_check")?;
    foreign_keys(conn, place)?;
    load::load(conn, place)?;
    every_run(conn, place)?;
    every_published(conn, place)?;
    let sql = format!("SELECT {IDEMPOTENCY} FROM idempotency");
    all(conn, place, &sql, [], |row| read_idempotency(row, place).map(|_| ())).map(|_| ())
}

/// SQLite's own check; its first finding becomes the error.
pub(super) fn structure(conn: &Connection, place: &Place, pragma: &str) -> Result<(), Error> {
    let sql = format!("PRAGMA {pragma}(1)");
    let found: String = conn.query_row(&sql, [], |row| row.get(0)).map_err(|e| place.fail(e))?;
    if found == "ok" {
        return Ok(());
    }
    Err(place.corrupt(format!("SQLite's {pragma} says: {}", found.replace('\n', " "))))
}

fn foreign_keys(conn: &Connection, place: &Place) -> Result<(), Error> {
    let sql = "SELECT count(*) FROM pragma_foreign_key_check";
    let orphans: i64 = conn.query_row(sql, [], |row| row.get(0)).map_err(|e| place.fail(e))?;
    if orphans == 0 { Ok(()) } else { Err(place.corrupt(format!("{orphans} rows belong to no run"))) }
}

/// Every run has its snapshot and all its kept events, and no other.
fn every_run(conn: &Connection, place: &Place) -> Result<(), Error> {
    let runs = all(conn, place, &format!("SELECT {RUN} FROM runs"), [], |row| RunRow::read(row, 0, place))?;
    for run in runs {
        rollout(conn, place, &run.run)?;
        let mut after = 0;
        loop {
            let page = events(conn, place, &run, after, PAGE_ROWS_MAX as i64)?;
            match page.last() {
                // In range: the database only holds signed numbers.
                Some(last) if page.len() == PAGE_ROWS_MAX => after = last.seq as i64,
                _ => break,
            }
        }
        let sql = "SELECT count(*) FROM events WHERE run = ?";
        let found: u64 = conn.query_row(sql, params![run.id], |row| row.get(0)).map_err(|e| place.fail(e))?;
        let expected = run.last_seq + 1 - run.oldest_seq.min(run.last_seq + 1);
        if found != expected {
            return Err(surplus(place, &run.run, found, expected));
        }
    }
    Ok(())
}

fn surplus(place: &Place, run: &RunId, found: u64, expected: u64) -> Error {
    place.corrupt(format!("run {run} should have {expected} events, it has {found}"))
}

fn every_published(conn: &Connection, place: &Place) -> Result<(), Error> {
    let (mut after, no_filter) = (0, None::<&ServiceKey>);
    loop {
        let page = published_after(conn, place, after, no_filter, PAGE_ROWS_MAX)?;
        match page.last() {
            Some(last) if page.len() == PAGE_ROWS_MAX => after = last.id,
            _ => return Ok(()),
        }
    }
}
