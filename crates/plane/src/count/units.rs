//! Units of randomisation: which keys were seen under an epoch, one bit for each of 65 536 cells of key hashes.
//!
//! Requests of one key all go where its first one went, so they are not independent draws; keys are. A keyed
//! request is a unit when its cell is touched for the first time under this epoch in this process; a
//! request without a key is drawn by itself and always a unit. The cell's hash has nothing to do with
//! the bucket's (no salt, another seed), so which of a cell's keys comes first says nothing of its
//! bucket: the variants of first touches are independent draws with the split's shares, and their counts exactly
//! multinomial, also where many keys share a cell. A process that sees most cells merely stops counting.
//!
//! Once the keys of an epoch were seen, a request costs a hash and a load; only a first touch writes.

use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::xxh3_64_with_seed;

const CELLS: usize = 1 << 16;
/// Any number but the bucketing rule's 0.
const SEED: u64 = 0x756e_6974;

/// The bits of one epoch, shared by all that assign and freed with the epoch: 8 KiB.
#[derive(Debug)]
pub struct SeenKeys(Box<[AtomicU64]>);

/// A key's hash for counting keys and users; the same in every data plane.
#[inline]
pub fn key_hash(key: &[u8]) -> u64 {
    xxh3_64_with_seed(key, SEED)
}

impl Default for SeenKeys {
    fn default() -> SeenKeys {
        SeenKeys((0..CELLS / 64).map(|_| AtomicU64::new(0)).collect())
    }
}

impl SeenKeys {
    /// Whether the key with this hash is the first of its cell.
    #[inline]
    pub fn touch(&self, hash: u64) -> bool {
        // The upper 16 bits: below CELLS, so the word is in range.
        let cell = (hash >> 48) as usize;
        let (word, bit) = (&self.0[cell / 64], 1_u64 << (cell % 64));
        word.load(Ordering::Relaxed) & bit == 0 && word.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }
}

#[cfg(test)]
mod tests {
    use fw_model::split::{bucket_of, variant_of_bucket};
    use fw_model::{Salt, Variant, Weight};

    use super::*;

    #[test]
    fn a_key_is_counted_once_whoever_comes_first() {
        let keys = SeenKeys::default();
        let firsts: usize = std::thread::scope(|scope| {
            let count = || (0..1000).filter(|i| keys.touch(key_hash(format!("user-{i}").as_bytes()))).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(count)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        // 1000 keys in 65 536 cells: 7.6 pairs share one on average.
        assert!((970..=1000).contains(&firsts), "{firsts}");
        assert!(!keys.touch(key_hash(b"user-1")));
    }

    #[test]
    fn first_touches_keep_the_splits_share_however_many_keys_share_a_cell() {
        for (bits, weight) in [(1, 5_000), (2, 25_000), (3, 50_000)] {
            let (salt, weight) = (Salt::from_bits(bits), Weight::new(weight).unwrap());
            let keys = SeenKeys::default();
            let mut units = [0_u64; 2];
            // Three keys a cell: most of them are no first touch.
            for i in 0..200_000_u32 {
                let key = i.to_string();
                if keys.touch(key_hash(key.as_bytes())) {
                    units[variant_of_bucket(bucket_of(&salt, key.as_bytes()), weight).index()] += 1;
                }
            }
            let all = (units[0] + units[1]) as f64;
            assert!((60_000.0..=65_536.0).contains(&all), "{all}");
            let share = units[Variant::Canary.index()] as f64 / all;
            let p = weight.percent() / 100.0;
            assert!((share - p).abs() < 4.0 * (p * (1.0 - p) / all).sqrt(), "{share} for {p}");
        }
    }
}
