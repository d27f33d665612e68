//! What each test says: its evidence, its counts, and the same in words.
//!
//! All tests share one wealth. The evidence of a finding is its part of it, so the findings' evidence adds up to
//! the rollout's, and that is what is held against the limit.

use std::borrow::Cow;

use fw_model::Plan;
use fw_model::plan::MetricKind;
use fw_stats::decision::Evidence;
use fw_stats::mean::Moments;
use fw_stats::relative::Pair;

use super::series::Versus;
use super::tests::{self, Test};
use super::{Arm, Finding, Said, State, Strength, health, sample, words};
use crate::rollout::Rollout;

/// Values of a mean before it may decide.
const GUARD_VALUES: f64 = 100.0;

/// A finding in the making: what a test knows before all are weighed.
pub(super) struct Known {
    pub(super) test: Test,
    pub(super) weight: f64,
    /// ln of its own evidence, not weighted.
    pub(super) log_harm: f64,
    /// For the guard: canary requests, and bad ones among them.
    pub(super) guard: (f64, f64),
    value: Option<f64>,
    limit: f64,
    canary: Arm,
    stable: Arm,
    name: Cow<'static, str>,
    said: Said,
    phi: f64,
    discount: Option<String>,
    /// ln of its own evidence if nothing were discounted and every failure counted; none where nothing ever is.
    log_face_value: Option<f64>,
}

/// Every test of the plan, as it stands.
pub(super) fn known(plan: &Plan, rollout: &Rollout) -> Vec<Known> {
    let discounts = tests::discounts(plan);
    let clusters = &rollout.analysis.clusters;
    let phi = |test| match test {
        Test::Errors | Test::ErrorLimit => Some(clusters.phi()),
        Test::Batches => Some(clusters.batches.phi_careful()),
        Test::ClientErrors => Some(clusters.client_errors.phi_careful()),
        Test::Apdex => Some(clusters.phi_of_apdex()),
        Test::Mean => Some(clusters.phi_of_mean()),
        Test::Latency(place) => Some(clusters.latency[place].phi_careful()),
        Test::MeanLimit | Test::Metric(_) | Test::Health => None,
    };
    let known = |(test, weight)| {
        let phi = phi(test).filter(|_| discounts);
        let shown = phi.filter(|phi| phi.value > fw_stats::clustering::PHI_WORTH_SHOWING);
        let (phi, discount) = (phi.map_or(1.0, |phi| phi.value), shown.map(|phi| clusters.discount(phi)));
        let log_face_value = face_value(&rollout.analysis, test).filter(|_| discounts);
        Known { phi, discount, log_face_value, ..one(plan, rollout, test, weight) }
    };
    tests::asked(plan).map(known).collect()
}

/// ln of a test's evidence at face value; none for those that are not discounted.
fn face_value(state: &State, test: Test) -> Option<f64> {
    Some(match test {
        Test::ErrorLimit => state.limit.face.of(&state.limit.canary).log_evidence(),
        Test::Errors => state.errors.test.log_face_value(),
        Test::Batches => state.batches.test.log_face_value(),
        Test::ClientErrors => state.client_errors.test.log_face_value(),
        Test::Apdex => state.apdex.test.log_face_value(),
        Test::Mean => state.mean.test.log_face_value(),
        Test::Latency(place) => state.latency[place].versus.test.log_face_value(),
        Test::MeanLimit | Test::Metric(_) | Test::Health => return None,
    })
}

fn one(plan: &Plan, rollout: &Rollout, test: Test, weight: f64) -> Known {
    let state = &rollout.analysis;
    match test {
        Test::ErrorLimit => error_limit(rollout, weight),
        Test::Errors => compared(test, weight, &state.errors, "errors"),
        Test::Batches => batches(rollout, weight),
        Test::ClientErrors => compared(test, weight, &state.client_errors, "4xx answers"),
        Test::Latency(place) => latency(rollout, place, weight),
        Test::Mean => mean(rollout, weight),
        Test::MeanLimit => mean_limit(plan, rollout, weight),
        Test::Apdex => apdex(rollout, weight),
        Test::Metric(place) => metric(plan, rollout, place, weight),
        Test::Health => health::known(plan, rollout, weight),
    }
}

