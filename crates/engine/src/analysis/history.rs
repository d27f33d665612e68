//! What a version does while it serves as stable: learnt look by look, long before a rollout asks.
//!
//! Predictions, thresholds and how clustered failures are begin from it. A rollout takes it over at its start, learns
//! on by itself while stable still has traffic, and gives it back. Everything is numbers, so a store keeps it exactly.

use std::time::Duration;

use fw_model::{Plan, Variant};
use fw_stats::clustering::Phi;

use super::{State, tests};
use crate::rollout::{Delta, InFlight, Rollout};

/// What was learnt of a version that serves as stable.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History(State);

/// How clustered the bad requests of a version are, in windows of up to 64 s; φ = 1 is independent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clustered {
    /// Of errors.
    pub errors: Phi,
    /// Of batches with an error.
    pub batches: Phi,
    /// Of requests slower than its p99.
    pub slow: Phi,
}

impl History {
    /// What a rollout learnt of its stable version, and what it was told of it before.
    pub fn of(rollout: &Rollout) -> History {
        History(rollout.analysis.begun_anew())
    }

    /// Of the version that takes stable's place: how clustered failures are where it runs, and nothing of its rates
    /// and times.
    pub fn succeeded(&self) -> History {
        History(self.0.succeeded())
    }

    /// Takes in a look: what each source of the version did more than before, and the time since the look before,
    /// seconds. Deltas of a canary are passed over. `plan` is the service's configured one.
    pub fn look(&mut self, plan: &Plan, deltas: &[Delta], seconds: f64) {
        let of_stable: Vec<&Delta> = deltas.iter().filter(|d| d.variant == Variant::Stable).collect();
        self.0.watch(plan, &of_stable, seconds);
    }

    /// Time of looks with requests.
    pub fn watched(&self) -> Duration {
        Duration::try_from_secs_f64(self.0.clusters.watched.0).unwrap_or_default()
    }

    /// Requests learnt from.
    pub fn requests(&self) -> f64 {
        self.0.clusters.watched.1
    }

    /// How clustered its bad requests were.
    pub fn clustered(&self) -> Clustered {
        let clusters = &self.0.clusters;
        let slow = clusters.latency[tests::P99].phi();
        Clustered { errors: clusters.errors.phi(), batches: clusters.batches.phi(), slow }
    }

    /// As lists of numbers, by name.
    pub fn parts(&self) -> Vec<(String, Vec<f64>)> {
        self.0.parts()
    }

    /// A history of its parts.
    ///
    /// # Errors
    /// In words: a part is missing, or is not what this version keeps.
    pub fn from_parts(part: impl FnMut(&str) -> Option<Vec<f64>>) -> Result<History, String> {
        State::from_parts(InFlight::default(), part).map(History)
    }

    pub(crate) fn state(&self) -> &State {
        &self.0
    }
}
