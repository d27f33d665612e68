//! After the commit: states taken over, splits told, events announced, callers answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use fw_model::ServiceKey;

use super::batch::Work;
use super::service::Service;
use super::task::Shared;
use crate::handle::{RunView, ServiceView, Views};
use crate::view;

/// What a committed batch leaves to do.
pub(super) struct Done {
    staged: BTreeMap<ServiceKey, super::service::ServiceState>,
    last_published: Option<u64>,
    answers: Vec<super::batch::Answer>,
}

impl Work<'_> {
    pub(super) fn done(mut self) -> (fw_store::Batch, Done) {
        for (key, id) in &self.touched {
            let reporter = self.staged.get(key).and_then(|state| state.reporters.get(id));
            self.rows.sources.extend(reporter.map(|reporter| reporter.to_row(id, key, self.now)));
        }
        let last_published = self.rows.published.last().map(|p| p.id);
        (self.rows, Done { staged: self.staged, last_published, answers: self.answers })
    }
}

impl Done {
    /// Takes the new states over. Traffic first, then the word of it.
    pub(super) fn perform(
        self,
        services: &mut BTreeMap<ServiceKey, Service>,
        shared: &Shared,
        now: fw_model::Timestamp,
    ) {
        for (key, state) in self.staged {
            let Some(service) = services.get_mut(&key) else { continue };
            service.state = state;
            service.tell();
        }
        shared.show(services, now);
        if let Some(id) = self.last_published {
            shared.announce(id);
        }
        self.answers.into_iter().for_each(|answer| answer(None));
    }

    /// The store refused: nothing was changed, and every caller is told.
    pub(super) fn fail(self, why: &str) {
        self.answers.into_iter().for_each(|answer| answer(Some(why)));
    }
}

/// What readers see of the services now.
pub(super) fn views(services: &BTreeMap<ServiceKey, Service>, now: fw_model::Timestamp) -> Views {
    let service = |service: &Service| ServiceView {
        current_version: service.state.current_version.clone(),
        configured_stable: service.plan.stable.version.clone(),
        split: service.split.subscribe(),
        epoch: service.state.epoch,
        sources: service.state.sources.len(),
        lagging: service.lagging(),
        run: service.state.run.as_ref().map(|run| {
            let users = service.state.users();
            Arc::new(RunView {
                run: run.rollout.run.clone(),
                started_at: run.rollout.started_at,
                status: view::status_of(&run.shown, &run.report, now),
                detail: view::detail_of(&run.shown, &run.report, users, now),
                summary: view::run_summary(&run.shown, &run.report, now),
                counts: run.rollout.tally.clone(),
                users,
                rollout: Arc::new(run.shown.clone()),
            })
        }),
    };
    Views { services: services.iter().map(|(key, s)| (key.clone(), service(s))).collect() }
}
