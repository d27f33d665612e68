//! Custom metrics: sums by name, epoch and variant, each written by one thread at a time.
//!
//! A name is known to the process before it is counted, so that a report never carries more names than the
//! protocol allows; what is beyond is refused to the caller and never silently dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use fw_api::wire::METRICS_MAX;
use fw_model::plan::MetricSpec;
use fw_model::{CellKey, Counts};
use fw_plane::count::{Counter, Pool, Sum};

/// Largest absolute value: sums of squares of 2^64 of them are still finite.
const VALUE_ABS_MAX: f64 = 1e100;

/// A value of a custom metric was not counted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MetricRefused {
    /// The name is not one: use 1 to 64 letters, digits, `_`, `-` or `.`.
    #[error("the metric's name {0:?} must be 1 to 64 letters, digits, '_', '-' or '.'")]
    Name(String),
    /// Not a finite number within ±1e100.
    #[error("the value of metric {name:?} must be a number within ±1e100, not {value}")]
    Value {
        /// Which metric.
        name: String,
        /// What was given.
        value: f64,
    },
    /// The process reports 64 metrics already: use fewer names, and no ids in names.
    #[error("metric {0:?} is one more than the {METRICS_MAX} that a process may report")]
    Names(String),
}

/// What one thread counted of one metric.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct MetricCell {
    count: Counter,
    sum: Sum,
    sum_squares: Sum,
}

impl MetricCell {
    pub(crate) fn add(&self, value: f64) {
        self.sum.add(value);
        self.sum_squares.add(value * value);
        // Last, so that a report never shows a value without its sums.
        self.count.bump();
    }
}

/// All metrics of a rollout.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    names: Mutex<BTreeSet<String>>,
    cells: Pool<(CellKey, String), MetricCell>,
}

/// Whether a value may be summed up.
pub(crate) fn check(name: &str, value: f64) -> Result<(), MetricRefused> {
    if value.is_finite() && value.abs() <= VALUE_ABS_MAX {
        Ok(())
    } else {
        Err(MetricRefused::Value { name: name.to_owned(), value })
    }
}

impl Metrics {
    /// Makes a name known.
    pub(crate) fn admit(&self, name: &str) -> Result<(), MetricRefused> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.contains(name) {
            return Ok(());
        }
        if !MetricSpec::is_name(name) {
            return Err(MetricRefused::Name(name.to_owned()));
        }
        if names.len() >= METRICS_MAX {
            return Err(MetricRefused::Names(name.to_owned()));
        }
        names.insert(name.to_owned());
        Ok(())
    }

    pub(crate) fn cell(&self, key: CellKey, name: &str) -> Arc<MetricCell> {
        self.cells.take((key, name.to_owned()))
    }

    /// Puts the sums into the counts of their cells.
    pub(crate) fn add_to(&self, counts: &mut BTreeMap<CellKey, Counts>) {
        self.cells.read(|all| {
            for ((key, name), cells) in all {
                let sums = counts.entry(key.clone()).or_default().metrics.entry(name.clone()).or_default();
                for cell in cells {
                    sums.count += cell.count.get();
                    sums.sum += cell.sum.get();
                    sums.sum_squares += cell.sum_squares.get();
                }
            }
        });
    }

    pub(crate) fn forget(&self, epochs: &[u64]) {
        self.cells.forget(|(key, _)| epochs.contains(&key.epoch.0));
    }

    pub(crate) fn clear(&self) {
        self.cells.clear();
    }
}
