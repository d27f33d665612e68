//! The tests of a rollout as they remember: each evidence with what it has seen in this attempt.
//!
//! One type for each kind of question; which questions there are, and with which margins, is in `tests`.

use fw_model::Histogram;
use fw_stats::clustering::Clustering;
use fw_stats::discount::discounted;
use fw_stats::face::{Clock, FaceValue};
use fw_stats::grid::MEAN_EFFECTS;
use fw_stats::groups::Groups;
use fw_stats::limit::{self, Sums};
use fw_stats::mean::Moments;
use fw_stats::mean_limit;
use fw_stats::mean_test::{MeanAsk, MeanComparison};
use fw_stats::numbers::Numbers;
use fw_stats::onset::Onset;
use fw_stats::raw::Raw;
use fw_stats::relative::Pair;
use fw_stats::test::{Ask, Closed, Comparison, Look};

use super::feed;
use super::past::{Edge, above};

/// Rates and limits of exactly 0 or 1 leave no room for evidence: they are moved by this.
const LIMIT_ROOM: f64 = 1e-6;

/// What a test is discounted by: what is known of clusters, stable's sources in this look, and the least φ.
pub(crate) type Among<'a> = (&'a mut Clustering, &'a Groups, f64);

/// A rate compared with stable's.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Versus {
    pub(crate) test: Comparison,
    /// Counts of this attempt.
    pub(crate) seen: Pair,
    /// Counts of this visit to the phase.
    pub(crate) visit: Pair,
}

impl Versus {
    /// Takes in a look; the block it closed, if one. With `among` it is discounted by what is known of clusters, which
    /// then learns from stable's sources.
    pub(crate) fn look(&mut self, ask: &Ask, look: &Look, among: Option<Among<'_>>) -> Option<Closed> {
        self.seen.add(look.counts);
        self.visit.add(look.counts);
        match among {
            Some((clustering, groups, least)) => {
                let least = clustering.phi_careful().value.max(least);
                clustering.look_at_least(&mut self.test, ask, look, groups, least)
            }
            None => self.test.take_in(ask, look, 1.0),
        }
    }

    /// What it learnt of stable, and nothing else.
    pub(crate) fn begun_anew(&self) -> Versus {
        Versus { test: self.test.begun_anew(), ..Versus::default() }
    }

    pub(crate) fn enter_phase(&mut self) {
        self.test.restart_safe();
        self.visit = Pair::default();
    }

    pub(crate) fn enter_attempt(&mut self) {
        self.test.restart_harm();
        self.seen = Pair::default();
    }
}

/// Response times above a quantile of stable's, requests under way included.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Slower {
    pub(crate) versus: Versus,
    /// Requests under way that were counted before they ended: canary, stable.
    ahead: [f64; 2],
    /// What a canary request had to exceed at the last look, ms; 0 before the first.
    pub(crate) threshold_ms: f64,
}

impl Slower {
    /// Takes in response times of canary and stable and the ages of requests under way; `clock` is the time since the
    /// look before, seconds, and whether a phase began.
    pub(crate) fn look(
        &mut self,
        ask: &Ask,
        edge: Edge,
        times: [&Histogram; 2],
        ages: [&Histogram; 2],
        (seconds, phase_began): (f64, bool),
        among: Option<Among<'_>>,
    ) {
        let (n_t, s_t) = arm(times[0], ages[0], edge.canary, &mut self.ahead[0]);
        let (n_c, s_c) = arm(times[1], ages[1], edge.stable, &mut self.ahead[1]);
        self.threshold_ms = edge.canary_ms();
        let counts = Pair { n_t, s_t, n_c, s_c };
        let predicted = Some(edge.base);
        let look = Look { counts, counted: s_t, seconds, phase_began, predicted, ..Look::default() };
        self.versus.look(ask, &look, among);
    }
}

/// Requests and exceedances of one version: a request counts once, when it ends or when its age passes the edge.
fn arm(times: &Histogram, ages: &Histogram, edge: i32, ahead: &mut f64) -> (f64, f64) {
    let (done, late, under_way) = (times.total() as f64, above(times, edge), above(ages, edge));
    let exceeding = (late + under_way - *ahead).max(0.0);
    *ahead = under_way;
    ((done + exceeding - late).max(exceeding), exceeding)
}

/// Mean response time compared with stable's.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct MeanVersus {
    pub(crate) test: MeanComparison,
    /// Values of this attempt: canary, stable.
    pub(crate) seen: [Moments; 2],
    /// Values of this visit to the phase.
    pub(crate) visit: [Moments; 2],
}

impl MeanVersus {
    pub(crate) fn look(
        &mut self,
        ask: &MeanAsk,
        (t, c): (Moments, Moments),
        (seconds, began): (f64, bool),
        phi: f64,
    ) {
        for sums in [&mut self.seen, &mut self.visit] {
            sums[0].add(t);
            sums[1].add(c);
        }
        self.test.look_at(ask, t, c, seconds, began, phi);
    }