impl Known {
    pub(super) fn new(test: Test, weight: f64, log_harm: f64, guard: (f64, f64)) -> Known {
        let name = Cow::Borrowed(test.trigger().as_str());
        let (canary, stable) = (Arm::default(), Arm::default());
        Known {
            test,
            weight,
            log_harm,
            guard,
            value: None,
            limit: 0.0,
            canary,
            stable,
            name,
            said: Said::NoLimit,
            phi: 1.0,
            discount: None,
            log_face_value: None,
        }
    }

    pub(super) fn about(mut self, value: Option<f64>, limit: f64, said: Said) -> Known {
        (self.value, self.limit, self.said) = (value, limit, said);
        self
    }

    fn counted(mut self, canary: Arm, stable: Arm) -> Known {
        (self.canary, self.stable) = (canary, stable);
        self
    }

    fn named(mut self, name: impl Into<Cow<'static, str>>) -> Known {
        self.name = name.into();
        self
    }

    /// ln of its part of the shared evidence.
    pub(super) fn log_part(&self) -> f64 {
        self.weight.ln() + self.log_harm
    }

    /// As the decision takes it.
    pub(super) fn evidence(&self) -> Evidence {
        let (requests, bad_events) = self.guard;
        Evidence { weight: self.weight, log_harm: self.log_harm, log_safe: None, requests, bad_events }
    }

    /// The finding as all findings together make it. `log_total` is the shared evidence if this one leads, `shown`
    /// whether that is enough; `warns` when it warns by a rule of its own.
    pub(super) fn weighed(
        self,
        log_total: Option<f64>,
        shown: bool,
        warns: bool,
        log_needed: f64,
    ) -> Finding {
        let alone = self.log_part() >= log_needed && self.is_guarded();
        let leads = log_total.is_some();
        let strength = match () {
            () if alone || (leads && shown) => Strength::Shown,
            () if leads || warns => Strength::Warning,
            () => Strength::Quiet,
        };
        let log_shown = log_total.unwrap_or_else(|| self.log_part());
        self.finding(strength, log_shown, log_needed)
    }

    /// Whether enough canary requests were seen for it to decide.
    fn is_guarded(&self) -> bool {
        self.guard.0 >= fw_stats::decision::GUARD_REQUESTS && self.guard.1 >= fw_stats::decision::GUARD_EVENTS
    }

    /// The finding, with `log_shown` as the evidence in words.
    fn finding(self, strength: Strength, log_shown: f64, log_needed: f64) -> Finding {
        let odds = (self.test != Test::Health).then_some((log_shown, log_needed));
        Finding {
            trigger: self.test.trigger(),
            name: self.name,
            strength,
            value: self.value,
            limit: self.limit,
            said: self.said,
            odds,
            phi: self.phi,
            discount: self.discount,
            log_face_value: self.log_face_value.unwrap_or(self.log_harm),
            weight: self.weight,
            log_evidence: self.log_harm,
            canary: self.canary,
            stable: self.stable,
        }
    }
}

fn arms(seen: Pair) -> (Arm, Arm) {
    (Arm { n: seen.n_t, sum: seen.s_t, is_share: true }, Arm { n: seen.n_c, sum: seen.s_c, is_share: true })
}

fn percent_of(n: f64, s: f64) -> Option<f64> {
    (n > 0.0).then(|| 100.0 * s / n)
}

fn error_limit(rollout: &Rollout, weight: f64) -> Known {
    let state = &rollout.analysis;
    let guard = (state.limit.seen.n_t, state.limit.seen.s_t);
    let seen = super::feed::pair(&rollout.tally, |counts| (counts.requests as f64, counts.errors as f64));
    let (canary, stable) = arms(seen);
    let known = Known::new(Test::ErrorLimit, weight, state.limit.canary.log_evidence(), guard);
    let Some(limit) = error_limit_percent(rollout) else {
        return known.counted(canary, stable).about(None, 100.0, Said::NoLimit);
    };
    let said = Said::Limit { seen, limit, from_stable: rollout.plan.triggers.error_rate.is_none() };
    known.counted(canary, stable).about(percent_of(seen.n_t, seen.s_t), limit, said)
}

