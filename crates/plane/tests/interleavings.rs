//! Every interleaving of threads that take a slot, count, end, and of a reporter that reads.
//!
//! The pool and the counters are compiled here a second time, with a model checker's atomics and locks
//! in the place of std's, so that plain `cargo test` runs it. Source: loom, which runs all orders
//! of the C11 memory model that its bounds allow.

#![allow(unreachable_pub, dead_code, missing_docs, clippy::unwrap_used)] // The files are compiled as parts of this test.

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
    pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};
}

#[path = "../src/count/counter.rs"]
mod counter;
#[path = "../src/count/pool.rs"]
mod pool;

use counter::Counter;
use loom::thread;
use pool::Pool;
use sync::Arc;

/// What a slot is, as far as hand-over and order of reads go.
#[derive(Debug, Default)]
struct Pair {
    requests: Counter,
    errors: Counter,
}

impl Pair {
    fn record_error(&self) {
        self.requests.bump();
        self.errors.bump();
    }
}

type Slots = Pool<u64, Pair>;

/// Errors, then requests: the order in which a report reads.
fn totals(slots: &Slots) -> (u64, u64) {
    slots.read(|all| {
        all.values().flatten().fold((0, 0), |(errors, requests), slot| {
            let e = slot.errors.get();
            (errors + e, requests + slot.requests.get())
        })
    })
}

#[test]
fn threads_that_end_hand_over_their_counts_and_slots_are_used_again() {
    loom::model(|| {
        let slots = Arc::new(Slots::default());
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let slots = Arc::clone(&slots);
                thread::spawn(move || {
                    let slot = slots.take(1);
                    slot.record_error();
                    drop(slot);
                    // The same thread again, as the next one that was started would.
                    slots.take(1).record_error();
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        assert_eq!(totals(&slots), (4, 4));
        assert!(slots.read(|all| all[&1].len()) <= 2, "a slot that was given back is used again");
    });
}

#[test]
fn a_report_in_the_middle_never_shows_more_errors_than_requests_and_never_goes_back() {
    loom::model(|| {
        let slots = Arc::new(Slots::default());
        let writer = {
            let slots = Arc::clone(&slots);
            thread::spawn(move || {
                slots.take(1).record_error();
                slots.take(1).record_error();
            })
        };
        let (first, second) = (totals(&slots), totals(&slots));
        for (errors, requests) in [first, second] {
            assert!(errors <= requests && requests <= 2, "{errors} of {requests}");
        }
        assert!(second.0 >= first.0 && second.1 >= first.1);
        writer.join().unwrap();
        assert_eq!(totals(&slots), (2, 2));
    });
}

#[test]
fn forgetting_takes_nothing_from_a_thread_that_still_counts() {
    loom::model(|| {
        let slots = Arc::new(Slots::default());
        let writer = {
            let slots = Arc::clone(&slots);
            thread::spawn(move || {
                let slot = slots.take(1);
                slot.record_error();
                // Still held: whoever forgets the key meanwhile leaves it where it is.
                totals(&slots)
            })
        };
        slots.forget(|key| *key == 1);
        assert_eq!(writer.join().unwrap(), (1, 1));
    });
}
