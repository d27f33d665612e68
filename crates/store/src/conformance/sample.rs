//! Short ways to write rows, and everything a log can be asked, for tests.

use fw_model::{Epoch, RunId, ServiceKey, SourceId, Timestamp};

use crate::{
    Batch, Error, EventRow, IdempotencyRow, Loaded, Published, PublishedRange, RolloutFilter, RolloutLog,
    RolloutRow, ServiceRow, SinkRow, SnapshotRow, SourceRow, StoredRollout,
};

/// `checkout.7`
pub fn run(text: &str) -> RunId {
    text.parse().unwrap()
}

/// `checkout@eu`
pub fn key(text: &str) -> ServiceKey {
    text.parse().unwrap()
}

/// An event of 200 bytes that differs from all others.
pub fn event(of: &str, seq: u64) -> EventRow {
    let mut payload = format!("{of} {seq} ").into_bytes();
    payload.resize(200, b'.');
    EventRow { run: run(of), seq, at: Timestamp(1_000 + seq as i64), format: 1, payload }
}

/// A snapshot of a run under way.
pub fn snapshot(of: &str, seq: u64) -> SnapshotRow {
    SnapshotRow {
        run: run(of),
        seq,
        format: 1,
        payload: format!("state of {of} after {seq}").into_bytes(),
        status: "running".to_owned(),
        started_at: Timestamp(1_000),
        ended_at: None,
        plan_hash: "abc".to_owned(),
        summary: format!("{of} at {seq}").into_bytes(),
    }
}

/// The last snapshot of a run that ended at a moment.
pub fn ended(of: &str, seq: u64, at: i64) -> SnapshotRow {
    SnapshotRow { status: "completed".to_owned(), ended_at: Some(Timestamp(at)), ..snapshot(of, seq) }
}

/// A published event at millisecond `1000 + id`.
pub fn published(id: u64, of: &str) -> Published {
    Published {
        id,
        key: run(of).key,
        run: run(of),
        kind: "metrics_update".to_owned(),
        at: Timestamp(1_000 + id as i64),
        data: format!("{{\"type\":\"metrics_update\",\"n\":{id}}}"),
    }
}

/// A service at an epoch, with a count of runs.
pub fn service(of: &str, epoch: u64, runs: u64) -> ServiceRow {
    let current_version = (epoch > 1).then(|| "1.4.2".to_owned());
    ServiceRow {
        key: key(of),
        epoch: Epoch(epoch),
        runs,
        current_version,
        format: 1,
        payload: vec![epoch as u8],
    }
}

/// A report of a data plane, at millisecond `1000 + seq`.
pub fn source(of: &str, id: &str, seq: u64) -> SourceRow {
    let payload = format!("{id} counted {seq}").into_bytes();
    SourceRow {
        key: key(of),
        source: SourceId(id.to_owned()),
        seq,
        at: Timestamp(1_000 + seq as i64),
        format: 1,
        payload,
    }
}

/// A remembered answer.
pub fn answer(scope: &str, name: &str, at: i64) -> IdempotencyRow {
    IdempotencyRow {
        scope: scope.to_owned(),
        key: name.to_owned(),
        request_hash: format!("hash of {name}"),
        status: 201,
        body: b"{}".to_vec(),
        at: Timestamp(at),
    }
}

/// A sink at a cursor, moved at millisecond `1000 + cursor`.
pub fn sink(name: &str, cursor: u64) -> SinkRow {
    SinkRow { name: name.to_owned(), cursor, at: Timestamp(1_000 + cursor as i64) }
}

/// A batch that moves sinks.
pub fn sinks(rows: &[SinkRow]) -> Batch {
    Batch { sinks: rows.to_vec(), ..Batch::default() }
}

/// The first batch of a run: its snapshot at 0.
pub fn begin(of: &str) -> Batch {
    Batch { snapshots: vec![snapshot(of, 0)], ..Batch::default() }
}

/// Published events of a run, ids from `first` to `last`.
pub fn publish(of: &str, first: u64, last: u64) -> Batch {
    Batch { published: (first..=last).map(|id| published(id, of)).collect(), ..Batch::default() }
}

/// Events of a run, from `first` to `last`.
pub fn events(of: &str, first: u64, last: u64) -> Batch {
    Batch { events: (first..=last).map(|seq| event(of, seq)).collect(), ..Batch::default() }
}

/// All that can be read from a log: two logs with the same view cannot be told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// What a start gets.
    pub loaded: Loaded,
    /// The kept ids.
    pub range: Option<PublishedRange>,
    /// Every kept published event.
    pub published: Vec<Published>,
    /// Every run, newest first.
    pub rollouts: Vec<RolloutRow>,
    /// Every run's state, in the same order.
    pub states: Vec<StoredRollout>,
    /// Every run's kept events, in the same order.
    pub events: Vec<Vec<EventRow>>,
    /// Every sink.
    pub sinks: Vec<SinkRow>,
}

/// Reads everything.
///
/// # Errors
/// Whatever a read answers.
pub fn view(log: &dyn RolloutLog) -> Result<View, Error> {
    let rollouts = log.rollouts(&RolloutFilter::default(), usize::MAX)?;
    let mut states = Vec::new();
    let mut events = Vec::new();
    for row in &rollouts {
        states.extend(log.rollout(&row.run)?);
        events.push(pages(|after| {
            let page = log.history(&row.run, after, 1_000)?;
            Ok((page.last().map(|event| event.seq), page))
        })?);
    }
    let published = pages(|after| {
        let page = log.published_after(after, None, 1_000)?;
        Ok((page.last().map(|published| published.id), page))
    })?;
    let (loaded, range, sinks) = (log.load()?, log.published_range()?, log.sinks()?);
    Ok(View { loaded, range, published, rollouts, states, events, sinks })
}

/// Reads page after page until an empty one; each call gives its last number and its rows.
fn pages<T>(mut page: impl FnMut(u64) -> Result<(Option<u64>, Vec<T>), Error>) -> Result<Vec<T>, Error> {
    let (mut after, mut found) = (0, Vec::new());
    loop {
        let (last, rows) = page(after)?;
        found.extend(rows);
        match last {
            Some(last) => after = last,
            None => return Ok(found),
        }
    }
}
