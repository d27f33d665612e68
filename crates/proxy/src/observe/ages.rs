//! Ages of requests that wait for their response head: how a hang is seen before any time-out.
//!
//! Each worker has a table of start times that the reporter reads from outside. Entering and leaving
//! are one store each. The table grows in chunks that are never freed; beyond its end a request is
//! simply not shown.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use fw_model::{Histogram, Variant, bucket_of_nanos};

const CHUNK: usize = 256;
/// Most requests under way in one worker whose age is shown: 65 536.
const CHUNKS_MAX: usize = 256;

type Chunk = Box<[AtomicU64]>;

/// The table of one worker, as the reporter sees it.
#[derive(Debug)]
pub(crate) struct Ages {
    base: Instant,
    chunks: Box<[OnceLock<Chunk>]>,
}

impl Ages {
    pub(crate) fn new() -> Arc<Ages> {
        let chunks = (0..CHUNKS_MAX).map(|_| OnceLock::new()).collect();
        Arc::new(Ages { base: Instant::now(), chunks })
    }

    fn slot(&self, index: u32) -> &AtomicU64 {
        let (chunk, place) = (index as usize / CHUNK, index as usize % CHUNK);
        &self.chunks[chunk].get_or_init(|| (0..CHUNK).map(|_| AtomicU64::new(0)).collect())[place]
    }

    /// Adds the ages at `now` to the histograms, stable first.
    pub(crate) fn read(&self, now: Instant, into: &mut [Histogram; 2]) {
        let now = nanos(now.saturating_duration_since(self.base));
        for slot in self.chunks.iter().filter_map(OnceLock::get).flat_map(|chunk| chunk.iter()) {
            let entry = slot.load(Ordering::Relaxed);
            if entry != 0 {
                let age = now.saturating_sub(entry >> 2);
                into[usize::from(entry & 1 == 1)].add(bucket_of_nanos(age), 1);
            }
        }
    }
}

fn nanos(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The worker's own end of its table.
#[derive(Debug)]
pub(crate) struct AgeSlots {
    ages: Arc<Ages>,
    free: RefCell<Vec<u32>>,
    next: Cell<u32>,
}

/// A place in the table; to be given back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AgeSlot(u32);

impl AgeSlots {
    pub(crate) fn new(ages: Arc<Ages>) -> AgeSlots {
        AgeSlots { ages, free: RefCell::default(), next: Cell::new(0) }
    }

    /// A place, or none when the table is full.
    pub(crate) fn enter(&self) -> Option<AgeSlot> {
        if let Some(index) = self.free.borrow_mut().pop() {
            return Some(AgeSlot(index));
        }
        let index = self.next.get();
        if index as usize >= CHUNK * CHUNKS_MAX {
            return None;
        }
        self.next.set(index + 1);
        Some(AgeSlot(index))
    }

    /// Shows a request of this variant that began at `start`.
    pub(crate) fn show(&self, slot: AgeSlot, variant: Variant, start: Instant) {
        let start = nanos(start.saturating_duration_since(self.ages.base));
        // Bit 1 is always set, so that no entry is the empty one.
        let entry = start << 2 | 2 | variant.index() as u64;
        self.ages.slot(slot.0).store(entry, Ordering::Relaxed);
    }

    /// Stops showing it, for now or for good.
    pub(crate) fn hide(&self, slot: AgeSlot) {
        self.ages.slot(slot.0).store(0, Ordering::Relaxed);
    }

    /// Gives the place back.
    pub(crate) fn leave(&self, slot: AgeSlot) {
        self.hide(slot);
        self.free.borrow_mut().push(slot.0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ages_are_shown_by_variant_until_the_request_leaves() {
        let ages = Ages::new();
        let slots = AgeSlots::new(Arc::clone(&ages));
        let start = Instant::now();
        let places: Vec<AgeSlot> = (0..300).map(|_| slots.enter().unwrap()).collect();
        places.iter().for_each(|&place| slots.show(place, Variant::Canary, start));
        slots.show(places[0], Variant::Stable, start);
        let mut read = [Histogram::default(), Histogram::default()];
        ages.read(start + Duration::from_secs(2), &mut read);
        assert_eq!((read[0].total(), read[1].total()), (1, 299));
        assert_eq!(read[1].above_ms(1000.0), 299);
        places.iter().for_each(|&place| slots.leave(place));
        let mut read = [Histogram::default(), Histogram::default()];
        ages.read(Instant::now(), &mut read);
        assert_eq!(read[0].total() + read[1].total(), 0);
        assert_eq!(slots.next.get(), 300);
    }
}
