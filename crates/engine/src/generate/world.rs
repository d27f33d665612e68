//! The world a generated look sees: a few data planes with their habits, and traffic with its moods.

use std::collections::BTreeMap;
use std::time::Duration;

use fw_model::release::{Gate, GateKind};
use fw_model::{Apdex, Counts, Epoch, MetricSums, SourceId, Variant};

use super::Rng;
use super::plans::{CONVERSION, COST};
use crate::rollout::{Delta, InFlight, Look, Rollout, SourceSeen};

/// How the traffic is for a while.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Healthy,
    CanaryErrors,
    FewErrors,
    CanarySlow,
    CanarySluggish,
    SickInstance,
    RetryingKey,
    CanaryALittleSlower,
    CanaryMetrics,
    WrongSplit,
    CanaryClientErrors,
    Hang,
    BothBad,
    BothBadCanaryWorse,
    NoTraffic,
    LowTraffic,
    Huge,
}

/// Moods by how often they come; huge counts make every test sum long tails, so they are rare.
const MOODS: [(u64, Mood); 17] = [
    (800, Mood::Healthy),
    (70, Mood::CanaryErrors),
    (70, Mood::FewErrors),
    (50, Mood::CanarySlow),
    (70, Mood::CanarySluggish),
    (110, Mood::CanaryALittleSlower),
    (60, Mood::CanaryMetrics),
    (60, Mood::SickInstance),
    (30, Mood::RetryingKey),
    (30, Mood::WrongSplit),
    (30, Mood::CanaryClientErrors),
    (40, Mood::Hang),
    (50, Mood::BothBad),
    (50, Mood::BothBadCanaryWorse),
    (60, Mood::NoTraffic),
    (60, Mood::LowTraffic),
    (2, Mood::Huge),
];

/// How a data plane behaves for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// Reports and confirms at every look.
    Prompt,
    /// Reports, but confirms late.
    Late,
    /// No report.
    Silent,
    /// Not even listed any more.
    Vanished,
}

#[derive(Debug, Clone)]
struct Plane {
    id: SourceId,
    habit: Habit,
    silent_for: Duration,
    confirmed: Epoch,
}

/// Data planes and traffic.
#[derive(Debug, Clone)]
pub(super) struct World {
    mood: Mood,
    mood_left: u64,
    planes: Vec<Plane>,
    born: u64,
}

/// Most data planes at once.
const PLANES_MAX: usize = 4;

impl World {
    pub(super) fn new(rng: &mut Rng) -> World {
        let mut world = World { mood: Mood::Healthy, mood_left: 0, planes: vec![], born: 0 };
        for _ in 0..rng.pick(&[0, 1, 1, 1, 2, 3]) {
            world.add_plane();
        }
        world
    }

    fn add_plane(&mut self) {
        self.born += 1;
        self.planes.push(Plane {
            id: SourceId(format!("plane-{}", self.born)),
            habit: Habit::Prompt,
            silent_for: Duration::ZERO,
            confirmed: Epoch(0),
        });
    }

    /// What a look after `passed` sees.
    pub(super) fn look(&mut self, rng: &mut Rng, rollout: &Rollout, passed: Duration) -> Look {
        self.change_mood(rng);
        self.change_habits(rng);
        for plane in &mut self.planes {
            match plane.habit {
                Habit::Prompt => (plane.silent_for, plane.confirmed) = (Duration::ZERO, rollout.epoch),
                Habit::Late => plane.silent_for = Duration::ZERO,
                Habit::Silent => plane.silent_for = plane.silent_for.saturating_add(passed),
                Habit::Vanished => {}
            }
        }
        let sources = self.planes.iter().filter(|p| p.habit != Habit::Vanished).map(|p| SourceSeen {
            id: p.id.clone(),
            silent_for: p.silent_for,
            confirmed: p.confirmed,
        });
        Look {
            watched: passed,
            deltas: self.deltas(rng, rollout),
            in_flight: self.in_flight(rng),
            sources: sources.collect(),
            windows: windows(rng, rollout),
        }
    }

    fn change_mood(&mut self, rng: &mut Rng) {
        if self.mood_left > 0 {
            self.mood_left -= 1;
            return;
        }
        let all: u64 = MOODS.iter().map(|(often, _)| often).sum();
        let mut place = rng.below(all);
        for (often, mood) in MOODS {
            if place < often {
                self.mood = mood;
                break;
            }
            place -= often;
        }
        self.mood_left = rng.pick(&[3, 10, 25]);
    }

