//! What stable did before a rollout: second by second, instance by instance.
//!
//! That is what a server that watched stable knows, and what the dispersion of failures is learnt from. Where only
//! totals are wanted it is summed.

use std::time::Duration;

use fw_engine::analysis::History;
use fw_engine::rollout::Delta;
use fw_model::{Counts, Epoch, Plan, Variant};

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
}
