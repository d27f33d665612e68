//! What the tests remember between looks, and how a look is taken in.
//!
//! Constant size but for stable's histogram and the custom metrics of the plan. Everything is numbers, so a
//! store keeps it exactly: [`State::parts`] and [`State::from_parts`].

use std::time::Duration;

use fw_model::{Counts, Histogram, Plan};
use fw_stats::clustering::Clustering;
use fw_stats::dispersion::Dispersion;
use fw_stats::groups::{Group, Groups};
use fw_stats::numbers::{Numbers, listed, unlisted};
use fw_stats::test::{Ask, Closing, Look};

use super::clusters::{Clusters, Sources};
use super::feed::{self, Feed, pair};
use super::past::Past;
use super::ratio::Ratio;
use super::series::{Limit, MeanLimit, MeanVersus, Metric, Slower, Versus, capped_with_overdue};
use super::tests::discounts;
use super::{metric, tests};
use crate::rollout::{Delta, InFlight, Tally};

/// The mean's values are capped at this many times stable's p99.
const CAP_OF_P99: f64 = 5.0;

/// What the tests remember between looks.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// Requests under way at the last look.
    pub in_flight: InFlight,
    pub(crate) limit: Limit,
    pub(crate) errors: Versus,
    /// Batches of requests with a failure.
    pub(crate) batches: Versus,
    pub(crate) client_errors: Versus,
    pub(crate) latency: [Slower; tests::QUANTILES.len()],
    /// Whether the canary's p90 is shown not to be much slower: gates, never rolls back.
    pub(crate) latency_safe: Slower,
    pub(crate) mean: MeanVersus,
    pub(crate) mean_limit: MeanLimit,
    pub(crate) apdex: Versus,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) past: Past,
    pub(crate) ratio: Ratio,
    pub(crate) phase: PhaseMemory,
    /// Boxed: it is by far the largest, and a state is moved about.
    pub(crate) clusters: Box<Clusters>,
}

/// What is kept of the phase and of the rollout beside the tests.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct PhaseMemory {
    /// Time since the present split that looks saw.
    pub(crate) since_split: Duration,
    /// Time of looks that brought nothing, which the next one that brings something takes over.
    pub(crate) idle: Duration,
    /// No look was taken in since the phase began.
    pub(crate) limits_begin: bool,
    /// No look was compared since the phase began.
    pub(crate) comparisons_begin: bool,
    /// The mean's cap, ms; 0 before stable's p99 is known. Fixed once known.
    pub(crate) cap_ms: f64,
    /// Requests under way over the cap at the last look: canary, stable.
    pub(crate) over_cap: [f64; 2],
    /// Whether stable reported any request in this rollout.
    pub(crate) stable_seen: bool,
    /// Error limit at 100 % of a plan without one, percent; 0 = none.
    pub(crate) bake_limit: f64,
    /// Largest ln of the shared evidence in this attempt.
    pub(crate) log_total_max: f64,
}

impl State {
    /// The state at the beginning of a rollout, with what was learnt of stable before.
    pub(crate) fn begin(plan: &Plan, before: Option<&State>) -> State {
        let metrics = vec![Metric::default(); plan.metrics.len()];
        let Some(before) = before else { return State { metrics, ..State::default() } };
        State { metrics, ..before.begun_anew() }
    }

    /// What was learnt of stable, and nothing of a canary.
    pub(crate) fn begun_anew(&self) -> State {
        State {
            errors: self.errors.begun_anew(),
            batches: self.batches.begun_anew(),
            client_errors: self.client_errors.begun_anew(),
            apdex: self.apdex.begun_anew(),
            mean: MeanVersus { test: self.mean.test.begun_anew(), ..MeanVersus::default() },
            past: self.past.clone(),
            phase: PhaseMemory { cap_ms: self.phase.cap_ms, ..PhaseMemory::default() },
            clusters: Box::new(self.clusters.begun_anew()),
            ..State::default()
        }
    }

