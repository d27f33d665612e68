//! A data plane's report: `POST /api/v1/services/{service}/observations` (contract section 6).
//!
//! Counters are cumulative, so a report that is lost, repeated or reordered changes nothing: the
//! higher `seq` of a source wins. Conversion to the model checks every number: finite, not
//! negative, errors ≤ requests, histogram indexes in range.

use std::collections::BTreeMap;

use fw_model::{
    Apdex, Batches, CellKey, Counts, DurationStats, Epoch, HISTOGRAM_SCALE, Histogram, MetricSums, Variant,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{SplitMessage, WireError};

/// Most cells one report may carry.
pub const CELLS_MAX: usize = 10_000;
/// Longest source id or instance name, bytes.
const NAME_BYTES_MAX: usize = 256;
/// Most custom metrics in a cell.
pub const METRICS_MAX: usize = 64;

/// What one data plane counted since its process started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Who reports.
    pub source: SourceWire,
    /// Grows with every report of this source.
    pub seq: u64,
    /// No request assigned under an older epoch can still be sent to an upstream.
    pub confirmed_epoch: u64,
    /// Cumulative counts by epoch, variant and instance.
    #[serde(default)]
    pub cells: Vec<CellWire>,
    /// Requests under way now, by age.
    #[serde(default)]
    pub in_flight: InFlightWire,
}

/// Who reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SourceWire {
    /// A UUID, new for each start of the process.
    pub id: String,
    /// `proxy` or `sdk`.
    pub kind: String,
    /// Its region.
    #[serde(default)]
    pub region: Option<String>,
}

/// Cumulative counts of one epoch, variant and instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CellWire {
    /// The epoch the requests were assigned under.
    pub epoch: u64,
    /// `stable` or `canary`.
    #[schema(value_type = String)]
    pub variant: Variant,
    /// Upstream instance (proxy) or the process itself (SDK).
    #[serde(default)]
    pub instance: String,
    /// Requests with an outcome.
    pub requests: u64,
    /// Of them, errors.
    #[serde(default)]
    pub errors: u64,
    /// Of the errors, those whose key failed on its previous canary request too.
    #[serde(default)]
    pub repeat_errors: u64,
    /// Consecutive requests cut into batches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batches: Option<BatchesWire>,
    /// 4xx answers.
    #[serde(default)]
    pub client_errors: u64,
    /// Requests the client gave up on.
    #[serde(default)]
    pub client_aborts: u64,
    /// Assignments dropped without an outcome.
    #[serde(default)]
    pub abandoned: u64,
    /// Response times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<DurationWire>,
    /// Satisfaction counts at the split's `apdexTargetMs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apdex: Option<ApdexWire>,
    /// Units of randomisation first assigned: distinct keys (of up to 65 536 cells of their hash) plus requests without
    /// a key. 0 or absent: not counted, requests stand for them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub units: u64,
    /// Different users of this variant since the rollout began: a HyperLogLog sketch of 2048 registers as 2048 base64
    /// digits. Once for a variant is enough; a sketch of another form is not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<String>,
    /// Custom metrics by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, MetricWire>,
}

/// Response times: sums in ms and ms², and an exponential histogram.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DurationWire {
    /// Sum, ms.
    pub sum: f64,
    /// Sum of squares, ms².
    pub sum_squares: f64,
    /// OpenTelemetry scale; 4.
    pub scale: i8,
    /// Index of the first bucket.
    pub offset: i32,
    /// Counts of consecutive buckets.
    pub counts: Vec<u64>,
}

/// Batch counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchesWire {
    /// Requests a batch.
    pub size: u64,
    /// Whole batches.
    pub total: u64,
    /// Bad ones.
    pub bad: u64,
}

/// Satisfaction counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApdexWire {
    /// Up to T.
    pub satisfied: u64,
    /// Above T, up to 4 T.
    pub tolerating: u64,
}

/// Sums of a custom metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricWire {
    /// Values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// Sum of squares.
    pub sum_squares: f64,
}

/// Ages of requests under way, by variant.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct InFlightWire {
    /// On stable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<HistogramWire>,
    /// On the canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<HistogramWire>,
}

/// A histogram alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistogramWire {
    /// OpenTelemetry scale; 4.
    pub scale: i8,
    /// Index of the first bucket.
    pub offset: i32,
    /// Counts of consecutive buckets.
    pub counts: Vec<u64>,
}

