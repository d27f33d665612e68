//! Which batches are let in: the rules that keep the log free of holes.
//!
//! The rules are written once, over [`Heads`] (what the store has now), and used by every
//! implementation inside its write transaction. [`Admission`] remembers what the batches admitted so far
//! will change, so several batches can be checked before the first row of them is written.
//!
//! Invariants kept here: epochs only grow (2), replaying the log gives the state (7). The fencing
//! token (8) is checked by the implementations, where they begin their transaction.

use std::collections::{BTreeMap, BTreeSet};

use fw_model::{Epoch, RunId, ServiceKey};

use crate::limits::{
    BATCH_ROWS_MAX, PAYLOAD_BYTES_MAX, PUBLISHED_BYTES_MAX, SNAPSHOT_BYTES_MAX, TEXT_BYTES_MAX,
};
use crate::{Batch, Error, EventRow, Fault, IdempotencyRow, Published, ServiceRow, SnapshotRow};

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunHead {
    /// Newest event; 0: none.
    pub(crate) last_seq: u64,
    /// Where its snapshot stands; `None`: it has none (only inside a batch).
    pub(crate) snapshot: Option<u64>,
}

/// Where a service stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServiceHead {
    /// Its epoch.
    pub(crate) epoch: Epoch,
    /// Its count of runs.
    pub(crate) runs: u64,
}

/// What the store has before the batches.
pub(crate) trait Heads {
    /// Newest published id.
    fn last_published(&self) -> u64;
    /// Where a run stands; `None` when it is new.
    fn run(&self, run: &RunId) -> Result<Option<RunHead>, Error>;
    /// Where a service stands; `None` when it is new.
    fn service(&self, key: &ServiceKey) -> Result<Option<ServiceHead>, Error>;
    /// Whether an idempotency key is in use.
    fn has_key(&self, scope: &str, key: &str) -> Result<bool, Error>;
}

/// Checks batches one after the other, each in the light of those before it.
pub(crate) struct Admission<'h, H> {
    heads: &'h H,
    last_published: u64,
    runs: BTreeMap<RunId, RunHead>,
    services: BTreeMap<ServiceKey, ServiceHead>,
    keys: BTreeSet<(String, String)>,
}

impl<'h, H: Heads> Admission<'h, H> {
    /// Nothing admitted yet.
    pub(crate) fn new(heads: &'h H) -> Self {
        Admission {
            last_published: heads.last_published(),
            heads,
            runs: BTreeMap::new(),
            services: BTreeMap::new(),
            keys: BTreeSet::new(),
        }
    }

    /// Newest published id after all admitted batches.
    pub(crate) fn last_published(&self) -> u64 {
        self.last_published
    }

    /// Checks one batch. After an error the admission must not be used any more.
    pub(crate) fn admit(&mut self, batch: &Batch) -> Result<(), Error> {
        within("the number of rows of a batch", batch.rows(), BATCH_ROWS_MAX)?;
        batch.events.iter().try_for_each(|event| self.event(event))?;
        batch.snapshots.iter().try_for_each(|snapshot| self.snapshot(snapshot))?;
        batch.published.iter().try_for_each(|published| self.published(published))?;
        batch.services.iter().try_for_each(|service| self.service(service))?;
        for source in &batch.sources {
            within("a source id", source.source.0.len(), TEXT_BYTES_MAX)?;
            within("a source report", source.payload.len(), PAYLOAD_BYTES_MAX)?;
            number("the number of a report", source.seq)?;
        }
        batch.idempotency.iter().try_for_each(|row| self.idempotency(row))?;
        for sink in &batch.sinks {
            within("the name of a sink", sink.name.len(), TEXT_BYTES_MAX)?;
            if sink.cursor > self.last_published {
                let (name, got) = (sink.name.clone(), sink.cursor);
                return Err(Fault::SinkAhead { name, last: self.last_published, got }.into());
            }
        }
        for run in batch.runs() {
            if self.run(run)?.snapshot.is_none() {
                return Err(Fault::NoSnapshot { run: run.clone() }.into());
            }
        }
        Ok(())
    }

    fn run(&mut self, run: &RunId) -> Result<&mut RunHead, Error> {
        if !self.runs.contains_key(run) {
            number("the number of a run", run.number)?;
            let head = self.heads.run(run)?.unwrap_or(RunHead { last_seq: 0, snapshot: None });
            self.runs.insert(run.clone(), head);
        }
        // Present: inserted above when it was not. `or_insert` keeps this free of a panic.
        Ok(self.runs.entry(run.clone()).or_insert(RunHead { last_seq: 0, snapshot: None }))
    }

