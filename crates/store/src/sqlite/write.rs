//! One write transaction: fencing token, admission, rows, head, commit.
//!
//! Everything is checked against the database inside the transaction that writes, under SQLite's
//! write lock, so no other writer can come between the check and the write. Heads are read from
//! the database each time rather than kept in memory: the page cache makes that a matter of
//! microseconds, and there is no copy that could go stale.

use fw_model::{Epoch, RunId, ServiceKey};
use rusqlite::{Connection, OptionalExtension, ToSql, Transaction, TransactionBehavior, params};

use super::fail::Place;
use super::table::{
    HEAD, Head, RUN, RunRow, event_sum, idempotency_sum, published_sum, service_sum, sink_sum, snapshot_sums,
    source_sum,
};
use crate::admit::{Admission, Heads, RunHead, ServiceHead};
use crate::{Batch, Error, EventRow, IdempotencyRow, Published, ServiceRow, SinkRow, SnapshotRow, SourceRow};

/// Writes the batches in one transaction, if the fencing token is still `fence`.
pub(super) fn commit(
    conn: &mut Connection,
    place: &Place,
    fence: u64,
    batches: &[&Batch],
) -> Result<(), Error> {
    let tx = begin(conn, place)?;
    let mut writer = Writer::new(&tx, place, fence)?;
    let last_published = {
        let mut admission = Admission::new(&writer);
        batches.iter().try_for_each(|batch| admission.admit(batch))?;
        admission.last_published()
    };
    batches.iter().try_for_each(|batch| writer.batch(batch))?;
    writer.head.last_published = last_published;
    writer.finish()?;
    tx.commit().map_err(|e| place.fail(e))
}

/// Begins a transaction that holds the write lock from its first statement.
pub(super) fn begin<'c>(conn: &'c mut Connection, place: &Place) -> Result<Transaction<'c>, Error> {
    conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|e| place.fail(e))
}

/// Reads the head row.
pub(super) fn read_head(conn: &Connection, place: &Place) -> Result<Head, Error> {
    let mut statement =
        conn.prepare_cached(&format!("SELECT {HEAD} FROM head WHERE only = 1")).map_err(|e| place.fail(e))?;
    let mut rows = statement.query([]).map_err(|e| place.fail(e))?;
    match rows.next().map_err(|e| place.fail(e))? {
        Some(row) => Head::read(row, place),
        None => Err(place.corrupt("its head row is missing")),
    }
}

/// Writes the head row with a fresh checksum.
pub(super) fn write_head(conn: &Connection, place: &Place, head: &Head) -> Result<(), Error> {
    let columns = params![
        head.log_id,
        head.fence,
        head.last_published,
        head.oldest_published,
        head.runs,
        head.services,
        head.sources,
        head.sum(),
        head.sinks
    ];
    let sql = format!("REPLACE INTO head (only, {HEAD}) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    run(conn, place, &sql, columns).map(|_| ())
}

/// Runs a cached statement; gives the number of changed rows.
pub(super) fn run(
    conn: &Connection,
    place: &Place,
    sql: &str,
    params: &[&dyn ToSql],
) -> Result<usize, Error> {
    let mut statement = conn.prepare_cached(sql).map_err(|e| place.fail(e))?;
    statement.execute(params).map_err(|e| place.fail(e))
}

/// Finds a run's row.
pub(super) fn find_run(conn: &Connection, place: &Place, run: &RunId) -> Result<Option<RunRow>, Error> {
    let sql = format!("SELECT {RUN} FROM runs WHERE service = ? AND number = ?");
    let mut statement = conn.prepare_cached(&sql).map_err(|e| place.fail(e))?;
    let mut rows = statement.query(params![run.key.to_string(), run.number]).map_err(|e| place.fail(e))?;
    match rows.next().map_err(|e| place.fail(e))? {
        Some(row) => RunRow::read(row, 0, place).map(Some),
        None => Ok(None),
    }
}

/// Writes a run's row with a fresh checksum.
pub(super) fn write_run(conn: &Connection, place: &Place, row: &RunRow) -> Result<(), Error> {
    let sql = "UPDATE runs SET last_seq = ?, oldest_seq = ?, sum = ? WHERE id = ?";
    run(conn, place, sql, params![row.last_seq, row.oldest_seq, row.sum(), row.id]).map(|_| ())
}

/// The rows of one transaction on their way in.
pub(super) struct Writer<'c> {
    conn: &'c Connection,
    place: &'c Place,
    pub(super) head: Head,
    before: Head,
}

