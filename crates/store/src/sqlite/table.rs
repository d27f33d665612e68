//! Rows in and out of the tables, with their checksums.
//!
//! Each table has a `*_sum` (the checksum over the columns, in table order), and a reader that
//! refuses a row whose stored sum differs. Column lists live next to the reader that counts on
//! their order.

use fw_model::{Epoch, RunId, ServiceKey, SourceId, Timestamp};
use rusqlite::Row;

use super::fail::Place;
use crate::sum::Sum;
use crate::{
    Error, EventRow, IdempotencyRow, Published, RolloutRow, ServiceRow, SinkRow, SnapshotRow, SourceRow,
};

/// The row of `head`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) log_id: String,
    pub(super) fence: u64,
    pub(super) last_published: u64,
    pub(super) oldest_published: u64,
    pub(super) runs: u64,
    pub(super) services: u64,
    pub(super) sources: u64,
    pub(super) sinks: u64,
}

/// The row of `runs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunRow {
    pub(super) id: i64,
    pub(super) run: RunId,
    pub(super) last_seq: u64,
    pub(super) oldest_seq: u64,
}

pub(super) const HEAD: &str =
    "log_id, fence, last_published, oldest_published, runs, services, sources, sum, sinks";
pub(super) const RUN: &str = "id, service, number, last_seq, oldest_seq, sum";
pub(super) const SNAPSHOT: &str =
    "seq, format, status, started_at, ended_at, plan_hash, summary, payload_sum, sum, payload";
pub(super) const SNAPSHOT_META: &str =
    "seq, format, status, started_at, ended_at, plan_hash, summary, payload_sum, sum";
pub(super) const EVENT: &str = "seq, at, format, sum, payload";
pub(super) const PUBLISHED: &str = "id, service, number, kind, at, sum, data";
pub(super) const SERVICE: &str = "service, epoch, runs, current_version, format, sum, payload";
pub(super) const SOURCE: &str = "service, source, seq, at, format, sum, payload";
pub(super) const SINK: &str = "name, cursor, at, sum";
pub(super) const IDEMPOTENCY: &str = "scope, key, request_hash, status, at, sum, body";

impl Head {
    pub(super) fn sum(&self) -> i64 {
        let sum = Sum::of(1).bytes(self.log_id.as_bytes()).uint(self.fence).uint(self.last_published);
        let sum = sum.uint(self.oldest_published).uint(self.runs).uint(self.services).uint(self.sources);
        // A head that version 1 wrote has no sinks, and keeps its sum through the migration.
        if self.sinks == 0 { sum.done() } else { sum.uint(self.sinks).done() }
    }

    pub(super) fn read(row: &Row<'_>, place: &Place) -> Result<Head, Error> {
        let read = || -> rusqlite::Result<(Head, i64)> {
            let head = Head {
                log_id: row.get(0)?,
                fence: row.get(1)?,
                last_published: row.get(2)?,
                oldest_published: row.get(3)?,
                runs: row.get(4)?,
                services: row.get(5)?,
                sources: row.get(6)?,
                sinks: row.get(8)?,
            };
            Ok((head, row.get(7)?))
        };
        let (head, sum) = read().map_err(|e| place.fail(e))?;
        matches(head.sum(), sum, place, || "the head row".to_owned())?;
        Ok(head)
    }
}

impl RunRow {
    pub(super) fn sum(&self) -> i64 {
        let sum = Sum::of(2).int(self.id).bytes(self.run.key.to_string().as_bytes()).uint(self.run.number);
        sum.uint(self.last_seq).uint(self.oldest_seq).done()
    }

    /// Reads the columns [`RUN`], of which the first stands at `from`.
    pub(super) fn read(row: &Row<'_>, from: usize, place: &Place) -> Result<RunRow, Error> {
        let read = || -> rusqlite::Result<(RunRow, i64)> {
            let key = key(row, from + 1)?;
            let run = RunId { key, number: row.get(from + 2)? };
            let run = RunRow {
                id: row.get(from)?,
                run,
                last_seq: row.get(from + 3)?,
                oldest_seq: row.get(from + 4)?,
            };
            Ok((run, row.get(from + 5)?))
        };
        let (run, sum) = read().map_err(|e| place.fail(e))?;
        matches(run.sum(), sum, place, || format!("the row of run {}", run.run))?;
        Ok(run)
    }
}

/// The sums of a snapshot: of the payload alone, and of everything else with that.
pub(super) fn snapshot_sums(id: i64, row: &SnapshotRow) -> (i64, i64) {
    let payload = Sum::of(3).bytes(&row.payload).done();
    (payload, snapshot_meta_sum(id, row, payload))
}

