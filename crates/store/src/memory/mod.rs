//! The log in memory: the same rules and answers as the durable one, for tests and simulation.
//!
//! Intuition: the "disk" is a shared [`State`]; a [`MemoryLog`] is one opening of it. Dropping a
//! handle and calling [`MemoryLog::reopen`] on another is a restart that kept the disk, and fences
//! off every older handle. It promises nothing about a crash of the process itself.

mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fw_model::{LogId, RunId, ServiceKey, Timestamp};

use crate::admit::Admission;
use crate::limits::PAGE_ROWS_MAX;
use crate::{
    Batch, Compacted, Error, EventRow, IdempotencyRow, Loaded, LogInfo, Published, PublishedRange, Retention,
    RolloutFilter, RolloutLog, RolloutRow, SinkRow, StoredRollout,
};
use state::State;

/// One opening of a log that lives in memory.
#[derive(Debug)]
pub struct MemoryLog {
    state: Arc<Mutex<State>>,
    log_id: LogId,
    fence: u64,
}

impl MemoryLog {
    /// An empty log with an identity of its own.
    pub fn new() -> MemoryLog {
        Self::with_id(LogId(uuid::Uuid::new_v4().to_string()))
    }

    /// An empty log with a given identity: for simulation, where nothing may be random.
    pub fn with_id(log_id: LogId) -> MemoryLog {
        MemoryLog { state: Arc::new(Mutex::new(State::new(1))), log_id, fence: 1 }
    }

    /// Opens the same log again, as a restarted server would. Every older handle is fenced off.
    pub fn reopen(&self) -> MemoryLog {
        let mut state = self.lock();
        state.fence += 1;
        MemoryLog { state: Arc::clone(&self.state), log_id: self.log_id.clone(), fence: state.fence }
    }

    /// The state is changed only after all checks passed, by code that does not panic half-way on
    /// account of its input, so a poisoned lock still guards a whole state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writable(&self) -> Result<MutexGuard<'_, State>, Error> {
        let state = self.lock();
        if state.fence == self.fence {
            Ok(state)
        } else {
            Err(Error::Fenced { ours: self.fence, current: state.fence })
        }
    }
}

impl Default for MemoryLog {
    fn default() -> Self {
        MemoryLog::new()
    }
}

impl RolloutLog for MemoryLog {
    fn open_info(&self) -> LogInfo {
        LogInfo { log_id: self.log_id.clone(), schema: 0, fence: self.fence, path: None }
    }

    fn load(&self) -> Result<Loaded, Error> {
        Ok(self.lock().load())
    }

    fn commit_all(&self, batches: &[&Batch]) -> Result<(), Error> {
        let mut state = self.writable()?;
        let mut admission = Admission::new(&*state);
        batches.iter().try_for_each(|batch| admission.admit(batch))?;
        for batch in batches {
            state.apply(batch);
        }
        Ok(())
    }

    fn published_after(
        &self,
        id: u64,
        filter: Option<&ServiceKey>,
        limit: usize,
    ) -> Result<Vec<Published>, Error> {
        Ok(self.lock().published_after(id, filter, limit.min(PAGE_ROWS_MAX)))
    }

    fn published_range(&self) -> Result<Option<PublishedRange>, Error> {
        let state = self.lock();
        let (oldest, newest) = (state.oldest_published, state.last_published);
        Ok((oldest <= newest).then_some(PublishedRange { oldest, newest }))
    }

    fn history(&self, run: &RunId, after_seq: u64, limit: usize) -> Result<Vec<EventRow>, Error> {
        Ok(self.lock().history(run, after_seq, limit.min(PAGE_ROWS_MAX)))
    }

    fn rollouts(&self, filter: &RolloutFilter, limit: usize) -> Result<Vec<RolloutRow>, Error> {
        Ok(self.lock().rollouts(filter, limit.min(PAGE_ROWS_MAX)))
    }

    fn rollout(&self, run: &RunId) -> Result<Option<StoredRollout>, Error> {
        Ok(self.lock().rollout(run))
    }

    fn idempotent(&self, scope: &str, key: &str) -> Result<Option<IdempotencyRow>, Error> {
        Ok(self.lock().idempotent(scope, key))
    }

    fn sinks(&self) -> Result<Vec<SinkRow>, Error> {
        Ok(self.lock().sinks())
    }

    fn compact(&self, policy: &Retention, now: Timestamp) -> Result<Compacted, Error> {
        Ok(self.writable()?.compact(policy, now))
    }
}
