//! What the canary earned and cost beside stable, phase by phase: differences with intervals that hold at every look.
//!
//! Only from values that were reported: a measure nobody reported has a reason in words and no number. A phase without
//! stable traffic has nothing to compare with. Sums over phases add the phases' differences, each times its own canary
//! units, because shares change between phases and so do the hours of the day; their intervals are the sums of the
//! phases', each at α over the number of phases.
//!
//! Sources: errors and Apdex by exact confidence sequences of two proportions (Robbins 1970), everything else by asymptotic ones
//! (Waudby-Smith et al. 2024), approximate and only from 100 units a version on.

use fw_model::plan::Business;
use fw_stats::sequence;
use serde::Serialize;

use crate::figures::{ALPHA, Figures};
use crate::story::{Story, Visit};

/// Units of each version from which on a difference gets an interval.
const UNITS_MIN: f64 = 100.0;
/// Units at which intervals are tightest.
const TUNED_FOR: f64 = 10_000.0;

/// A number with an interval that holds at every look with 95 %; without one where there are too few units.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Lower bound.
    pub low: Option<f64>,
    /// Upper bound.
    pub high: Option<f64>,
}

/// One measure in one visit to a phase.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VisitImpact {
    /// Place of the visit in the story.
    pub visit: usize,
    /// Units of the canary: requests, or values.
    pub canary_units: u64,
    /// The canary's mean a unit.
    pub canary: Option<f64>,
    /// Stable's mean a unit.
    pub stable: Option<f64>,
    /// Canary minus stable, a unit.
    pub difference: Option<Estimate>,
    /// The difference times the canary's units; only for amounts.
    pub effect: Option<Estimate>,
}

/// One measure over the rollout.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Impact {
    /// `revenue`, `conversion`, `satisfaction`, `errorCost`, or a custom metric's name.
    pub measure: String,
    /// Unit of means; `%` for shares.
    pub unit: String,
    /// What a unit is: request or value.
    pub per: &'static str,
    /// Whether more is better.
    pub higher_is_better: bool,
    /// Visits with data, in order.
    pub visits: Vec<VisitImpact>,
    /// All visits that had both versions together: by how much the canary's units brought more, in `unit`. Only for amounts.
    pub total: Option<Estimate>,
    /// Everything the canary's errors cost, whatever stable does; only for `errorCost`.
    pub canary_cost: Option<f64>,
    /// Why there is no number, where there is none.
    pub missing: Option<String>,
}

/// All measures of a story.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Impacts {
    /// Unit of money; none where the config does not say.
    pub currency: Option<String>,
    /// Revenue, conversion, satisfaction, error cost, then the plan's other metrics by name.
    pub measures: Vec<Impact>,
}

