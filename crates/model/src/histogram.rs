//! Latency histograms: OpenTelemetry exponential histograms of scale 4.
//!
//! Bucket `i` counts durations in `(base^i, base^(i+1)]` ms with base = 2^(1/16) ≈ 1.044, so any
//! quantile is known to 4.4 %. Equal to Prometheus native histograms of schema 4. Merging adds counts.
//! This file does not record on a hot path: data planes use a dense array of the same buckets and
//! [`bucket_of_nanos`]. Source: OpenTelemetry metrics data model, "Exponential Histogram".

use serde::{Deserialize, Serialize};

/// OpenTelemetry scale of every histogram here; base = 2^(2^-scale).
pub const HISTOGRAM_SCALE: i8 = 4;
/// Smallest bucket index: durations up to about 1 µs.
pub const INDEX_MIN: i32 = -160;
/// Largest bucket index: durations of about 73 min and more.
pub const INDEX_MAX: i32 = 351;
/// Most buckets a histogram may hold (the whole range).
const BUCKETS_MAX: usize = (INDEX_MAX - INDEX_MIN + 1) as usize;

/// A sparse run of bucket counts. Units: bucket bounds in ms, counts in requests.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Histogram {
    /// Index of the first count.
    pub offset: i32,
    /// Counts of consecutive buckets from `offset`.
    pub counts: Vec<u64>,
}

/// The upper bound of bucket `index` in ms.
pub fn bucket_upper_ms(index: i32) -> f64 {
    (f64::from(index + 1) / 16.0).exp2()
}

/// The bucket of a duration in ns, clamped to [`INDEX_MIN`]..=[`INDEX_MAX`]. Exact at bucket bounds for whole ns;
/// no logarithm, division or search, so cheap enough for a request path.
#[inline]
pub fn bucket_of_nanos(nanos: u64) -> i32 {
    // Of 0 the exponent is far below all others, and the clamp makes it the lowest bucket.
    let bits = nanos_to_f64(nanos).to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32 - 1023;
    let mantissa = bits & ((1 << 52) - 1);
    // Each power of two of ns has 16 bounds; the lowest is that of bucket 16 e - 319, for 16 log2(10^6) = 318.9.
    // How many lie strictly below: a bound belongs to the bucket under it.
    let (below, bound) = SIXTY_FOURTHS[(mantissa >> SHIFT) as usize];
    let steps = below + i32::from(bound < mantissa);
    (exponent * 16 - 319 + steps).clamp(INDEX_MIN, INDEX_MAX)
}

/// Nanoseconds as a number, 2^63 and more (292 years) as 2^63. Signed integers become floats by one instruction,
/// unsigned ones by five.
#[inline]
pub fn nanos_to_f64(nanos: u64) -> f64 {
    nanos.min(i64::MAX as u64) as i64 as f64
}

/// Mantissa bits below those that tell the sixty-fourth.
const SHIFT: u32 = 52 - 6;

/// For each 64th of [1, 2): how many bounds lie in those before it, and the one bound inside it. There is at most
/// one, because bounds are 4.4 % apart and more; where there is none, a number no mantissa exceeds.
const SIXTY_FOURTHS: [(i32, u64); 64] = {
    let mut table = [(0, u64::MAX); 64];
    let mut i = 0;
    while i < table.len() {
        let mut j = 0;
        while j < MANTISSA_BOUNDS.len() {
            let place = (MANTISSA_BOUNDS[j] >> SHIFT) as usize;
            if place < i {
                table[i].0 += 1;
            } else if place == i {
                table[i].1 = MANTISSA_BOUNDS[j];
            }
            j += 1;
        }
        i += 1;
    }
    table
};

/// Mantissa bits, rounded down, of 10^6 2^(j/16) for j = -14..=1: the bounds in ns between 2^19 and 2^20.
const MANTISSA_BOUNDS: [u64; 16] = [
    0x0a3cbbb8ff348,
    0x16064a27f6a1f,
    0x225571d70d17d,
    0x2f301cfe40c3f,
    0x3c9c78dfd9bcb,
    0x4aa0f8c040e63,
    0x594458ff7aee3,
    0x688da255c4a80,
    0x78842d34def4f,
    0x892fa54faa057,
    0x9a980d49c2287,
    0xacc5c290e397c,
    0xbfc18161eec33,
    0xd39468fb7b933,
    0xe848000000000,
    0xfde63909a5373,
];

impl Histogram {
    /// A histogram from one count of each bucket index in ascending order, zero runs trimmed.
    pub fn from_dense(first: i32, counts: &[u64]) -> Histogram {
        let Some(start) = counts.iter().position(|&c| c > 0) else { return Histogram::default() };
        let end = counts.iter().rposition(|&c| c > 0).map_or(start, |last| last + 1);
        Histogram { offset: first + start as i32, counts: counts[start..end].to_vec() }
    }