    pub(crate) fn enter_phase(&mut self) {
        self.test.restart_safe();
        self.visit = [Moments::default(); 2];
    }

    pub(crate) fn enter_attempt(&mut self) {
        self.test.restart_harm();
        self.seen = [Moments::default(); 2];
    }
}

/// A rate held against a fixed limit, for both versions.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Limit {
    pub(crate) canary: Onset,
    /// The canary's at face value.
    pub(crate) face: FaceValue,
    pub(crate) stable: Onset,
    /// Counts of this attempt.
    pub(crate) seen: Pair,
}

impl Limit {
    /// `limit` as a fraction; `counted` of the canary's failures count, and evidence is divided by `phi`. `raw` takes
    /// in the same with all failures.
    pub(crate) fn look(
        &mut self,
        limit: f64,
        counts: Pair,
        counted: f64,
        phi: f64,
        clock: Clock,
        raw: &mut Raw,
    ) {
        self.seen.add(counts);
        let limit = limit.max(LIMIT_ROOM);
        let (seconds, began, tau_seconds) = clock;
        let Pair { n_t, s_t, n_c, s_c } = counts;
        let counting = limit::log_harm(Sums { n: n_t, s: counted.min(s_t) }, limit);
        let all = limit::log_harm(Sums { n: n_t, s: s_t }, limit);
        let of_stable = limit::log_harm(Sums { n: n_c, s: s_c }, limit);
        self.face.take_in(&self.canary, phi > 1.0 || counted < s_t, || all, clock);
        self.canary.step(&discounted(counting, phi), seconds, began, tau_seconds);
        self.stable.step(&discounted(of_stable, phi), seconds, began, tau_seconds);
        raw.step(&all, phi, seconds, began, tau_seconds);
    }
}

/// ln of the evidence that a rate is below `limit` (a fraction): the more, the surer. 0 without requests.
pub(crate) fn log_below(requests: f64, bad: f64, limit: f64) -> f64 {
    let block = Sums { n: requests, s: bad };
    fw_stats::grid::log_mean_exp(&limit::log_safe(block, limit.max(LIMIT_ROOM)))
}

/// A mean response time held against a fixed limit, for both versions.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct MeanLimit {
    pub(crate) canary: Onset<MEAN_EFFECTS>,
    pub(crate) stable: Onset<MEAN_EFFECTS>,
    /// Values of this attempt, ms, capped: canary, stable.
    pub(crate) seen: [Moments; 2],
    ahead: [f64; 2],
}

/// A response time counts at most this many times the limit; a request under way is counted when it reaches that.
const CAP_OF_LIMIT: f64 = 4.0;

impl MeanLimit {
    pub(crate) fn look(
        &mut self,
        limit_ms: f64,
        times: [&fw_model::DurationStats; 2],
        ages: [&Histogram; 2],
        clock: (f64, bool, f64),
    ) {
        let (seconds, began, tau) = clock;
        for (i, wealth) in [&mut self.canary, &mut self.stable].into_iter().enumerate() {
            let values = capped_exactly(times[i], ages[i], CAP_OF_LIMIT * limit_ms, &mut self.ahead[i]);
            self.seen[i].add(values);
            wealth.step(&mean_limit::log_above(values, limit_ms), seconds, began, tau);
        }
    }
}

/// Sums of min(x, cap): exact sums, less what lies above the cap, bounded so that the evidence is never too strong.
fn capped_exactly(times: &fw_model::DurationStats, ages: &Histogram, cap: f64, ahead: &mut f64) -> Moments {
    let (mut long, mut sum, mut squares) = (0.0, times.sum_ms, times.sum_squares);
    for (index, count) in times.histogram.iter() {
        let low = fw_model::bucket_upper_ms(index - 1);
        if low >= cap {
            let (n, high) = (count as f64, fw_model::bucket_upper_ms(index));
            long += n;
            sum -= n * high;
            squares -= n * low * low;
        }
    }
    let overdue: f64 =
        ages.iter().filter(|(i, _)| fw_model::bucket_upper_ms(i - 1) >= cap).map(|(_, c)| c as f64).sum();
    let counted = (long + overdue - *ahead).max(0.0);
    *ahead = overdue;
    let short = times.histogram.total() as f64 - long;
    let (sum, squares) = (sum.max(0.0), squares.max(0.0));
    // Squares of `short` values with this sum are at least their mean's.
    let squares = if short > 0.0 { squares.max(sum * sum / short) } else { 0.0 };
    Moments { n: short + counted, s1: sum + counted * cap, s2: squares + counted * cap * cap }
}

