//! A look: takes in what was observed, then lets each status do what it does by itself.

use std::time::Duration;

use fw_model::{Timestamp, Variant};

use super::decide::{self, Decision};
use super::gates;
use super::moves::Draft;
use super::sources::{self, Planes, Stand};
use super::{Delta, Look, Notice, Rollout, Status, Tally, Transition};
use crate::analysis;
use crate::plant::{self, Bug};

/// What a look leads to.
pub(super) fn look(rollout: &Rollout, seen: &Look, now: Timestamp) -> Transition {
    let mut draft = Draft::new(rollout, now);
    let planes = Planes::of(rollout, &seen.sources);
    draft.material = absorb(&mut draft.next, seen, &planes);
    match rollout.status {
        Status::Pending => begin_when_confirmed(&mut draft, &planes, seen),
        Status::Running | Status::Paused => {
            act(&mut draft, &planes);
        }
        Status::RollingBack => end_when_confirmed(&mut draft, seen),
        Status::RolledBack if rollout.is_watched() => {
            act(&mut draft, &planes);
        }
        Status::RolledBack | Status::Completed | Status::Aborted => {}
    }
    publish_metrics(&mut draft);
    draft.finish(Some(&planes))
}

/// Takes a look's counts, clock and sources into the state. Returns whether anything but the clock moved.
pub(crate) fn absorb(next: &mut Rollout, seen: &Look, planes: &Planes) -> bool {
    let (mut fresh, mut late) = (Tally::default(), Tally::default());
    let mut material = false;
    let present: Vec<&Delta> = seen.deltas.iter().filter(|d| d.epoch == next.epoch).collect();
    for delta in seen.deltas.iter().filter(|d| d.epoch >= next.first_epoch && d.epoch <= next.epoch) {
        material = true;
        if delta.variant == Variant::Canary {
            next.totals.requests = next.totals.requests.saturating_add(delta.counts.requests);
            next.totals.errors = next.totals.errors.saturating_add(delta.counts.errors);
        }
        // Late counts of an older epoch belong to no test of this phase, but to metrics that wait for outcomes.
        let tally = if delta.epoch == next.epoch { &mut fresh } else { &mut late };
        match delta.variant {
            Variant::Canary => tally.canary.merge(&delta.counts),
            Variant::Stable => tally.stable.merge(&delta.counts),
        }
    }
    next.tally.canary.merge(&fresh.canary);
    next.tally.stable.merge(&fresh.stable);
    material |= next.analysis.in_flight != seen.in_flight;
    let live = seen.sources.iter().filter(|s| s.is_live()).map(|s| s.id.clone()).collect();
    material |= live != next.live;
    next.live = live;
    material |= gates::see_windows(next, &seen.windows);
    let confirmed = planes.all_confirmed();
    material |= confirmed != next.confirmed;
    next.confirmed = confirmed;
    let runs = next.status == Status::Running && clock_runs(next, planes);
    if runs {
        next.watched = next.watched.saturating_add(seen.watched);
    }
    if let Some(seconds) = next.analysis.time(seen.watched, material, runs) {
        test(next, seen, seconds, (&fresh, &late), &present, planes);
    }
    material
}

/// Lets every test take in what a look added.
fn test(
    next: &mut Rollout,
    seen: &Look,
    seconds: f64,
    (fresh, late): (&Tally, &Tally),
    deltas: &[&Delta],
    planes: &Planes,
) {
    let plan = next.plan.clone();
    let limit = analysis::findings::error_limit_percent(next);
    let quarter = next.phase().map_or(Duration::ZERO, |phase| phase.duration / 4);
    let feed = analysis::Feed {
        plan: &plan,
        deltas,
        fresh,
        late,
        in_flight: &seen.in_flight,
        seconds,
        share: next.canary.percent() / 100.0,
        tau_seconds: analysis::tau_seconds(&plan),
        warm_up_seconds: plan.analysis.warm_up.min(quarter).as_secs_f64(),
    };
    next.analysis.absorb(&feed, limit, planes.live);
}

