//! Both versions' requests, look by look.

use std::time::Duration;

use fw_model::{Counts, Histogram, Variant, Weight};

use super::arm::{Arm, Draw, Laws, Seen};
use super::clusters::Clusters;
use super::law::Law;
use super::past::{Past, Watched};
use super::scenario::{Regression, Scenario};
use super::spells::{errors_with_spells, slow_with_spells};
use super::users::Users;
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

/// Shares of stable's requests in the long run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usual {
    /// That fail, for whatever reason.
    pub(crate) errors: f64,
    /// That are slower than 99 % of those of a well instance.
    pub(crate) slow: f64,
}

/// The name of an instance of a version, from 0.
pub(crate) fn instance_name(variant: Variant, number: usize) -> String {
    format!("{variant}-{}", number + 1)
}

/// The traffic of one run.
#[derive(Debug)]
pub(crate) struct Traffic {
    scenario: Scenario,
    rps: f64,
    stable_errors: f64,
    metrics: bool,
    target_ms: f64,
    /// Stable's, the canary's while it is well, the canary's regression.
    laws: [Laws; 3],
    arms: [Arm; 2],
    /// Instances of stable and of the canary at the first share.
    instances: (usize, usize),
    /// Who makes the requests, where they have keys.
    users: Option<Users>,
    usual: Usual,
    /// Requests that hang: when they came (seconds), how many.
    hanging: Vec<(f64, u64)>,
}

impl Traffic {
    /// `rps` requests a second of both versions together, of which stable fails `stable_errors` for reasons of its own;
    /// instances of stable and canary.
    pub(crate) fn new(
        chance: &mut Chance,
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
        let target_ms = 500.0;
        let laws = [Law::base(), Law::base(), bad].map(|law| Laws::of(law, target_ms));
        let clusters = scenario.clusters;
        let arms = [
            Arm::of(chance, Variant::Stable, instances.0, clusters),
            Arm::of(chance, Variant::Canary, instances.1, clusters),
        ];
        let users = Users::of(chance, clusters);
        let spells = errors_with_spells(clusters, stable_errors);
        let usual = Usual {
            errors: users.as_ref().map_or(spells, |users| users.errors(stable_errors)),
            slow: slow_with_spells(clusters),
        };
        Traffic {
            scenario,
            rps,
            stable_errors,
            metrics,
            target_ms,
            laws,
            arms,
            instances,
            users,
            usual,
            hanging: vec![],
        }
    }

    /// Apdex is counted by this target from now on, ms.
    pub(crate) fn aim(&mut self, target_ms: f64) {
        if target_ms != self.target_ms {
            self.target_ms = target_ms;
            self.laws.iter_mut().for_each(|laws| laws.aim(target_ms));
        }
    }

    /// Instances no longer matter to anybody: one each, which is quicker, unless things happen to instances.
    pub(crate) fn merge_instances(&mut self, chance: &mut Chance) {
        if !self.scenario.clusters.is_any() {
            self.arms = Variant::ALL.map(|variant| Arm::of(chance, variant, 1, Clusters::None));
        }
    }

    /// What is usual for stable.
    pub(crate) fn usual(&self) -> Usual {
        self.usual
    }

    /// What stable did in a time before the rollout, drawn at once: only for requests that are independent.
    pub(crate) fn before(&mut self, chance: &mut Chance, span: Duration) -> Counts {
        let draw = self.healthy(span.as_secs_f64());
        let mut arm = Arm::of(chance, Variant::Stable, 1, Clusters::None);
        let seen = arm.draw(chance, &mut self.laws[0], draw, &mut None);
        seen.instances.into_iter().next().unwrap_or_default()
    }

