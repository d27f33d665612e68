//! What a look hands to the tests: the new counts of both versions, the time, and where the phase stands.

use std::time::Duration;

use fw_model::{Counts, Histogram, Plan};
use fw_stats::mean::Moments;
use fw_stats::relative::Pair;
use fw_stats::test::Look;

use crate::rollout::{Delta, InFlight, Tally};

/// Shortest time over which an onset is expected, seconds: a plan of a few seconds is a demonstration.
const TAU_MIN_SECONDS: f64 = 300.0;

/// One look, as the tests see it.
pub(crate) struct Feed<'a> {
    /// What is rolled out.
    pub(crate) plan: &'a Plan,
    /// New counts of the present split, source by source.
    pub(crate) deltas: &'a [&'a Delta],
    /// New counts of the present split.
    pub(crate) fresh: &'a Tally,
    /// New counts of earlier splits of this rollout: only metrics with a window still take them.
    pub(crate) late: &'a Tally,
    /// Requests under way now.
    pub(crate) in_flight: &'a InFlight,
    /// Time since the look before.
    pub(crate) seconds: f64,
    /// The canary's share, 0 to 1.
    pub(crate) share: f64,
    /// Time over which an onset is expected, seconds.
    pub(crate) tau_seconds: f64,
    /// Comparisons wait this long after a change of the share, seconds.
    pub(crate) warm_up_seconds: f64,
}

/// Time over which an onset is expected, seconds: the planned rollout's length.
pub(crate) fn tau_seconds(plan: &Plan) -> f64 {
    let planned: Duration =
        plan.phases.iter().fold(Duration::ZERO, |sum, phase| sum.saturating_add(phase.duration));
    planned.as_secs_f64().max(TAU_MIN_SECONDS)
}

impl Feed<'_> {
    /// A look of a comparison in which every failure counts.
    pub(crate) fn look(&self, counts: Pair, phase_began: bool) -> Look {
        Look { counts, counted: counts.s_t, seconds: self.seconds, phase_began, ..Look::default() }
    }

    /// Errors of both versions.
    pub(crate) fn errors(&self) -> Pair {
        pair(self.fresh, |counts| (counts.requests as f64, counts.errors as f64))
    }

    /// 4xx answers of both versions.
    pub(crate) fn client_errors(&self) -> Pair {
        pair(self.fresh, |counts| (counts.requests as f64, counts.client_errors as f64))
    }

    /// Dissatisfaction of both versions: 1 − Apdex, summed over requests.
    pub(crate) fn dissatisfied(&self) -> Pair {
        pair(self.fresh, |counts| {
            let n = counts.requests as f64;
            (n, n * (1.0 - counts.apdex_score().unwrap_or(1.0)))
        })
    }
}

/// A pair of counts, sums kept within their counts.
pub(crate) fn pair(tally: &Tally, of: impl Fn(&Counts) -> (f64, f64)) -> Pair {
    let (n_t, s_t) = of(&tally.canary);
    let (n_c, s_c) = of(&tally.stable);
    Pair { n_t, s_t: s_t.clamp(0.0, n_t), n_c, s_c: s_c.clamp(0.0, n_c) }
}

/// Response times as shares of `cap_ms`, each at the middle of its bucket and at most 1.
pub(crate) fn capped(times: &Histogram, cap_ms: f64) -> Moments {
    let mut sums = Moments::default();
    for (index, count) in times.iter() {
        let middle = 0.5 * (fw_model::bucket_upper_ms(index) + fw_model::bucket_upper_ms(index - 1));
        let (n, x) = (count as f64, (middle / cap_ms).min(1.0));
        sums.add(Moments { n, s1: n * x, s2: n * x * x });
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_never_exceed_their_counts() {
        let canary = Counts { requests: 3, errors: 9, ..Counts::default() };
        let tally = Tally { canary, stable: Counts::default() };
        let found = pair(&tally, |c| (c.requests as f64, c.errors as f64));
        assert_eq!(found, Pair { n_t: 3.0, s_t: 3.0, n_c: 0.0, s_c: 0.0 });
    }

    #[test]
    fn times_are_shares_of_the_cap() {
        let mut times = Histogram::default();
        [50.0, 50.0, 1e6].into_iter().for_each(|ms| times.record_ms(ms));
        let sums = capped(&times, 100.0);
        assert_eq!(sums.n, 3.0);
        assert!((sums.s1 - 2.0).abs() < 0.03, "{sums:?}");
    }
}
