//! A service in a region: its version, its epochs, its data planes, its latest rollout.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fw_engine::{Report, Rollout};
use fw_model::{Epoch, LogId, Plan, Salt, ServiceKey, SourceId, Split, Variant};
use fw_store::{ServiceRow, record};
use tokio::sync::watch;
use tokio::time::Instant;

use super::reporters::Reporter;
use super::sources::{RunUsers, Source};
use super::watching::Watching;

/// A service to serve, as its config says.
#[derive(Debug, Clone)]
pub struct ServiceDef {
    /// Its plan: versions, router, stickiness. Its key names the service.
    pub plan: Plan,
}

/// A rollout with what the shell keeps beside it.
#[derive(Debug, Clone)]
pub(super) struct Run {
    /// As committed.
    pub(super) rollout: Rollout,
    /// As of the last look, kept or not: what is shown.
    pub(super) shown: Rollout,
    /// Of `shown`.
    pub(super) report: Report,
    /// Events in the log.
    pub(super) seq: u64,
    /// `seq` of the last snapshot.
    pub(super) snapshot_seq: u64,
    /// Watched time of looks that were not kept.
    pub(super) carried: Duration,
    /// When it was last looked at.
    pub(super) looked: Option<Instant>,
}

/// What a batch works on: copied, changed, and taken over when the store has it.
#[derive(Debug, Clone)]
pub(super) struct ServiceState {
    pub(super) key: ServiceKey,
    pub(super) epoch: Epoch,
    pub(super) runs: u64,
    pub(super) current_version: Option<String>,
    pub(super) run: Option<Run>,
    pub(super) sources: BTreeMap<SourceId, Source>,
    /// Who reports custom metrics: no data planes.
    pub(super) reporters: BTreeMap<SourceId, Arc<Reporter>>,
    /// What was learnt of the served version.
    pub(super) watching: Arc<Watching>,
    /// A report asked for a look at once.
    pub(super) urgent: bool,
    /// Until then, data planes known from before a restart may still be on their way back.
    pub(super) grace_until: Instant,
}

/// A service and where its split is told.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) state: ServiceState,
    pub(super) plan: Plan,
    /// Salt of the resting split: keys are not split then, but a data plane wants one.
    pub(super) resting_salt: Salt,
    pub(super) log_id: LogId,
    pub(super) split: watch::Sender<Arc<Split>>,
}

impl ServiceState {
    /// The rollout that looks are taken at, if there is one.
    pub(super) fn watched(&self) -> Option<&Run> {
        self.run.as_ref().filter(|run| run.rollout.is_watched() && run.rollout.epoch == self.epoch)
    }

    /// Different users of the latest rollout, about, of stable and of the canary; none where no data plane tells.
    pub(super) fn users(&self) -> [Option<u64>; 2] {
        let Some(first) = self.run.as_ref().map(|run| run.rollout.first_epoch) else { return [None, None] };
        let mut all: Option<RunUsers> = None;
        for users in self.sources.values().filter_map(|source| source.users(first)) {
            all.get_or_insert_with(|| RunUsers::new(first)).merge(users);
        }
        [Variant::Stable, Variant::Canary].map(|variant| all.as_ref().and_then(|all| all.count(variant)))
    }

    /// As it is stored: what was learnt of the served version is its payload, empty where nothing was.
    pub(super) fn to_row(&self) -> ServiceRow {
        let learnt =
            self.watching.learnt().map(|(version, history)| record::encode_history(version, history));
        let (format, payload) = learnt.unwrap_or((record::HISTORY_FORMAT, vec![]));
        ServiceRow {
            key: self.key.clone(),
            epoch: self.epoch,
            runs: self.runs,
            current_version: self.current_version.clone(),
            format,
            payload,
        }
    }
}

impl Service {
    /// The split that is wanted now.
    pub(super) fn split_now(&self) -> Split {
        match &self.state.run {
            // The latest change of the split came from this rollout, so it says where traffic goes.
            Some(run) if run.rollout.epoch == self.state.epoch => split_of(&run.rollout, &self.log_id),
            _ => Split::resting(&self.plan, self.log_id.clone(), self.state.epoch, self.resting_salt),
        }
    }

    /// Data planes that are live and still route by an older split.
    pub(super) fn lagging(&self) -> usize {
        let now = Instant::now();
        let lags = |seen: fw_engine::rollout::SourceSeen| seen.is_live() && seen.confirmed < self.state.epoch;
        self.state.sources.values().filter(|source| source.reported && lags(source.seen(now))).count()
    }

    /// Tells the split to whoever listens, if it changed.
    pub(super) fn tell(&self) {
        let split = Arc::new(self.split_now());
        self.split.send_if_modified(|told| {
            let changed = **told != *split;
            *told = split;
            changed
        });
    }
}

/// The split of a rollout.
pub(super) fn split_of(rollout: &Rollout, log_id: &LogId) -> Split {
    let plan = &rollout.plan;
    let (stable_urls, canary_urls) = pools(rollout);
    let target = rollout.phase().or(plan.phases.first()).map_or(500.0, fw_model::Phase::apdex_target_ms);
    Split {
        key: rollout.run.key.clone(),
        rollout: Some(rollout.run.to_string()),
        log_id: log_id.clone(),
        epoch: rollout.epoch,
        salt: rollout.salt,
        canary: rollout.canary,
        stable_urls,
        canary_urls,
        stickiness: plan.stickiness.clone(),
        dead_man: plan.dead_man,
        apdex_target_ms: target,
        errors: plan.errors.clone(),
    }
}

/// The instances that requests go to, of stable and of the canary.
///
/// All of both; but a rolling plan has put one more instance of the canary in the place of one of stable with each phase.
/// Those that were replaced still run, so going back has all of them again at once.
fn pools(rollout: &Rollout) -> (Vec<String>, Vec<String>) {
    let plan = &rollout.plan;
    let (stable, canary) = (&plan.stable.urls, &plan.canary.urls);
    let Some(position) = rollout.position.filter(|_| plan.rolling && !rollout.is_full()) else {
        return (stable.clone(), canary.clone());
    };
    let moved = (position + 1).min(canary.len());
    // One of stable stays while it has a share.
    let gone = (moved * stable.len() / canary.len().max(1)).min(stable.len().saturating_sub(1));
    (stable[gone..].to_vec(), canary[..moved].to_vec())
}