    fn event(&mut self, event: &EventRow) -> Result<(), Error> {
        within("an event", event.payload.len(), PAYLOAD_BYTES_MAX)?;
        number("the sequence number of an event", event.seq)?;
        let head = self.run(&event.run)?;
        if event.seq != head.last_seq + 1 {
            let run = event.run.clone();
            return Err(Fault::EventGap { run, last: head.last_seq, got: event.seq }.into());
        }
        head.last_seq = event.seq;
        Ok(())
    }

    fn snapshot(&mut self, snapshot: &SnapshotRow) -> Result<(), Error> {
        within("a snapshot", snapshot.payload.len(), SNAPSHOT_BYTES_MAX)?;
        within("a summary", snapshot.summary.len(), SNAPSHOT_BYTES_MAX)?;
        within("a status", snapshot.status.len(), TEXT_BYTES_MAX)?;
        within("a plan hash", snapshot.plan_hash.len(), TEXT_BYTES_MAX)?;
        let (run, got) = (snapshot.run.clone(), snapshot.seq);
        let head = self.run(&run)?;
        if got > head.last_seq {
            return Err(Fault::SnapshotAhead { run, last: head.last_seq, got }.into());
        }
        match head.snapshot {
            Some(stored) if got < stored => Err(Fault::SnapshotBack { run, stored, got }.into()),
            Some(_) | None => {
                head.snapshot = Some(got);
                Ok(())
            }
        }
    }

    fn published(&mut self, published: &Published) -> Result<(), Error> {
        within("a published event", published.data.len(), PUBLISHED_BYTES_MAX)?;
        within("the type of a published event", published.kind.len(), TEXT_BYTES_MAX)?;
        number("a published id", published.id)?;
        number("the number of a run", published.run.number)?;
        if published.id != self.last_published + 1 {
            return Err(Fault::PublishedGap { last: self.last_published, got: published.id }.into());
        }
        if published.key != published.run.key {
            return Err(Fault::OtherRun { key: published.key.clone(), run: published.run.clone() }.into());
        }
        self.last_published = published.id;
        Ok(())
    }

    fn service(&mut self, row: &ServiceRow) -> Result<(), Error> {
        within("the state of a service", row.payload.len(), PAYLOAD_BYTES_MAX)?;
        within("a version", row.current_version.as_ref().map_or(0, String::len), TEXT_BYTES_MAX)?;
        number("an epoch", row.epoch.0)?;
        number("a run count", row.runs)?;
        let key = row.key.clone();
        let head = match self.services.get(&key) {
            Some(head) => Some(*head),
            None => self.heads.service(&key)?,
        };
        if let Some(head) = head {
            if row.epoch < head.epoch {
                return Err(Fault::EpochBack { key, stored: head.epoch, got: row.epoch }.into());
            }
            if row.runs < head.runs {
                return Err(Fault::RunsBack { key, stored: head.runs, got: row.runs }.into());
            }
        }
        self.services.insert(key, ServiceHead { epoch: row.epoch, runs: row.runs });
        Ok(())
    }

    fn idempotency(&mut self, row: &IdempotencyRow) -> Result<(), Error> {
        within("the scope of an idempotency key", row.scope.len(), TEXT_BYTES_MAX)?;
        within("an idempotency key", row.key.len(), TEXT_BYTES_MAX)?;
        within("a request hash", row.request_hash.len(), TEXT_BYTES_MAX)?;
        within("a remembered answer", row.body.len(), PAYLOAD_BYTES_MAX)?;
        let (scope, key) = (row.scope.clone(), row.key.clone());
        if self.keys.contains(&(scope.clone(), key.clone())) || self.heads.has_key(&scope, &key)? {
            return Err(Fault::KeyTaken { scope, key }.into());
        }
        self.keys.insert((scope, key));
        Ok(())
    }
}

fn within(what: &'static str, got: usize, max: usize) -> Result<(), Fault> {
    if got <= max { Ok(()) } else { Err(Fault::TooBig { what, got: got as u64, max: max as u64 }) }
}

/// Databases keep signed 64-bit numbers.
fn number(what: &'static str, got: u64) -> Result<(), Fault> {
    const MAX: u64 = i64::MAX as u64;
    if got <= MAX { Ok(()) } else { Err(Fault::TooBig { what, got, max: MAX }) }
}
