//! What messages that wait together lead to: copies of services, rows to write, answers to give.
//!
//! Nothing of it is visible until the store has it.

use std::collections::{BTreeMap, BTreeSet};

use fw_api::EventBody;
use fw_engine::{Effect, Event, Notice, Transition, invariants};
use fw_model::{Plan, ServiceKey, SourceId, Timestamp};
use fw_store::{Batch, EventRow, Published, SnapshotRow, record};
use tokio::time::Instant;

use super::service::{Run, Service, ServiceState};
use crate::view;

/// A snapshot is written after this many events, and whenever the status changes.
const SNAPSHOT_EVENTS: u64 = 64;

/// Work in the making.
pub(super) struct Work<'a> {
    services: &'a BTreeMap<ServiceKey, Service>,
    pub(super) staged: BTreeMap<ServiceKey, ServiceState>,
    pub(super) rows: Batch,
    pub(super) now: Timestamp,
    pub(super) instant: Instant,
    next_published: u64,
    /// Reporters of metrics that changed: each is written once.
    pub(super) touched: BTreeSet<(ServiceKey, SourceId)>,
    /// Called after the commit, with whether it succeeded.
    pub(super) answers: Vec<Answer>,
}

/// Gives an answer once the commit is done; the argument is the store's failure, if any.
pub(super) type Answer = Box<dyn FnOnce(Option<&str>) + Send>;

impl<'a> Work<'a> {
    pub(super) fn new(
        services: &'a BTreeMap<ServiceKey, Service>,
        next_published: u64,
        now: Timestamp,
        instant: Instant,
    ) -> Work<'a> {
        Work {
            services,
            staged: BTreeMap::new(),
            rows: Batch::default(),
            now,
            instant,
            next_published,
            touched: BTreeSet::new(),
            answers: vec![],
        }
    }

    /// The state to work on: the staged copy if there is one.
    pub(super) fn state(&self, key: &ServiceKey) -> Option<&ServiceState> {
        self.staged.get(key).or_else(|| self.services.get(key).map(|s| &s.state))
    }

    /// What the config says of a service.
    pub(super) fn configured(&self, key: &ServiceKey) -> Option<&Plan> {
        self.services.get(key).map(|service| &service.plan)
    }

    /// A copy to change.
    pub(super) fn stage(&mut self, key: &ServiceKey) -> Option<&mut ServiceState> {
        if !self.staged.contains_key(key) {
            let copy = self.services.get(key)?.state.clone();
            self.staged.insert(key.clone(), copy);
        }
        self.staged.get_mut(key)
    }

    /// Writes what was learnt of a service's served version into the batch.
    pub(super) fn keep_learnt(&mut self, key: &ServiceKey) {
        let Some(state) = self.stage(key) else { return };
        std::sync::Arc::make_mut(&mut state.watching).written();
        let row = state.to_row();
        self.rows.services.push(row);
    }

    /// Writes an event and what follows from it into the batch, and takes the new state into `run`.
    pub(super) fn record(&mut self, key: &ServiceKey, mut run: Run, event: &Event, transition: Transition) {
        run.seq += 1;
        let (format, payload) = record::encode_event(event);
        let id = transition.next.run.clone();
        self.rows.events.push(EventRow { run: id, seq: run.seq, at: self.now, format, payload });
        let status_changed = run.seq == 1
            || run.rollout.status != transition.next.status
            || run.rollout.ended_at != transition.next.ended_at;
        let Transition { next, effects, report, .. } = transition;
        // Watched time of looks that were not kept goes on counting, but not into another visit.
        let counted = matches!(event, Event::Looked(_)) && report.clock_runs;
        if counted || run.rollout.entered_at != next.entered_at {
            run.carried = std::time::Duration::ZERO;
        }
        run.shown = next.clone();
        run.rollout = next;
        run.report = report;
        if status_changed || run.seq - run.snapshot_seq >= SNAPSHOT_EVENTS {
            run.snapshot_seq = run.seq;
            self.rows.snapshots.push(snapshot(&run, self.now));
        }
        for (_, effect) in effects {
            self.stage_effect(key, &run, effect);
        }
        let epoch = run.rollout.epoch;
        if let Some(state) = self.stage(key) {
            let changed = state.epoch != epoch;
            state.epoch = state.epoch.max(epoch);
            state.run = Some(run);
            let row = changed.then(|| state.to_row());
            self.rows.services.extend(row);
        }
    }

    fn stage_effect(&mut self, key: &ServiceKey, run: &Run, effect: Effect) {
        match effect {
            // The split is told from the state after the commit.
            Effect::SetSplit { .. } => {}
            Effect::Publish(notice) => self.publish(key, run, &notice),
            Effect::SetCurrentVersion { version } => {
                if let Some(state) = self.stage(key) {
                    state.current_version = Some(version);
                    state.epoch = state.epoch.max(run.rollout.epoch);
                    let row = state.to_row();
                    self.rows.services.push(row);
                }
            }
        }
    }

    fn publish(&mut self, key: &ServiceKey, run: &Run, notice: &Notice) {
        let body = view::event_body(notice, &run.rollout, &run.report, self.now);
        self.publish_body(key, run, body);
        // The report is a function of the log, so it can be read as soon as this is committed.
        if let Some(kind) = view::report_of(notice) {
            let url = format!("/api/v1/rollouts/{}/reports/{kind}", run.rollout.run);
            self.publish_body(key, run, EventBody::ReportReady { kind: kind.into(), url });
        }
    }

    fn publish_body(&mut self, key: &ServiceKey, run: &Run, body: EventBody) {
        let event = view::stream_event(body, &run.rollout, &run.report, self.now);
        self.rows.published.push(Published {
            id: self.next_published,
            key: key.clone(),
            run: run.rollout.run.clone(),
            kind: event.body.type_name().into(),
            at: self.now,
            data: event.to_value().to_string(),
        });
        self.next_published += 1;
    }

    /// Checks a transition against the invariants; a violation is returned in words.
    pub(super) fn violation(&self, run: &Run, event: &Event, transition: &Transition) -> Option<String> {
        let violations = invariants::check_live(&run.rollout, event, transition);
        (!violations.is_empty())
            .then(|| violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }
}

/// A snapshot row of a run.
pub(super) fn snapshot(run: &Run, now: Timestamp) -> SnapshotRow {
    let (format, payload) = record::encode_state(&run.rollout);
    let summary = view::run_summary(&run.rollout, &run.report, now);
    SnapshotRow {
        run: run.rollout.run.clone(),
        seq: run.seq,
        format,
        payload,
        status: run.rollout.status.as_str().into(),
        started_at: run.rollout.started_at,
        ended_at: run.rollout.ended_at,
        plan_hash: run.rollout.plan_hash.to_string(),
        summary: summary.to_string().into_bytes(),
    }
}
