//! The way to the core for servers and embedders: ask, read, follow.
//!
//! Reads come from what was last committed and never wait for the core. Old runs and events come
//! from the log, on a blocking thread.

use std::collections::BTreeMap;
use std::sync::Arc;

use fw_api::wire::MetricReport;
use fw_api::{Report, ReportAnswer, Status};
use fw_engine::Rollout;
use fw_engine::rollout::Tally;
use fw_model::{Epoch, RunId, ServiceKey, Split, Timestamp};
use fw_store::{IdempotencyRow, Published, RolloutFilter, RolloutLog, RolloutRow};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};

use crate::core::{self, Command, Core, Idempotency, Message, Shared, StartRequest};
use crate::{BootError, Clock, Refusal, ServiceDef, view};

/// Messages that may wait for the core.
const INBOX_MAX: usize = 4096;
/// Most rows of one page of a list or a history.
pub const PAGE_MAX: usize = 1000;

/// Starts the core and talks to it. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    inbox: mpsc::Sender<Message>,
    shared: Arc<Shared>,
    log: Arc<dyn RolloutLog>,
    clock: Arc<dyn Clock>,
}

/// What readers see: every service as last committed.
#[derive(Default)]
pub struct Views {
    /// By service and region.
    pub services: BTreeMap<ServiceKey, ServiceView>,
}

/// An engine event of a run, as the log has it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEvent {
    /// Its place in the run, from 1.
    pub seq: u64,
    /// When it was applied.
    pub at: Timestamp,
    /// What happened.
    pub event: fw_engine::Event,
}

/// A service as last committed.
#[derive(Clone)]
pub struct ServiceView {
    /// What runs; none before the first completed rollout.
    pub current_version: Option<String>,
    /// What the config names as stable.
    pub configured_stable: String,
    /// Its split, and every change of it.
    pub split: watch::Receiver<Arc<Split>>,
    /// Epoch of the split.
    pub epoch: Epoch,
    /// Data planes that are known.
    pub sources: usize,
    /// Of them, those heard of lately that still route by an older split.
    pub lagging: usize,
    /// Its latest rollout.
    pub run: Option<Arc<RunView>>,
}

/// A rollout as last committed.
pub struct RunView {
    /// Which.
    pub run: RunId,
    /// When it began.
    pub started_at: Timestamp,
    /// As `GET /status`.
    pub status: Status,
    /// As `GET /api/v1/rollouts/{name}`.
    pub detail: Value,
    /// As in the list.
    pub summary: Value,
    /// Counts of this phase by variant.
    pub counts: Tally,
    /// Different users over the rollout, about, of stable and of the canary; none where nobody tells.
    pub users: [Option<u64>; 2],
    /// The rollout itself.
    pub rollout: Arc<Rollout>,
}

impl Handle {
    /// Rebuilds the state from the log and starts the core on the current tokio runtime.
    ///
    /// `bits` draws 128 random bits (for salts). Nothing is moved by starting.
    ///
    /// # Errors
    /// [`BootError`]: the log can't be read, or two configs are for one service.
    pub fn start_core(
        log: Arc<dyn RolloutLog>,
        clock: Arc<dyn Clock>,
        bits: Box<dyn Fn() -> u128 + Send + Sync>,
        services: Vec<ServiceDef>,
    ) -> Result<Handle, BootError> {
        let core = Core::boot(log.clone(), clock.clone(), bits, services)?;
        let shared = core.shared.clone();
        let (inbox, messages) = mpsc::channel(INBOX_MAX);
        tokio::spawn(core::run(core, messages));
        Ok(Handle { inbox, shared, log, clock })
    }