    /// What stable did in a time before the rollout, second by second; parts of seconds are left out.
    pub(crate) fn past(&mut self, chance: &mut Chance, span: Duration) -> Past {
        let mut draw = self.healthy(1.0);
        if let Some(users) = &mut self.users {
            users.split(Weight::ZERO);
            draw.mean *= users.load(Variant::Stable, draw.errors);
        }
        let mut second = || {
            let seen = self.arms[0].draw(chance, &mut self.laws[0], draw, &mut self.users);
            let named = |(i, counts)| (instance_name(Variant::Stable, i), counts);
            Watched { seconds: 1.0, instances: seen.instances.into_iter().enumerate().map(named).collect() }
        };
        Past { watched: (0..span.as_secs()).map(|_| second()).collect() }
    }

    /// All requests of a time, on stable.
    fn healthy(&self, seconds: f64) -> Draw {
        let (mean, errors) = (self.rps * seconds, self.stable_errors);
        Draw { mean, errors, is_bad: false, seconds, metrics: self.metrics }
    }

    /// A look's requests, stable first, the canary having `weight` of them.
    pub(crate) fn look(&mut self, chance: &mut Chance, moment: Moment, weight: Weight) -> [Seen; 2] {
        if let Some(users) = &mut self.users {
            users.split(weight);
        }
        self.scale(chance, weight);
        // Independent requests can be drawn at once; what happens to instances has its own time.
        let parts = if self.scenario.clusters.is_any() { moment.span.ceil().max(1.0) as u32 } else { 1 };
        let span = moment.span / f64::from(parts);
        let mut part = |left: u32| {
            let at = moment.at - span * f64::from(left);
            self.part(chance, Moment { at, span, ..moment }, weight)
        };
        let mut seen = part(parts - 1);
        for left in (0..parts - 1).rev() {
            seen.iter_mut().zip(&part(left)).for_each(|(sum, later)| sum.merge(later));
        }
        seen
    }

    /// As the share grows, instances move from stable to the canary, so that each keeps its load; where nothing happens
    /// to instances their number matters to nobody.
    fn scale(&mut self, chance: &mut Chance, weight: Weight) {
        if !self.scenario.clusters.is_any() {
            return;
        }
        let (stable, canary) = self.instances;
        let share = f64::from(weight.units()) / f64::from(Weight::FULL.units());
        let wanted = ((stable + canary) as f64 * share).round() as usize;
        let on_canary = wanted.max(canary);
        self.arms[0].resize(chance, (stable + canary).saturating_sub(on_canary));
        self.arms[1].resize(chance, on_canary);
    }

    /// A part of a look.
    fn part(&mut self, chance: &mut Chance, moment: Moment, weight: Weight) -> [Seen; 2] {
        // Rates are those of the middle.
        let middle = moment.at - 0.5 * moment.span;
        let (base, factor) = self.scenario.base(self.stable_errors, middle, moment.progress);
        let is_bad = self.scenario.is_on(middle);
        let canary_errors = self.scenario.canary_errors(base, middle);
        let mean = self.rps * factor * moment.span;
        let share = f64::from(weight.units()) / f64::from(Weight::FULL.units());
        let [of_stable, of_canary] = match &self.users {
            Some(users) => [users.load(Variant::Stable, base), users.load(Variant::Canary, canary_errors)],
            None => [1.0 - share, share],
        };
        let draw = Draw { seconds: moment.span, ..self.healthy(0.0) };
        let [stable, canary] = &mut self.arms;
        let on_stable = Draw { mean: mean * of_stable, errors: base, ..draw };
        let first = stable.draw(chance, &mut self.laws[0], on_stable, &mut self.users);
        if is_bad && self.scenario.regression == Regression::Hang {
            for part in 0..HANG_PARTS {
                let since = moment.at - moment.span * (f64::from(part) + 0.5) / f64::from(HANG_PARTS);
                self.hanging.push((since, poisson(chance, mean * of_canary / f64::from(HANG_PARTS))));
            }
            return [first, Seen::none()];
        }
        let on_canary = Draw { mean: mean * of_canary, errors: canary_errors, is_bad, ..draw };
        let laws = &mut self.laws[1 + usize::from(is_bad)];
        [first, canary.draw(chance, laws, on_canary, &mut self.users)]
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
