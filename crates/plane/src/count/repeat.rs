//! Which keys failed on their previous canary request: one bit for each of 4096 cells of key hashes.
//!
//! A user who always fails, or a client that retries, then counts once as news. Two keys that share
//! a cell only lower or restore that count. Source: design of clustered failures, "run rule per key".

use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::xxh3_64;

const CELLS: u64 = 4096;

/// The bits, shared by all that serve.
#[derive(Debug)]
pub struct FailedKeys([AtomicU64; (CELLS / 64) as usize]);

impl Default for FailedKeys {
    fn default() -> FailedKeys {
        FailedKeys(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl FailedKeys {
    /// The cell of a key.
    #[inline]
    pub fn cell(key: &[u8]) -> u16 {
        // Below 4096, so it fits.
        (xxh3_64(key) % CELLS) as u16
    }

    /// Notes an outcome; whether it is a failure after a failure.
    #[inline]
    pub fn note(&self, cell: u16, failed: bool) -> bool {
        let (word, bit) = (&self.0[usize::from(cell) / 64], 1_u64 << (cell % 64));
        let was = word.load(Ordering::Relaxed) & bit != 0;
        match (was, failed) {
            (false, true) => _ = word.fetch_or(bit, Ordering::Relaxed),
            (true, false) => _ = word.fetch_and(!bit, Ordering::Relaxed),
            _ => {}
        }
        was && failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failure_after_a_failure_repeats() {
        let keys = FailedKeys::default();
        let cell = FailedKeys::cell(b"user-1");
        let seen: Vec<bool> =
            [true, true, false, true].iter().map(|&failed| keys.note(cell, failed)).collect();
        assert_eq!(seen, [false, true, false, false]);
        assert!(!keys.note(FailedKeys::cell(b"user-2"), true));
    }
}
