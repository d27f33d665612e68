//! What is written at once: all of a batch becomes durable, or nothing of it.
//!
//! Order inside each list is kept. The lists are one moment: a snapshot may stand at an event of the same
//! batch, a sink at an id published in it. Sources and sinks are dropped after sources and sinks are written. New
//! runs count as begun in the order of their snapshots.

use fw_model::{RunId, ServiceKey, SourceId};

use crate::{EventRow, IdempotencyRow, Published, ServiceRow, SinkRow, SnapshotRow, SourceRow};

/// Rows to write in one transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// New events; each run's sequence continues where it ended.
    pub events: Vec<EventRow>,
    /// New states; each replaces its run's former one.
    pub snapshots: Vec<SnapshotRow>,
    /// New published events; ids continue where the log ended.
    pub published: Vec<Published>,
    /// Services to insert or replace.
    pub services: Vec<ServiceRow>,
    /// Reports to insert or replace.
    pub sources: Vec<SourceRow>,
    /// Reports to forget.
    pub drop_sources: Vec<(ServiceKey, SourceId)>,
    /// Answers to remember.
    pub idempotency: Vec<IdempotencyRow>,
    /// Cursors of sinks to insert or move; none stands beyond the newest published id.
    pub sinks: Vec<SinkRow>,
    /// Names of sinks to forget.
    pub drop_sinks: Vec<String>,
}

impl Batch {
    /// Number of rows over all lists.
    pub fn rows(&self) -> usize {
        self.events.len()
            + self.snapshots.len()
            + self.published.len()
            + self.services.len()
            + self.sources.len()
            + self.drop_sources.len()
            + self.idempotency.len()
            + self.sinks.len()
            + self.drop_sinks.len()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.rows() == 0
    }

    /// The runs whose events or snapshots this batch writes, in order, each as often as it occurs.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &RunId> {
        self.events.iter().map(|e| &e.run).chain(self.snapshots.iter().map(|s| &s.run))
    }
}