    async fn ask<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<Result<T, Refusal>>) -> Message,
    ) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.inbox.try_send(message(reply)).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => Refusal::Busy,
            mpsc::error::TrySendError::Closed(_) => Refusal::Closed,
        })?;
        answer.await.map_err(|_| Refusal::Closed)?
    }

    /// Begins a rollout; the answer is its detail.
    ///
    /// # Errors
    /// [`Refusal::UnknownService`], [`Refusal::UnderWay`], [`Refusal::StableMismatch`], [`Refusal::Rejected`] for an
    /// unsound plan, [`Refusal::IdempotencyMismatch`], [`Refusal::Store`], [`Refusal::Busy`], [`Refusal::Closed`].
    pub async fn start(&self, request: StartRequest) -> Result<Value, Refusal> {
        if let Some(body) =
            self.repeated(&format!("start {}", request.plan.key), request.idempotency.as_ref()).await?
        {
            return Ok(body);
        }
        self.ask(|reply| Message::Start(Box::new(request), reply)).await
    }

    /// Does what a person asked; the answer is the rollout's detail after it.
    ///
    /// `name` is a service, `service@region`, or the latest run's name.
    ///
    /// # Errors
    /// [`Refusal::UnknownRollout`], [`Refusal::Rejected`], [`Refusal::IdempotencyMismatch`], [`Refusal::Store`],
    /// [`Refusal::Busy`], [`Refusal::Closed`].
    pub async fn command(
        &self,
        name: &str,
        command: Command,
        actor: String,
        reason: Option<String>,
        idempotency: Option<Idempotency>,
    ) -> Result<Value, Refusal> {
        if let Some(body) = self.repeated(&format!("{command:?} {name}"), idempotency.as_ref()).await? {
            return Ok(body);
        }
        let name = name.to_owned();
        self.ask(|reply| Message::Command { name, command, actor, reason, idempotency, reply }).await
    }

    /// Takes a data plane's report in. `local` means: it lives in this process and dies with it.
    ///
    /// # Errors
    /// [`Refusal::UnknownService`]; [`Refusal::Invalid`] names the field; [`Refusal::Busy`], [`Refusal::Closed`].
    pub async fn report(
        &self,
        key: ServiceKey,
        report: Report,
        local: bool,
    ) -> Result<ReportAnswer, Refusal> {
        self.ask(|reply| Message::Report { key, report: Box::new(report), local, reply }).await
    }

    /// Counts a report of a custom metric; the answer, a [`fw_api::wire::MetricAnswer`], comes once it is durable.
    ///
    /// # Errors
    /// [`Refusal::UnknownService`]; [`Refusal::Invalid`] names the field; [`Refusal::IdempotencyMismatch`],
    /// [`Refusal::Store`], [`Refusal::Busy`], [`Refusal::Closed`].
    pub async fn metric(
        &self,
        key: ServiceKey,
        report: MetricReport,
        idempotency: Option<Idempotency>,
    ) -> Result<Value, Refusal> {
        if let Some(body) = self.repeated(&format!("metric {key}"), idempotency.as_ref()).await? {
            return Ok(body);
        }
        self.ask(|reply| Message::Metric { key, report: Box::new(report), idempotency, reply }).await
    }

    /// Takes a last look, commits it, and ends the core.
    pub async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.inbox.send(Message::Stop(done)).await.is_ok() {
            let _ = stopped.await;
        }
    }

    /// Everything as last committed.
    pub fn views(&self) -> Arc<Views> {
        self.shared.views.load_full()
    }

    /// Now, by the core's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The latest rollout that `name` and `region` mean; without a name the most recently started one.
    ///
    /// `Ok(None)` when there was none yet.
    ///
    /// # Errors
    /// [`Refusal::UnknownRollout`] for a name that means nothing here.
    pub fn latest(&self, name: Option<&str>, region: Option<&str>) -> Result<Option<Arc<RunView>>, Refusal> {
        let views = self.views();
        let of_region =
            |key: &ServiceKey| region.is_none_or(|r| key.region.as_ref().is_some_and(|k| k.as_str() == r));
        let newest = |keep: &dyn Fn(&ServiceKey) -> bool| {
            let runs = views.services.iter().filter(|(key, _)| keep(key)).filter_map(|(_, s)| s.run.clone());
            runs.max_by_key(|run| (run.started_at, run.run.clone()))
        };
        let Some(name) = name else { return Ok(newest(&of_region)) };
        let unknown = || Refusal::UnknownRollout(name.to_owned());
        if let Ok(key) = name.parse::<ServiceKey>() {
            let named =
                |k: &ServiceKey| k.service == key.service && (key.region.is_none() || k.region == key.region);
            if views.services.keys().any(|k| named(k) && of_region(k)) {
                return Ok(newest(&|k| named(k) && of_region(k)));
            }
        }
        let run: RunId = name.parse().map_err(|_| unknown())?;
        let latest =
            views.services.get(&run.key).and_then(|s| s.run.clone()).filter(|latest| latest.run == run);
        latest.map(Some).ok_or_else(unknown)
    }

    /// The detail of any run: a service's latest by its name, an older one by `service.NUMBER`.
    ///
    /// # Errors
    /// [`Refusal::UnknownRollout`]; [`Refusal::Store`] when the log can't be read.
    pub async fn detail(&self, name: &str, region: Option<&str>) -> Result<Value, Refusal> {
        match self.latest(Some(name), region) {
            Ok(Some(run)) => Ok(run.detail.clone()),
            Ok(None) => Err(Refusal::UnknownRollout(name.to_owned())),
            Err(refusal) => {
                let Ok(run) = name.parse::<RunId>() else { return Err(refusal) };
                let now = self.now();
                self.read(move |log| stored_detail(log, &run, now)).await?.ok_or(refusal)
            }
        }
    }

    /// Every rollout, newest first; `unended` only those that are not over.
    ///
    /// # Errors
    /// [`Refusal::Store`] when the log can't be read.
    pub async fn list(&self, filter: RolloutFilter, limit: usize) -> Result<Vec<Value>, Refusal> {
        let rows = self
            .read(move |log| log.rollouts(&filter, limit.min(PAGE_MAX)).map_err(|e| e.to_string()))
            .await?;
        let views = self.views();
        let live = |run: &RunId| {
            views.services.get(&run.key).and_then(|s| s.run.clone()).filter(|view| view.run == *run)
        };
        Ok(rows
            .into_iter()
            .map(|row| match live(&row.run) {
                Some(view) => view.summary.clone(),
                None => serde_json::from_slice(&row.summary)
                    .unwrap_or_else(|_| json!({ "run": row.run.to_string() })),
            })
            .collect())
    }

    /// What was published about a run, oldest first, after `after`; at most [`PAGE_MAX`].
    ///
    /// # Errors
    /// [`Refusal::UnknownRollout`]; [`Refusal::Store`] when the log can't be read.
    pub async fn history(&self, name: &str, after: u64, limit: usize) -> Result<Vec<Published>, Refusal> {
        let run = self.run_of(name).await?;
        let limit = limit.min(PAGE_MAX);
        self.read(move |log| published_of(log, &run, after, limit)).await
    }

    /// The run that a name means: a service's latest, or an older one by `service.NUMBER`.
    ///
    /// # Errors
    /// [`Refusal::UnknownRollout`]; [`Refusal::Store`] when the log can't be read.
    pub async fn run_of(&self, name: &str) -> Result<RunId, Refusal> {
        let unknown = || Refusal::UnknownRollout(name.to_owned());
        match self.latest(Some(name), None) {
            Ok(Some(view)) => Ok(view.run.clone()),
            Ok(None) => Err(unknown()),
            Err(refusal) => {
                let run: RunId = name.parse().map_err(|_| refusal)?;
                let asked = run.clone();
                let known = self.read(move |log| log.rollout(&asked).map_err(|e| e.to_string())).await?;
                known.map(|_| run).ok_or_else(unknown)
            }
        }
    }

    /// Engine events of a run after a sequence number, ascending, at most `limit`.
    ///
    /// A run whose events are no longer all kept begins later than at the next number.
    ///
    /// # Errors
    /// [`Refusal::Store`] when the log can't be read.
    pub async fn run_events(&self, run: &RunId, after: u64, limit: usize) -> Result<Vec<RunEvent>, Refusal> {
        let run = run.clone();
        let decoded = |row: fw_store::EventRow| {
            let event = fw_store::record::decode_event(row.format, &row.payload);
            let event = event.map_err(|e| format!("{} event {}: {e}", row.run, row.seq))?;
            Ok(RunEvent { seq: row.seq, at: row.at, event })
        };
        self.read(move |log| {
            let rows = log.history(&run, after, limit.min(PAGE_MAX)).map_err(|e| e.to_string())?;
            rows.into_iter().map(decoded).collect()
        })
        .await
    }

    /// Runs as the log has them, the most recently started first, at most `limit`.
    ///
    /// # Errors
    /// [`Refusal::Store`] when the log can't be read.
    pub async fn runs(&self, limit: usize) -> Result<Vec<RolloutRow>, Refusal> {
        let limit = limit.min(PAGE_MAX);
        self.read(move |log| log.rollouts(&RolloutFilter::default(), limit).map_err(|e| e.to_string())).await
    }

    /// Different users of a run, about, of stable and of the canary; none where nobody tells, or for a past run.
    pub fn users(&self, run: &RunId) -> [Option<u64>; 2] {
        let views = self.views();
        let latest = views.services.get(&run.key).and_then(|service| service.run.as_ref());
        latest.filter(|view| view.run == *run).map_or([None, None], |view| view.users)
    }

    /// Follows a service's split; the present one at once.
    ///
    /// # Errors
    /// [`Refusal::UnknownService`].
    pub fn split(&self, key: &ServiceKey) -> Result<watch::Receiver<Arc<Split>>, Refusal> {
        let views = self.views();
        let service = views.services.get(key).ok_or_else(|| Refusal::UnknownService(key.to_string()))?;
        Ok(service.split.clone())
    }

    /// The newest published id, and every change of it.
    pub fn newest_event(&self) -> watch::Receiver<u64> {
        self.shared.newest()
    }

    /// Published events after an id, ascending.
    ///
    /// # Errors
    /// [`Refusal::Store`] when the log can't be read.
    pub async fn events_after(
        &self,
        id: u64,
        filter: Option<ServiceKey>,
        limit: usize,
    ) -> Result<Vec<Published>, Refusal> {
        self.read(move |log| log.published_after(id, filter.as_ref(), limit).map_err(|e| e.to_string())).await
    }

    /// Oldest and newest kept published id; none when none is kept.
    ///
    /// # Errors
    /// [`Refusal::Store`] when the log can't be read.
    pub async fn events_kept(&self) -> Result<Option<(u64, u64)>, Refusal> {
        let range = self.read(|log| log.published_range().map_err(|e| e.to_string())).await?;
        Ok(range.map(|r| (r.oldest, r.newest)))
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn RolloutLog) -> Result<T, String> + Send + 'static,
    ) -> Result<T, Refusal> {
        let log = self.log.clone();
        match tokio::task::spawn_blocking(move || work(&*log)).await {
            Ok(result) => result.map_err(Refusal::Store),
            Err(panic) => Err(Refusal::Store(panic.to_string())),
        }
    }

    /// What was answered under this key before, from the log.
    async fn repeated(
        &self,
        scope: &str,
        idempotency: Option<&Idempotency>,
    ) -> Result<Option<Value>, Refusal> {
        let Some(wanted) = idempotency.cloned() else { return Ok(None) };
        let (scope, key) = (scope.to_owned(), wanted.key.clone());
        let row: Option<IdempotencyRow> =
            self.read(move |log| log.idempotent(&scope, &key).map_err(|e| e.to_string())).await?;
        match row {
            None => Ok(None),
            Some(row) if row.request_hash == wanted.request_hash => {
                Ok(Some(serde_json::from_slice(&row.body).unwrap_or(Value::Null)))
            }
            Some(_) => Err(Refusal::IdempotencyMismatch(wanted.key)),
        }
    }
}

fn stored_detail(log: &dyn RolloutLog, run: &RunId, now: Timestamp) -> Result<Option<Value>, String> {
    let Some(stored) = log.rollout(run).map_err(|e| e.to_string())? else { return Ok(None) };
    let events = log.history(run, stored.snapshot.seq, PAGE_MAX).map_err(|e| e.to_string())?;
    let (rollout, report) = core::decode_run(&stored, &events).map_err(|e| e.to_string())?;
    Ok(Some(view::detail_of(&rollout, &report, [None, None], now)))
}

fn published_of(
    log: &dyn RolloutLog,
    run: &RunId,
    after: u64,
    limit: usize,
) -> Result<Vec<Published>, String> {
    let (mut found, mut cursor) = (vec![], after);
    loop {
        let page = log.published_after(cursor, Some(&run.key), PAGE_MAX).map_err(|e| e.to_string())?;
        let Some(last) = page.last() else { return Ok(found) };
        cursor = last.id;
        found.extend(page.into_iter().filter(|p| p.run == *run));
        if found.len() >= limit {
            found.truncate(limit);
            return Ok(found);
        }
    }
}