fn snapshot_meta_sum(id: i64, row: &SnapshotRow, payload: i64) -> i64 {
    let sum = Sum::of(4).int(id).uint(row.seq).int(row.format.into()).bytes(row.status.as_bytes());
    let sum = sum.int(row.started_at.0).maybe(row.ended_at.map(|at| at.0)).bytes(row.plan_hash.as_bytes());
    sum.bytes(&row.summary).int(payload).done()
}

/// Reads the columns [`SNAPSHOT_META`], of which the first stands at `from`; the payload is left empty.
/// Gives the payload's sum too.
pub(super) fn read_snapshot_meta(
    row: &Row<'_>,
    from: usize,
    run: &RunRow,
    place: &Place,
) -> Result<(SnapshotRow, i64), Error> {
    let read = || -> rusqlite::Result<(SnapshotRow, i64, i64)> {
        let snapshot = SnapshotRow {
            run: run.run.clone(),
            seq: row.get(from)?,
            format: row.get(from + 1)?,
            payload: Vec::new(),
            status: row.get(from + 2)?,
            started_at: Timestamp(row.get(from + 3)?),
            ended_at: row.get::<_, Option<i64>>(from + 4)?.map(Timestamp),
            plan_hash: row.get(from + 5)?,
            summary: row.get(from + 6)?,
        };
        Ok((snapshot, row.get(from + 7)?, row.get(from + 8)?))
    };
    let (snapshot, payload_sum, sum) = read().map_err(|e| place.fail(e))?;
    matches(snapshot_meta_sum(run.id, &snapshot, payload_sum), sum, place, || {
        format!("the snapshot of run {}", run.run)
    })?;
    Ok((snapshot, payload_sum))
}

/// Reads the columns [`SNAPSHOT`], of which the first stands at `from`.
pub(super) fn read_snapshot(
    row: &Row<'_>,
    from: usize,
    run: &RunRow,
    place: &Place,
) -> Result<SnapshotRow, Error> {
    let (mut snapshot, payload_sum) = read_snapshot_meta(row, from, run, place)?;
    snapshot.payload = row.get(from + 9).map_err(|e| place.fail(e))?;
    matches(Sum::of(3).bytes(&snapshot.payload).done(), payload_sum, place, || {
        format!("the state of run {}", run.run)
    })?;
    Ok(snapshot)
}

/// What lists show of a run.
pub(super) fn rollout_row(run: &RunRow, snapshot: &SnapshotRow) -> RolloutRow {
    RolloutRow {
        run: run.run.clone(),
        status: snapshot.status.clone(),
        started_at: snapshot.started_at,
        ended_at: snapshot.ended_at,
        plan_hash: snapshot.plan_hash.clone(),
        summary: snapshot.summary.clone(),
        last_seq: run.last_seq,
        oldest_seq: run.oldest_seq,
    }
}

pub(super) fn event_sum(id: i64, row: &EventRow) -> i64 {
    Sum::of(5).int(id).uint(row.seq).int(row.at.0).int(row.format.into()).bytes(&row.payload).done()
}

/// Reads the columns [`EVENT`] of a run's event.
pub(super) fn read_event(row: &Row<'_>, run: &RunRow, place: &Place) -> Result<EventRow, Error> {
    let read = || -> rusqlite::Result<(EventRow, i64)> {
        let event = EventRow {
            run: run.run.clone(),
            seq: row.get(0)?,
            at: Timestamp(row.get(1)?),
            format: row.get(2)?,
            payload: row.get(4)?,
        };
        Ok((event, row.get(3)?))
    };
    let (event, sum) = read().map_err(|e| place.fail(e))?;
    matches(event_sum(run.id, &event), sum, place, || format!("event {} of run {}", event.seq, run.run))?;
    Ok(event)
}

pub(super) fn published_sum(row: &Published) -> i64 {
    let sum = Sum::of(6).uint(row.id).bytes(row.key.to_string().as_bytes()).uint(row.run.number);
    sum.bytes(row.kind.as_bytes()).int(row.at.0).bytes(row.data.as_bytes()).done()
}

/// Reads the columns [`PUBLISHED`].
pub(super) fn read_published(row: &Row<'_>, place: &Place) -> Result<Published, Error> {
    let read = || -> rusqlite::Result<(Published, i64)> {
        let key = key(row, 1)?;
        let published = Published {
            id: row.get(0)?,
            run: RunId { key: key.clone(), number: row.get(2)? },
            key,
            kind: row.get(3)?,
            at: Timestamp(row.get(4)?),
            data: row.get(6)?,
        };
        Ok((published, row.get(5)?))
    };
    let (published, sum) = read().map_err(|e| place.fail(e))?;
    matches(published_sum(&published), sum, place, || format!("published event {}", published.id))?;
    Ok(published)
}

