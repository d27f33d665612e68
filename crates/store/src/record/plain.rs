//! Durations, numbers and counts as short JSON that reads back to the last bit.
//!
//! A look comes every second for every rollout, so what is empty is left out: a count of zero, a
//! histogram without requests. Durations are whole milliseconds, or `[seconds, nanoseconds]` when they
//! are not. A number that JSON can't write (infinite, or none) is a text.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use fw_model::{Apdex, Batches, Counts, DurationStats, Histogram, MetricSums};
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const NANOS_OF_MILLI: u32 = 1_000_000;
const NANOS_OF_SECOND: u32 = 1_000_000_000;

/// A duration: whole ms, or `[seconds, nanoseconds]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(pub(super) Duration);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum SpanForm {
    Millis(u64),
    Exact(u64, u32),
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = self.0.subsec_nanos().is_multiple_of(NANOS_OF_MILLI);
        match u64::try_from(self.0.as_millis()) {
            Ok(millis) if whole => SpanForm::Millis(millis),
            _ => SpanForm::Exact(self.0.as_secs(), self.0.subsec_nanos()),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        match SpanForm::deserialize(deserializer)? {
            SpanForm::Millis(millis) => Ok(Span(Duration::from_millis(millis))),
            SpanForm::Exact(secs, nanos) if nanos < NANOS_OF_SECOND => Ok(Span(Duration::new(secs, nanos))),
            SpanForm::Exact(_, nanos) => Err(D::Error::custom(format!("{nanos} ns are a second or more"))),
        }
    }
}

/// A number; infinite ones and NaN are the texts `inf`, `-inf` and `NaN`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Real(pub(super) f64);

impl Real {
    fn is_zero(&self) -> bool {
        // Minus zero is written, so that it comes back as what it was.
        self.0.to_bits() == 0
    }
}

