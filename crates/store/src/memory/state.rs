//! The tables, as ordered maps, and what is read from and written to them.
//!
//! It is the plain reading of the rules in `log.rs`: property tests hold the SQLite store against it.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::time::Duration;

use fw_model::{RunId, ServiceKey, SourceId, Timestamp};

use crate::admit::{Heads, RunHead, ServiceHead};
use crate::limits::COMPACT_ROWS_MAX;
use crate::{
    Batch, Compacted, Error, EventRow, IdempotencyRow, Loaded, LoadedRollout, Published, Retention,
    RolloutFilter, RolloutRow, ServiceRow, SinkRow, SnapshotRow, SourceRow, StoredRollout,
};

/// One run: its snapshot and kept events.
#[derive(Debug)]
struct Run {
    /// How-manieth run of the log: breaks ties between equal start times.
    ordinal: u64,
    last_seq: u64,
    snapshot: SnapshotRow,
    events: BTreeMap<u64, EventRow>,
}

/// Everything the log holds.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) fence: u64,
    pub(super) last_published: u64,
    pub(super) oldest_published: u64,
    runs: BTreeMap<RunId, Run>,
    runs_made: u64,
    published: BTreeMap<u64, Published>,
    services: BTreeMap<ServiceKey, ServiceRow>,
    sources: BTreeMap<(ServiceKey, SourceId), SourceRow>,
    idempotency: BTreeMap<(String, String), IdempotencyRow>,
    sinks: BTreeMap<String, SinkRow>,
}

impl Heads for State {
    fn last_published(&self) -> u64 {
        self.last_published
    }

    fn run(&self, run: &RunId) -> Result<Option<RunHead>, Error> {
        let head = |run: &Run| RunHead { last_seq: run.last_seq, snapshot: Some(run.snapshot.seq) };
        Ok(self.runs.get(run).map(head))
    }

    fn service(&self, key: &ServiceKey) -> Result<Option<ServiceHead>, Error> {
        Ok(self.services.get(key).map(|row| ServiceHead { epoch: row.epoch, runs: row.runs }))
    }

    fn has_key(&self, scope: &str, key: &str) -> Result<bool, Error> {
        Ok(self.idempotency.contains_key(&(scope.to_owned(), key.to_owned())))
    }
}

impl State {
    /// Nothing yet, under this fencing token.
    pub(super) fn new(fence: u64) -> State {
        State { fence, oldest_published: 1, ..State::default() }
    }

    /// Writes an admitted batch.
    pub(super) fn apply(&mut self, batch: &Batch) {
        // Snapshots first, because a run's first one makes its entry.
        for snapshot in &batch.snapshots {
            self.apply_snapshot(snapshot);
        }
        for event in &batch.events {
            if let Some(run) = self.runs.get_mut(&event.run) {
                run.last_seq = event.seq;
                run.events.insert(event.seq, event.clone());
            }
        }
        for published in &batch.published {
            self.last_published = published.id;
            self.published.insert(published.id, published.clone());
        }
        for service in &batch.services {
            self.services.insert(service.key.clone(), service.clone());
        }
        for source in &batch.sources {
            let key = (source.key.clone(), source.source.clone());
            if self.sources.get(&key).is_none_or(|stored| stored.seq <= source.seq) {
                self.sources.insert(key, source.clone());
            }
        }
        for dropped in &batch.drop_sources {
            self.sources.remove(dropped);
        }
        for row in &batch.idempotency {
            self.idempotency.insert((row.scope.clone(), row.key.clone()), row.clone());
        }
        for sink in &batch.sinks {
            if self.sinks.get(&sink.name).is_none_or(|stored| stored.cursor <= sink.cursor) {
                self.sinks.insert(sink.name.clone(), sink.clone());
            }
        }
        for name in &batch.drop_sinks {
            self.sinks.remove(name);
        }
    }

    fn apply_snapshot(&mut self, snapshot: &SnapshotRow) {
        if let Some(run) = self.runs.get_mut(&snapshot.run) {
            run.snapshot = snapshot.clone();
            return;
        }
        self.runs_made += 1;
        let run =
            Run { ordinal: self.runs_made, last_seq: 0, snapshot: snapshot.clone(), events: BTreeMap::new() };
        self.runs.insert(snapshot.run.clone(), run);
    }

    pub(super) fn load(&self) -> Loaded {
        let mut newest = BTreeMap::new();
        for (id, _) in self.by_ordinal() {
            newest.insert(&id.key, id);
        }
        let wanted =
            |id: &RunId, run: &Run| run.snapshot.ended_at.is_none() || newest.get(&id.key) == Some(&id);
        let rollouts = self.by_ordinal().into_iter().filter(|(id, run)| wanted(id, run)).map(|(_, run)| {
            let after = run.events.range((Excluded(run.snapshot.seq), Unbounded));
            let events = after.map(|(_, event)| event.clone()).collect();
            LoadedRollout { snapshot: run.snapshot.clone(), events }
        });
        Loaded {
            services: self.services.values().cloned().collect(),
            rollouts: rollouts.collect(),
            sources: self.sources.values().cloned().collect(),
            last_published: self.last_published,
            oldest_published: self.oldest_published,
        }
    }

    fn by_ordinal(&self) -> Vec<(&RunId, &Run)> {
        let mut runs: Vec<_> = self.runs.iter().collect();
        runs.sort_by_key(|(_, run)| run.ordinal);
        runs
    }

