//! The canary's counts of a visit, response times of requests still awaited included.

use std::borrow::Cow;

use fw_model::{Counts, Histogram};

use crate::rollout::Rollout;

/// The canary's counts of this visit, with requests that are under way for longer than the Apdex
/// target counted at the age they have already: a hang is seen before any time-out.
pub(super) fn with_overdue(rollout: &Rollout) -> Cow<'_, Counts> {
    let target = rollout.phase().map_or(500.0, fw_model::Phase::apdex_target_ms);
    let overdue = overdue(&rollout.analysis.in_flight.canary, target);
    if overdue.is_empty() {
        return Cow::Borrowed(&rollout.tally.canary);
    }
    let mut counts = rollout.tally.canary.clone();
    for (index, count) in overdue.iter() {
        // The age is at least the bucket's lower bound.
        let age = fw_model::bucket_upper_ms(index - 1);
        counts.duration.sum_ms += age * count as f64;
        counts.duration.sum_squares += age * age * count as f64;
    }
    counts.duration.histogram.merge(&overdue);
    counts.requests = counts.requests.saturating_add(overdue.total());
    Cow::Owned(counts)
}

/// As [`with_overdue`], without the canary's failures that don't count as evidence of harm.
pub(super) fn counting(rollout: &Rollout) -> Cow<'_, Counts> {
    let counts = with_overdue(rollout);
    let held_back = rollout.analysis.clusters.held_back as u64;
    if held_back == 0 {
        return counts;
    }
    let mut counts = counts.into_owned();
    let held_back = held_back.min(counts.errors);
    counts.errors -= held_back;
    counts.apdex.satisfied = counts.apdex.satisfied.saturating_add(held_back);
    Cow::Owned(counts)
}

/// Ages whose whole bucket lies above the target.
fn overdue(ages: &Histogram, target_ms: f64) -> Histogram {
    let mut late = Histogram::default();
    ages.iter()
        .filter(|(i, _)| fw_model::bucket_upper_ms(i - 1) >= target_ms)
        .for_each(|(i, c)| late.add(i, c));
    late
}
