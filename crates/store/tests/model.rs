//! Random work on both stores: the SQLite log answers exactly as the plain one in memory.
#![allow(clippy::unwrap_used)] // a test may fail

mod common;

use std::time::Duration;

use common::folder;
use fw_model::{Epoch, RunId, ServiceKey, Timestamp};
use fw_store::conformance::sample::{
    answer, event, key, published, run, service, sink, snapshot, source, view,
};
use fw_store::{Batch, Error, MemoryLog, Retention, RolloutFilter, RolloutLog, SqliteLog};
use proptest::prelude::*;

/// One row to write. Numbers are relative to what is right: 0 is right, anything else mostly wrong.
#[derive(Debug, Clone)]
enum Row {
    Event { run: u8, off: i8, size: u16 },
    Snapshot { run: u8, back: u8, ended: bool, at: i64 },
    Published { run: u8, off: i8, at: i64 },
    Service { service: u8, epoch: i8, runs: i8 },
    Source { service: u8, id: u8, seq: u8, at: i64 },
    DropSource { service: u8, id: u8 },
    Idempotency { key: u8, at: i64 },
    Sink { name: u8, back: i8 },
    DropSink { name: u8 },
}

/// One step of a life.
#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<Vec<Row>>),
    Compact { now: i64, age: u64, count: u64 },
    Reopen,
}

const RUNS: [&str; 5] = ["a.1", "a.2", "a@eu.1", "b-c.1", "b.c.7"];
const SERVICES: [&str; 4] = ["a", "a@eu", "b-c", "b.c"];

fn row() -> impl Strategy<Value = Row> {
    let off = || prop_oneof![30 => Just(0i8), 1 => -2..=2i8];
    let at = || 0..1_000i64;
    prop_oneof![
        6 => (0..5u8, off(), 0..600u16).prop_map(|(run, off, size)| Row::Event { run, off, size }),
        4 => (0..5u8, 0..3u8, any::<bool>(), at())
            .prop_map(|(run, back, ended, at)| Row::Snapshot { run, back, ended, at }),
        6 => (0..5u8, off(), at()).prop_map(|(run, off, at)| Row::Published { run, off, at }),
        2 => (0..4u8, prop_oneof![9 => 0..3i8, 1 => Just(-1)], prop_oneof![9 => 0..2i8, 1 => Just(-1)])
            .prop_map(|(service, epoch, runs)| Row::Service { service, epoch, runs }),
        2 => (0..4u8, 0..4u8, any::<u8>(), at())
            .prop_map(|(service, id, seq, at)| Row::Source { service, id, seq, at }),
        1 => (0..4u8, 0..4u8).prop_map(|(service, id)| Row::DropSource { service, id }),
        1 => (any::<u8>(), at()).prop_map(|(key, at)| Row::Idempotency { key, at }),
        2 => (0..3u8, prop_oneof![20 => 0..5i8, 1 => Just(-1)]).prop_map(|(name, back)| Row::Sink { name, back }),
        1 => (0..3u8).prop_map(|name| Row::DropSink { name }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let batch = || prop::collection::vec(row(), 0..8);
    prop_oneof![
        12 => prop::collection::vec(batch(), 1..4).prop_map(Step::Commit),
        2 => (0..1_500i64, 0..1_000u64, 0..20u64).prop_map(|(now, age, count)| Step::Compact { now, age, count }),
        1 => Just(Step::Reopen),
    ]
}

/// Turns relative rows into real ones, in the light of the log and of the rows before.
struct Author<'l> {
    log: &'l MemoryLog,
    published: u64,
    seqs: std::collections::BTreeMap<RunId, u64>,
}

impl Author<'_> {
    fn seq(&mut self, run: &RunId) -> &mut u64 {
        let log = self.log;
        self.seqs
            .entry(run.clone())
            .or_insert_with(|| log.rollout(run).unwrap().map_or(0, |stored| stored.row.last_seq))
    }

    fn epoch(&self, key: &ServiceKey) -> (u64, u64) {
        let loaded = self.log.load().unwrap();
        loaded.services.iter().find(|row| row.key == *key).map_or((0, 0), |row| (row.epoch.0, row.runs))
    }

    fn batch(&mut self, rows: &[Row]) -> Batch {
        let mut batch = Batch::default();
        rows.iter().for_each(|row| self.write(row, &mut batch));
        // A run's first batch needs a snapshot; mostly give it one.
        let new: Vec<RunId> = batch.events.iter().map(|event| event.run.clone()).collect();
        for run in new {
            let has = batch.snapshots.iter().any(|snapshot| snapshot.run == run);
            if self.log.rollout(&run).unwrap().is_none() && !has && rows.len() != 3 {
                batch.snapshots.push(snapshot(&run.to_string(), 0));
            }
        }
        batch
    }

    fn write(&mut self, row: &Row, batch: &mut Batch) {
        let shifted = |right: u64, off: i8| right.saturating_add_signed(off.into());
        match *row {
            Row::Event { run: r, off, size } => {
                let last = self.seq(&run(RUNS[usize::from(r)]));
                *last += 1;
                let mut event = event(RUNS[usize::from(r)], shifted(*last, off));
                event.payload.resize(size.into(), 7);
                batch.events.push(event);
            }
            Row::Snapshot { run: r, back, ended, at } => {
                let of = RUNS[usize::from(r)];
                let seq = self.seq(&run(of)).saturating_sub(back.into());
                let mut snapshot = snapshot(of, seq);
                snapshot.ended_at = ended.then_some(Timestamp(at));
                snapshot.started_at = Timestamp(at % 7);
                batch.snapshots.push(snapshot);
            }
            Row::Published { run, off, at } => {
                self.published += 1;
                let mut published = published(shifted(self.published, off), RUNS[usize::from(run)]);
                published.at = Timestamp(at);
                batch.published.push(published);
            }
            Row::Service { service: s, epoch, runs } => {
                let (e, r) = self.epoch(&key(SERVICES[usize::from(s)]));
                let mut row = service(SERVICES[usize::from(s)], 1, shifted(r, runs));
                row.epoch = Epoch(shifted(e, epoch));
                batch.services.push(row);
            }
            Row::Source { service, id, seq, at } => {
                let mut row = source(SERVICES[usize::from(service)], &format!("p{id}"), seq.into());
                row.at = Timestamp(at);
                batch.sources.push(row);
            }
            Row::DropSource { service, id } => {
                let row = source(SERVICES[usize::from(service)], &format!("p{id}"), 0);
                batch.drop_sources.push((row.key, row.source));
            }
            Row::Sink { name, back } => {
                let cursor = shifted(self.published, back.saturating_neg());
                batch.sinks.push(sink(&format!("n{name}"), cursor));
            }
            Row::DropSink { name } => batch.drop_sinks.push(format!("n{name}")),
            Row::Idempotency { key, at } => batch.idempotency.push(answer("s", &format!("k{key}"), at)),
        }
    }
}

