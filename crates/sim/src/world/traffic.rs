//! Both versions' requests, look by look.

use std::time::Duration;

use fw_model::{Counts, Histogram, Weight};

use super::arm::{Arm, Outcomes, Seen};
use super::law::Law;
use super::scenario::{Regression, Scenario};
use crate::chance::{Chance, poisson};

/// Parts of a look in which requests that hang arrive: their ages differ.
const HANG_PARTS: u32 = 10;

/// Where a look stands in time, seconds from the confirmed start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Its end.
    pub(crate) at: f64,
    /// What it spans.
    pub(crate) span: f64,
    /// Which part of the simulated time is over, 0 to 1.
    pub(crate) progress: f64,
}

/// The traffic of one run.
#[derive(Debug)]
pub(crate) struct Traffic {
    scenario: Scenario,
    rps: f64,
    stable_errors: f64,
    metrics: bool,
    laws: [Law; 3],
    target_ms: f64,
    /// Stable's, the canary's while it is well, the canary's regression.
    outcomes: [Outcomes; 3],
    arms: [Arm; 2],
    /// Requests that hang: when they came (seconds), how many.
    hanging: Vec<(f64, u64)>,
}

impl Traffic {
    /// `rps` requests a second of both versions together, of which stable fails `stable_errors`; instances of stable
    /// and canary.
    pub(crate) fn new(
        scenario: Scenario,
        rps: f64,
        stable_errors: f64,
        metrics: bool,
        instances: (usize, usize),
    ) -> Traffic {
        let bad = match scenario.regression {
            Regression::Latency(slower) => Law::slower(slower),
            Regression::None | Regression::Errors(_) | Regression::SlowBurn | Regression::Hang => Law::base(),
        };
        let laws = [Law::base(), Law::base(), bad];
        let target_ms = 500.0;
        let outcomes = [0, 1, 2].map(|i| Outcomes::of(&laws[i], target_ms));
        let arms = [Arm::of(instances.0), Arm::of(instances.1)];
        Traffic { scenario, rps, stable_errors, metrics, laws, target_ms, outcomes, arms, hanging: vec![] }
    }

    /// Apdex is counted by this target from now on, ms.
    pub(crate) fn aim(&mut self, target_ms: f64) {
        if target_ms != self.target_ms {
            self.target_ms = target_ms;
            self.outcomes = [0, 1, 2].map(|i| Outcomes::of(&self.laws[i], target_ms));
        }
    }

    /// Instances no longer matter to anybody: one each, which is quicker.
    pub(crate) fn merge_instances(&mut self) {
        self.arms = [Arm::of(1), Arm::of(1)];
    }

    /// What stable did in a time before the rollout.
    pub(crate) fn before(&mut self, chance: &mut Chance, span: Duration) -> Counts {
        let mean = self.rps * span.as_secs_f64();
        let seen = Arm::of(1).draw(chance, &mut self.outcomes[0], mean, self.stable_errors, self.metrics);
        seen.instances.into_iter().next().unwrap_or_default()
    }

    /// A look's requests, stable first, the canary having `weight` of them.
    pub(crate) fn look(&mut self, chance: &mut Chance, moment: Moment, weight: Weight) -> [Seen; 2] {
        // Rates are those of the middle of the look.
        let middle = moment.at - 0.5 * moment.span;
        let (base, factor) = self.scenario.base(self.stable_errors, middle, moment.progress);
        let share = f64::from(weight.units()) / f64::from(Weight::FULL.units());
        let mean = self.rps * factor * moment.span;
        let is_bad = self.scenario.is_on(middle);
        let [stable, canary] = &mut self.arms;
        let first = stable.draw(chance, &mut self.outcomes[0], mean * (1.0 - share), base, self.metrics);
        if is_bad && self.scenario.regression == Regression::Hang {
            for part in 0..HANG_PARTS {
                let since = moment.at - moment.span * (f64::from(part) + 0.5) / f64::from(HANG_PARTS);
                self.hanging.push((since, poisson(chance, mean * share / f64::from(HANG_PARTS))));
            }
            let none = Seen { dense: vec![0; first.dense.len()], ..Seen::default() };
            return [first, none];
        }
        let errors = self.scenario.canary_errors(base, middle);
        let second = canary.draw(
            chance,
            &mut self.outcomes[1 + usize::from(is_bad)],
            mean * share,
            errors,
            self.metrics,
        );
        [first, second]
    }

    /// Ages of the canary's requests under way.
    pub(crate) fn hanging(&self, at: f64) -> Histogram {
        let mut ages = Histogram::default();
        for (since, n) in &self.hanging {
            let nanos = ((at - since).max(0.0) * 1e9) as u64;
            ages.add(fw_model::bucket_of_nanos(nanos), *n);
        }
        ages
    }

    /// Requests of the last look that hang.
    pub(crate) fn hung(&self, moment: Moment) -> u64 {
        let from = moment.at - moment.span;
        self.hanging.iter().rev().take_while(|(since, _)| *since > from).map(|(_, n)| n).sum()
    }
}
