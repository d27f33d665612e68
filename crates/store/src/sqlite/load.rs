//! Reads what a start needs, and checks that it is all there.
//!
//! The head row says how many runs, services and reports there must be and where the published ids
//! end; each run's row says where its events end. Whatever is missing is reported, never skipped.

use rusqlite::Connection;

use super::fail::Place;
use super::read::{all, events, prefixed, published_range};
use super::table::{
    RUN, RunRow, SERVICE, SINK, SNAPSHOT, SOURCE, read_service, read_sink, read_snapshot, read_source,
};
use super::write::read_head;
use crate::{Error, Loaded, LoadedRollout, SinkRow};

/// Everything needed to go on.
pub(super) fn load(conn: &Connection, place: &Place) -> Result<Loaded, Error> {
    let head = read_head(conn, place)?;
    let mut services =
        all(conn, place, &format!("SELECT {SERVICE} FROM services"), [], |row| read_service(row, place))?;
    let mut sources =
        all(conn, place, &format!("SELECT {SOURCE} FROM sources"), [], |row| read_source(row, place))?;
    counted(place, "services", services.len() as u64, head.services)?;
    counted(place, "source reports", sources.len() as u64, head.sources)?;
    for table in ["runs", "snapshots"] {
        let sql = format!("SELECT count(*) FROM {table}");
        let found = conn.query_row(&sql, [], |row| row.get(0)).map_err(|e| place.fail(e))?;
        counted(place, table, found, head.runs)?;
    }
    published_range(conn, place)?;
    self::sinks(conn, place)?;
    services.sort_by(|a, b| a.key.cmp(&b.key));
    sources.sort_by(|a, b| (&a.key, &a.source).cmp(&(&b.key, &b.source)));
    Ok(Loaded {
        services,
        rollouts: rollouts(conn, place)?,
        sources,
        last_published: head.last_published,
        oldest_published: head.oldest_published,
    })
}

/// Every sink, by name; checks that none is missing.
pub(super) fn sinks(conn: &Connection, place: &Place) -> Result<Vec<SinkRow>, Error> {
    let head = read_head(conn, place)?;
    let sql = format!("SELECT {SINK} FROM sinks ORDER BY name");
    let sinks = all(conn, place, &sql, [], |row| read_sink(row, place))?;
    counted(place, "sinks", sinks.len() as u64, head.sinks)?;
    Ok(sinks)
}

/// Runs under way and the newest of each service, each with the events after its snapshot.
fn rollouts(conn: &Connection, place: &Place) -> Result<Vec<LoadedRollout>, Error> {
    let sql = format!(
        "SELECT {}, {} FROM runs AS r JOIN snapshots AS s ON s.run = r.id \
         WHERE r.id IN (SELECT run FROM snapshots WHERE ended_at IS NULL \
                        UNION SELECT max(id) FROM runs GROUP BY service) \
         ORDER BY r.id",
        prefixed("r", RUN),
        prefixed("s", SNAPSHOT)
    );
    let found = all(conn, place, &sql, [], |row| {
        let run = RunRow::read(row, 0, place)?;
        let snapshot = read_snapshot(row, 6, &run, place)?;
        Ok((run, snapshot))
    })?;
    let rollout = |(run, snapshot): (RunRow, crate::SnapshotRow)| {
        // In range: the database only holds signed numbers. All of them: no page limit here.
        let events = events(conn, place, &run, snapshot.seq as i64, i64::MAX)?;
        Ok(LoadedRollout { snapshot, events })
    };
    found.into_iter().map(rollout).collect()
}

fn counted(place: &Place, what: &str, found: u64, expected: u64) -> Result<(), Error> {
    if found == expected {
        Ok(())
    } else {
        Err(place.corrupt(format!("{expected} {what} should be there, {found} are")))
    }
}