    fn change_habits(&mut self, rng: &mut Rng) {
        for plane in &mut self.planes {
            let leaves = if plane.habit == Habit::Prompt { 5.0 } else { 25.0 };
            if rng.chance(leaves) {
                plane.habit =
                    rng.pick(&[Habit::Prompt, Habit::Prompt, Habit::Late, Habit::Silent, Habit::Vanished]);
            }
        }
        self.planes.retain(|p| p.habit != Habit::Vanished || p.silent_for < Duration::from_secs(60));
        if self.planes.len() < PLANES_MAX && rng.chance(if self.planes.is_empty() { 40.0 } else { 2.0 }) {
            self.add_plane();
        }
    }

    fn deltas(&self, rng: &mut Rng, rollout: &Rollout) -> Vec<Delta> {
        let mut deltas = vec![];
        if matches!(self.mood, Mood::NoTraffic) {
            return deltas;
        }
        for variant in Variant::ALL {
            let mut counts = self.counts(rng, variant);
            counts.units = self.units(rollout, variant);
            if matches!(self.mood, Mood::RetryingKey) && variant == Variant::Canary {
                counts.repeat_errors = counts.errors.saturating_sub(1);
            }
            self.measure(&mut counts, variant);
            let epoch = match rng.below(40) {
                0 => Epoch(rollout.epoch.0.saturating_sub(1)),
                1 => rollout.epoch.next(),
                2 => Epoch(0),
                _ => rollout.epoch,
            };
            let shown = match variant {
                Variant::Canary => rollout.canary.units() > 0,
                Variant::Stable => !rollout.is_full() || rng.chance(5.0),
            };
            if !shown || counts.requests == 0 {
                continue;
            }
            // The canary runs on two instances; in one mood only one of them fails.
            if variant == Variant::Canary {
                let errors = if matches!(self.mood, Mood::SickInstance) { 0 } else { counts.errors };
                let counts = Counts { errors, units: 0, metrics: BTreeMap::new(), ..counts.clone() };
                deltas.push(Delta { epoch, variant, instance: "10.0.0.8:8082".into(), counts });
            }
            deltas.push(Delta { epoch, variant, instance: "10.0.0.7:8082".into(), counts });
        }
        deltas
    }

    /// Keys first seen, as the split asks for it but in one mood.
    fn units(&self, rollout: &Rollout, variant: Variant) -> u64 {
        let on_canary = u64::from(rollout.canary.units()) / 100;
        match (self.mood, variant) {
            (Mood::WrongSplit, Variant::Canary) => on_canary / 2 + 200,
            (_, Variant::Canary) => on_canary,
            (_, Variant::Stable) => 1000 - on_canary.min(1000),
        }
    }

    /// Custom metrics: a tenth converts and each value costs 2 EUR; in one mood the canary's are much worse.
    fn measure(&self, counts: &mut Counts, variant: Variant) {
        let worse = matches!(self.mood, Mood::CanaryMetrics) && variant == Variant::Canary;
        let n = counts.requests.min(2000);
        let (converted, cost) = if worse { (n / 40, 6.0) } else { (n / 10, 2.0) };
        let sums = |count: u64, value: f64| MetricSums {
            count,
            sum: count as f64 * value,
            sum_squares: count as f64 * value * value,
        };
        if n > 0 {
            counts.metrics.insert(CONVERSION.into(), sums(converted, 1.0));
            counts.metrics.insert(COST.into(), sums(n, cost));
        }
    }