    pub(super) fn published_after(
        &self,
        id: u64,
        filter: Option<&ServiceKey>,
        limit: usize,
    ) -> Vec<Published> {
        let after = self.published.range((Excluded(id), Unbounded)).map(|(_, published)| published);
        after.filter(|p| filter.is_none_or(|key| p.key == *key)).take(limit).cloned().collect()
    }

    pub(super) fn history(&self, run: &RunId, after_seq: u64, limit: usize) -> Vec<EventRow> {
        let Some(run) = self.runs.get(run) else { return Vec::new() };
        run.events
            .range((Excluded(after_seq), Unbounded))
            .take(limit)
            .map(|(_, event)| event.clone())
            .collect()
    }

    pub(super) fn rollouts(&self, filter: &RolloutFilter, limit: usize) -> Vec<RolloutRow> {
        let passes = |id: &RunId, run: &Run| {
            filter.key.as_ref().is_none_or(|key| id.key == *key)
                && (!filter.unended || run.snapshot.ended_at.is_none())
                && filter.started_before.is_none_or(|before| run.snapshot.started_at < before)
        };
        let mut runs: Vec<_> = self.runs.iter().filter(|(id, run)| passes(id, run)).collect();
        runs.sort_by_key(|(_, run)| std::cmp::Reverse((run.snapshot.started_at, run.ordinal)));
        runs.into_iter().take(limit).map(|(_, run)| row(run)).collect()
    }

    pub(super) fn rollout(&self, run: &RunId) -> Option<StoredRollout> {
        self.runs.get(run).map(|run| StoredRollout { row: row(run), snapshot: run.snapshot.clone() })
    }

    pub(super) fn idempotent(&self, scope: &str, key: &str) -> Option<IdempotencyRow> {
        self.idempotency.get(&(scope.to_owned(), key.to_owned())).cloned()
    }

    pub(super) fn sinks(&self) -> Vec<SinkRow> {
        self.sinks.values().cloned().collect()
    }

    pub(super) fn compact(&mut self, policy: &Retention, now: Timestamp) -> Compacted {
        let mut done = Compacted {
            published: self.compact_published(policy, now),
            events: self.compact_events(policy, now),
            idempotency: self.compact_keys(policy, now),
            sources: self.compact_sources(policy, now),
            more: false,
        };
        let limit = COMPACT_ROWS_MAX as u64;
        done.more = [done.published, done.events, done.idempotency, done.sources].contains(&limit);
        done
    }

    /// The longest prefix in which every event is too old, not among the newest, and either acknowledged by every sink
    /// or too old to wait for one.
    fn compact_published(&mut self, policy: &Retention, now: Timestamp) -> u64 {
        let told = self.sinks.values().map(|sink| sink.cursor).min().unwrap_or(u64::MAX);
        let longest = policy.published_age.saturating_add(policy.sink_extra_age);
        let mut dropped = 0;
        while dropped < COMPACT_ROWS_MAX as u64
            && let Some(first) = self.published.first_entry()
            && self.last_published - first.key() >= policy.published_count
            && old(first.get().at, now, policy.published_age)
            && (*first.key() <= told || old(first.get().at, now, longest))
        {
            self.oldest_published = first.key() + 1;
            first.remove();
            dropped += 1;
        }
        dropped
    }

    fn compact_events(&mut self, policy: &Retention, now: Timestamp) -> u64 {
        let mut dropped = 0;
        let mut runs: Vec<_> = self.runs.values_mut().collect();
        runs.sort_by_key(|run| run.ordinal);
        let ended = |run: &Run| run.snapshot.ended_at.is_some_and(|end| old(end, now, policy.events_age));
        for run in runs.into_iter().filter(|run| ended(run)) {
            while dropped < COMPACT_ROWS_MAX as u64
                && let Some(first) = run.events.first_entry()
                && *first.key() <= run.snapshot.seq
            {
                first.remove();
                dropped += 1;
            }
        }
        dropped
    }

    fn compact_keys(&mut self, policy: &Retention, now: Timestamp) -> u64 {
        let aged = self.idempotency.iter().filter(|(_, row)| old(row.at, now, policy.idempotency_age));
        let mut aged: Vec<_> = aged.map(|(key, row)| (row.at, key.clone())).collect();
        aged.sort();
        aged.truncate(COMPACT_ROWS_MAX);
        aged.iter().filter(|(_, key)| self.idempotency.remove(key).is_some()).count() as u64
    }

    fn compact_sources(&mut self, policy: &Retention, now: Timestamp) -> u64 {
        let under_way = |key: &ServiceKey| {
            self.runs.values().any(|run| run.snapshot.run.key == *key && run.snapshot.ended_at.is_none())
        };
        let dead = self
            .sources
            .iter()
            .filter(|((key, _), row)| old(row.at, now, policy.sources_age) && !under_way(key));
        let dead: Vec<_> = dead.map(|(key, _)| key.clone()).take(COMPACT_ROWS_MAX).collect();
        dead.iter().filter(|key| self.sources.remove(key).is_some()).count() as u64
    }
}

fn row(run: &Run) -> RolloutRow {
    let snapshot = &run.snapshot;
    RolloutRow {
        run: snapshot.run.clone(),
        status: snapshot.status.clone(),
        started_at: snapshot.started_at,
        ended_at: snapshot.ended_at,
        plan_hash: snapshot.plan_hash.clone(),
        summary: snapshot.summary.clone(),
        last_seq: run.last_seq,
        oldest_seq: run.events.keys().next().copied().unwrap_or(run.last_seq + 1),
    }
}

fn old(at: Timestamp, now: Timestamp, age: Duration) -> bool {
    at.plus(age) < now
}