/// What a measure takes of a version's counts.
#[derive(Clone, Copy)]
enum Measure<'a> {
    /// Sum of a metric's values over requests; many requests bring none.
    PerRequest(&'a str),
    /// Mean of a metric's values.
    PerValue(&'a str),
    /// Apdex of requests, 0 to 100.
    Apdex,
    /// Errors of requests, each times the cost.
    Errors(f64),
}

/// Units of one version with mean and variance.
#[derive(Clone, Copy)]
struct Arm {
    n: f64,
    mean: f64,
    variance: f64,
}

impl Measure<'_> {
    fn arm(self, figures: &Figures) -> Option<Arm> {
        let requests = figures.requests as f64;
        let metric = |name: &str| figures.metrics.get(name).filter(|m| m.count > 0).copied();
        let (n, sum, squares) = match self {
            Measure::PerRequest(name) => {
                let m = metric(name).unwrap_or_default();
                // Values of requests that are still to be counted would make more values than requests.
                (requests.max(m.count as f64), m.sum, m.sum_squares)
            }
            Measure::PerValue(name) => metric(name).map(|m| (m.count as f64, m.sum, m.sum_squares))?,
            Measure::Apdex => {
                let (full, half) = (figures.satisfied as f64, figures.tolerating as f64);
                (requests, 100.0 * (full + 0.5 * half), 10_000.0 * (full + 0.25 * half))
            }
            Measure::Errors(cost) => {
                let errors = figures.errors as f64;
                (requests, cost * errors, cost * cost * errors)
            }
        };
        let mean = (n > 0.0).then(|| sum / n)?;
        Some(Arm { n, mean, variance: (squares / n - mean * mean).max(0.0) })
    }

    /// The largest value of a unit where there is one (the least is 0): an exact interval is possible then.
    fn most(self) -> Option<f64> {
        match self {
            Measure::Errors(cost) => Some(cost),
            Measure::Apdex => Some(100.0),
            Measure::PerRequest(_) | Measure::PerValue(_) => None,
        }
    }

    fn difference(self, canary: Arm, stable: Arm, alpha: f64) -> Estimate {
        let value = canary.mean - stable.mean;
        let none = Estimate { value, low: None, high: None };
        if canary.n < UNITS_MIN || stable.n < UNITS_MIN {
            return none;
        }
        if let Some(most) = self.most() {
            let of = |arm: Arm| sequence::proportion(arm.n, arm.mean * arm.n / most, alpha / 2.0);
            let ((c_low, c_high), (s_low, s_high)) = (of(canary), of(stable));
            return Estimate {
                low: Some(most * (c_low - s_high)),
                high: Some(most * (c_high - s_low)),
                ..none
            };
        }
        let arms = ((canary.n, canary.variance), (stable.n, stable.variance));
        // Values that were all the same so far say nothing of how they vary.
        if canary.variance + stable.variance == 0.0 {
            return none;
        }
        let half = sequence::difference_half_width(arms.0, arms.1, alpha, TUNED_FOR);
        if half.is_finite() {
            Estimate { low: Some(value - half), high: Some(value + half), ..none }
        } else {
            none
        }
    }
}

/// How a measure is shown.
struct Shown<'a> {
    name: &'a str,
    unit: &'a str,
    higher_is_better: bool,
    /// Whether differences add up to something: money does, a satisfaction score does not.
    adds_up: bool,
    /// Factor of means: 100 for shares in percent.
    factor: f64,
}

fn impact(story: &Story, measure: Measure<'_>, shown: &Shown<'_>) -> Impact {
    let both = |visit: &&Visit| measure.arm(&visit.canary).is_some() && measure.arm(&visit.stable).is_some();
    let compared = story.visits.iter().filter(both).count().max(1) as f64;
    let scaled = |e: Estimate, by: f64| Estimate {
        value: e.value * by,
        low: e.low.map(|low| low * by),
        high: e.high.map(|high| high * by),
    };
    let mut total: Option<Estimate> = None;
    let mut visits = vec![];
    for (place, visit) in story.visits.iter().enumerate() {
        let (canary, stable) = (measure.arm(&visit.canary), measure.arm(&visit.stable));
        let Some(own) = canary else { continue };
        let pair = stable.map(|stable| (own, stable));
        let difference = pair.map(|(c, s)| measure.difference(c, s, ALPHA));
        if let Some((c, s)) = pair.filter(|_| shown.adds_up) {
            let part = scaled(measure.difference(c, s, ALPHA / compared), c.n);
            total = Some(total.map_or(part, |sum| Estimate {
                value: sum.value + part.value,
                low: sum.low.zip(part.low).map(|(a, b)| a + b),
                high: sum.high.zip(part.high).map(|(a, b)| a + b),
            }));
        }
        visits.push(VisitImpact {
            visit: place,
            canary_units: own.n as u64,
            canary: Some(own.mean * shown.factor),
            stable: stable.map(|arm| arm.mean * shown.factor),
            difference: difference.map(|d| scaled(d, shown.factor)),
            effect: difference.filter(|_| shown.adds_up).map(|d| scaled(d, own.n)),
        });
    }
    Impact {
        measure: shown.name.to_owned(),
        unit: shown.unit.to_owned(),
        per: if matches!(measure, Measure::PerValue(_)) { "value" } else { "request" },
        higher_is_better: shown.higher_is_better,
        missing: visits.is_empty().then(|| "no request of the canary was counted".to_owned()),
        visits,
        total,
        canary_cost: None,
    }
}