    /// What holds for another version in stable's place too: how clustered failures are where it runs.
    pub(crate) fn succeeded(&self) -> State {
        State { clusters: Box::new(self.clusters.begun_anew()), ..State::default() }
    }

    /// Learns from stable while there is no canary. `deltas` are of stable, `seconds` since the look before.
    pub(crate) fn watch(&mut self, plan: &Plan, deltas: &[&Delta], seconds: f64) {
        let (tau, floor) = (feed::tau_seconds(plan), plan.analysis.latency_floor_ms);
        let sources = self.clusters.sources(plan, deltas, seconds, false);
        let clusters = &mut *self.clusters;
        let learn = |versus: &mut Versus, clustering: &mut Clustering, ask: Ask, groups: &Groups| {
            let Group { n, s, .. } = groups.total();
            versus.test.observe(n, s, seconds);
            clustering.observe(&ask, groups, versus.test.stable_rate(), seconds);
        };
        learn(&mut self.errors, &mut clusters.errors, tests::errors(tau), &sources.errors);
        learn(&mut self.batches, &mut clusters.batches, tests::batches(tau), &sources.batches());
        let ask = tests::client_errors(tau);
        learn(&mut self.client_errors, &mut clusters.client_errors, ask, &sources.client_errors());
        learn(&mut self.apdex, &mut clusters.apdex, tests::apdex(tau), &sources.dissatisfied());
        for (clustering, (quantile, _)) in clusters.latency.iter_mut().zip(tests::QUANTILES) {
            let Some(edge) = self.past.edge(quantile, tests::LATENCY_MARGIN, floor) else { continue };
            clustering.observe(&tests::latency(tau), &sources.slow(edge), edge.base, seconds);
        }
        let mut times = Histogram::default();
        deltas.iter().for_each(|delta| times.merge(&delta.counts.duration.histogram));
        self.past.update(&times, seconds);
        self.refit_cap();
        let cap = self.phase.cap_ms;
        if cap > 0.0 {
            self.mean.test.observe(feed::capped(&times, cap), seconds);
            self.clusters.mean.look(&sources.times(cap), seconds);
        }
    }

    fn fix_cap(&mut self) {
        if self.phase.cap_ms == 0.0 {
            self.phase.cap_ms = self.past.quantile_ms(0.99).map_or(0.0, |p99| CAP_OF_P99 * p99);
        }
    }

    /// A cap is fixed for a rollout. Before, it follows stable; what was learnt in its unit begins anew with it.
    fn refit_cap(&mut self) {
        let wanted = self.past.quantile_ms(0.99).map_or(0.0, |p99| CAP_OF_P99 * p99);
        let fits = (0.5..=2.0).contains(&(wanted / self.phase.cap_ms));
        if !fits {
            self.phase.cap_ms = wanted;
            self.mean = MeanVersus::default();
            self.clusters.mean = Dispersion::default();
        }
    }

    /// Takes in what a look added. `limit` is the error limit in percent, if one holds now.
    pub(crate) fn absorb(&mut self, feed: &Feed<'_>, limit: Option<f64>, planes: usize) {
        self.in_flight = feed.in_flight.clone();
        let limits_begin = std::mem::take(&mut self.phase.limits_begin);
        let sources = self.clusters.sources(feed.plan, feed.deltas, feed.seconds, limits_begin);
        if let Some(limit) = limit {
            let phi = if discounts(feed.plan) { self.clusters.phi().value } else { 1.0 };
            let clock = (feed.seconds, limits_begin, feed.tau_seconds);
            let raw = &mut self.clusters.limit_raw;
            self.limit.look(limit / 100.0, feed.errors(), sources.counted, phi, clock, raw);
        }
        if let Some(limit_ms) = feed.plan.triggers.response_time {
            let times = [&feed.fresh.canary.duration, &feed.fresh.stable.duration];
            let ages = [&feed.in_flight.canary, &feed.in_flight.stable];
            self.mean_limit.look(limit_ms, times, ages, (feed.seconds, limits_begin, feed.tau_seconds));
        }
        self.phase.stable_seen |= feed.fresh.stable.requests > 0;
        // At 100 % there is no control: what was compared is frozen.
        if feed.share > 0.0 && feed.share < 1.0 {
            if self.phase.since_split.as_secs_f64() >= feed.warm_up_seconds {
                self.compare(feed, &sources, planes);
            }
            self.past.update(&feed.fresh.stable.duration.histogram, feed.seconds);
        }
        self.phase.since_split =
            self.phase.since_split.saturating_add(Duration::from_secs_f64(feed.seconds.min(1e9)));
    }

