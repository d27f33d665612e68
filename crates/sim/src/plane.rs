//! A data plane without sockets: it serves by the split it is told and reports cumulative counters.
//!
//! Errors are spread evenly (at 20 % every fifth request fails), so a scenario has one outcome.

use std::collections::BTreeMap;

use fw_api::Report;
use fw_api::wire::{ApdexWire, CellWire, DurationWire, InFlightWire, SourceWire};
use fw_model::{Epoch, Histogram, Split, Variant, Weight};

/// What a second of traffic is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traffic {
    /// Requests a second, both variants together.
    pub per_second: u64,
    /// Errors of the canary, percent, 0 to 100.
    pub canary_error_percent: u64,
    /// Response time of both, ms.
    pub response_ms: f64,
}

impl Traffic {
    /// Healthy traffic: 20 ms, no errors.
    pub fn healthy(per_second: u64) -> Traffic {
        Traffic { per_second, canary_error_percent: 0, response_ms: 20.0 }
    }
}

/// Cumulative counts of one epoch and variant.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    requests: u64,
    errors: u64,
    sum_ms: f64,
    sum_squares: f64,
    bucket: i32,
}

/// A data plane that lives in the test.
#[derive(Debug, Clone)]
pub struct DataPlane {
    id: String,
    seq: u64,
    cells: BTreeMap<(Epoch, Variant), Cell>,
    confirmed: Epoch,
}

impl DataPlane {
    /// A new process with this source id.
    pub fn new(id: &str) -> DataPlane {
        DataPlane { id: id.into(), seq: 0, cells: BTreeMap::new(), confirmed: Epoch(0) }
    }

    /// Serves a second of traffic by this split, and confirms it.
    pub fn serve(&mut self, split: &Split, traffic: Traffic) {
        self.confirmed = split.epoch;
        let full = u64::from(Weight::FULL.units());
        let on_canary = traffic.per_second * u64::from(split.canary.units()) / full;
        self.count(
            split.epoch,
            Variant::Canary,
            on_canary,
            traffic.canary_error_percent,
            traffic.response_ms,
        );
        self.count(split.epoch, Variant::Stable, traffic.per_second - on_canary, 0, traffic.response_ms);
    }

    fn count(&mut self, epoch: Epoch, variant: Variant, requests: u64, error_percent: u64, ms: f64) {
        let cell = self.cells.entry((epoch, variant)).or_default();
        let before = cell.requests * error_percent / 100;
        cell.requests += requests;
        cell.errors += cell.requests * error_percent / 100 - before;
        cell.sum_ms += ms * requests as f64;
        cell.sum_squares += ms * ms * requests as f64;
        let mut one = Histogram::default();
        one.record_ms(ms);
        cell.bucket = one.offset;
    }

    /// Requests it served on a variant, over all epochs.
    pub fn served(&self, variant: Variant) -> u64 {
        self.cells.iter().filter(|((_, v), _)| *v == variant).map(|(_, cell)| cell.requests).sum()
    }

    /// The next report, with everything since the process started.
    pub fn report(&mut self) -> Report {
        self.seq += 1;
        Report {
            source: SourceWire { id: self.id.clone(), kind: "sdk".into(), region: None },
            seq: self.seq,
            confirmed_epoch: self.confirmed.0,
            cells: self.cells.iter().map(|(&(epoch, variant), cell)| wire(epoch, variant, cell)).collect(),
            in_flight: InFlightWire::default(),
        }
    }
}

fn wire(epoch: Epoch, variant: Variant, cell: &Cell) -> CellWire {
    CellWire {
        epoch: epoch.0,
        variant,
        instance: String::new(),
        requests: cell.requests,
        errors: cell.errors,
        repeat_errors: 0,
        batches: None,
        client_errors: 0,
        client_aborts: 0,
        abandoned: 0,
        duration_ms: (cell.requests > 0).then(|| DurationWire {
            sum: cell.sum_ms,
            sum_squares: cell.sum_squares,
            scale: fw_model::HISTOGRAM_SCALE,
            offset: cell.bucket,
            counts: vec![cell.requests],
        }),
        apdex: Some(ApdexWire { satisfied: cell.requests - cell.errors, tolerating: 0 }),
        units: 0,
        users: None,
        metrics: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use fw_model::{LogId, Plan, Salt};

    use super::*;

    #[test]
    fn it_serves_by_the_split_and_its_reports_are_sound() {
        let plan = Plan::seed("shop".parse().unwrap());
        let mut split = Split::resting(&plan, LogId("log".into()), Epoch(3), Salt::from_bits(1));
        split.canary = Weight::new(25_000).unwrap();
        let mut plane = DataPlane::new("plane");
        for _ in 0..4 {
            plane.serve(&split, Traffic { canary_error_percent: 20, ..Traffic::healthy(100) });
        }
        assert_eq!((plane.served(Variant::Canary), plane.served(Variant::Stable)), (100, 300));
        let (first, second) = (plane.report(), plane.report());
        assert!(second.seq > first.seq);
        let cells = second.checked_cells().unwrap();
        let errors: u64 = cells.values().map(|c| c.errors).sum();
        assert_eq!((cells.len(), errors, second.confirmed_epoch), (2, 20, 3));
    }
}