    /// All requests counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().fold(0, |sum, &c| sum.saturating_add(c))
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|&c| c == 0)
    }

    /// Whether every index is inside [`INDEX_MIN`]..=[`INDEX_MAX`]; wire input is checked with this.
    pub fn in_range(&self) -> bool {
        self.counts.len() <= BUCKETS_MAX
            && self.offset >= INDEX_MIN
            && i64::from(self.offset) + self.counts.len() as i64 - 1 <= i64::from(INDEX_MAX)
    }

    /// Counts with their bucket index, empty buckets left out.
    pub fn iter(&self) -> impl Iterator<Item = (i32, u64)> + '_ {
        self.counts.iter().enumerate().filter(|(_, c)| **c > 0).map(|(i, &c)| (self.offset + i as i32, c))
    }

    /// Adds one duration, in ms.
    pub fn record_ms(&mut self, ms: f64) {
        let index = bucket_of_nanos((ms.max(0.0) * 1e6).min(u64::MAX as f64) as u64);
        self.add(index, 1);
    }

    /// Adds `count` to bucket `index` (clamped to the allowed range).
    pub fn add(&mut self, index: i32, count: u64) {
        if count == 0 {
            return;
        }
        let index = index.clamp(INDEX_MIN, INDEX_MAX);
        if self.counts.is_empty() {
            self.offset = index;
        }
        if index < self.offset {
            let missing = (self.offset - index) as usize;
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.offset = index;
        }
        let place = (index - self.offset) as usize;
        if place >= self.counts.len() {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] = self.counts[place].saturating_add(count);
    }

    /// Adds every count of `other`.
    pub fn merge(&mut self, other: &Histogram) {
        other.iter().for_each(|(index, count)| self.add(index, count));
    }

    /// What `self` counted more than `earlier`, bucket by bucket; never negative.
    pub fn minus(&self, earlier: &Histogram) -> Histogram {
        let mut delta = Histogram::default();
        for (index, count) in self.iter() {
            delta.add(index, count.saturating_sub(earlier.count(index)));
        }
        delta
    }

    /// The count of one bucket.
    pub fn count(&self, index: i32) -> u64 {
        usize::try_from(index - self.offset).ok().and_then(|i| self.counts.get(i)).copied().unwrap_or(0)
    }

    /// Requests in buckets that lie wholly above `ms`, counted by upper-bound rule: a bucket counts
    /// as above when its upper bound exceeds `ms` by more than rounding.
    pub fn above_ms(&self, ms: f64) -> u64 {
        self.iter().filter(|(index, _)| bucket_upper_ms(*index) > ms * (1.0 + 1e-9)).map(|(_, c)| c).sum()
    }

    /// The `q`-quantile in ms (upper bound of its bucket), `None` without counts. `q` is in 0..=1.
    pub fn quantile_ms(&self, q: f64) -> Option<f64> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        let rank = ((q.clamp(0.0, 1.0) * total as f64).ceil() as u64).max(1);
        let mut seen = 0_u64;
        for (index, count) in self.iter() {
            seen = seen.saturating_add(count);
            if seen >= rank {
                return Some(bucket_upper_ms(index));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        // 1 ms = base^0 is the upper bound of bucket -1; just above it starts bucket 0.
        assert_eq!(bucket_of_nanos(1_000_000), -1);
        assert_eq!(bucket_of_nanos(1_000_001), 0);
        assert_eq!(bucket_of_nanos(2_000_000), 15);
        assert_eq!(bucket_of_nanos(0), INDEX_MIN);
        assert_eq!(bucket_of_nanos(1), INDEX_MIN);
        assert_eq!(bucket_of_nanos(u64::MAX), INDEX_MAX);
    }

    #[test]
    fn every_duration_lies_inside_its_bucket() {
        let mut ns = 1_100_u64;
        while ns < 4_000_000_000_000 {
            let index = bucket_of_nanos(ns);
            let ms = ns as f64 / 1e6;
            assert!(ms <= bucket_upper_ms(index) * (1.0 + 1e-12), "{ns} {index}");
            assert!(ms > bucket_upper_ms(index - 1) * (1.0 - 1e-12), "{ns} {index}");
            ns = ns * 1013 / 1000 + 1;
        }
    }

    #[test]
    fn the_table_says_what_comparing_with_every_bound_says() {
        // f64 gives a bound to a few parts in 10^16; whole ns around it are apart by far more.
        for index in INDEX_MIN..INDEX_MAX {
            let bound = bucket_upper_ms(index) * 1e6;
            let below = bound.floor() as u64;
            let (under, over) = (bucket_of_nanos(below), bucket_of_nanos(below + 1));
            assert!(under <= index && over > index, "{below} ns: {under}, then {over}, at {index}");
        }
        for nanos in 1..2_000_000_u64 {
            let (now, next) = (bucket_of_nanos(nanos), bucket_of_nanos(nanos + 1));
            assert!(next >= now, "{nanos}");
        }
    }

    #[test]
    fn merging_and_subtracting_undo_each_other() {
        let (mut a, mut b) = (Histogram::default(), Histogram::default());
        [0.5, 3.0, 3.0, 900.0].into_iter().for_each(|ms| a.record_ms(ms));
        [0.01, 3.0, 60_000.0].into_iter().for_each(|ms| b.record_ms(ms));
        let mut both = a.clone();
        both.merge(&b);
        assert_eq!(both.total(), 7);
        let back = both.minus(&b);
        assert!(back.iter().eq(a.iter()));
        assert_eq!(a.minus(&both).total(), 0);
    }

    #[test]
    fn quantiles_are_within_one_bucket() {
        let mut h = Histogram::default();
        (1..=100).for_each(|ms| h.record_ms(f64::from(ms)));
        let p90 = h.quantile_ms(0.9).unwrap();
        assert!((90.0..90.0 * 1.045).contains(&p90), "{p90}");
        assert_eq!(Histogram::default().quantile_ms(0.5), None);
        assert_eq!(h.above_ms(1000.0), 0);
    }

    #[test]
    fn wire_ranges_are_checked() {
        assert!(Histogram { offset: -160, counts: vec![1; 512] }.in_range());
        assert!(!Histogram { offset: -161, counts: vec![1] }.in_range());
        assert!(!Histogram { offset: 351, counts: vec![1, 1] }.in_range());
        assert!(!Histogram { offset: i32::MAX, counts: vec![1, 1] }.in_range());
    }
}
