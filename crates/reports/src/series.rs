//! Measurements over time: at most [`POINTS_MAX`] steps of equal length, however long a rollout takes.
//!
//! A step begins as one second; when there would be too many, each two become one. So the same events give the
//! same series, whenever it is asked for.

use std::collections::BTreeMap;

use fw_model::{Counts, Histogram};
use serde::{Deserialize, Serialize};

/// Most points of a series.
pub const POINTS_MAX: usize = 600;
/// Length of a step at first, ms.
const STEP_MS: i64 = 1000;

/// Points in order of time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    /// Length of a step, seconds.
    pub step_seconds: f64,
    /// Steps in which something was seen.
    pub points: Vec<Point>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// When it begins, ms since 1970 UTC.
    pub at: i64,
    /// Position of the phase at its end; null at stable.
    pub phase: Option<u64>,
    /// The canary's share at its end, percent.
    pub share: f64,
    /// Health of the canary in this phase at its end, 0 to 100.
    pub health: Option<f64>,
    /// Risk at its end, 0 to 100.
    pub risk: f64,
    /// Most evidence against the canary in it, x to 1.
    pub evidence: f64,
    /// The canary in this step.
    pub canary: PointArm,
    /// Stable in this step.
    pub stable: PointArm,
}

/// One version in one step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PointArm {
    /// Requests that were counted in it.
    pub requests: u64,
    /// Of them, errors.
    pub errors: u64,
    /// Percent; null without requests.
    pub error_rate: Option<f64>,
    /// Mean response time, ms.
    pub mean_ms: Option<f64>,
    /// Median response time, ms.
    pub p50_ms: Option<f64>,
    /// 95th percentile, ms.
    pub p95_ms: Option<f64>,
    /// 99th percentile, ms.
    pub p99_ms: Option<f64>,
    /// 0 to 1.
    pub apdex: Option<f64>,
    /// Means of custom metrics, in their units.
    pub metrics: BTreeMap<String, f64>,
}

impl PointArm {
    fn of(counts: &Counts) -> PointArm {
        let histogram: &Histogram = &counts.duration.histogram;
        let mean = |m: &fw_model::MetricSums| m.sum / m.count as f64;
        PointArm {
            requests: counts.requests,
            errors: counts.errors,
            error_rate: counts.error_rate_percent(),
            mean_ms: counts.mean_ms(),
            p50_ms: histogram.quantile_ms(0.5),
            p95_ms: histogram.quantile_ms(0.95),
            p99_ms: histogram.quantile_ms(0.99),
            apdex: counts.apdex_score(),
            metrics: counts
                .metrics
                .iter()
                .filter(|(_, m)| m.count > 0)
                .map(|(name, m)| (name.clone(), mean(m)))
                .collect(),
        }
    }
}

/// How it stood at the end of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stand {
    pub(crate) phase: Option<u64>,
    pub(crate) share: f64,
    pub(crate) health: Option<f64>,
    pub(crate) risk: f64,
    pub(crate) log_evidence: f64,
}

impl Stand {
    /// As it stood at the end, but with the most evidence of the step: a decision must not vanish in it.
    fn after(self, before: &Stand) -> Stand {
        Stand { log_evidence: self.log_evidence.max(before.log_evidence), ..self }
    }
}

#[derive(Debug, Clone)]
struct Step {
    at: i64,
    stand: Stand,
    canary: Counts,
    stable: Counts,
}

/// A series in the making: counts, not yet rates.
#[derive(Debug, Clone)]
pub(crate) struct Steps {
    origin: i64,
    length: i64,
    steps: Vec<Step>,
}

impl Steps {
    pub(crate) fn new(origin: i64) -> Steps {
        Steps { origin, length: STEP_MS, steps: vec![] }
    }

    /// Where the step of a moment begins. A clock that went back stays in the last step.
    fn place(&self, at: i64) -> i64 {
        let begins = self.origin + (at - self.origin).div_euclid(self.length) * self.length;
        self.steps.last().map_or(begins, |last| begins.max(last.at))
    }

