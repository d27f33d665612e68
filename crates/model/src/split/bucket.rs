//! The one rule that decides who gets the canary.
//!
//! `bucket = (xxh3_64(salt ‖ 0x1F ‖ key, seed 0) × 100 000) >> 64`, and the canary takes every
//! bucket below its weight. So a key that is in at 5 % is in at 25 %, and leaves last-in-first-out.
//! Source: XXH3 specification (github.com/Cyan4973/xxHash, doc/xxhash_spec.md); the multiply-shift
//! range reduction is Lemire, "Fast Random Integer Generation in an Interval" (2019), section 4.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::{Salt, Variant};
use crate::Weight;

/// Stands between salt and key, so that no salt and key run together.
const SEPARATOR: u8 = 0x1f;
/// Salt, separator and keys up to 95 bytes are hashed from one stack buffer.
const BUFFER_BYTES: usize = 128;
const PREFIX_BYTES: usize = 33;

/// The key without surrounding white space (space, tab, CR, LF, VT, FF); nothing decoded or folded.
/// An empty result means: no key.
#[inline]
pub fn trim_key(field: &[u8]) -> &[u8] {
    let white = |b: &u8| b.is_ascii_whitespace() || *b == 0x0b;
    // As nearly every key comes: nothing to trim.
    if let [first, .., last] = field
        && !white(first)
        && !white(last)
    {
        return field;
    }
    let start = field.iter().position(|b| !white(b)).unwrap_or(field.len());
    let end = field.iter().rposition(|b| !white(b)).map_or(start, |last| last + 1);
    &field[start..end]
}

/// The bucket of a key, 0 to 99 999. The key is trimmed first; its other bytes count as they are.
///
/// Who asks very often under one salt prepares it: [`super::Salted`].
pub fn bucket_of(salt: &Salt, key: &[u8]) -> u32 {
    let key = trim_key(key);
    let hash = if key.len() <= BUFFER_BYTES - PREFIX_BYTES {
        let mut buffer = [0_u8; BUFFER_BYTES];
        buffer[..32].copy_from_slice(salt.as_bytes());
        buffer[32] = SEPARATOR;
        buffer[PREFIX_BYTES..PREFIX_BYTES + key.len()].copy_from_slice(key);
        xxh3_64(&buffer[..PREFIX_BYTES + key.len()])
    } else {
        let mut hasher = Xxh3::new();
        hasher.update(salt.as_bytes());
        hasher.update(&[SEPARATOR]);
        hasher.update(key);
        hasher.digest()
    };
    reduce(hash)
}

/// The variant of a bucket (0 to 99 999) at this canary weight. A keyless request draws its 64
/// random bits and passes `bucket = (bits × 100 000) >> 64`.
#[inline]
pub fn variant_of_bucket(bucket: u32, canary: Weight) -> Variant {
    if bucket < canary.units() { Variant::Canary } else { Variant::Stable }
}

/// The variant of a key at this canary weight.
pub fn variant_of_key(salt: &Salt, key: &[u8], canary: Weight) -> Variant {
    variant_of_bucket(bucket_of(salt, key), canary)
}

/// 64 uniform bits to a bucket, 0 to 99 999.
#[inline]
pub(crate) fn reduce(bits: u64) -> u32 {
    // The product's upper half is below 100 000, so the cast keeps it whole.
    ((u128::from(bits) * u128::from(Weight::FULL.units())) >> 64) as u32
}

/// The bucket of a request without a key, from 64 uniform random bits the caller drew.
#[inline]
pub fn bucket_of_random(bits: u64) -> u32 {
    reduce(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_a_key_is_not_part_of_it() {
        assert_eq!(trim_key(b" \t a b\r\n"), b"a b");
        assert_eq!(trim_key(b"  "), b"");
        assert_eq!(trim_key(b""), b"");
    }

    #[test]
    fn a_key_of_any_length_is_hashed_as_a_whole() {
        let salt = Salt::from_bits(0x1234_5678_9abc_def0);
        let bytes: Vec<u8> = (0..200_u8).map(|i| b'!' + i % 90).collect();
        for length in 1..bytes.len() {
            let key = &bytes[..length];
            let all = [salt.as_bytes().as_slice(), &[SEPARATOR], key].concat();
            assert_eq!(bucket_of(&salt, key), reduce(xxh3_64(&all)), "{length} bytes");
        }
    }

    #[test]
    fn the_ends_of_the_range_are_buckets() {
        assert_eq!(reduce(0), 0);
        assert_eq!(reduce(u64::MAX), 99_999);
    }
}