impl Serialize for Real {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() { serializer.serialize_f64(self.0) } else { serializer.collect_str(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Real, D::Error> {
        deserializer.deserialize_any(RealVisitor)
    }
}

struct RealVisitor;

impl Visitor<'_> for RealVisitor {
    type Value = Real;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or one of \"inf\", \"-inf\", \"NaN\"")
    }

    fn visit_f64<E>(self, value: f64) -> Result<Real, E> {
        Ok(Real(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Real, E> {
        Ok(Real(value as f64))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Real, E> {
        Ok(Real(value as f64))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Real, E> {
        let number = text.parse::<f64>().ok().filter(|n| !n.is_finite());
        number.map(Real).ok_or_else(|| E::custom(format!("{text:?} is no number")))
    }
}

/// A histogram: the first bucket and the counts from there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct HistogramRecord {
    #[serde(skip_serializing_if = "is_default")]
    offset: i32,
    #[serde(skip_serializing_if = "is_default")]
    counts: Vec<u64>,
}

impl From<Histogram> for HistogramRecord {
    fn from(histogram: Histogram) -> HistogramRecord {
        let Histogram { offset, counts } = histogram;
        HistogramRecord { offset, counts }
    }
}

impl From<HistogramRecord> for Histogram {
    fn from(record: HistogramRecord) -> Histogram {
        let HistogramRecord { offset, counts } = record;
        Histogram { offset, counts }
    }
}

/// Counts of requests.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CountsRecord {
    #[serde(skip_serializing_if = "is_default")]
    requests: u64,
    #[serde(skip_serializing_if = "is_default")]
    errors: u64,
    #[serde(skip_serializing_if = "is_default")]
    repeat_errors: u64,
    /// Size, total, bad.
    #[serde(skip_serializing_if = "is_default")]
    batches: (u64, u64, u64),
    #[serde(skip_serializing_if = "is_default")]
    client_errors: u64,
    #[serde(skip_serializing_if = "is_default")]
    client_aborts: u64,
    #[serde(skip_serializing_if = "is_default")]
    abandoned: u64,
    #[serde(skip_serializing_if = "Real::is_zero")]
    sum_ms: Real,
    #[serde(skip_serializing_if = "Real::is_zero")]
    sum_squares: Real,
    #[serde(skip_serializing_if = "is_default")]
    histogram: HistogramRecord,
    /// Satisfied, tolerating.
    #[serde(skip_serializing_if = "is_default")]
    apdex: (u64, u64),
    #[serde(skip_serializing_if = "is_default")]
    units: u64,
    /// By name: count, sum, sum of squares.
    #[serde(skip_serializing_if = "is_default")]
    metrics: BTreeMap<String, (u64, Real, Real)>,
}

impl From<Counts> for CountsRecord {
    fn from(counts: Counts) -> CountsRecord {
        let Counts {
            requests,
            errors,
            repeat_errors,
            batches: Batches { size, total, bad },
            client_errors,
            client_aborts,
            abandoned,
            duration: DurationStats { sum_ms, sum_squares, histogram },
            apdex: Apdex { satisfied, tolerating },
            units,
            metrics,
        } = counts;
        let metric = |MetricSums { count, sum, sum_squares }| (count, Real(sum), Real(sum_squares));
        CountsRecord {
            requests,
            errors,
            repeat_errors,
            batches: (size, total, bad),
            client_errors,
            client_aborts,
            abandoned,
            sum_ms: Real(sum_ms),
            sum_squares: Real(sum_squares),
            histogram: histogram.into(),
            apdex: (satisfied, tolerating),
            units,
            metrics: metrics.into_iter().map(|(name, sums)| (name, metric(sums))).collect(),
        }
    }
}

impl From<CountsRecord> for Counts {
    fn from(record: CountsRecord) -> Counts {
        let CountsRecord {
            requests,
            errors,
            repeat_errors,
            batches: (size, total, bad),
            client_errors,
            client_aborts,
            abandoned,
            sum_ms: Real(sum_ms),
            sum_squares: Real(sum_squares),
            histogram,
            apdex: (satisfied, tolerating),
            units,
            metrics,
        } = record;
        let metric = |(count, Real(sum), Real(sum_squares))| MetricSums { count, sum, sum_squares };
        Counts {
            requests,
            errors,
            repeat_errors,
            batches: Batches { size, total, bad },
            client_errors,
            client_aborts,
            abandoned,
            duration: DurationStats { sum_ms, sum_squares, histogram: histogram.into() },
            apdex: Apdex { satisfied, tolerating },
            units,
            metrics: metrics.into_iter().map(|(name, sums)| (name, metric(sums))).collect(),
        }
    }
}

/// Whether a value is what a missing field reads as.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(duration: Duration) -> String {
        let text = serde_json::to_string(&Span(duration)).unwrap();
        assert_eq!(serde_json::from_str::<Span>(&text).unwrap().0, duration, "{text}");
        text
    }

    #[test]
    fn durations_are_milliseconds_unless_that_would_lose_something() {
        assert_eq!(span(Duration::from_millis(1500)), "1500");
        assert_eq!(span(Duration::from_nanos(1_500_000_001)), "[1,500000001]");
        assert_eq!(span(Duration::MAX), "[18446744073709551615,999999999]");
        assert!(serde_json::from_str::<Span>("[1,1000000000]").is_err());
        assert!(serde_json::from_str::<Span>("-1").is_err());
    }

    #[test]
    fn every_number_reads_back_to_the_last_bit() {
        let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            bits = bits.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            let number = f64::from_bits(bits);
            let text = serde_json::to_string(&Real(number)).unwrap();
            let back = serde_json::from_str::<Real>(&text).unwrap().0;
            assert!(back.to_bits() == number.to_bits() || (back.is_nan() && number.is_nan()), "{text}");
        }
        for odd in [f64::INFINITY, f64::NEG_INFINITY, -0.0, 5e-324, f64::MAX] {
            let text = serde_json::to_string(&Real(odd)).unwrap();
            assert_eq!(serde_json::from_str::<Real>(&text).unwrap().0.to_bits(), odd.to_bits(), "{text}");
        }
        assert!(serde_json::from_str::<Real>("\"12\"").is_err());
    }

    #[test]
    fn nothing_counted_is_nothing_written() {
        assert_eq!(serde_json::to_string(&CountsRecord::default()).unwrap(), "{}");
    }
}
