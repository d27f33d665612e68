//! Pages of the log for those who ask: clients that catch up, lists, histories.
//!
//! Each read runs in one transaction, so it sees one state. Where numbers must have no holes, a hole is
//! reported as damage, not skipped: a client must never believe it has seen everything when it has not.

use fw_model::{RunId, ServiceKey};
use rusqlite::{Connection, Params, Row, Transaction, TransactionBehavior, params};

use super::fail::Place;
use super::table::{
    EVENT, IDEMPOTENCY, PUBLISHED, RUN, RunRow, SNAPSHOT, SNAPSHOT_META, read_event, read_idempotency,
    read_published, read_snapshot, read_snapshot_meta, rollout_row,
};
use super::write::{find_run, read_head};
use crate::limits::PAGE_ROWS_MAX;
use crate::{
    Error, EventRow, IdempotencyRow, Published, PublishedRange, RolloutFilter, RolloutRow, StoredRollout,
};

/// Begins a transaction that sees one state and writes nothing.
pub(super) fn begin<'c>(conn: &'c mut Connection, place: &Place) -> Result<Transaction<'c>, Error> {
    conn.transaction_with_behavior(TransactionBehavior::Deferred).map_err(|e| place.fail(e))
}

/// All rows of a query, each read by `read`.
pub(super) fn all<T>(
    conn: &Connection,
    place: &Place,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut statement = conn.prepare_cached(sql).map_err(|e| place.fail(e))?;
    let mut rows = statement.query(params).map_err(|e| place.fail(e))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(|e| place.fail(e))? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// The kept ids; checks that the ends are there.
pub(super) fn published_range(conn: &Connection, place: &Place) -> Result<Option<PublishedRange>, Error> {
    let head = read_head(conn, place)?;
    let sql = "SELECT (SELECT min(id) FROM published), (SELECT max(id) FROM published)";
    let ends = conn
        .query_row(sql, [], |row| Ok((row.get::<_, Option<u64>>(0)?, row.get::<_, Option<u64>>(1)?)))
        .map_err(|e| place.fail(e))?;
    let (oldest, newest) = (head.oldest_published, head.last_published);
    match ends {
        (None, None) if oldest == newest + 1 => Ok(None),
        (Some(first), Some(last)) if (first, last) == (oldest, newest) => {
            Ok(Some(PublishedRange { oldest, newest }))
        }
        (first, last) => Err(place.corrupt(format!(
            "published events {oldest} to {newest} should be there, found {} to {}",
            first.unwrap_or(0),
            last.unwrap_or(0)
        ))),
    }
}

pub(super) fn published_after(
    conn: &Connection,
    place: &Place,
    id: u64,
    filter: Option<&ServiceKey>,
    limit: usize,
) -> Result<Vec<Published>, Error> {
    let Some(id) = in_range(id) else { return Ok(Vec::new()) };
    let limit = page(limit);
    let read = |row: &Row<'_>| read_published(row, place);
    if let Some(key) = filter {
        let sql =
            format!("SELECT {PUBLISHED} FROM published WHERE service = ? AND id > ? ORDER BY id LIMIT ?");
        return all(conn, place, &sql, params![key.to_string(), id, limit], read);
    }
    let head = read_head(conn, place)?;
    let sql = format!("SELECT {PUBLISHED} FROM published WHERE id > ? ORDER BY id LIMIT ?");
    let found = all(conn, place, &sql, params![id, limit], read)?;
    let first = head.oldest_published.max(id as u64 + 1);
    let ids = found.iter().map(|published| published.id);
    whole(first, head.last_published, limit, ids)
        .map_err(|missing| place.corrupt(format!("published event {missing} is missing")))?;
    Ok(found)
}

pub(super) fn history(
    conn: &Connection,
    place: &Place,
    run: &RunId,
    after_seq: u64,
    limit: usize,
) -> Result<Vec<EventRow>, Error> {
    let Some(after) = in_range(after_seq) else { return Ok(Vec::new()) };
    match find_run(conn, place, run)? {
        Some(run) => events(conn, place, &run, after, page(limit)),
        None => Ok(Vec::new()),
    }
}

/// Events of a run after a sequence number; a hole is damage.
pub(super) fn events(
    conn: &Connection,
    place: &Place,
    run: &RunRow,
    after: i64,
    limit: i64,
) -> Result<Vec<EventRow>, Error> {
    let sql = format!("SELECT {EVENT} FROM events WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?");
    let found = all(conn, place, &sql, params![run.id, after, limit], |row| read_event(row, run, place))?;
    let first = run.oldest_seq.max(after as u64 + 1);
    whole(first, run.last_seq, limit, found.iter().map(|event| event.seq))
        .map_err(|missing| place.corrupt(format!("event {missing} of run {} is missing", run.run)))?;
    Ok(found)
}

pub(super) fn rollouts(
    conn: &Connection,
    place: &Place,
    filter: &RolloutFilter,
    limit: usize,
) -> Result<Vec<RolloutRow>, Error> {
    let sql = format!(
        "SELECT {}, {} FROM snapshots AS s JOIN runs AS r ON r.id = s.run \
         WHERE (?1 IS NULL OR r.service = ?1) AND (?2 = 0 OR s.ended_at IS NULL) AND s.started_at < ?3 \
         ORDER BY s.started_at DESC, s.run DESC LIMIT ?4",
        prefixed("r", RUN),
        prefixed("s", SNAPSHOT_META)
    );
    let key = filter.key.as_ref().map(ToString::to_string);
    // A run that starts at the very last moment of the type is not worth a second query.
    let before = filter.started_before.map_or(i64::MAX, |at| at.0);
    all(conn, place, &sql, params![key, filter.unended, before, page(limit)], |row| {
        let run = RunRow::read(row, 0, place)?;
        let (snapshot, _) = read_snapshot_meta(row, 6, &run, place)?;
        Ok(rollout_row(&run, &snapshot))
    })
}

pub(super) fn rollout(conn: &Connection, place: &Place, run: &RunId) -> Result<Option<StoredRollout>, Error> {
    let Some(run) = find_run(conn, place, run)? else { return Ok(None) };
    let sql = format!("SELECT {SNAPSHOT} FROM snapshots WHERE run = ?");
    let found = all(conn, place, &sql, params![run.id], |row| read_snapshot(row, 0, &run, place))?;
    match found.into_iter().next() {
        Some(snapshot) => Ok(Some(StoredRollout { row: rollout_row(&run, &snapshot), snapshot })),
        None => Err(place.corrupt(format!("the snapshot of run {} is missing", run.run))),
    }
}

pub(super) fn idempotent(
    conn: &Connection,
    place: &Place,
    scope: &str,
    key: &str,
) -> Result<Option<IdempotencyRow>, Error> {
    let sql = format!("SELECT {IDEMPOTENCY} FROM idempotency WHERE scope = ? AND key = ?");
    Ok(all(conn, place, &sql, params![scope, key], |row| read_idempotency(row, place))?.into_iter().next())
}

/// Checks that the numbers found are `first`, `first + 1` … up to `last`, or to the end of the page.
/// Gives the first missing one.
fn whole(first: u64, last: u64, limit: i64, found: impl Iterator<Item = u64>) -> Result<(), u64> {
    let mut next = first;
    for number in found {
        if number != next {
            return Err(next);
        }
        next += 1;
    }
    let full = next - first >= limit as u64;
    if full || next > last { Ok(()) } else { Err(next) }
}

/// Column list with a table alias before each name.
pub(super) fn prefixed(alias: &str, columns: &str) -> String {
    columns.split(", ").map(|column| format!("{alias}.{column}")).collect::<Vec<_>>().join(", ")
}

/// A page size SQLite takes. Lossless: the limit is small.
fn page(limit: usize) -> i64 {
    limit.min(PAGE_ROWS_MAX) as i64
}

/// Nothing is stored above the signed range, so nothing comes after such a number.
fn in_range(number: u64) -> Option<i64> {
    i64::try_from(number).ok()
}
