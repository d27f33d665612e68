//! Numbers that one thread writes and any thread reads.
//!
//! Because nobody else writes, adding is a relaxed load and a store, no locked instruction: a
//! nanosecond, however many threads count. The store is a release, so that who sees a later count sees the
//! earlier ones too; on x86 that costs nothing. What makes one thread the only writer is the pool's business.

use crate::sync::{AtomicU64, Ordering};

/// A count that only grows.
#[derive(Debug)]
pub struct Counter(AtomicU64);

/// A sum of finite numbers.
#[derive(Debug)]
pub struct Sum(AtomicU64);

impl Default for Counter {
    fn default() -> Counter {
        Counter(AtomicU64::new(0))
    }
}

impl Counter {
    /// One more.
    #[inline]
    pub fn bump(&self) {
        self.add(1);
    }

    /// So many more.
    #[inline]
    pub fn add(&self, more: u64) {
        self.set(self.own().wrapping_add(more));
    }

    /// Puts it to a value; for the writer only.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }

    /// Its value as its own writer sees it.
    #[inline]
    pub fn own(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Its value for any reader.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

impl Default for Sum {
    fn default() -> Sum {
        Sum(AtomicU64::new(0.0_f64.to_bits()))
    }
}

impl Sum {
    /// Adds a number.
    #[inline]
    pub fn add(&self, value: f64) {
        let sum = f64::from_bits(self.0.load(Ordering::Relaxed)) + value;
        self.0.store(sum.to_bits(), Ordering::Release);
    }

    /// Its value for any reader.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Acquire))
    }
}
