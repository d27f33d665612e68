//! Values of custom metrics from anywhere: `POST /api/v1/services/{service}/metrics` (contract section 4).
//!
//! Either one value, which an `Idempotency-Key` makes safe to send twice, or cumulative sums of a source,
//! of which the higher `seq` wins. What a value may be beyond a finite number is the plan's business.

use fw_model::plan::MetricSpec;
use fw_model::{MetricSums, Variant};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::WireError;

/// Longest name of a metrics source, bytes.
const SOURCE_BYTES_MAX: usize = 128;
/// Largest absolute value or mean: sums of squares of 2^64 such values are still finite numbers.
const VALUE_ABS_MAX: f64 = 1e100;
/// How far rounding may take sums from the rules they keep, relative.
const ROUNDING: f64 = 1e-9;

/// A value of a custom metric, or the sums of many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricReport {
    /// Which metric: 1 to 64 letters, digits, `_`, `-`, `.`.
    pub name: String,
    /// `stable` or `canary`, the default: the version whose request it belongs to.
    #[serde(default = "canary")]
    #[schema(value_type = String)]
    pub variant: Variant,
    /// The epoch under which that request was assigned; absent = the present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// One value, in the metric's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Values of this source so far: of the named epoch, or since the source began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Their sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<f64>,
    /// The sum of their squares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum_squares: Option<f64>,
    /// Who counts: 1 to 128 bytes, new for each start of a process that counts from zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Grows with every report of this source about this metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub enum Measured {
    /// One value.
    Value(f64),
    /// Everything a source counted so far.
    Sums {
        /// Who counts.
        source: String,
        /// The higher wins.
        seq: u64,
        /// The sums.
        sums: MetricSums,
    },
}

/// The answer: where it was put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MetricAnswer {
    /// The metric.
    pub name: String,
    /// The variant.
    #[schema(value_type = String)]
    pub variant: Variant,
    /// The epoch.
    pub epoch: u64,
    /// Whether it added anything: a repeated or older report, or one about a closed epoch, does not.
    pub counted: bool,
}

fn canary() -> Variant {
    Variant::Canary
}

impl MetricReport {
    /// What was measured, every number checked.
    ///
    /// # Errors
    /// The first [`WireError`]: a name that is none, both forms or half of one, sums that no values have.
    pub fn measured(&self) -> Result<Measured, WireError> {
        if !MetricSpec::is_name(&self.name) {
            return Err(WireError::new("name", "must be 1 to 64 letters, digits, `_`, `-` or `.`"));
        }
        match self.value {
            Some(value) => self.one(value),
            None => self.many(),
        }
    }

    fn one(&self, value: f64) -> Result<Measured, WireError> {
        let others = [
            ("count", self.count.is_some()),
            ("sum", self.sum.is_some()),
            ("sumSquares", self.sum_squares.is_some()),
            ("source", self.source.is_some()),
            ("seq", self.seq.is_some()),
        ];
        if let Some((field, _)) = others.iter().find(|(_, there)| *there) {
            return Err(WireError::new(*field, "goes with sums, not with a single `value`"));
        }
        if !(value.is_finite() && value.abs() <= VALUE_ABS_MAX) {
            return Err(WireError::new("value", format!("must be within ±{VALUE_ABS_MAX:e}")));
        }
        Ok(Measured::Value(value))
    }

    fn many(&self) -> Result<Measured, WireError> {
        let missing = |field: &str| {
            let text =
                "is missing: send either `value`, or `count`, `sum` and `sumSquares` with `source` and `seq`";
            WireError::new(field, text)
        };
        let sums = MetricSums {
            count: self.count.ok_or_else(|| missing("count"))?,
            sum: self.sum.ok_or_else(|| missing("sum"))?,
            sum_squares: self.sum_squares.ok_or_else(|| missing("sumSquares"))?,
        };
        let source = self.source.clone().ok_or_else(|| missing("source"))?;
        let seq = self.seq.ok_or_else(|| missing("seq"))?;
        if !(1..=SOURCE_BYTES_MAX).contains(&source.len()) || source.chars().any(char::is_control) {
            return Err(WireError::new("source", format!("must be a text of 1 to {SOURCE_BYTES_MAX} bytes")));
        }
        sound(&sums)?;
        Ok(Measured::Sums { source, seq, sums })
    }
}

/// Whether some values have these sums: (Σx)² ≤ n·Σx², by Cauchy and Schwarz.
fn sound(sums: &MetricSums) -> Result<(), WireError> {
    let n = sums.count as f64;
    if sums.sum.is_nan() || sums.sum.abs() > n * VALUE_ABS_MAX {
        return Err(WireError::new("sum", "is more than `count` values can have"));
    }
    if !(0.0..=n * VALUE_ABS_MAX * VALUE_ABS_MAX).contains(&sums.sum_squares) {
        return Err(WireError::new("sumSquares", "is negative, or more than `count` values can have"));
    }
    // By the mean and the quadratic mean, so that nothing overflows.
    if sums.count > 0 && (sums.sum / n).abs() > (sums.sum_squares / n).sqrt() * (1.0 + ROUNDING) {
        return Err(WireError::new("sumSquares", "is less than values with that `sum` have"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Measured, String> {
        let report: MetricReport = serde_json::from_str(text).map_err(|e| e.to_string())?;
        report.measured().map_err(|e| e.to_string())
    }

    #[test]
    fn a_value_or_sums_and_the_canary_by_default() {
        assert_eq!(of(r#"{"name":"m","value":0.5}"#), Ok(Measured::Value(0.5)));
        let sums = MetricSums { count: 3, sum: 12.5, sum_squares: 60.1 };
        assert_eq!(
            of(r#"{"name":"m","count":3,"sum":12.5,"sumSquares":60.1,"source":"shop-1","seq":7}"#),
            Ok(Measured::Sums { source: "shop-1".into(), seq: 7, sums })
        );
        let report: MetricReport = serde_json::from_str(r#"{"name":"m","value":1}"#).unwrap();
        assert_eq!((report.variant, report.epoch), (Variant::Canary, None));
    }

    #[test]
    fn half_of_a_form_and_impossible_sums_are_named() {
        let sums = |count: u64, sum: f64, squares: f64| {
            format!(
                r#"{{"name":"m","count":{count},"sum":{sum},"sumSquares":{squares},"source":"a","seq":1}}"#
            )
        };
        for (text, field) in [
            (r#"{"name":"m"}"#.to_owned(), "count"),
            (r#"{"name":"a b","value":1}"#.to_owned(), "name"),
            (r#"{"name":"m","value":1,"seq":1}"#.to_owned(), "seq"),
            (r#"{"name":"m","value":1e101}"#.to_owned(), "value"),
            (r#"{"name":"m","count":1,"sum":1,"sumSquares":1,"seq":1}"#.to_owned(), "source"),
            (r#"{"name":"m","count":1,"sum":1,"sumSquares":1,"source":"","seq":1}"#.to_owned(), "source"),
            (sums(0, 1.0, 1.0), "sum"),
            (sums(1, 1.0, -1.0), "sumSquares"),
            (sums(2, 4.0, 7.9), "sumSquares"),
        ] {
            assert!(of(&text).unwrap_err().starts_with(&format!("{field}: ")), "{text}: {:?}", of(&text));
        }
        assert!(of(&sums(2, 4.0, 8.0)).is_ok());
        assert!(of(&sums(0, 0.0, 0.0)).is_ok());
    }
}