    /// Counts of one look: requests, errors in percent, time in ms, 4xx in percent.
    fn counts(&self, rng: &mut Rng, variant: Variant) -> Counts {
        let canary = variant == Variant::Canary;
        let many = rng.pick(&[20, 100, 400, 1500]);
        let (requests, errors, ms, client_errors) = match self.mood {
            Mood::CanaryErrors | Mood::SickInstance | Mood::RetryingKey if canary => (many, 30.0, 60.0, 0.0),
            Mood::FewErrors if canary => (many, 0.8, 60.0, 0.0),
            Mood::CanarySlow if canary => (many, 0.0, 2500.0, 0.0),
            Mood::CanarySluggish if canary => (many, 0.0, 700.0, 0.0),
            Mood::CanaryALittleSlower => (many, 0.0, 300.0, 0.0),
            Mood::CanaryClientErrors if canary => (many, 0.0, 60.0, 40.0),
            Mood::BothBad => (many, 20.0, 60.0, 0.0),
            Mood::BothBadCanaryWorse => (many, if canary { 60.0 } else { 20.0 }, 60.0, 0.0),
            Mood::LowTraffic => (rng.below(2), 0.0, 60.0, 0.0),
            Mood::Huge => (rng.pick(&[u64::MAX, 1 << 53, 1 << 40]), 0.1, 60.0, 0.0),
            Mood::NoTraffic => (0, 0.0, 0.0, 0.0),
            Mood::Healthy
            | Mood::CanaryErrors
            | Mood::SickInstance
            | Mood::RetryingKey
            | Mood::FewErrors
            | Mood::CanarySlow
            | Mood::CanarySluggish
            | Mood::CanaryMetrics
            | Mood::WrongSplit
            | Mood::CanaryClientErrors
            | Mood::Hang => (many, 0.02, 60.0, 1.0),
        };
        // In one mood the faster two fifths lose their lead: no quantile from the median up moves, the mean does.
        let quick = match self.mood {
            Mood::CanaryALittleSlower => (0.4, if canary { 0.95 } else { 0.3 }, 1.0),
            _ => (0.5, 0.7, 1.3),
        };
        counts(rng, requests, errors, (ms, quick), client_errors)
    }

    fn in_flight(&self, rng: &mut Rng) -> InFlight {
        let mut ages = InFlight::default();
        if matches!(self.mood, Mood::Hang) {
            (0..1 + rng.below(30)).for_each(|_| ages.canary.record_ms(20_000.0 * rng.unit()));
        } else if rng.chance(20.0) {
            ages.stable.record_ms(30.0);
        }
        ages
    }
}

/// Counts of these rates (percent) with some spread. Times: about so many ms, a share of the requests at the first
/// factor of that, the rest at the second.
fn counts(
    rng: &mut Rng,
    requests: u64,
    errors: f64,
    (ms, (share, quick, slow)): (f64, (f64, f64, f64)),
    client_errors: f64,
) -> Counts {
    let mut part = |percent: f64| {
        let mean = requests as f64 * percent / 100.0;
        ((mean + mean.sqrt() * (2.0 * rng.unit() - 1.0) + rng.unit()) as u64).min(requests)
    };
    let (errors, client_errors) = (part(errors), part(client_errors));
    let good = requests - errors;
    let mut counts = Counts { requests, errors, client_errors, ..Counts::default() };
    let first = (requests as f64 * share) as u64;
    for (factor, part) in [(quick, first), (slow, requests - first)] {
        let mut one = fw_model::Histogram::default();
        one.record_ms(ms * factor);
        one.iter().for_each(|(bucket, _)| counts.duration.histogram.add(bucket, part));
        counts.duration.sum_ms += part as f64 * ms * factor;
        counts.duration.sum_squares += part as f64 * (ms * factor).powi(2);
    }
    counts.apdex = if ms <= 500.0 {
        Apdex { satisfied: good, tolerating: 0 }
    } else if ms <= 2000.0 {
        Apdex { satisfied: 0, tolerating: good }
    } else {
        Apdex::default()
    };
    if rng.chance(3.0) {
        let n = requests.min(50);
        let sums = MetricSums { count: n, sum: 80.0 * n as f64, sum_squares: 6400.0 * n as f64 };
        counts.metrics.insert(crate::rollout::SATISFACTION_METRIC.into(), sums);
    }
    counts
}

/// Windows of the present phase, open more often than not; once in a while something that is no window.
fn windows(rng: &mut Rng, rollout: &Rollout) -> Vec<(usize, bool)> {
    let gates = rollout.phase().map_or(&[][..], |phase| &phase.gates);
    let is_window = |gate: &Gate| matches!(gate.kind, GateKind::Window(_));
    let places = gates.iter().enumerate().filter(|(_, gate)| is_window(gate)).map(|(place, _)| place);
    places.map(|place| (if rng.chance(2.0) { place + 1 } else { place }, rng.chance(70.0))).collect()
}