impl Heads for Writer<'_> {
    fn last_published(&self) -> u64 {
        self.head.last_published
    }

    fn run(&self, run: &RunId) -> Result<Option<RunHead>, Error> {
        let Some(row) = find_run(self.conn, self.place, run)? else { return Ok(None) };
        let sql = "SELECT seq FROM snapshots WHERE run = ?";
        let snapshot = self.one(sql, params![row.id], |row| row.get(0))?;
        Ok(Some(RunHead { last_seq: row.last_seq, snapshot }))
    }

    fn service(&self, key: &ServiceKey) -> Result<Option<ServiceHead>, Error> {
        let sql = "SELECT epoch, runs FROM services WHERE service = ?";
        self.one(sql, params![key.to_string()], |row| {
            Ok(ServiceHead { epoch: Epoch(row.get(0)?), runs: row.get(1)? })
        })
    }

    fn has_key(&self, scope: &str, key: &str) -> Result<bool, Error> {
        let sql = "SELECT 1 FROM idempotency WHERE scope = ? AND key = ?";
        Ok(self.one(sql, params![scope, key], |row| row.get::<_, i64>(0))?.is_some())
    }
}

impl<'c> Writer<'c> {
    /// Reads the head and checks that no other server took over.
    pub(super) fn new(conn: &'c Connection, place: &'c Place, fence: u64) -> Result<Self, Error> {
        let head = read_head(conn, place)?;
        if head.fence != fence {
            return Err(Error::Fenced { ours: fence, current: head.fence });
        }
        Ok(Writer { conn, place, before: head.clone(), head })
    }

    /// Writes the head, if it changed.
    pub(super) fn finish(&self) -> Result<(), Error> {
        if self.head == self.before { Ok(()) } else { write_head(self.conn, self.place, &self.head) }
    }