    /// The time a look stands for, seconds; none for one that brings nothing, whose time the next one takes over.
    /// So a look that is not kept in the log changes no test: its time comes with the next that is.
    pub(crate) fn time(&mut self, watched: Duration, brings: bool, clock_runs: bool) -> Option<f64> {
        let whole = self.phase.idle.saturating_add(watched);
        if clock_runs {
            self.phase.idle = if brings { Duration::ZERO } else { whole };
        }
        brings.then_some(whole.as_secs_f64())
    }

    fn compare(&mut self, feed: &Feed<'_>, sources: &Sources<'_>, planes: usize) {
        let began = std::mem::take(&mut self.phase.comparisons_begin);
        self.compare_rates(feed, sources, began);
        self.compare_times(feed, sources, began);
        for (state, spec) in self.metrics.iter_mut().zip(&feed.plan.metrics) {
            if tests::is_judged(spec) {
                metric::look(state, spec, feed, began);
            }
        }
        self.ratio.look(feed, planes);
    }

    fn compare_rates(&mut self, feed: &Feed<'_>, sources: &Sources<'_>, began: bool) {
        let (tau, discounts, clusters) = (feed.tau_seconds, discounts(feed.plan), &mut *self.clusters);
        let (ask, of_apdex) = (tests::errors(tau), tests::apdex(tau));
        let phi_of_errors = clusters.phi().value;
        let errors = Look { counted: sources.counted, ..feed.look(feed.errors(), began) };
        let among = discounts.then_some((&mut clusters.errors, &sources.errors, 1.0));
        if let Some(block) = self.errors.look(&ask, &errors, among) {
            clusters.errors_raw.take_in(&ask, &block);
        }
        let counts = pair(feed.fresh, |counts| {
            let Group { n, s, .. } = super::clusters::batches(counts);
            (n, s)
        });
        let (groups, closing) = (sources.batches(), Closing::EveryLook);
        let batches = Look { counted: sources.bad_batches, closing, ..feed.look(counts, began) };
        let (ask, among) = (tests::batches(tau), discounts.then_some((&mut clusters.batches, &groups, 1.0)));
        if let Some(block) = self.batches.look(&ask, &batches, among) {
            clusters.batches_raw.take_in(&ask, &block);
        }
        let (groups, client_errors) = (sources.client_errors(), feed.look(feed.client_errors(), began));
        let among = discounts.then_some((&mut clusters.client_errors, &groups, 1.0));
        self.client_errors.look(&tests::client_errors(tau), &client_errors, among);
        // A failure that does not count as one is no dissatisfaction either.
        let (groups, apdex) = (sources.dissatisfied(), feed.look(feed.dissatisfied(), began));
        let apdex = Look { counted: (apdex.counted - sources.held_back).max(0.0), ..apdex };
        let among = discounts.then_some((&mut clusters.apdex, &groups, phi_of_errors));
        self.apdex.look(&of_apdex, &apdex, among);
    }