fn missing(shown: &Shown<'_>, why: String) -> Impact {
    Impact {
        measure: shown.name.to_owned(),
        unit: shown.unit.to_owned(),
        per: "request",
        higher_is_better: shown.higher_is_better,
        visits: vec![],
        total: None,
        canary_cost: None,
        missing: Some(why),
    }
}

/// Whether anybody reported values of this metric.
fn reported(story: &Story, name: &str) -> bool {
    let has = |figures: &Figures| figures.metrics.get(name).is_some_and(|m| m.count > 0);
    story.visits.iter().any(|visit| has(&visit.canary) || has(&visit.stable))
}

fn never_reported(name: &str) -> String {
    format!("no value of the metric “{name}” was reported, so there is nothing to say")
}

/// Works out every measure.
pub fn impacts(story: &Story) -> Impacts {
    let plan = &story.business;
    let money =
        story.metrics.get(&plan.revenue).map_or(plan.currency.as_str(), |spec| match spec.unit.as_str() {
            "" => &plan.currency,
            unit => unit,
        });
    let mut measures = vec![
        revenue(story, plan, money),
        conversion(story, plan),
        satisfaction(story, plan),
        error_cost(story, plan),
    ];
    let named = [&plan.revenue, &plan.conversion, &plan.satisfaction];
    for (name, spec) in story.metrics.iter().filter(|(name, _)| !named.contains(name)) {
        let shown = Shown {
            name,
            unit: &spec.unit,
            higher_is_better: spec.higher_is_better,
            adds_up: spec.per_request,
            factor: 1.0,
        };
        measures.push(match (reported(story, name), spec.per_request) {
            (false, _) => missing(&shown, never_reported(name)),
            (true, true) => impact(story, Measure::PerRequest(name), &shown),
            (true, false) => impact(story, Measure::PerValue(name), &shown),
        });
    }
    Impacts { currency: (!plan.currency.is_empty()).then(|| plan.currency.clone()), measures }
}

fn revenue(story: &Story, plan: &Business, unit: &str) -> Impact {
    let shown = Shown { name: "revenue", unit, higher_is_better: true, adds_up: true, factor: 1.0 };
    match reported(story, &plan.revenue) {
        true => impact(story, Measure::PerRequest(&plan.revenue), &shown),
        false => missing(&shown, never_reported(&plan.revenue)),
    }
}

fn conversion(story: &Story, plan: &Business) -> Impact {
    let shown =
        Shown { name: "conversion", unit: "%", higher_is_better: true, adds_up: false, factor: 100.0 };
    // A metric of values says of each unit whether it converted; any other is a count of conversions among requests.
    let per_value = story.metrics.get(&plan.conversion).is_some_and(|spec| !spec.per_request);
    match (reported(story, &plan.conversion), per_value) {
        (true, true) => impact(story, Measure::PerValue(&plan.conversion), &shown),
        (true, false) => impact(story, Measure::PerRequest(&plan.conversion), &shown),
        (false, _) => missing(&shown, never_reported(&plan.conversion)),
    }
}

fn satisfaction(story: &Story, plan: &Business) -> Impact {
    let shown =
        Shown { name: "satisfaction", unit: "of 100", higher_is_better: true, adds_up: false, factor: 1.0 };
    match reported(story, &plan.satisfaction) {
        true => impact(story, Measure::PerValue(&plan.satisfaction), &shown),
        false => impact(story, Measure::Apdex, &shown),
    }
}

fn error_cost(story: &Story, plan: &Business) -> Impact {
    let shown = Shown {
        name: "errorCost",
        unit: &plan.currency,
        higher_is_better: false,
        adds_up: true,
        factor: 1.0,
    };
    let Some(cost) = plan.error_cost.filter(|cost| *cost > 0.0) else {
        let why = "the config does not say what a failed request costs (business.errorCost)";
        return missing(&shown, why.into());
    };
    let all = story.canary().errors as f64 * cost;
    Impact { canary_cost: Some(all), ..impact(story, Measure::Errors(cost), &shown) }
}