    fn one<T>(
        &self,
        sql: &str,
        params: &[&dyn ToSql],
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Error> {
        let mut statement = self.conn.prepare_cached(sql).map_err(|e| self.place.fail(e))?;
        statement.query_row(params, read).optional().map_err(|e| self.place.fail(e))
    }

    fn run(&self, sql: &str, params: &[&dyn ToSql]) -> Result<usize, Error> {
        run(self.conn, self.place, sql, params)
    }

    /// Writes the rows of an admitted batch.
    fn batch(&mut self, batch: &Batch) -> Result<(), Error> {
        batch.snapshots.iter().try_for_each(|row| self.snapshot(row))?;
        let mut rest = batch.events.as_slice();
        while let Some(first) = rest.first() {
            let same = rest.iter().take_while(|event| event.run == first.run).count();
            let (events, after) = rest.split_at(same);
            self.events(&first.run, events)?;
            rest = after;
        }
        batch.published.iter().try_for_each(|row| self.published(row))?;
        batch.services.iter().try_for_each(|row| self.service(row))?;
        batch.sources.iter().try_for_each(|row| self.source(row))?;
        for (key, source) in &batch.drop_sources {
            let sql = "DELETE FROM sources WHERE service = ? AND source = ?";
            let dropped = self.run(sql, params![key.to_string(), source.0])? as u64;
            self.head.sources = self.head.sources.saturating_sub(dropped);
        }
        batch.idempotency.iter().try_for_each(|row| self.idempotency(row))?;
        batch.sinks.iter().try_for_each(|row| self.sink(row))?;
        for name in &batch.drop_sinks {
            let dropped = self.run("DELETE FROM sinks WHERE name = ?", params![name])? as u64;
            self.head.sinks = self.head.sinks.saturating_sub(dropped);
        }
        Ok(())
    }

    /// The run's row, made when it is new.
    fn run_row(&mut self, run: &RunId) -> Result<RunRow, Error> {
        if let Some(row) = find_run(self.conn, self.place, run)? {
            return Ok(row);
        }
        // Runs are never deleted, so their count is the newest id.
        self.head.runs += 1;
        let id = self.head.runs as i64;
        let row = RunRow { id, run: run.clone(), last_seq: 0, oldest_seq: 1 };
        let sql = format!("INSERT INTO runs ({RUN}) VALUES (?, ?, ?, ?, ?, ?)");
        let key = run.key.to_string();
        self.run(&sql, params![id, key, run.number, row.last_seq, row.oldest_seq, row.sum()])?;
        Ok(row)
    }

    /// Events of one run, in order; its row is written once.
    fn events(&mut self, run: &RunId, events: &[EventRow]) -> Result<(), Error> {
        let mut row = self.run_row(run)?;
        let sql = "INSERT INTO events (run, seq, at, format, sum, payload) VALUES (?, ?, ?, ?, ?, ?)";
        for event in events {
            let sum = event_sum(row.id, event);
            self.run(sql, params![row.id, event.seq, event.at.0, event.format, sum, event.payload])?;
            row.last_seq = event.seq;
        }
        write_run(self.conn, self.place, &row)
    }

    fn snapshot(&mut self, row: &SnapshotRow) -> Result<(), Error> {
        let id = self.run_row(&row.run)?.id;
        let (payload_sum, sum) = snapshot_sums(id, row);
        let sql = "REPLACE INTO snapshots (run, seq, format, status, started_at, ended_at, plan_hash, summary, \
                   payload_sum, sum, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let (started, ended) = (row.started_at.0, row.ended_at.map(|at| at.0));
        let columns = params![
            id,
            row.seq,
            row.format,
            row.status,
            started,
            ended,
            row.plan_hash,
            row.summary,
            payload_sum,
            sum,
            row.payload
        ];
        self.run(sql, columns).map(|_| ())
    }

    fn published(&self, row: &Published) -> Result<(), Error> {
        let sql =
            "INSERT INTO published (id, service, number, kind, at, sum, data) VALUES (?, ?, ?, ?, ?, ?, ?)";
        let (key, sum) = (row.key.to_string(), published_sum(row));
        self.run(sql, params![row.id, key, row.run.number, row.kind, row.at.0, sum, row.data]).map(|_| ())
    }

    fn service(&mut self, row: &ServiceRow) -> Result<(), Error> {
        if self.service_is_new(&row.key)? {
            self.head.services += 1;
        }
        let sql = "REPLACE INTO services (service, epoch, runs, current_version, format, sum, payload) \
                   VALUES (?, ?, ?, ?, ?, ?, ?)";
        let (key, sum) = (row.key.to_string(), service_sum(row));
        let columns = params![key, row.epoch.0, row.runs, row.current_version, row.format, sum, row.payload];
        self.run(sql, columns).map(|_| ())
    }

    fn service_is_new(&self, key: &ServiceKey) -> Result<bool, Error> {
        Ok(Heads::service(self, key)?.is_none())
    }

    /// The higher number of a source wins.
    fn source(&mut self, row: &SourceRow) -> Result<(), Error> {
        let key = row.key.to_string();
        let sql = "SELECT seq FROM sources WHERE service = ? AND source = ?";
        match self.one(sql, params![key, row.source.0], |row| row.get::<_, u64>(0))? {
            Some(stored) if stored > row.seq => return Ok(()),
            Some(_) => {}
            None => self.head.sources += 1,
        }
        let sql = "REPLACE INTO sources (service, source, seq, at, format, sum, payload) VALUES (?, ?, ?, ?, ?, ?, ?)";
        let sum = source_sum(row);
        self.run(sql, params![key, row.source.0, row.seq, row.at.0, row.format, sum, row.payload]).map(|_| ())
    }

    /// The higher cursor of a sink wins.
    fn sink(&mut self, row: &SinkRow) -> Result<(), Error> {
        let sql = "SELECT cursor FROM sinks WHERE name = ?";
        match self.one(sql, params![row.name], |row| row.get::<_, u64>(0))? {
            Some(stored) if stored > row.cursor => return Ok(()),
            Some(_) => {}
            None => self.head.sinks += 1,
        }
        let sql = "REPLACE INTO sinks (name, cursor, at, sum) VALUES (?, ?, ?, ?)";
        self.run(sql, params![row.name, row.cursor, row.at.0, sink_sum(row)]).map(|_| ())
    }

    fn idempotency(&self, row: &IdempotencyRow) -> Result<(), Error> {
        let sql = "INSERT INTO idempotency (scope, key, request_hash, status, at, sum, body) \
                   VALUES (?, ?, ?, ?, ?, ?, ?)";
        let sum = idempotency_sum(row);
        let columns = params![row.scope, row.key, row.request_hash, row.status, row.at.0, sum, row.body];
        self.run(sql, columns).map(|_| ())
    }
}