/// The error limit that holds now, percent: the plan's; without one, at 100 %, one made of stable's last rate.
pub(crate) fn error_limit_percent(rollout: &Rollout) -> Option<f64> {
    let bake = rollout.analysis.phase.bake_limit;
    let made = (rollout.is_full() && bake > 0.0).then_some(bake);
    rollout.plan.triggers.error_rate.or(made)
}

fn compared(test: Test, weight: f64, versus: &Versus, what: &'static str) -> Known {
    let Pair { n_t, s_t, n_c, s_c } = versus.visit;
    let (canary, stable) = arms(versus.visit);
    let said = Said::Compared { what, seen: versus.visit };
    let limit = tests::ERROR_RATIO * percent_of(n_c, s_c).unwrap_or(0.0);
    Known::new(test, weight, versus.test.log_harm(), (versus.seen.n_t, versus.seen.s_t))
        .counted(canary, stable)
        .about(percent_of(n_t, s_t), limit, said)
}

fn batches(rollout: &Rollout, weight: f64) -> Known {
    let (state, errors) = (&rollout.analysis, rollout.analysis.errors.seen);
    let known = compared(Test::Batches, weight, &state.batches, "batches of 20 requests with an error");
    // How much was seen is told by requests and failures, as for the other test of errors.
    Known { guard: (errors.n_t, errors.s_t), ..known }.named("errorsVsStable batches")
}

fn latency(rollout: &Rollout, place: usize, weight: f64) -> Known {
    let (quantile, name) = tests::QUANTILES[place];
    let slower = &rollout.analysis.latency[place];
    let guard = (slower.versus.seen.n_t, slower.versus.seen.s_t);
    let seen = slower.versus.visit;
    let (canary, stable) = arms(seen);
    let log = slower.versus.test.log_harm();
    let said = Said::Slower { name, seen, threshold_ms: slower.threshold_ms };
    let limit = percent_of(seen.n_c, seen.s_c).unwrap_or(100.0 * (1.0 - quantile));
    Known::new(Test::Latency(place), weight, log, guard)
        .counted(canary, stable)
        .named(tests::LATENCY_NAMES[place])
        .about(percent_of(seen.n_t, seen.s_t), limit, said)
}

fn mean_of(m: Moments, unit: f64) -> Option<f64> {
    (m.n > 0.0).then(|| unit * m.s1 / m.n)
}

/// Means may decide from a hundred values on, whatever they are.
fn values_guard(n: f64) -> (f64, f64) {
    if n >= GUARD_VALUES { (n, fw_stats::decision::GUARD_EVENTS) } else { (n, 0.0) }
}

fn mean(rollout: &Rollout, weight: f64) -> Known {
    let state = &rollout.analysis;
    let [t, c] = state.mean.visit;
    let unit = state.phase.cap_ms;
    let arm = |m: Moments| Arm { n: m.n, sum: m.s1 * unit, is_share: false };
    let (of_t, of_c) = (mean_of(t, unit), mean_of(c, unit));
    let said = Said::Mean { canary: of_t, requests: t.n as u64, stable: of_c, cap_ms: unit };
    let limit = (1.0 + tests::MEAN_MARGIN) * of_c.unwrap_or(0.0);
    Known::new(Test::Mean, weight, state.mean.test.log_harm(), values_guard(state.mean.seen[0].n))
        .counted(arm(t), arm(c))
        .about(of_t, limit, said)
}