fn told<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(Error::Rejected(fault)) => fault.to_string(),
        Err(other) => panic!("{other:?}"),
    }
}

fn compare(memory: &MemoryLog, sqlite: &SqliteLog) {
    assert_eq!(view(sqlite).unwrap(), view(memory).unwrap());
    for service in SERVICES.map(key) {
        let pages = |log: &dyn RolloutLog| {
            let filter = RolloutFilter {
                key: Some(service.clone()),
                unended: true,
                started_before: Some(Timestamp(5)),
            };
            (log.published_after(3, Some(&service), 5).unwrap(), log.rollouts(&filter, 3).unwrap())
        };
        assert_eq!(pages(sqlite), pages(memory));
    }
    for name in (0..=u8::MAX).map(|k| format!("k{k}")) {
        assert_eq!(sqlite.idempotent("s", &name).unwrap(), memory.idempotent("s", &name).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_stores_answer_the_same(steps in prop::collection::vec(step(), 1..40)) {
        let dir = folder();
        let path = dir.path().join("state.db");
        let (mut memory, mut sqlite) = (MemoryLog::new(), SqliteLog::open(&path).unwrap());
        for step in steps {
            match step {
                Step::Commit(batches) => {
                    let published = memory.load().unwrap().last_published;
                    let mut author = Author { log: &memory, published, seqs: Default::default() };
                    let batches: Vec<_> = batches.iter().map(|rows| author.batch(rows)).collect();
                    let batches: Vec<_> = batches.iter().collect();
                    prop_assert_eq!(told(sqlite.commit_all(&batches)), told(memory.commit_all(&batches)));
                }
                Step::Compact { now, age, count } => {
                    let age = Duration::from_millis(age);
                    let policy = Retention {
                        published_age: age, published_count: count, sink_extra_age: age / 2, events_age: age,
                        idempotency_age: age, sources_age: age,
                    };
                    let now = Timestamp(now);
                    prop_assert_eq!(told(sqlite.compact(&policy, now)), told(memory.compact(&policy, now)));
                }
                Step::Reopen => {
                    drop(sqlite);
                    sqlite = SqliteLog::open(&path).unwrap();
                    memory = memory.reopen();
                }
            }
            compare(&memory, &sqlite);
        }
        sqlite.verify().unwrap();
    }
}
