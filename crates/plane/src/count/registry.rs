//! All slots of all writers by epoch, variant and instance: where reports are summed up.
//!
//! A writer asks for a slot once an epoch and instance, and keeps it; the lock here is never taken
//! for a request. Freed are slots of closed epochs that no writer holds any more.

use std::collections::BTreeMap;

use fw_api::wire::{CELLS_MAX, CellWire};
use fw_model::{CellKey, Counts};

use super::cell::Slot;
use super::pool::Pool;
use crate::sync::Arc;

/// The slots.
#[derive(Debug, Default)]
pub struct Registry(Pool<CellKey, Slot>);

impl Registry {
    /// A slot under this key for one writer; it goes on where the last one that let go of it stopped.
    pub fn slot(&self, key: CellKey) -> Arc<Slot> {
        self.0.take(key)
    }

    /// Everything counted, summed over writers; cells in which nothing was counted are left out.
    pub fn counts(&self) -> BTreeMap<CellKey, Counts> {
        self.0.read(|cells| cells.iter().filter_map(summed).collect())
    }

    /// The same as a report carries it.
    pub fn cells(&self) -> Vec<CellWire> {
        wire_cells(&self.counts())
    }

    /// Frees what belongs to `epochs` and is held by nobody else.
    pub fn forget(&self, epochs: &[u64]) {
        self.0.forget(|key| epochs.contains(&key.epoch.0));
    }

    /// Drops everything: another log begins.
    pub fn clear(&self) {
        self.0.clear();
    }
}

fn summed((key, slots): (&CellKey, &Vec<Arc<Slot>>)) -> Option<(CellKey, Counts)> {
    let mut counts = Counts::default();
    slots.iter().for_each(|slot| counts.merge(&slot.read()));
    (!counts.is_empty()).then(|| (key.clone(), counts))
}

/// Cells as a report carries them: the newest epochs where [`CELLS_MAX`] is reached, and a warning.
pub fn wire_cells(counts: &BTreeMap<CellKey, Counts>) -> Vec<CellWire> {
    let left_out = counts.len().saturating_sub(CELLS_MAX);
    if left_out > 0 {
        tracing::warn!(left_out, "more cells than a report may carry; the oldest are left out");
    }
    counts.iter().skip(left_out).map(|(key, counts)| CellWire::from_counts(key, counts)).collect()
}

#[cfg(test)]
mod tests {
    use fw_model::{Epoch, Variant};

    use super::super::cell::Outcome;
    use super::*;

    fn key(epoch: u64) -> CellKey {
        CellKey { epoch: Epoch(epoch), variant: Variant::Canary, instance: "a:1".into() }
    }

    #[test]
    fn slots_of_two_workers_are_one_cell() {
        let registry = Registry::default();
        let (a, b) = (registry.slot(key(1)), registry.slot(key(1)));
        a.record(Outcome::default());
        b.record(Outcome { error: true, ..Outcome::default() });
        let cells = registry.cells();
        assert_eq!((cells.len(), cells[0].requests, cells[0].errors), (1, 2, 1));
    }

    #[test]
    fn a_held_slot_is_not_forgotten() {
        let registry = Registry::default();
        let (held, freed) = (registry.slot(key(1)), registry.slot(key(2)));
        held.record(Outcome::default());
        freed.record(Outcome::default());
        drop(freed);
        registry.forget(&[1, 2]);
        assert_eq!(registry.cells().iter().map(|c| c.epoch).collect::<Vec<_>>(), [1]);
        drop(held);
        registry.forget(&[1]);
        assert!(registry.cells().is_empty());
    }
}