/// A custom metric compared with stable's.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Metric {
    /// A proportion's evidence.
    pub(crate) rate: Versus,
    /// An amount's evidence.
    pub(crate) mean: MeanVersus,
    /// Requests whose window is not over: seconds left, canary, stable; oldest first.
    pub(crate) waiting: Vec<[f64; 3]>,
    /// Outcomes reported for requests that are not counted yet: canary, stable.
    pub(crate) early: [Moments; 2],
    /// Values that break the metric's own rules were reported: it is not judged any more.
    pub(crate) unsound: bool,
}

fn give_pair(pair: Pair, put: &mut dyn FnMut(f64)) {
    [pair.n_t, pair.s_t, pair.n_c, pair.s_c].into_iter().for_each(put);
}

fn take_pair(next: &mut dyn FnMut() -> f64) -> Pair {
    Pair { n_t: next(), s_t: next(), n_c: next(), s_c: next() }
}

fn give_moments(two: [Moments; 2], put: &mut dyn FnMut(f64)) {
    two.into_iter().flat_map(|m| [m.n, m.s1, m.s2]).for_each(put);
}

fn take_moments(next: &mut dyn FnMut() -> f64) -> [Moments; 2] {
    std::array::from_fn(|_| Moments { n: next(), s1: next(), s2: next() })
}

impl Numbers for Versus {
    fn give(&self, put: &mut dyn FnMut(f64)) {
        self.test.give(put);
        give_pair(self.seen, put);
        give_pair(self.visit, put);
    }

    fn take(next: &mut dyn FnMut() -> f64) -> Self {
        Versus { test: Comparison::take(next), seen: take_pair(next), visit: take_pair(next) }
    }
}

impl Numbers for Slower {
    fn give(&self, put: &mut dyn FnMut(f64)) {
        self.versus.give(put);
        [self.ahead[0], self.ahead[1], self.threshold_ms].into_iter().for_each(put);
    }

    fn take(next: &mut dyn FnMut() -> f64) -> Self {
        Slower { versus: Versus::take(next), ahead: [next(), next()], threshold_ms: next() }
    }
}

impl Numbers for MeanVersus {
    fn give(&self, put: &mut dyn FnMut(f64)) {
        self.test.give(put);
        give_moments(self.seen, put);
        give_moments(self.visit, put);
    }

    fn take(next: &mut dyn FnMut() -> f64) -> Self {
        MeanVersus { test: MeanComparison::take(next), seen: take_moments(next), visit: take_moments(next) }
    }
}

impl Numbers for Limit {
    fn give(&self, put: &mut dyn FnMut(f64)) {
        self.canary.give(put);
        self.face.give(put);
        self.stable.give(put);
        give_pair(self.seen, put);
    }

    fn take(next: &mut dyn FnMut() -> f64) -> Self {
        let (canary, face) = (Onset::take(next), FaceValue::take(next));
        Limit { canary, face, stable: Onset::take(next), seen: take_pair(next) }
    }
}

impl Numbers for MeanLimit {
    fn give(&self, put: &mut dyn FnMut(f64)) {
        self.canary.give(put);
        self.stable.give(put);
        give_moments(self.seen, put);
        self.ahead.into_iter().for_each(put);
    }

    fn take(next: &mut dyn FnMut() -> f64) -> Self {
        MeanLimit {
            canary: Onset::take(next),
            stable: Onset::take(next),
            seen: take_moments(next),
            ahead: [next(), next()],
        }
    }
}

impl Numbers for Metric {
    fn give(&self, put: &mut dyn FnMut(f64)) {
        self.rate.give(put);
        self.mean.give(put);
        give_moments(self.early, put);
        put(f64::from(u8::from(self.unsound)));
        put(self.waiting.len() as f64);
        self.waiting.iter().flatten().for_each(|number| put(*number));
    }

    fn take(next: &mut dyn FnMut() -> f64) -> Self {
        Metric {
            rate: Versus::take(next),
            mean: MeanVersus::take(next),
            early: take_moments(next),
            unsound: next() != 0.0,
            waiting: {
                let slots = next().clamp(0.0, super::metric::SLOTS_MAX as f64) as usize;
                (0..slots).map(|_| [next(), next(), next()]).collect()
            },
        }
    }
}

/// As [`feed::capped`], with requests under way whose age is over the cap counted once, at the cap.
pub(crate) fn capped_with_overdue(
    times: &Histogram,
    ages: &Histogram,
    cap_ms: f64,
    ahead: &mut f64,
) -> Moments {
    let mut sums = feed::capped(times, cap_ms);
    let over = |h: &Histogram| -> f64 {
        h.iter().filter(|(i, _)| fw_model::bucket_upper_ms(i - 1) >= cap_ms).map(|(_, c)| c as f64).sum()
    };
    let (late, overdue) = (over(times), over(ages));
    let more = (late + overdue - *ahead).max(0.0) - late;
    *ahead = overdue;
    let more = more.max(-sums.n);
    sums.add(Moments { n: more, s1: more, s2: more });
    sums
}