    /// Takes in what a look added.
    pub(crate) fn add(&mut self, at: i64, stand: Stand, canary: &Counts, stable: &Counts) {
        let begins = self.place(at);
        match self.steps.last_mut() {
            Some(last) if last.at == begins => {
                last.stand = stand.after(&last.stand);
                last.canary.merge(canary);
                last.stable.merge(stable);
            }
            _ => {
                self.steps.push(Step { at: begins, stand, canary: canary.clone(), stable: stable.clone() });
                while self.steps.len() > POINTS_MAX {
                    self.halve();
                }
            }
        }
    }

    /// Steps of twice the length.
    fn halve(&mut self) {
        self.length *= 2;
        let mut merged: Vec<Step> = Vec::with_capacity(self.steps.len() / 2 + 1);
        for mut step in std::mem::take(&mut self.steps) {
            step.at = self.origin + (step.at - self.origin).div_euclid(self.length) * self.length;
            match merged.last_mut() {
                Some(last) if last.at == step.at => {
                    last.stand = step.stand.after(&last.stand);
                    last.canary.merge(&step.canary);
                    last.stable.merge(&step.stable);
                }
                _ => merged.push(step),
            }
        }
        self.steps = merged;
    }

    pub(crate) fn series_from(&self, at: i64) -> Series {
        let from = self.steps.partition_point(|step| step.at < at);
        Series { step_seconds: self.step_seconds(), points: self.steps[from..].iter().map(point).collect() }
    }

    pub(crate) fn step_seconds(&self) -> f64 {
        self.length as f64 / 1e3
    }
}

fn point(step: &Step) -> Point {
    let Stand { phase, share, health, risk, log_evidence } = step.stand;
    Point {
        at: step.at,
        phase,
        share,
        health,
        risk,
        evidence: log_evidence.min(690.0).exp(),
        canary: PointArm::of(&step.canary),
        stable: PointArm::of(&step.stable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stand(share: f64) -> Stand {
        Stand { phase: Some(0), share, health: None, risk: 0.0, log_evidence: 0.0 }
    }

    fn some(requests: u64, errors: u64) -> Counts {
        Counts { requests, errors, ..Counts::default() }
    }

    #[test]
    fn a_long_run_has_few_points_and_loses_no_count() {
        let mut steps = Steps::new(500);
        (0..5000).for_each(|second| steps.add(500 + second * 1000, stand(5.0), &some(3, 1), &some(7, 0)));
        let series = steps.series_from(i64::MIN);
        assert!(series.points.len() <= POINTS_MAX && series.points.len() > POINTS_MAX / 2);
        assert_eq!(series.step_seconds, 16.0);
        let requests: u64 = series.points.iter().map(|p| p.canary.requests).sum();
        let stable: u64 = series.points.iter().map(|p| p.stable.requests).sum();
        assert_eq!((requests, stable), (15_000, 35_000));
        assert!(series.points.windows(2).all(|two| two[1].at - two[0].at == 16_000));
        assert_eq!(series.points[0].at, 500);
    }

    #[test]
    fn a_step_shows_how_it_stood_at_its_end_and_a_clock_that_went_back_stays_in_it() {
        let mut steps = Steps::new(0);
        steps.add(0, stand(5.0), &some(1, 0), &some(0, 0));
        steps.add(900, stand(25.0), &some(1, 1), &some(0, 0));
        steps.add(2_500, stand(25.0), &some(0, 0), &some(0, 0));
        steps.add(100, stand(50.0), &some(2, 0), &some(0, 0));
        let points = steps.series_from(i64::MIN).points;
        let shown: Vec<(i64, f64, u64, Option<f64>)> =
            points.iter().map(|p| (p.at, p.share, p.canary.requests, p.canary.error_rate)).collect();
        assert_eq!(shown, [(0, 25.0, 2, Some(50.0)), (2_000, 50.0, 2, Some(0.0))]);
    }
}
