//! What stable did before a rollout: second by second, instance by instance.
//!
//! That is what a server that watched stable knows, and what the dispersion of failures is learnt from. Where only
//! totals are wanted it is summed.

use std::time::Duration;

use fw_engine::analysis::History;
use fw_engine::rollout::Delta;
use fw_model::{Counts, Epoch, Plan, Variant};
use fw_stats::batch;
use fw_stats::clustering::{Clustering, Phi};
use fw_stats::groups::{Group, Groups, Slots};
use fw_stats::relative::Margin;
use fw_stats::test::{Ask, Side};

use super::law::Law;

/// Margin of the engine's comparison of error rates.
const MARGIN: Margin = Margin { ratio: 1.1, delta: 0.0001 };

/// Stable's requests of one stretch of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// How long it was, seconds.
    pub seconds: f64,
    /// Each live instance with what it counted more than before; also one without requests.
    pub instances: Vec<(String, Counts)>,
}

/// Stable's requests before a rollout, oldest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Past {
    /// Each second.
    pub watched: Vec<Watched>,
}

/// How clustered stable's past was: φ as the statistics learn it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clustered {
    /// Of errors.
    pub errors: Phi,
    /// Of bad batches.
    pub batches: Phi,
    /// Of requests slower than 99 % of the usual ones.
    pub slow: Phi,
}

impl Past {
    /// Time it spans.
    pub fn span(&self) -> Duration {
        Duration::from_secs_f64(self.watched.iter().map(|watched| watched.seconds).sum())
    }

    /// All instances and seconds together.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        let counts = self.watched.iter().flat_map(|watched| &watched.instances);
        counts.for_each(|(_, counts)| total.merge(counts));
        total
    }

    /// What the engine learns from it.
    pub fn history(&self, plan: &Plan) -> History {
        let mut history = History::default();
        for watched in &self.watched {
            let delta = |(instance, counts): &(String, Counts)| Delta {
                epoch: Epoch(0),
                variant: Variant::Stable,
                instance: instance.clone(),
                counts: counts.clone(),
            };
            let deltas: Vec<Delta> = watched.instances.iter().map(delta).collect();
            history.look(plan, &deltas, watched.seconds);
        }
        history
    }

    /// How clustered it was.
    pub fn clustered(&self) -> Clustered {
        let slow_ms = Law::base_point_ms(0.01);
        let errors = |c: &Counts| (c.requests, c.errors);
        let batches = |c: &Counts| (c.batches.total, c.batches.bad);
        let slow = |c: &Counts| (c.requests, c.duration.histogram.above_ms(slow_ms));
        Clustered {
            errors: self.phi(MARGIN, errors),
            batches: self.phi(batch::margin(MARGIN, 0), batches),
            slow: self.phi(MARGIN, slow),
        }
    }

    /// φ of one question, which counts some of some.
    fn phi(&self, margin: Margin, count: impl Fn(&Counts) -> (u64, u64)) -> Phi {
        let ask = Ask { side: Side::Harm, margin, safe: None, tau_seconds: 900.0 };
        let (mut clustering, mut slots) = (Clustering::default(), Slots::default());
        let (mut all_n, mut all_s) = (0.0, 0.0);
        for watched in &self.watched {
            let mut groups = Groups::default();
            for (instance, counts) in &watched.instances {
                let (n, s) = count(counts);
                groups.add(slots.slot(instance), Group::failures(n as f64, s as f64));
            }
            let total = groups.total();
            (all_n, all_s) = (all_n + total.n, all_s + total.s);
            // The rate so far stands for the prediction of the next second's.
            let base = if all_n > 0.0 { all_s / all_n } else { 0.0 };
            clustering.observe(&ask, &groups, base, watched.seconds);
        }
        clustering.phi()
    }
}
