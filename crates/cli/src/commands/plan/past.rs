//! Past rollouts, read from a server's store. The server must not be running: a store has one owner.

use std::path::Path;

use fw_model::{RunId, ServiceKey};
use fw_sim::history::Recorded;
use fw_store::limits::PAGE_ROWS_MAX;
use fw_store::{RolloutFilter, RolloutLog, RolloutRow, SqliteLog, record};

use crate::args::StoreChoice;
use crate::failure::Failure;

/// An open store.
pub(super) struct Past {
    log: SqliteLog,
}

impl Past {
    /// Opens a store that is there; never makes one.
    pub(super) fn open(store: &StoreChoice) -> Result<Past, Failure> {
        let StoreChoice::Sqlite(path) = store;
        if !Path::new(path).exists() {
            return Err(Failure::Usage(format!(
                "there is no store at {}; name the one of a server with --store sqlite:PATH",
                path.display()
            )));
        }
        Ok(Past { log: SqliteLog::open(path).map_err(failed)? })
    }

    /// The latest runs of a service, the newest first, at most `limit`.
    pub(super) fn runs(&self, key: &ServiceKey, limit: usize) -> Result<Vec<RolloutRow>, Failure> {
        let filter = RolloutFilter { key: Some(key.clone()), ..RolloutFilter::default() };
        self.log.rollouts(&filter, limit).map_err(failed)
    }

    /// The run a name means: itself, or the latest of a service.
    pub(super) fn find(&self, name: &str) -> Result<RolloutRow, Failure> {
        if let Ok(run) = name.parse::<RunId>()
            && let Some(stored) = self.log.rollout(&run).map_err(failed)?
        {
            return Ok(stored.row);
        }
        let latest = match name.parse::<ServiceKey>() {
            Ok(key) => self.runs(&key, 1)?.into_iter().next(),
            Err(_) => None,
        };
        latest.ok_or_else(|| Failure::Failed(self.unknown(name)))
    }

    fn unknown(&self, name: &str) -> String {
        let known = self.log.rollouts(&RolloutFilter::default(), 5).unwrap_or_default();
        let names: Vec<String> = known.iter().map(|row| row.run.to_string()).collect();
        let list = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        format!("this store has no rollout {name}; the latest it has: {list}")
    }

    /// Every event of a run, in order.
    pub(super) fn events(&self, run: &RunId) -> Result<Vec<Recorded>, Failure> {
        let mut events: Vec<Recorded> = vec![];
        loop {
            let after = events.last().map_or(0, |last| last.seq);
            let rows = self.log.history(run, after, PAGE_ROWS_MAX).map_err(failed)?;
            let count = rows.len();
            for row in rows {
                let event = record::decode_event(row.format, &row.payload)
                    .map_err(|e| Failure::Failed(format!("{run}, event {}: {e}", row.seq)))?;
                events.push(Recorded { seq: row.seq, at: row.at, event });
            }
            if count < PAGE_ROWS_MAX {
                return Ok(events);
            }
        }
    }
}

fn failed(error: fw_store::Error) -> Failure {
    Failure::Failed(error.to_string())
}
