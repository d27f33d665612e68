//! Ages of assignments under way: how a hang is seen before any time-out.
//!
//! Each thread has a row of entries; taking one and giving it back is a store each, and an assignment may
//! end on another thread. No clock is read: an entry holds the number of the last tick of the reporter, so an
//! age is known from below, to a quarter of a second. What finds no free entry near is simply not shown.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use fw_api::wire::{HistogramWire, InFlightWire};
use fw_model::{Histogram, Variant, bucket_of_nanos};

use crate::core::Core;

/// How often the reporter ticks.
pub(crate) const TICK: Duration = Duration::from_millis(250);
/// Most ticks whose time is remembered: 17 min; what is older is shown as that old.
const TICKS_MAX: usize = 4096;
/// Entries of a row.
const ROW: usize = 256;
/// Most rows: threads beyond show no ages.
const ROWS_MAX: usize = 1024;
/// Entries looked at for a free one.
const TRIES: usize = 4;

type Row = Box<[AtomicU64]>;

/// All entries of a rollout.
#[derive(Debug)]
pub(crate) struct InFlight {
    rows: Box<[OnceLock<Row>]>,
    /// Rows that no thread has: given back, and the first never used.
    free: Mutex<(Vec<u32>, u32)>,
    /// The last tick's number.
    tick: AtomicU64,
    times: Mutex<Times>,
}

/// Times of the last ticks; the number of the first of them.
#[derive(Debug, Default)]
struct Times {
    first: u64,
    at: VecDeque<Instant>,
}

impl Default for InFlight {
    fn default() -> InFlight {
        InFlight {
            rows: (0..ROWS_MAX).map(|_| OnceLock::new()).collect(),
            free: Mutex::default(),
            tick: AtomicU64::new(0),
            times: Mutex::default(),
        }
    }
}

/// A place among the entries; to be given back once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place(u32);

/// One thread's row. Only its owner takes entries, so a free one stays free until taken.
#[derive(Debug)]
pub(crate) struct OwnRow {
    row: u32,
    next: usize,
}

impl InFlight {
    /// A row for one thread; none when all are taken.
    pub(crate) fn take_row(&self) -> Option<OwnRow> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let row = match free.0.pop() {
            Some(row) => row,
            None if (free.1 as usize) < ROWS_MAX => {
                free.1 += 1;
                free.1 - 1
            }
            None => return None,
        };
        Some(OwnRow { row, next: 0 })
    }

    /// The thread ends. Entries that are still taken stay so until their assignments end.
    pub(crate) fn give_row(&self, row: &OwnRow) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).0.push(row.row);
    }

    fn row(&self, row: u32) -> &Row {
        self.rows[row as usize].get_or_init(|| (0..ROW).map(|_| AtomicU64::new(0)).collect())
    }

    /// Shows an assignment of this variant from now on.
    #[inline]
    pub(crate) fn enter(&self, own: &mut OwnRow, variant: Variant) -> Option<Place> {
        let row = self.row(own.row);
        let entry = self.tick.load(Ordering::Relaxed) << 2 | 2 | variant.index() as u64;
        for _ in 0..TRIES {
            own.next = (own.next + 1) % ROW;
            // Acquire pairs with the release of `leave`: a place that reads as free is the owner's to take.
            if row[own.next].load(Ordering::Acquire) == 0 {
                row[own.next].store(entry, Ordering::Relaxed);
                // Below ROWS_MAX × ROW, which fits.
                return Some(Place(own.row * ROW as u32 + own.next as u32));
            }
        }
        None
    }

    /// Stops showing it, from whichever thread.
    #[inline]
    pub(crate) fn leave(&self, place: Place) {
        let (row, entry) = (place.0 / ROW as u32, place.0 as usize % ROW);
        self.row(row)[entry].store(0, Ordering::Release);
    }

    /// Time goes on; called every [`TICK`] or so.
    pub(crate) fn tick(&self, now: Instant) {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        if times.at.len() == TICKS_MAX {
            times.at.pop_front();
            times.first += 1;
        }
        times.at.push_back(now);
        let last = times.first + times.at.len() as u64;
        self.tick.store(last, Ordering::Relaxed);
    }

    /// The ages at `now`, by variant.
    pub(crate) fn wire(&self, now: Instant) -> InFlightWire {
        let mut ages = [Histogram::default(), Histogram::default()];
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in self.rows.iter().filter_map(OnceLock::get).flat_map(|row| row.iter()) {
            let entry = entry.load(Ordering::Relaxed);
            if entry == 0 {
                continue;
            }
            // Entered after tick n (counted from 1) was over, so before the time at index n, if that has come.
            let index = (entry >> 2).saturating_sub(times.first) as usize;
            let age = times.at.get(index).map_or(Duration::ZERO, |at| now.saturating_duration_since(*at));
            let nanos = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
            ages[usize::from(entry & 1 == 1)].add(bucket_of_nanos(nanos), 1);
        }
        let wire = |ages: &Histogram| (!ages.is_empty()).then(|| HistogramWire::from(ages));
        InFlightWire { stable: wire(&ages[0]), canary: wire(&ages[1]) }
    }
}

