//! Custom metrics: what of a look's values counts now, and against which number of units.
//!
//! A metric `per: request` with a window counts a request only when it is older than the window, on both versions
//! alike; outcomes that come sooner wait for their requests. Requests wait in a line of bounded length.

use fw_model::plan::{Better, MetricKind, MetricPer, MetricSpec};
use fw_model::{Counts, MetricSums};
use fw_stats::mean::{Moments, Worse};
use fw_stats::mean_test::MeanAsk;
use fw_stats::relative::{Margin, Pair};
use fw_stats::test::{Ask, Side};

use super::feed::Feed;
use super::series::Metric;

/// Longest line of waiting requests; a slot is a part of the window.
pub(crate) const SLOTS_MAX: usize = 64;
/// What must be shown not to be reached, for health: this many times the margin.
const BAD_OF_MARGIN: f64 = 3.0;
/// Room for rounding of sums that were added up elsewhere.
const ROUNDING: f64 = 1e-6;

/// Feeds one metric.
pub(crate) fn look(metric: &mut Metric, spec: &MetricSpec, feed: &Feed<'_>, began: bool) {
    let Some([t, c]) = values(metric, spec, feed) else { return };
    match spec.kind {
        MetricKind::Proportion => {
            let counts = Pair { n_t: t.n, s_t: t.s1, n_c: c.n, s_c: c.s1 };
            metric.rate.look(&rate_ask(spec, feed.tau_seconds), &feed.look(counts, began), None);
        }
        MetricKind::Amount { .. } => {
            metric.mean.look(&mean_ask(spec, feed.tau_seconds), (t, c), (feed.seconds, began), 1.0);
        }
    }
}

/// What counts now, as shares of the cap: canary, stable. None when values break the metric's rules.
fn values(metric: &mut Metric, spec: &MetricSpec, feed: &Feed<'_>) -> Option<[Moments; 2]> {
    let windowed = !spec.window.is_zero();
    let arms = [(&feed.fresh.canary, &feed.late.canary), (&feed.fresh.stable, &feed.late.stable)];
    let sums = |counts: &Counts| {
        counts.metrics.get(&spec.name).map_or(Moments::default(), |m| shares(m, spec.cap()))
    };
    let mut found = arms.map(|(fresh, late)| {
        let mut all = sums(fresh);
        if windowed {
            all.add(sums(late));
        }
        all
    });
    let sound = |m: &Moments| {
        m.s1 <= m.n * (1.0 + ROUNDING) && m.s2 <= m.s1 * (1.0 + ROUNDING) + ROUNDING && m.s1 >= 0.0
    };
    metric.unsound |= !found.iter().all(sound);
    if metric.unsound {
        return None;
    }
    if spec.per == MetricPer::Request {
        let asked = arms
            .map(|(fresh, late)| fresh.requests as f64 + if windowed { late.requests as f64 } else { 0.0 });
        let due = if windowed { due(metric, spec, asked, feed.seconds) } else { asked };
        for (arm, (m, n)) in found.iter_mut().zip(due).enumerate() {
            let early = &mut metric.early[arm];
            early.add(Moments { n: 0.0, ..*m });
            // Outcomes never outnumber the requests they belong to; what is more waits.
            let part = if early.s1 > n { n / early.s1 } else { 1.0 };
            *m = Moments { n, s1: early.s1 * part, s2: early.s2 * part };
            *early = Moments { n: 0.0, s1: early.s1 - m.s1, s2: early.s2 - m.s2 };
        }
    }
    Some(found)
}

/// Requests whose window ends with this look.
fn due(metric: &mut Metric, spec: &MetricSpec, asked: [f64; 2], seconds: f64) -> [f64; 2] {
    let window = spec.window.as_secs_f64();
    let mut over = [0.0; 2];
    metric.waiting.retain_mut(|[left, t, c]| {
        *left -= seconds;
        let ends = *left <= 0.0;
        if ends {
            over[0] += *t;
            over[1] += *c;
        }
        !ends
    });
    let slot = window / (SLOTS_MAX as f64 - 2.0);
    let full = metric.waiting.len() >= SLOTS_MAX;
    match metric.waiting.last_mut() {
        // A slot takes what comes while it is young, and is due when its latest request is.
        Some(last) if window + slot - last[0] < slot || full => {
            last[1] += asked[0];
            last[2] += asked[1];
        }
        _ => metric.waiting.push([window + slot, asked[0], asked[1]]),
    }
    over
}

fn shares(sums: &MetricSums, cap: f64) -> Moments {
    Moments { n: sums.count as f64, s1: sums.sum / cap, s2: sums.sum_squares / (cap * cap) }
}

/// How much worse is acceptable, and how much must be shown not to be reached, as factors of stable's.
fn margins(spec: &MetricSpec) -> (Margin, Margin) {
    let margin = spec.margin / 100.0;
    let factor = |by: f64| match spec.better {
        Better::Lower => 1.0 + by,
        Better::Higher => 1.0 - by.min(0.95),
    };
    let ratio = |ratio| Margin { ratio, delta: 0.0 };
    (ratio(factor(margin)), ratio(factor(BAD_OF_MARGIN * margin.max(0.01))))
}

pub(super) fn rate_ask(spec: &MetricSpec, tau_seconds: f64) -> Ask {
    let (margin, bad) = margins(spec);
    let side = match spec.better {
        Better::Lower => Side::Harm,
        Better::Higher => Side::Down,
    };
    Ask { side, margin, safe: Some(bad), tau_seconds }
}

fn mean_ask(spec: &MetricSpec, tau_seconds: f64) -> MeanAsk {
    let (margin, bad) = margins(spec);
    let worse = match spec.better {
        Better::Lower => Worse::Up,
        Better::Higher => Worse::Down,
    };
    MeanAsk { worse, margin, safe: Some(bad), tau_seconds }
}
