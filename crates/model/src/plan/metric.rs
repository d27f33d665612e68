//! A custom metric as the config describes it: what its values are, which way is worse, what it may do.
//!
//! Only metrics that stand in the plan are judged. Any other name a service reports is shown and no more.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Most custom metrics of a plan.
pub const METRICS_MAX: usize = 32;
/// Longest name of a metric, bytes.
pub const METRIC_NAME_BYTES_MAX: usize = 64;
/// Default of [`MetricSpec::margin`], percent of stable's value.
pub const METRIC_MARGIN_DEFAULT: f64 = 5.0;

/// What a metric's values are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MetricKind {
    /// 0 or 1 a unit: conversions, complaints.
    Proportion,
    /// From 0 to `cap`, in the metric's unit: revenue, a satisfaction score. A larger value counts as `cap` where
    /// values come one by one; sums with larger values are not judged.
    Amount {
        /// Largest value, above 0.
        cap: f64,
    },
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Better {
    /// Revenue, conversions.
    Higher,
    /// Complaints, cost.
    Lower,
}

/// What a metric may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MetricRole {
    /// Must be shown not to be worse before a phase ends; rolls back when shown to be worse.
    Gating,
    /// Rolls back when shown to be worse; never keeps a phase from ending.
    Rollback,
    /// Shown, never judged.
    Display,
}

/// What a value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MetricPer {
    /// Each value is one unit: its outcome, good or bad, is reported once it is known.
    Value,
    /// Each request is one unit; values are reported only where something happened.
    Request,
}

/// A custom metric of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricSpec {
    /// Its name in reports: letters, digits, `_`, `-`, `.`; 1 to [`METRIC_NAME_BYTES_MAX`] bytes.
    pub name: String,
    /// What its values are.
    pub kind: MetricKind,
    /// Which way is better.
    pub better: Better,
    /// What it may do.
    pub role: MetricRole,
    /// How much worse than stable is acceptable, percent of stable's value; 0 to below 100.
    pub margin: f64,
    /// What a value belongs to.
    pub per: MetricPer,
    /// Time until a request's outcome is known: a request is counted only when it is older. Zero = at once.
    /// Only with [`MetricPer::Request`].
    pub window: Duration,
    /// For people, such as `EUR`; may be empty.
    pub unit: String,
}

impl MetricSpec {
    /// Whether a name is allowed.
    pub fn is_name(name: &str) -> bool {
        (1..=METRIC_NAME_BYTES_MAX).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    }

    /// A single value as it counts, in the metric's unit: a larger one than an amount's cap is the cap.
    ///
    /// # Errors
    /// A text with the name: a proportion is 0 to 1, an amount 0 or more.
    pub fn fitted(&self, value: f64) -> Result<f64, String> {
        let name = &self.name;
        match self.kind {
            MetricKind::Proportion if !(0.0..=1.0).contains(&value) => {
                Err(format!("{name} is a proportion: 0 to 1, not {value}"))
            }
            MetricKind::Amount { .. } if value < 0.0 => {
                Err(format!("{name} is an amount: 0 or more, not {value}"))
            }
            MetricKind::Proportion => Ok(value),
            MetricKind::Amount { cap } => Ok(value.min(cap)),
        }
    }

    /// Largest value: 1 for a proportion.
    pub fn cap(&self) -> f64 {
        match self.kind {
            MetricKind::Proportion => 1.0,
            MetricKind::Amount { cap } => cap,
        }
    }
}