    fn compare_times(&mut self, feed: &Feed<'_>, sources: &Sources<'_>, began: bool) {
        let Tally { canary, stable } = feed.fresh;
        let times = [&canary.duration.histogram, &stable.duration.histogram];
        let ages = [&feed.in_flight.canary, &feed.in_flight.stable];
        let (seconds, tau, floor) = (feed.seconds, feed.tau_seconds, feed.plan.analysis.latency_floor_ms);
        let clusters = self.clusters.latency.iter_mut();
        for ((slower, clustering), (quantile, _)) in
            self.latency.iter_mut().zip(clusters).zip(tests::QUANTILES)
        {
            let Some(edge) = self.past.edge(quantile, tests::LATENCY_MARGIN, floor) else { continue };
            let groups = sources.slow(edge);
            let among = discounts(feed.plan).then_some((clustering, &groups, 1.0));
            slower.look(&tests::latency(tau), edge, times, ages, (seconds, began), among);
        }
        if let Some(edge) = self.past.edge_below(tests::GATING_QUANTILE, tests::LATENCY_BAD, floor) {
            self.latency_safe.look(&tests::latency_safe(tau), edge, times, ages, (seconds, began), None);
        }
        self.fix_cap();
        let cap = self.phase.cap_ms;
        if cap > 0.0 {
            let [over_t, over_c] = &mut self.phase.over_cap;
            let t = capped_with_overdue(times[0], ages[0], cap, over_t);
            let c = capped_with_overdue(times[1], ages[1], cap, over_c);
            let margin = tests::mean_margin(floor / cap, self.mean.test.stable_mean());
            let dispersion = &mut self.clusters.mean;
            let phi = if discounts(feed.plan) { dispersion.phi_careful() } else { 1.0 };
            self.mean.look(&tests::mean(tau, margin), (t, c), (seconds, began), phi);
            if discounts(feed.plan) {
                dispersion.look(&sources.times(cap), seconds);
            }
        }
    }

    fn rates(&mut self) -> [&mut Versus; 5] {
        let of_latency = &mut self.latency_safe.versus;
        [&mut self.errors, &mut self.batches, &mut self.client_errors, &mut self.apdex, of_latency]
    }

    /// Keeps the strongest evidence of this attempt.
    pub(crate) fn remember(&mut self, log_total: f64) {
        self.phase.log_total_max = self.phase.log_total_max.max(log_total);
    }

    /// A new visit: health must be shown again, the harm budget goes on. `stable` is what stable did in the visit
    /// that ends, `full` whether the new one has all traffic.
    pub(crate) fn enter_phase(&mut self, stable: &Counts, full: bool) {
        self.in_flight = InFlight::default();
        self.phase.since_split = Duration::ZERO;
        self.phase.idle = Duration::ZERO;
        self.phase.limits_begin = true;
        self.phase.comparisons_begin = true;
        for versus in self.rates() {
            versus.enter_phase();
        }
        self.latency.iter_mut().for_each(|slower| slower.versus.enter_phase());
        self.mean.enter_phase();
        for metric in &mut self.metrics {
            metric.rate.enter_phase();
            metric.mean.enter_phase();
        }
        self.ratio.enter_phase();
        self.clusters.enter_phase();
        if full && stable.requests > 0 {
            self.phase.bake_limit = tests::bake_limit(stable);
        }
    }

    /// A new attempt: a new promise of α, so harm must be shown anew.
    pub(crate) fn enter_attempt(&mut self) {
        self.limit = Limit::default();
        self.clusters.enter_attempt();
        self.mean_limit = MeanLimit::default();
        for versus in self.rates() {
            versus.enter_attempt();
        }
        self.latency.iter_mut().for_each(|slower| slower.versus.enter_attempt());
        self.mean.enter_attempt();
        for metric in &mut self.metrics {
            metric.rate.enter_attempt();
            metric.mean.enter_attempt();
        }
        self.ratio.enter_attempt();
        self.phase.log_total_max = 0.0;
    }

    /// The tests as named lists of numbers; requests under way are apart.
    pub fn parts(&self) -> Vec<(String, Vec<f64>)> {
        let mut parts = vec![
            ("limit".to_owned(), listed(&self.limit)),
            ("errors".to_owned(), listed(&self.errors)),
            ("batches".to_owned(), listed(&self.batches)),
            ("clientErrors".to_owned(), listed(&self.client_errors)),
            ("latencySafe".to_owned(), listed(&self.latency_safe)),
            ("mean".to_owned(), listed(&self.mean)),
            ("meanLimit".to_owned(), listed(&self.mean_limit)),
            ("apdex".to_owned(), listed(&self.apdex)),
            ("past".to_owned(), self.past.parts()),
            ("ratio".to_owned(), self.ratio.parts()),
            ("phase".to_owned(), listed(&self.phase)),
        ];
        let latency = self.latency.iter().zip(tests::QUANTILES);
        parts.extend(latency.map(|(slower, (_, name))| (name.to_owned(), listed(slower))));
        let metrics = self.metrics.iter().enumerate();
        parts.extend(metrics.map(|(i, metric)| (format!("metric{i}"), listed(metric))));
        parts.extend(self.clusters.parts());
        parts
    }