/// The answer (202) to a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportAnswer {
    /// The split now, so that a plain HTTP client needs no stream.
    pub split: SplitMessage,
    /// Epochs whose cells the source may forget.
    pub closed_epochs: Vec<u64>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl InFlightWire {
    /// The ages of one variant, checked.
    ///
    /// # Errors
    /// [`WireError`] for another scale or an index out of range.
    pub fn histogram(&self, variant: Variant) -> Result<Histogram, WireError> {
        let wire = match variant {
            Variant::Stable => &self.stable,
            Variant::Canary => &self.canary,
        };
        wire.as_ref().map_or(Ok(Histogram::default()), |h| {
            histogram(&format!("inFlight.{variant}"), h.scale, h.offset, &h.counts)
        })
    }
}

impl From<&Histogram> for HistogramWire {
    fn from(h: &Histogram) -> HistogramWire {
        HistogramWire { scale: HISTOGRAM_SCALE, offset: h.offset, counts: h.counts.clone() }
    }
}

fn histogram(field: &str, scale: i8, offset: i32, counts: &[u64]) -> Result<Histogram, WireError> {
    if scale != HISTOGRAM_SCALE {
        return Err(WireError::new(field, format!("scale must be {HISTOGRAM_SCALE}, not {scale}")));
    }
    let h = Histogram { offset, counts: counts.to_vec() };
    if !counts.is_empty() && !h.in_range() {
        let range = format!("{}..={}", fw_model::INDEX_MIN, fw_model::INDEX_MAX);
        return Err(WireError::new(field, format!("bucket indexes must be in {range}")));
    }
    Ok(h)
}

fn finite(field: &str, value: f64) -> Result<f64, WireError> {
    if value.is_finite() { Ok(value) } else { Err(WireError::new(field, "must be a finite number")) }
}

impl Report {
    /// The counts as model values, every number checked.
    ///
    /// # Errors
    /// The first [`WireError`]; nothing is taken from a report that has one.
    pub fn checked_cells(&self) -> Result<BTreeMap<CellKey, Counts>, WireError> {
        if self.source.id.is_empty() || self.source.id.len() > 64 {
            return Err(WireError::new("source.id", "must be 1 to 64 bytes"));
        }
        if self.cells.len() > CELLS_MAX {
            return Err(WireError::new("cells", format!("at most {CELLS_MAX} cells a report")));
        }
        let mut cells = BTreeMap::new();
        for (i, cell) in self.cells.iter().enumerate() {
            let (key, counts) = cell.checked(&format!("cells[{i}]"))?;
            if cells.insert(key, counts).is_some() {
                return Err(WireError::new(
                    format!("cells[{i}]"),
                    "names an epoch, variant and instance twice",
                ));
            }
        }
        Ok(cells)
    }
}

impl CellWire {
    fn checked(&self, at: &str) -> Result<(CellKey, Counts), WireError> {
        let err = |field: &str, message: &str| Err(WireError::new(format!("{at}.{field}"), message));
        if self.instance.len() > NAME_BYTES_MAX {
            return err("instance", "is longer than 256 bytes");
        }
        if self.errors > self.requests {
            return err("errors", "exceeds requests");
        }
        if self.repeat_errors > self.errors {
            return err("repeatErrors", "exceeds errors");
        }
        if self.batches.is_some_and(|b| b.bad > b.total) {
            return err("batches", "more bad than all");
        }
        if self.metrics.len() > METRICS_MAX {
            return err("metrics", "more than 64 metrics");
        }
        let mut metrics = BTreeMap::new();
        for (name, m) in &self.metrics {
            let field = format!("{at}.metrics.{name}");
            let sums = MetricSums {
                count: m.count,
                sum: finite(&field, m.sum)?,
                sum_squares: finite(&field, m.sum_squares)?,
            };
            metrics.insert(name.clone(), sums);
        }
        let duration = match &self.duration_ms {
            None => DurationStats::default(),
            Some(d) => duration(&format!("{at}.durationMs"), d)?,
        };
        let counts = Counts {
            requests: self.requests,
            errors: self.errors,
            repeat_errors: self.repeat_errors,
            batches: self.batches.map_or(Batches::default(), |b| Batches {
                size: b.size,
                total: b.total,
                bad: b.bad,
            }),
            client_errors: self.client_errors,
            client_aborts: self.client_aborts,
            abandoned: self.abandoned,
            duration,
            apdex: self
                .apdex
                .map_or(Apdex::default(), |a| Apdex { satisfied: a.satisfied, tolerating: a.tolerating }),
            units: self.units,
            metrics,
        };
        let key =
            CellKey { epoch: Epoch(self.epoch), variant: self.variant, instance: self.instance.clone() };
        Ok((key, counts))
    }

