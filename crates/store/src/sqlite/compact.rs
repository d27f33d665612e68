//! Forgetting what is no longer promised, a bounded number of rows at a time.
//!
//! Only rows go; the file keeps its size and SQLite uses the free pages again. Each table is one
//! function, and each keeps the head and run rows true, so that the checks for lost rows still hold.

use std::time::Duration;

use fw_model::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::fail::Place;
use super::read::{all, prefixed};
use super::table::{RUN, RunRow};
use super::write::{Writer, begin, run, write_run};
use crate::limits::COMPACT_ROWS_MAX;
use crate::{Compacted, Error, Retention};

/// Removes what the policy no longer keeps, in one transaction.
pub(super) fn compact(
    conn: &mut Connection,
    place: &Place,
    fence: u64,
    policy: &Retention,
    now: Timestamp,
) -> Result<Compacted, Error> {
    let tx = begin(conn, place)?;
    let mut writer = Writer::new(&tx, place, fence)?;
    let mut done = Compacted {
        published: published(&tx, place, &mut writer, policy, now)?,
        events: events(&tx, place, before(now, policy.events_age))?,
        idempotency: idempotency(&tx, place, before(now, policy.idempotency_age))?,
        sources: sources(&tx, place, before(now, policy.sources_age))?,
        more: false,
    };
    writer.head.sources = writer.head.sources.saturating_sub(done.sources);
    let limit = COMPACT_ROWS_MAX as u64;
    done.more = [done.published, done.events, done.idempotency, done.sources].contains(&limit);
    writer.finish()?;
    tx.commit().map_err(|e| place.fail(e))?;
    Ok(done)
}

/// The longest prefix in which every event is too old, not among the newest, and either acknowledged by every sink or
/// too old to wait for one.
fn published(
    conn: &Connection,
    place: &Place,
    writer: &mut Writer<'_>,
    policy: &Retention,
    now: Timestamp,
) -> Result<u64, Error> {
    let head = &writer.head;
    let few = (head.last_published + 1).saturating_sub(policy.published_count);
    let end = few.min(head.oldest_published + COMPACT_ROWS_MAX as u64);
    // Clocks step back, so ages need not be in order of ids: the first young event ends the prefix.
    let first_young = |from: u64, end: u64, age: Duration| {
        let sql = "SELECT id FROM published WHERE id >= ? AND id < ? AND at >= ? ORDER BY id LIMIT 1";
        let found = conn.query_row(sql, params![from, end, before(now, age)], |row| row.get(0)).optional();
        found.map(|id: Option<u64>| id.unwrap_or(end)).map_err(|e| place.fail(e))
    };
    let end = first_young(0, end, policy.published_age)?;
    let told: Option<u64> =
        conn.query_row("SELECT min(cursor) FROM sinks", [], |row| row.get(0)).map_err(|e| place.fail(e))?;
    let end = match told {
        Some(told) => first_young(told + 1, end, policy.published_age.saturating_add(policy.sink_extra_age))?,
        None => end,
    };
    let gone = run(conn, place, "DELETE FROM published WHERE id < ?", params![end])? as u64;
    writer.head.oldest_published = head.oldest_published.max(end);
    Ok(gone)
}

/// Events of runs that ended long ago, up to their last snapshot.
fn events(conn: &Connection, place: &Place, cutoff: i64) -> Result<u64, Error> {
    let sql = format!(
        "SELECT {}, s.seq FROM snapshots AS s JOIN runs AS r ON r.id = s.run \
         WHERE s.ended_at < ? AND r.oldest_seq <= s.seq ORDER BY r.id LIMIT ?",
        prefixed("r", RUN)
    );
    let runs = all(conn, place, &sql, params![cutoff, COMPACT_ROWS_MAX as i64], |row| {
        let seq: u64 = row.get(6).map_err(|e| place.fail(e))?;
        Ok((RunRow::read(row, 0, place)?, seq))
    })?;
    let mut gone = 0;
    for (mut row, snapshot) in runs {
        let room = COMPACT_ROWS_MAX as u64 - gone;
        if room == 0 {
            break;
        }
        let end = (snapshot + 1).min(row.oldest_seq + room);
        gone +=
            run(conn, place, "DELETE FROM events WHERE run = ? AND seq < ?", params![row.id, end])? as u64;
        row.oldest_seq = end;
        write_run(conn, place, &row)?;
    }
    Ok(gone)
}

fn idempotency(conn: &Connection, place: &Place, cutoff: i64) -> Result<u64, Error> {
    let sql = "DELETE FROM idempotency WHERE rowid IN \
               (SELECT rowid FROM idempotency WHERE at < ? ORDER BY at, scope, key LIMIT ?)";
    run(conn, place, sql, params![cutoff, COMPACT_ROWS_MAX as i64]).map(|n| n as u64)
}

/// Reports of data planes that have long been silent, of services without a run under way.
fn sources(conn: &Connection, place: &Place, cutoff: i64) -> Result<u64, Error> {
    let sql = "DELETE FROM sources WHERE rowid IN (\
                 SELECT rowid FROM sources WHERE at < ? AND service NOT IN \
                   (SELECT r.service FROM snapshots AS s JOIN runs AS r ON r.id = s.run WHERE s.ended_at IS NULL) \
                 ORDER BY service, source LIMIT ?)";
    run(conn, place, sql, params![cutoff, COMPACT_ROWS_MAX as i64]).map(|n| n as u64)
}

/// The moment an age ago, saturating: `x.plus(age) < now` is `x < before(now, age)` for all real times.
fn before(now: Timestamp, age: Duration) -> i64 {
    now.0.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}
