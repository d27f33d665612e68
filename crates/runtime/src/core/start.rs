//! A start: checks, the first event, and the end of a rolled-back one that it replaces.

use std::sync::Arc;
use std::time::Duration;

use fw_engine::{Event, Started};
use fw_model::{RunId, Salt, ServiceKey};

use super::batch::Work;
use super::message::StartRequest;
use super::service::Run;
use crate::{Refusal, view};

impl Work<'_> {
    /// Begins a rollout. `bits` are 128 random bits for its salt.
    pub(super) fn start(&mut self, request: &StartRequest, bits: u128) -> Result<ServiceKey, Refusal> {
        let key = request.plan.key.clone();
        let state = self.state(&key).ok_or_else(|| Refusal::UnknownService(key.to_string()))?;
        if let Some(run) = state.run.as_ref().filter(|run| run.rollout.status.is_under_way()) {
            let detail = view::detail_of(&run.shown, &run.report, state.users(), self.now);
            return Err(Refusal::UnderWay { run: run.rollout.run.to_string(), state: detail });
        }
        let given = &request.plan.stable.version;
        if let Some(current) = state.current_version.as_ref().filter(|current| *current != given) {
            return Err(Refusal::StableMismatch { given: given.clone(), current: current.clone() });
        }
        let started = Started {
            run: RunId { key: key.clone(), number: state.runs + 1 },
            plan: Arc::new(request.plan.clone()),
            plan_hash: request.plan_hash.as_str().into(),
            salt: Salt::from_bits(bits),
            last_epoch: state.epoch,
            actor: request.actor.clone(),
            reason: request.reason.clone(),
            before: state.before(given),
        };
        let transition = fw_engine::begin(&started, self.now)
            .map_err(|rejection| Refusal::Rejected { rejection, state: serde_json::Value::Null })?;
        self.supersede(&key, &started.run);
        if let Some(state) = self.stage(&key) {
            state.runs += 1;
            Arc::make_mut(&mut state.watching).hand_over();
        }
        let run = Run {
            rollout: transition.next.clone(),
            shown: transition.next.clone(),
            report: transition.report.clone(),
            seq: 0,
            snapshot_seq: 0,
            carried: Duration::ZERO,
            looked: None,
        };
        self.record(&key, run, &Event::Started(started), transition);
        Ok(key)
    }

    /// A rolled-back rollout of the service is over for good now.
    fn supersede(&mut self, key: &ServiceKey, by: &RunId) {
        let event = Event::Superseded { by: by.clone() };
        let Some(run) = self.state(key).and_then(|state| state.run.clone()) else { return };
        if let Ok(transition) = fw_engine::step(&run.rollout, &event, self.now) {
            self.record(key, run, &event, transition);
        }
    }
}