/// Gives a thread's row back when the thread ends. It does not keep the rollout alive.
#[derive(Debug)]
pub(crate) struct RowGuard {
    core: Weak<Core>,
    own: Option<OwnRow>,
}

impl RowGuard {
    pub(crate) fn new(core: &Arc<Core>) -> RowGuard {
        RowGuard { core: Arc::downgrade(core), own: core.in_flight.take_row() }
    }

    /// `core` is the one the guard was made for.
    #[inline]
    pub(crate) fn enter(&mut self, core: &Core, variant: Variant) -> Option<Place> {
        core.in_flight.enter(self.own.as_mut()?, variant)
    }
}

impl Drop for RowGuard {
    fn drop(&mut self) {
        if let (Some(own), Some(core)) = (&self.own, self.core.upgrade()) {
            core.in_flight.give_row(own);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(wire: Option<&HistogramWire>) -> u64 {
        wire.map_or(0, |h| h.counts.iter().sum())
    }

    #[test]
    fn an_age_is_known_from_below_and_the_place_used_again() {
        let (all, start) = (InFlight::default(), Instant::now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut row = all.take_row().unwrap();
        all.tick(at(0));
        let place = all.enter(&mut row, Variant::Canary).unwrap();
        let young = all.wire(at(200)).canary.unwrap();
        assert_eq!((young.offset, young.counts.len()), (fw_model::INDEX_MIN, 1), "no tick has come since");
        all.tick(at(250));
        all.tick(at(500));
        let old = all.wire(at(2250)).canary.unwrap();
        assert_eq!(old.offset, bucket_of_nanos(2_000_000_000), "entered before the tick at 250 ms");
        all.leave(place);
        assert_eq!(all.wire(at(3000)), InFlightWire::default());
        let places: Vec<_> = (0..2 * ROW).filter_map(|_| all.enter(&mut row, Variant::Stable)).collect();
        assert_eq!(places.len(), ROW, "what finds no place is not shown");
        places.iter().for_each(|&place| all.leave(place));
        assert!(all.enter(&mut row, Variant::Stable).is_some());
    }

    #[test]
    fn a_row_outlives_its_thread_while_assignments_do() {
        let all = InFlight::default();
        let mut row = all.take_row().unwrap();
        let place = all.enter(&mut row, Variant::Canary).unwrap();
        all.give_row(&row);
        let mut next = all.take_row().unwrap();
        assert_eq!(next.row, row.row);
        let others: Vec<_> = (0..2 * ROW).filter_map(|_| all.enter(&mut next, Variant::Canary)).collect();
        assert_eq!(others.len(), ROW - 1);
        assert_eq!(total(all.wire(Instant::now()).canary.as_ref()), ROW as u64);
        all.leave(place);
        assert_eq!(total(all.wire(Instant::now()).canary.as_ref()), ROW as u64 - 1);
    }
}