pub(super) fn service_sum(row: &ServiceRow) -> i64 {
    let sum = Sum::of(7).bytes(row.key.to_string().as_bytes()).uint(row.epoch.0).uint(row.runs);
    sum.text(row.current_version.as_deref()).int(row.format.into()).bytes(&row.payload).done()
}

/// Reads the columns [`SERVICE`].
pub(super) fn read_service(row: &Row<'_>, place: &Place) -> Result<ServiceRow, Error> {
    let read = || -> rusqlite::Result<(ServiceRow, i64)> {
        let service = ServiceRow {
            key: key(row, 0)?,
            epoch: Epoch(row.get(1)?),
            runs: row.get(2)?,
            current_version: row.get(3)?,
            format: row.get(4)?,
            payload: row.get(6)?,
        };
        Ok((service, row.get(5)?))
    };
    let (service, sum) = read().map_err(|e| place.fail(e))?;
    matches(service_sum(&service), sum, place, || format!("the row of service {}", service.key))?;
    Ok(service)
}

pub(super) fn source_sum(row: &SourceRow) -> i64 {
    let sum = Sum::of(8).bytes(row.key.to_string().as_bytes()).bytes(row.source.0.as_bytes()).uint(row.seq);
    sum.int(row.at.0).int(row.format.into()).bytes(&row.payload).done()
}

/// Reads the columns [`SOURCE`].
pub(super) fn read_source(row: &Row<'_>, place: &Place) -> Result<SourceRow, Error> {
    let read = || -> rusqlite::Result<(SourceRow, i64)> {
        let source = SourceRow {
            key: key(row, 0)?,
            source: SourceId(row.get(1)?),
            seq: row.get(2)?,
            at: Timestamp(row.get(3)?),
            format: row.get(4)?,
            payload: row.get(6)?,
        };
        Ok((source, row.get(5)?))
    };
    let (source, sum) = read().map_err(|e| place.fail(e))?;
    matches(source_sum(&source), sum, place, || format!("the report of source {}", source.source))?;
    Ok(source)
}

pub(super) fn idempotency_sum(row: &IdempotencyRow) -> i64 {
    let sum =
        Sum::of(9).bytes(row.scope.as_bytes()).bytes(row.key.as_bytes()).bytes(row.request_hash.as_bytes());
    sum.int(row.status.into()).int(row.at.0).bytes(&row.body).done()
}

/// Reads the columns [`IDEMPOTENCY`].
pub(super) fn read_idempotency(row: &Row<'_>, place: &Place) -> Result<IdempotencyRow, Error> {
    let read = || -> rusqlite::Result<(IdempotencyRow, i64)> {
        let answer = IdempotencyRow {
            scope: row.get(0)?,
            key: row.get(1)?,
            request_hash: row.get(2)?,
            status: row.get(3)?,
            at: Timestamp(row.get(4)?),
            body: row.get(6)?,
        };
        Ok((answer, row.get(5)?))
    };
    let (answer, sum) = read().map_err(|e| place.fail(e))?;
    matches(idempotency_sum(&answer), sum, place, || format!("the idempotency key {:?}", answer.key))?;
    Ok(answer)
}

pub(super) fn sink_sum(row: &SinkRow) -> i64 {
    Sum::of(10).bytes(row.name.as_bytes()).uint(row.cursor).int(row.at.0).done()
}

/// Reads the columns [`SINK`].
pub(super) fn read_sink(row: &Row<'_>, place: &Place) -> Result<SinkRow, Error> {
    let read = || -> rusqlite::Result<(SinkRow, i64)> {
        let sink = SinkRow { name: row.get(0)?, cursor: row.get(1)?, at: Timestamp(row.get(2)?) };
        Ok((sink, row.get(3)?))
    };
    let (sink, sum) = read().map_err(|e| place.fail(e))?;
    matches(sink_sum(&sink), sum, place, || format!("the row of sink {:?}", sink.name))?;
    Ok(sink)
}

/// A service key in a column. A text that is none was never written by us.
fn key(row: &Row<'_>, column: usize) -> rusqlite::Result<ServiceKey> {
    let text: String = row.get(column)?;
    text.parse().map_err(|e| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(e))
    })
}

fn matches(computed: i64, stored: i64, place: &Place, what: impl FnOnce() -> String) -> Result<(), Error> {
    if computed == stored {
        Ok(())
    } else {
        Err(place.corrupt(format!("{} does not match its checksum", what())))
    }
}