/// The phase clock counts watched time only.
pub(super) fn clock_runs(rollout: &Rollout, planes: &Planes) -> bool {
    rollout.confirmed && planes.silent.is_empty() && rollout.quarantine.is_none()
}

fn begin_when_confirmed(draft: &mut Draft, planes: &Planes, seen: &Look) {
    if planes.all_confirmed() && !seen.sources.is_empty() {
        draft.next.status = Status::Running;
        draft.next.watched = Duration::ZERO;
        draft.next.metrics_at = draft.now;
        draft.material = true;
    }
}

fn end_when_confirmed(draft: &mut Draft, seen: &Look) {
    let Some(moving) = draft.next.moving.clone() else { return };
    let stand_of = |id: &fw_model::SourceId| {
        seen.sources
            .iter()
            .find(|s| s.id == *id)
            .map_or(Stand::Unconfirmed, |s| sources::stand(&draft.next, &moving, s))
    };
    let newcomers_wait =
        seen.sources.iter().any(|s| sources::stand(&draft.next, &moving, s) == Stand::Awaited);
    let waits = newcomers_wait || moving.awaited.iter().any(|id| stand_of(id) == Stand::Awaited);
    if waits {
        return;
    }
    let unconfirmed =
        moving.awaited.iter().filter(|id| stand_of(id) == Stand::Unconfirmed).cloned().collect();
    draft.complete_rollback(unconfirmed);
}

/// Judges, alerts, and does what is decided.
fn act(draft: &mut Draft, planes: &Planes) {
    let judgement = analysis::judge(&draft.next);
    draft.next.analysis.remember(judgement.log_total);
    for alert in decide::alerts(&draft.next, &judgement) {
        if draft.next.alerted.insert(alert.trigger) {
            let decide::Alert { trigger, value, limit, text } = alert;
            draft.publish(Notice::RiskAlert { trigger, value, limit, text });
        }
    }
    gates::expire(draft);
    if draft.next.status == Status::RollingBack {
        return;
    }
    let decision = decide::decide(&draft.next, &judgement, planes, draft.now);
    draft.judged = Some(judgement);
    match decision {
        Decision::Stay => {}
        Decision::RollBack { to, trigger, evidence } => draft.roll_back(to, trigger, evidence),
        Decision::Advance { healthy } => advance(draft, healthy),
    }
    if plant::has(Bug::RaiseAfterRollback) && draft.next.status == Status::RolledBack {
        advance(draft, true);
    }
    if plant::has(Bug::HiddenState) && plant::hidden().is_multiple_of(7) {
        draft.next.watched += Duration::from_millis(1);
    }
}

/// The phase is over by itself.
fn advance(draft: &mut Draft, healthy: bool) {
    let Some(from) = draft.next.position else { return };
    if let Some(ended) = draft.next.ended_healthy.get_mut(from) {
        *ended = healthy;
    }
    if from + 1 >= draft.next.plan.phases.len() {
        draft.complete();
        return;
    }
    draft.next.held = false;
    draft.enter(Some(from + 1));
    draft.next.status = Status::Running;
    draft.publish(Notice::Advanced { from: Some(from), to: from + 1, forced: None });
}

fn publish_metrics(draft: &mut Draft) {
    // A clock that stepped back counts anew from there, else nothing would be published until it caught up.
    draft.next.metrics_at = draft.next.metrics_at.min(draft.now);
    let due = draft.now.since(draft.next.metrics_at) >= draft.next.plan.monitoring_interval;
    if due && draft.next.is_watched() && draft.next.status != Status::Pending {
        draft.next.metrics_at = draft.now;
        let canary = Box::new(draft.next.tally.canary.clone());
        draft.publish(Notice::Metrics { canary });
    }
}
