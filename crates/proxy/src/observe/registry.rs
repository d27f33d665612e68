//! All slots of all workers by epoch, variant and instance: where reports are summed up.
//!
//! A worker asks for a slot once an epoch and instance, and keeps it; the lock here is never taken
//! for a request. Freed slots are those of closed epochs that no worker holds any more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fw_api::wire::{CELLS_MAX, CellWire};
use fw_model::{CellKey, Counts};

use super::cell::Slot;

/// The slots.
#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<BTreeMap<CellKey, Vec<Arc<Slot>>>>);

impl Registry {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<CellKey, Vec<Arc<Slot>>>> {
        // Every change under the lock is a single call, so a panic elsewhere leaves the map sound.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new slot under this key, for one worker.
    pub(crate) fn slot(&self, key: CellKey) -> Arc<Slot> {
        let slot = Arc::new(Slot::new());
        self.lock().entry(key).or_default().push(Arc::clone(&slot));
        slot
    }

    /// Everything counted, newest epochs first to go in where [`CELLS_MAX`] is reached.
    pub(crate) fn cells(&self) -> Vec<CellWire> {
        let cells = self.lock();
        if cells.len() > CELLS_MAX {
            let left_out = cells.len() - CELLS_MAX;
            tracing::warn!(left_out, "more cells than a report may carry; the oldest are left out");
        }
        let mut wire: Vec<CellWire> = cells.iter().rev().take(CELLS_MAX).filter_map(summed).collect();
        wire.reverse();
        wire
    }

    /// Frees what belongs to `epochs` and is held by nobody else.
    pub(crate) fn forget(&self, epochs: &[u64]) {
        self.lock().retain(|key, slots| {
            !epochs.contains(&key.epoch.0) || slots.iter().any(|slot| Arc::strong_count(slot) > 1)
        });
    }

    /// Drops everything: another log begins.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }
}

fn summed((key, slots): (&CellKey, &Vec<Arc<Slot>>)) -> Option<CellWire> {
    let mut counts = Counts::default();
    slots.iter().for_each(|slot| counts.merge(&slot.read()));
    (!counts.is_empty()).then(|| CellWire::from_counts(key, &counts))
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
