//! The bucketing rule for one salt, prepared: the same buckets as `bucket_of`, at a third of its cost.
//!
//! Of a hash over salt, separator and key the salt's half never changes, and gathering the three in one buffer
//! costs more than hashing them, because the hash reads words right across the bytes just written. So half of the
//! hash is worked out once, and the rest reads the key where it lies. It is for who asks very often; the
//! rule itself stands in `bucket`, and a test holds the two together for every length.
//! Source: XXH3 specification, section "Input of 17 to 128 bytes", with seed 0.

use super::bucket::{bucket_of, reduce, trim_key};
use super::{Salt, Variant};
use crate::Weight;

/// Longest key for which there is a short way, bytes.
const KEY_BYTES_MAX: usize = 63;
/// The salt's 32 bytes and the separator.
const PREFIX_BYTES: usize = 33;
const SEPARATOR: u8 = 0x1f;

const PRIME64_1: u64 = 0x9e37_79b1_85eb_ca87;
const PRIME_MX1: u64 = 0x1656_6791_9e37_79f9;

/// The first 96 bytes of XXH3's default secret, as pairs of little-endian words.
const SECRET: [(u64, u64); 6] = [
    (0xbe4b_a423_396c_feb8, 0x1cad_21f7_2c81_017c),
    (0xdb97_9083_e96d_d4de, 0x1f67_b3b7_a4a4_4072),
    (0x78e5_c0cc_4ee6_79cb, 0x2172_ffcc_7dd0_5a82),
    (0x8e24_43f7_7446_08b8, 0x4c26_3a81_e690_35e0),
    (0xcb00_c391_bb52_283c, 0xa32e_531b_8b65_d088),
    (0x4ef9_0da2_9748_6471, 0xd8ac_dea9_46ef_1938),
];

/// A salt, ready to hash keys with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salted {
    salt: Salt,
    /// Salt and separator, and zeros up to where the last window may end.
    prefix: [u8; PREFIX_BYTES + 16],
    /// What the salt alone contributes.
    fixed: u64,
}

impl Salted {
    /// Prepares a salt.
    pub fn new(salt: Salt) -> Salted {
        let mut prefix = [0; PREFIX_BYTES + 16];
        prefix[..32].copy_from_slice(salt.as_bytes());
        prefix[32] = SEPARATOR;
        let mut salted = Salted { salt, prefix, fixed: 0 };
        salted.fixed = mix(salted.window(0), 0).wrapping_add(mix(salted.window(16), 2));
        salted
    }

    /// The bucket of a key, 0 to 99 999: what [`bucket_of`] says.
    #[inline]
    pub fn bucket_of(&self, key: &[u8]) -> u32 {
        self.bucket_of_trimmed(trim_key(key))
    }

    /// The same for a key that [`trim_key`] has been over: once is enough.
    // Always inlined: a call would cost a seventh of the work.
    #[inline(always)]
    fn bucket_of_trimmed(&self, key: &[u8]) -> u32 {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return bucket_of(&self.salt, key);
        }
        let bytes = PREFIX_BYTES + key.len();
        let first = first_bytes(key);
        let at = |from: usize| self.across(from, key, first);
        let mut hash = (bytes as u64).wrapping_mul(PRIME64_1).wrapping_add(self.fixed);
        hash = hash.wrapping_add(mix(at(bytes - 16), 1)).wrapping_add(mix(at(bytes - 32), 3));
        if bytes > 64 {
            hash = hash.wrapping_add(mix(at(32), 4)).wrapping_add(mix(at(bytes - 48), 5));
        }
        hash ^= hash >> 37;
        hash = hash.wrapping_mul(PRIME_MX1);
        reduce(hash ^ (hash >> 32))
    }

    /// The variant of a key at this canary weight; [`trim_key`] must have been over it.
    #[inline(always)]
    pub fn variant_of_trimmed(&self, trimmed: &[u8], canary: Weight) -> Variant {
        super::variant_of_bucket(self.bucket_of_trimmed(trimmed), canary)
    }

    /// 16 bytes of salt, separator and zeros, little-endian.
    #[inline]
    fn window(&self, from: usize) -> u128 {
        // Callers stay below PREFIX_BYTES, after which 16 zeros follow.
        self.prefix[from..].first_chunk().map_or(0, |bytes| u128::from_le_bytes(*bytes))
    }

    /// 16 bytes of salt, separator and key, little-endian.
    #[inline]
    fn across(&self, from: usize, key: &[u8], first: u128) -> u128 {
        match from.checked_sub(PREFIX_BYTES) {
            Some(from) => key[from..].first_chunk().map_or(0, |bytes| u128::from_le_bytes(*bytes)),
            None => {
                // The key begins so many bits into the window; beyond 127 it does not reach into it.
                let bits = 8 * (PREFIX_BYTES - from) as u32;
                self.window(from) | first.checked_shl(bits).unwrap_or(0)
            }
        }
    }
}

/// The first 16 bytes of a key of 1 byte and more, little-endian; zeros beyond its end.
#[inline]
fn first_bytes(key: &[u8]) -> u128 {
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u128::from(u64::from_le_bytes(*bytes)));
    let half = |bytes: Option<&[u8; 4]>| bytes.map_or(0, |bytes| u128::from(u32::from_le_bytes(*bytes)));
    let n = key.len();
    // Two reads that overlap agree where they do.
    match n {
        16.. => key.first_chunk().map_or(0, |bytes| u128::from_le_bytes(*bytes)),
        8..16 => word(key.first_chunk()) | word(key.last_chunk()) << (8 * (n - 8)),
        4..8 => half(key.first_chunk()) | half(key.last_chunk()) << (8 * (n - 4)),
        _ => key.iter().rev().fold(0, |word, &byte| word << 8 | u128::from(byte)),
    }
}

/// One step of the hash: 16 bytes folded with words of the secret.
#[inline]
fn mix(window: u128, secret: usize) -> u64 {
    let (low, high) = SECRET[secret];
    let product = u128::from(window as u64 ^ low) * u128::from((window >> 64) as u64 ^ high);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_those_of_the_rule_for_keys_of_every_length() {
        for bits in [0, 7, 0xcd61_3e30_d8f1_6adf_91b7_584a_2265_b1f5] {
            let salt = Salt::from_bits(bits);
            let salted = Salted::new(salt);
            let bytes: Vec<u8> = (0..130_u32).map(|i| (i * 37 % 251) as u8).collect();
            for (from, to) in (0..20).flat_map(|from| (from..=bytes.len()).map(move |to| (from, to))) {
                let key = &bytes[from..to];
                assert_eq!(salted.bucket_of(key), bucket_of(&salt, key), "{key:?}");
            }
            for i in 0..20_000 {
                let key = format!("user-{i}");
                assert_eq!(salted.bucket_of(key.as_bytes()), bucket_of(&salt, key.as_bytes()), "{key}");
            }
        }
    }
}
