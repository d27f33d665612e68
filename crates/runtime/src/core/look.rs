//! Looks: every second, and at once when a report asks for it.
//!
//! A look that moved nothing but the clock is not kept: its watched time is carried to the next one
//! that is. After [`CARRIED_MAX`] it is kept all the same, so that a crash loses little of the clock.

use std::sync::Arc;
use std::time::Duration;

use fw_engine::rollout::{Delta, InFlight};
use fw_engine::{Event, Look};
use fw_model::{Counts, Epoch, ServiceKey, SourceId, Timestamp};
use tokio::time::Instant;

use super::batch::Work;
use super::service::{Run, ServiceState};
use crate::windows;

/// A longer gap between two looks was not watched (the server was down or stalled).
const GAP_MAX: Duration = Duration::from_secs(3);
/// Longest watched time that is only carried.
const CARRIED_MAX: Duration = Duration::from_secs(5);

impl Work<'_> {
    /// Looks at one service, if there is something to look at.
    pub(super) fn look(&mut self, key: &ServiceKey) {
        let Some(state) = self.state(key) else { return };
        let Some(run) = &state.run else { return };
        let waits_for_return = self.instant < state.grace_until && returning(state);
        if !run.rollout.is_watched() || run.rollout.epoch != state.epoch || waits_for_return {
            return;
        }
        let mut run = run.clone();
        let gap = run.looked.map_or(Duration::ZERO, |looked| self.instant.duration_since(looked));
        let gap = if gap <= GAP_MAX { gap } else { Duration::ZERO };
        run.looked = Some(self.instant);
        let look = gather(state, &run, gap, (self.instant, self.now));
        let watched = look.watched;
        let event = Event::Looked(look);
        let Ok(transition) = fw_engine::step(&run.rollout, &event, self.now) else { return };
        if let Some(violation) = self.violation(&run, &event, &transition) {
            self.quarantine(key, run, violation);
            return;
        }
        let urgent_done = |state: &mut ServiceState| state.urgent = false;
        if !transition.material && watched < CARRIED_MAX {
            run.carried = if transition.report.clock_runs { watched } else { run.carried };
            run.shown = transition.next;
            run.report = transition.report;
            if let Some(state) = self.stage(key) {
                urgent_done(state);
                state.run = Some(run);
            }
            return;
        }
        self.consume(key);
        self.record(key, run, &event, transition);
        if let Some(state) = self.stage(key) {
            urgent_done(state);
        }
    }

    /// Everything reported is consumed by the look that is being recorded; made durable with it.
    fn consume(&mut self, key: &ServiceKey) {
        let now = self.now;
        let Some(state) = self.stage(key) else { return };
        let rows: Vec<_> = state
            .sources
            .values_mut()
            .filter_map(|source| source.consume().then(|| source.to_row(key, now)))
            .collect();
        let mut consumed = vec![];
        for (id, reporter) in state.reporters.iter_mut().filter(|(_, reporter)| reporter.has_fresh()) {
            Arc::make_mut(reporter).consume();
            consumed.push((key.clone(), id.clone()));
        }
        self.rows.sources.extend(rows);
        self.touched.extend(consumed);
    }

    /// An invariant was violated: the step is thrown away and the rollout stands still until a person acts.
    fn quarantine(&mut self, key: &ServiceKey, run: Run, reason: String) {
        tracing::error!(target: "fw_runtime", run = %run.rollout.run, %reason, "quarantined: a bug in the engine; please report it");
        let event = Event::Quarantined { reason };
        if let Ok(transition) = fw_engine::step(&run.rollout, &event, self.now) {
            self.record(key, run, &event, transition);
        }
    }
}

/// Whether a data plane of before the restart has not yet come back.
fn returning(state: &ServiceState) -> bool {
    !state.sources.values().any(|s| s.reported) || state.sources.values().any(|s| !s.local && !s.reported)
}

/// What a look sees: differences since the last one that was kept, and every data plane.
fn gather(state: &ServiceState, run: &Run, gap: Duration, (now, at): (Instant, Timestamp)) -> Look {
    let mut deltas: std::collections::BTreeMap<_, Counts> = std::collections::BTreeMap::new();
    let mut in_flight = InFlight::default();
    for source in state.sources.values() {
        for Delta { epoch, variant, instance, counts } in source.fresh(run.rollout.first_epoch) {
            deltas.entry((epoch, variant, instance)).or_default().merge(&counts);
        }
        let seen = source.seen(now);
        if seen.is_live() {
            in_flight.canary.merge(&source.in_flight().canary);
            in_flight.stable.merge(&source.in_flight().stable);
        }
    }
    // Custom metrics from elsewhere belong to no instance.
    for reporter in state.reporters.values() {
        for (epoch, variant, counts) in reporter.fresh(run.rollout.first_epoch) {
            deltas.entry((epoch, variant, String::new())).or_default().merge(&counts);
        }
    }
    let deltas = deltas
        .into_iter()
        .map(|((epoch, variant, instance), counts)| Delta { epoch, variant, instance, counts })
        .collect();
    let mut sources: Vec<_> =
        state.sources.values().filter(|s| s.reported || !s.local).map(|s| s.seen(now)).collect();
    // A data plane that lived in a process of before the restart is gone with it: it sends nothing any more.
    let gone = |id: &&SourceId| state.sources.get(id).is_some_and(|s| s.local && !s.reported);
    let awaited = run.rollout.moving.iter().flat_map(|m| m.awaited.iter());
    sources.extend(awaited.filter(gone).map(|id| fw_engine::rollout::SourceSeen {
        id: id.clone(),
        silent_for: Duration::MAX,
        confirmed: Epoch(u64::MAX),
    }));
    let windows = windows::open_now(&run.rollout, at);
    Look { watched: gap + run.carried, deltas, in_flight, sources, windows }
}
