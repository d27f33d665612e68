//! The data-plane protocol: splits one way, cumulative reports the other (contract section 6).

mod metric;
mod report;
mod split;

pub use metric::{Measured, MetricAnswer, MetricReport};
pub use report::{
    ApdexWire, BatchesWire, CELLS_MAX, CellWire, DurationWire, HistogramWire, InFlightWire, METRICS_MAX,
    MetricWire, Report, ReportAnswer, SourceWire,
};
pub use split::{DeadManWire, SplitMessage, StickinessWire, UpstreamsWire, WeightsWire};

/// A message from outside broke a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct WireError {
    /// Which field, as a path such as `cells[3].durationMs`.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl WireError {
    pub(crate) fn new(field: impl Into<String>, message: impl Into<String>) -> WireError {
        WireError { field: field.into(), message: message.into() }
    }
}
