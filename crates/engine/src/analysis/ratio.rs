//! Whether the split that happened is the split that was asked for (SRM, sample-ratio mismatch).
//!
//! Units are distinct keys where data planes count them, else requests. Each phase is judged against its own share;
//! the rollout's evidence is the product over its phases. An alarm means that the data can't be trusted: it holds.

use fw_stats::srm;

use super::feed::Feed;
use crate::rollout::Tally;

/// Probability of a false alarm over a rollout.
pub(crate) const ALPHA: f64 = 0.001;

/// What happened to the split.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Ratio {
    /// ln of the evidence of earlier phases.
    log_before: f64,
    /// The canary's share of this phase, 0 to 1.
    share: f64,
    /// Distinct keys and requests without one: canary, stable.
    units: [f64; 2],
    /// Requests: canary, stable.
    requests: [f64; 2],
    /// Requests under way: canary, stable. A slow version is no wrong split.
    under_way: [f64; 2],
    /// Data planes that report: a key may be counted by each, so their evidence together counts as one.
    planes: f64,
}

impl Ratio {
    pub(crate) fn look(&mut self, feed: &Feed<'_>, planes: usize) {
        let Tally { canary, stable } = feed.fresh;
        self.share = feed.share;
        self.planes = self.planes.max(planes as f64);
        for (arm, counts) in [canary, stable].into_iter().enumerate() {
            self.units[arm] += counts.units as f64;
            let given_up = counts.client_aborts.saturating_add(counts.abandoned);
            self.requests[arm] += counts.requests.saturating_add(given_up) as f64;
        }
        self.under_way = [feed.in_flight.canary.total() as f64, feed.in_flight.stable.total() as f64];
    }

    /// Canary and stable units, and whether they are distinct keys.
    pub(crate) fn counts(&self) -> ([f64; 2], bool) {
        let keyed = self.units[0] + self.units[1] > 0.0;
        let asked = [self.requests[0] + self.under_way[0], self.requests[1] + self.under_way[1]];
        (if keyed { self.units } else { asked }, keyed)
    }

    /// The canary's share that was asked for, 0 to 1.
    pub(crate) fn share(&self) -> f64 {
        self.share
    }

    fn log_phase(&self) -> f64 {
        let (counts, _) = self.counts();
        // Without stable's counts there is nothing to compare with.
        if counts[1] <= 0.0 || !(self.share > 0.0 && self.share < 1.0) {
            return 0.0;
        }
        srm::log_evidence(&counts, &[self.share, 1.0 - self.share]) / self.planes.max(1.0)
    }

    /// ln of the evidence that the split does not match.
    pub(crate) fn log_evidence(&self) -> f64 {
        self.log_before + self.log_phase()
    }

    pub(crate) fn is_alarm(&self) -> bool {
        self.log_evidence() >= -ALPHA.ln()
    }

    pub(crate) fn enter_phase(&mut self) {
        *self = Ratio { log_before: self.log_evidence(), ..Ratio::default() };
    }

    /// A person went over an alarm, or the rollout went back: it is judged anew.
    pub(crate) fn enter_attempt(&mut self) {
        *self = Ratio::default();
    }

    pub(crate) fn parts(&self) -> Vec<f64> {
        let Ratio { log_before, share, units, requests, under_way, planes } = *self;
        [vec![log_before, share, planes], [units, requests, under_way].concat()].concat()
    }

    pub(crate) fn from_parts(parts: &[f64]) -> Option<Ratio> {
        let &[log_before, share, planes, a, b, c, d, e, f] = parts else { return None };
        Some(Ratio { log_before, share, planes, units: [a, b], requests: [c, d], under_way: [e, f] })
    }
}