    /// A state of its parts.
    ///
    /// # Errors
    /// In words: a part is missing, or is not what this version keeps.
    pub fn from_parts(
        in_flight: InFlight,
        mut part: impl FnMut(&str) -> Option<Vec<f64>>,
    ) -> Result<State, String> {
        let mut list = |name: &str| part(name).ok_or_else(|| format!("the test {name:?} is missing"));
        let wrong = |name: &str| format!("the test {name:?} is not as this version keeps it");
        fn read<T: Numbers>(
            name: &str,
            list: &mut impl FnMut(&str) -> Result<Vec<f64>, String>,
        ) -> Result<T, String> {
            unlisted(&list(name)?).ok_or_else(|| format!("the test {name:?} is not as this version keeps it"))
        }
        let mut latency = [Slower::default(); tests::QUANTILES.len()];
        for (slower, (_, name)) in latency.iter_mut().zip(tests::QUANTILES) {
            *slower = read(name, &mut list)?;
        }
        let mut state = State {
            in_flight,
            limit: read("limit", &mut list)?,
            errors: read("errors", &mut list)?,
            batches: read("batches", &mut list)?,
            client_errors: read("clientErrors", &mut list)?,
            latency,
            latency_safe: read("latencySafe", &mut list)?,
            mean: read("mean", &mut list)?,
            mean_limit: read("meanLimit", &mut list)?,
            apdex: read("apdex", &mut list)?,
            metrics: vec![],
            past: Past::from_parts(&list("past")?).ok_or_else(|| wrong("past"))?,
            ratio: Ratio::from_parts(&list("ratio")?).ok_or_else(|| wrong("ratio"))?,
            phase: read("phase", &mut list)?,
            clusters: Box::new(Clusters::from_parts(|name| list(name).ok()).ok_or_else(|| wrong("sources"))?),
        };
        for i in 0..fw_model::plan::METRICS_MAX {
            let Ok(numbers) = list(&format!("metric{i}")) else { break };
            state.metrics.push(unlisted(&numbers).ok_or_else(|| wrong("metric"))?);
        }
        Ok(state)
    }
}

fn span(next: &mut dyn FnMut() -> f64) -> Duration {
    // Conversion saturates: any number gives some duration.
    let (seconds, nanos) = (next() as u64, next() as u32);
    Duration::new(seconds, nanos.min(999_999_999))
}

impl Numbers for PhaseMemory {
    fn give(&self, put: &mut dyn FnMut(f64)) {
        let flag = |yes: bool| f64::from(u8::from(yes));
        let PhaseMemory { since_split, idle, limits_begin, comparisons_begin, cap_ms, over_cap, .. } = *self;
        [since_split, idle]
            .iter()
            .flat_map(|d| [d.as_secs() as f64, f64::from(d.subsec_nanos())])
            .for_each(&mut *put);
        [flag(limits_begin), flag(comparisons_begin), cap_ms, over_cap[0], over_cap[1]]
            .into_iter()
            .chain([flag(self.stable_seen), self.bake_limit, self.log_total_max])
            .for_each(put);
    }

    fn take(next: &mut dyn FnMut() -> f64) -> Self {
        PhaseMemory {
            since_split: span(next),
            idle: span(next),
            limits_begin: next() != 0.0,
            comparisons_begin: next() != 0.0,
            cap_ms: next(),
            over_cap: [next(), next()],
            stable_seen: next() != 0.0,
            bake_limit: next(),
            log_total_max: next(),
        }
    }
}