    /// The wire form of a cell.
    pub fn from_counts(key: &CellKey, c: &Counts) -> CellWire {
        let h = &c.duration.histogram;
        CellWire {
            epoch: key.epoch.0,
            variant: key.variant,
            instance: key.instance.clone(),
            requests: c.requests,
            errors: c.errors,
            repeat_errors: c.repeat_errors,
            batches: (c.batches.size > 0).then_some(BatchesWire {
                size: c.batches.size,
                total: c.batches.total,
                bad: c.batches.bad,
            }),
            client_errors: c.client_errors,
            client_aborts: c.client_aborts,
            abandoned: c.abandoned,
            duration_ms: (!h.is_empty()).then(|| DurationWire {
                sum: c.duration.sum_ms,
                sum_squares: c.duration.sum_squares,
                scale: HISTOGRAM_SCALE,
                offset: h.offset,
                counts: h.counts.clone(),
            }),
            apdex: Some(ApdexWire { satisfied: c.apdex.satisfied, tolerating: c.apdex.tolerating }),
            units: c.units,
            users: None,
            metrics: c
                .metrics
                .iter()
                .map(|(k, m)| {
                    (k.clone(), MetricWire { count: m.count, sum: m.sum, sum_squares: m.sum_squares })
                })
                .collect(),
        }
    }
}

fn duration(field: &str, d: &DurationWire) -> Result<DurationStats, WireError> {
    let stats = DurationStats {
        sum_ms: finite(field, d.sum)?,
        sum_squares: finite(field, d.sum_squares)?,
        histogram: histogram(field, d.scale, d.offset, &d.counts)?,
    };
    if stats.sum_ms < 0.0 || stats.sum_squares < 0.0 {
        return Err(WireError::new(field, "sums must not be negative"));
    }
    Ok(stats)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"{ "source": { "id": "a", "kind": "proxy", "region": null }, "seq": 41, "confirmedEpoch": 4,
      "cells": [ { "epoch": 4, "variant": "canary", "instance": "10.0.0.7:8082", "requests": 120, "errors": 3,
        "repeatErrors": 1, "batches": { "size": 20, "total": 6, "bad": 1 }, "clientErrors": 1, "clientAborts": 0,
        "abandoned": 0, "durationMs": { "sum": 14210.5, "sumSquares": 9100000.0, "scale": 4, "offset": 88,
        "counts": [3, 0, 41, 76] }, "apdex": { "satisfied": 110, "tolerating": 6 }, "users": "AAAA",
        "metrics": { "revenue": { "count": 3, "sum": 12.5, "sumSquares": 60.1 } } } ],
      "inFlight": { "canary": { "scale": 4, "offset": 130, "counts": [2] } } }"#;

    #[test]
    fn the_contracts_example_is_read() {
        let report: Report = serde_json::from_str(EXAMPLE).unwrap();
        let cells = report.checked_cells().unwrap();
        let (key, counts) = cells.iter().next().unwrap();
        assert_eq!((counts.requests, counts.errors, counts.duration.histogram.total()), (120, 3, 120));
        assert_eq!(report.in_flight.histogram(Variant::Canary).unwrap().count(130), 2);
        assert_eq!(report.in_flight.histogram(Variant::Stable).unwrap().total(), 0);
        let back = CellWire::from_counts(key, counts);
        assert_eq!(back.checked("x").unwrap().1, *counts);
    }

    #[test]
    fn impossible_numbers_are_refused_with_their_place() {
        let mut report: Report = serde_json::from_str(EXAMPLE).unwrap();
        report.cells[0].errors = 121;
        assert_eq!(report.checked_cells().unwrap_err().field, "cells[0].errors");
        report.cells[0].errors = 3;
        report.cells[0].duration_ms.as_mut().unwrap().offset = 900;
        assert_eq!(report.checked_cells().unwrap_err().field, "cells[0].durationMs");
        report.cells[0].duration_ms.as_mut().unwrap().offset = 0;
        report.cells.push(report.cells[0].clone());
        assert!(report.checked_cells().unwrap_err().message.contains("twice"));
    }
}