fn mean_limit(plan: &Plan, rollout: &Rollout, weight: f64) -> Known {
    let limit = plan.triggers.response_time.unwrap_or(f64::INFINITY);
    let counts = sample::with_overdue(rollout);
    let timed = counts.duration.histogram.total();
    let value = counts.mean_ms();
    let state = &rollout.analysis.mean_limit;
    let arm = |m: Moments| Arm { n: m.n, sum: m.s1, is_share: false };
    let said = Said::MeanLimit { value, timed, limit };
    Known::new(Test::MeanLimit, weight, state.canary.log_evidence(), values_guard(state.seen[0].n))
        .counted(arm(state.seen[0]), arm(state.seen[1]))
        .about(value, limit, said)
}

/// Fewest canary requests before a mean above its limit is a warning.
const WARNING_REQUESTS: u64 = 10;

/// A mean that is above its limit now: an alert, whatever the evidence is.
pub(super) fn mean_is_over(plan: &Plan, rollout: &Rollout) -> bool {
    let Some(limit) = plan.triggers.response_time else { return false };
    let counts = sample::with_overdue(rollout);
    counts.duration.histogram.total() >= WARNING_REQUESTS && counts.mean_ms().is_some_and(|mean| mean > limit)
}

fn apdex(rollout: &Rollout, weight: f64) -> Known {
    let state = &rollout.analysis.apdex;
    let (guard, seen) = ((state.seen.n_t, state.seen.s_t), state.visit);
    let score = |n: f64, s: f64| (n > 0.0).then(|| 1.0 - s / n);
    let (t, c) = (score(seen.n_t, seen.s_t), score(seen.n_c, seen.s_c));
    let said = Said::Apdex { canary: t, requests: seen.n_t as u64, stable: c };
    let arm = |n: f64, s: f64| Arm { n, sum: n - s, is_share: true };
    Known::new(Test::Apdex, weight, state.test.log_harm(), guard)
        .counted(arm(seen.n_t, seen.s_t), arm(seen.n_c, seen.s_c))
        .about(t.map(|t| 100.0 * t), c.map_or(0.0, |c| 100.0 * c), said)
}

fn metric(plan: &Plan, rollout: &Rollout, place: usize, weight: f64) -> Known {
    let (spec, state) = (&plan.metrics[place], &rollout.analysis.metrics[place]);
    let test = Test::Metric(place);
    let name = format!("metric {}", spec.name);
    let (log, t, c) = match spec.kind {
        MetricKind::Proportion => {
            let Pair { n_t, s_t, n_c, s_c } = state.rate.visit;
            let moments = |n, s1| Moments { n, s1, s2: s1 };
            (state.rate.test.log_harm(), moments(n_t, s_t), moments(n_c, s_c))
        }
        MetricKind::Amount { .. } => (state.mean.test.log_harm(), state.mean.visit[0], state.mean.visit[1]),
    };
    let unit = spec.cap();
    let is_share = spec.kind == MetricKind::Proportion;
    let arm = |m: Moments| Arm { n: m.n, sum: m.s1 * unit, is_share };
    let (of_t, of_c) = (mean_of(t, unit), mean_of(c, unit));
    let said = |mean: Option<f64>| words::amount(mean, is_share, &spec.unit);
    let text = if state.unsound {
        format!("{}: values outside of what its kind allows were reported, so it is not judged", spec.name)
    } else {
        format!(
            "{} of the canary {} over {} against stable {} over {}",
            spec.name,
            said(of_t),
            words::count(t.n as u64),
            said(of_c),
            words::count(c.n as u64)
        )
    };
    let values = state.rate.seen.n_t + state.mean.seen[0].n;
    Known::new(test, weight, log, values_guard(values)).counted(arm(t), arm(c)).named(name).about(
        of_t,
        of_c.unwrap_or(0.0),
        Said::Text(text),
    )
}

/// Whether stable breaks the error limit (or, for a slow mean, that one) by the same evidence.
pub(super) fn stable_over_limit(rollout: &Rollout, log_needed: f64) -> [bool; 2] {
    let state = &rollout.analysis;
    let errors = error_limit_percent(rollout).is_some() && state.limit.stable.log_evidence() >= log_needed;
    [errors, state.mean_limit.stable.log_evidence() >= log_needed]
}
