//! The loop: wait, step, commit, perform.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use fw_api::{ReportAnswer, SplitMessage};
use fw_engine::rollout::Requested;
use fw_model::{ServiceKey, SourceId, Timestamp};
use fw_store::{IdempotencyRow, RolloutLog};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior};

use super::batch::Work;
use super::message::{Idempotency, Message};
use super::perform;
use super::reporters;
use super::service::Service;
use super::sources::{FORGET_AFTER, SOURCES_MAX, Source};
use super::watching::{SILENCE_MAX, Served};
use crate::handle::Views;
use crate::{Clock, Refusal, view};

/// The engine looks every second, whatever the monitoring interval is.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most messages stepped in one batch.
const BATCH_MESSAGES_MAX: usize = 1024;
/// Idempotency keys remembered in memory, for repeats that come faster than the log is read.
const RECENT_KEYS_MAX: usize = 10_000;
/// How often the log is compacted.
const COMPACT_EVERY: Duration = Duration::from_secs(600);

/// What readers and the loop share.
pub(crate) struct Shared {
    pub(crate) views: ArcSwap<Views>,
    newest: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn new(newest: u64) -> Shared {
        Shared { views: ArcSwap::default(), newest: watch::Sender::new(newest) }
    }

    pub(crate) fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    pub(super) fn show(&self, services: &BTreeMap<ServiceKey, Service>, now: Timestamp) {
        self.views.store(Arc::new(perform::views(services, now)));
    }

    pub(super) fn announce(&self, id: u64) {
        self.newest.send_replace(id);
    }
}

/// Everything the loop owns.
pub(crate) struct Core {
    pub(crate) log: Arc<dyn RolloutLog>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) bits: Box<dyn Fn() -> u128 + Send + Sync>,
    pub(crate) shared: Arc<Shared>,
    pub(super) services: BTreeMap<ServiceKey, Service>,
    next_published: u64,
    recent_keys: HashMap<(String, String), (String, Value)>,
    recent_order: VecDeque<(String, String)>,
    compacted: Instant,
    /// When the clock last ticked.
    ticked: Instant,
}

impl Core {
    /// Rebuilds the services from the log. Nothing is moved.
    ///
    /// # Errors
    /// As [`super::BootError`].
    pub(crate) fn boot(
        log: Arc<dyn RolloutLog>,
        clock: Arc<dyn Clock>,
        bits: Box<dyn Fn() -> u128 + Send + Sync>,
        defs: Vec<super::ServiceDef>,
    ) -> Result<Core, super::BootError> {
        let loaded = log.load()?;
        let services = super::boot::services(&loaded, defs, &log.open_info(), &*bits)?;
        let shared = Arc::new(Shared::new(loaded.last_published));
        shared.show(&services, clock.now());
        Ok(Core {
            log,
            clock,
            bits,
            shared,
            services,
            next_published: loaded.last_published + 1,
            recent_keys: HashMap::new(),
            recent_order: VecDeque::new(),
            compacted: Instant::now(),
            ticked: Instant::now(),
        })
    }

    /// Merges a report at once; it becomes durable with the look that consumes it.
    fn report(
        &mut self,
        key: &ServiceKey,
        report: &fw_api::Report,
        local: bool,
    ) -> Result<ReportAnswer, Refusal> {
        let now = Instant::now();
        let service = self.services.get_mut(key).ok_or_else(|| Refusal::UnknownService(key.to_string()))?;
        let stable = Served::of(service);
        let run = service.state.run.as_ref().map(|run| run.rollout.first_epoch);
        let sources = &mut service.state.sources;
        let id = SourceId(report.source.id.clone());
        if id.0.starts_with(reporters::PREFIX) {
            let text = format!("source.id: {:?} is kept for sources of metrics", reporters::PREFIX);
            return Err(Refusal::Invalid(text));
        }
        if !sources.contains_key(&id) && sources.len() >= SOURCES_MAX {
            return Err(Refusal::Invalid(format!("more than {SOURCES_MAX} data planes report for {key}")));
        }
        let mut source = sources.get(&id).cloned().unwrap_or_else(|| Source::new(id.clone(), local, now));
        let merged = source.merge(report, &stable, run, now).map_err(|e| Refusal::Invalid(e.to_string()))?;
        let closed_epochs = source.close(service.state.epoch, now);
        sources.insert(id, source);
        service.state.urgent |= merged.urgent;
        for (instance, counts) in &merged.stable {
            Arc::make_mut(&mut service.state.watching).add(instance, counts);
        }
        Ok(ReportAnswer { split: SplitMessage::from(&**service.split.borrow()), closed_epochs })
    }

    /// Counts the time that stable versions are watched: some data plane of theirs is heard.
    fn watch(&mut self) {
        let now = Instant::now();
        let span = now.duration_since(std::mem::replace(&mut self.ticked, now));
        for service in self.services.values_mut() {
            let heard = |s: &Source| s.reported && now.duration_since(s.heard) <= SILENCE_MAX;
            if span <= SILENCE_MAX && service.state.sources.values().any(heard) {
                service.watch(span);
            }
        }
    }

    /// An answer given before under this key, or a refusal when the request is another.
    fn repeated(&self, scope: &str, idempotency: Option<&Idempotency>) -> Option<Result<Value, Refusal>> {
        let wanted = idempotency?;
        let (hash, body) = self.recent_keys.get(&(scope.to_owned(), wanted.key.clone()))?;
        Some(if *hash == wanted.request_hash {
            Ok(body.clone())
        } else {
            Err(Refusal::IdempotencyMismatch(wanted.key.clone()))
        })
    }

    fn remember(&mut self, scope: &str, idempotency: &Idempotency, body: &Value) {
        let place = (scope.to_owned(), idempotency.key.clone());
        if self.recent_order.len() >= RECENT_KEYS_MAX
            && let Some(oldest) = self.recent_order.pop_front()
        {
            self.recent_keys.remove(&oldest);
        }
        self.recent_order.push_back(place.clone());
        self.recent_keys.insert(place, (idempotency.request_hash.clone(), body.clone()));
    }

    /// Finds the service a name means: `service`, `service@region`, or its latest run.
    fn key_of(&self, name: &str) -> Result<ServiceKey, Refusal> {
        let unknown = || Refusal::UnknownRollout(name.to_owned());
        if let Ok(key) = name.parse::<ServiceKey>()
            && self.services.contains_key(&key)
        {
            return Ok(key);
        }
        let run = name.parse::<fw_model::RunId>().map_err(|_| unknown())?;
        let latest = self.services.get(&run.key).and_then(|s| s.state.run.as_ref()).ok_or_else(unknown)?;
        if latest.rollout.run == run {
            Ok(run.key)
        } else if run.number < latest.rollout.run.number {
            Err(Refusal::Invalid(format!("{run} is over; {} is the latest", latest.rollout.run)))
        } else {
            Err(unknown())
        }
    }
}

/// Runs until told to stop or every sender is gone.
pub(crate) async fn run(mut core: Core, mut inbox: mpsc::Receiver<Message>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let mut messages = vec![];
        let ticked = tokio::select! {
            received = inbox.recv_many(&mut messages, BATCH_MESSAGES_MAX) => {
                if received == 0 { return }
                false
            }
            _ = ticks.tick() => true,
        };
        if let Some(stopped) = core.handle(messages, ticked).await {
            let _ = stopped.send(());
            return;
        }
        if ticked {
            core.tidy().await;
        }
    }
}

impl Core {
    /// One batch. Returns the stop request, if one was among the messages.
    async fn handle(&mut self, messages: Vec<Message>, ticked: bool) -> Option<oneshot::Sender<()>> {
        if ticked {
            self.watch();
        }
        let mut stop = None;
        let mut asked = vec![];
        for message in messages {
            match message {
                Message::Report { key, report, local, reply } => {
                    let _ = reply.send(self.report(&key, &report, local));
                }
                Message::Stop(done) => stop = Some(done),
                other => asked.push(other),
            }
        }
        // Requests of one batch are told apart by their keys only after they were stepped, so repeats wait for the next.
        for chunk in split_repeats(asked) {
            self.commit(chunk, false, false).await;
        }
        let urgent = self.services.values().any(|s| s.state.urgent);
        if ticked || urgent || stop.is_some() {
            self.commit(vec![], ticked || stop.is_some(), stop.is_some()).await;
        }
        stop
    }

    /// Steps messages (or, without any, looks), commits, performs. `stops`: nothing comes after it.
    async fn commit(&mut self, messages: Vec<Message>, all: bool, stops: bool) {
        let (now, instant) = (self.clock.now(), Instant::now());
        let looking = messages.is_empty();
        let mut remembered = vec![];
        let (rows, done) = {
            let mut work = Work::new(&self.services, self.next_published, now, instant);
            for message in messages {
                self.step(&mut work, message, &mut remembered);
            }
            if looking {
                let keys: Vec<ServiceKey> = self
                    .services
                    .iter()
                    .filter(|(_, s)| all || s.state.urgent)
                    .map(|(key, _)| key.clone())
                    .collect();
                keys.iter().for_each(|key| work.look(key));
                if all {
                    let is_due = |s: &Service| s.state.watching.is_due(stops);
                    let due = self.services.iter().filter(|(_, s)| is_due(s)).map(|(key, _)| key);
                    due.for_each(|key| work.keep_learnt(key));
                }
            }
            work.done()
        };
        self.services.values_mut().for_each(|s| s.state.urgent = false);
        let published = rows.published.len() as u64;
        let failed = if rows.is_empty() { None } else { self.write(rows).await };
        match failed {
            None => {
                self.next_published += published;
                for (scope, idempotency, body) in remembered {
                    self.remember(&scope, &idempotency, &body);
                }
                done.perform(&mut self.services, &self.shared, now);
            }
            Some(why) => {
                tracing::error!(target: "fw_runtime", %why, "the event log could not be written; nothing was changed");
                done.fail(&why);
            }
        }
    }

    async fn write(&self, rows: fw_store::Batch) -> Option<String> {
        let log = self.log.clone();
        match tokio::task::spawn_blocking(move || log.commit(&rows)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(panic) => Some(panic.to_string()),
        }
    }

    /// Steps one message into the batch.
    fn step(
        &self,
        work: &mut Work<'_>,
        message: Message,
        remembered: &mut Vec<(String, Idempotency, Value)>,
    ) {
        let (scope, idempotency, result, reply) = match message {
            Message::Start(request, reply) => {
                let scope = format!("start {}", request.plan.key);
                let repeated = self.repeated(&scope, request.idempotency.as_ref());
                let result = repeated.map_or_else(
                    || {
                        let key = work.start(&request, (self.bits)())?;
                        Ok(Outcome::New(200, detail(work, &key)))
                    },
                    |r| r.map(Outcome::Old),
                );
                (scope, request.idempotency, result, reply)
            }
            Message::Command { name, command, actor, reason, idempotency, reply } => {
                let scope = format!("{command:?} {name}");
                let repeated = self.repeated(&scope, idempotency.as_ref());
                let by = Requested { actor, reason };
                let act = || {
                    let key = self.key_of(&name)?;
                    work.command(&key, command, by)?;
                    Ok(Outcome::New(200, detail(work, &key)))
                };
                let result = repeated.map_or_else(act, |r| r.map(Outcome::Old));
                (scope, idempotency, result, reply)
            }
            Message::Metric { key, report, idempotency, reply } => {
                let scope = format!("metric {key}");
                let repeated = self.repeated(&scope, idempotency.as_ref());
                let act = || {
                    let answer = work.metric(&key, &report)?;
                    Ok(Outcome::New(202, serde_json::to_value(answer).unwrap_or(Value::Null)))
                };
                let result = repeated.map_or_else(act, |r| r.map(Outcome::Old));
                (scope, idempotency, result, reply)
            }
            Message::Report { .. } | Message::Stop(_) => return,
        };
        let result = result.map(|outcome| match outcome {
            Outcome::Old(body) => body,
            Outcome::New(status, body) => {
                if let Some(idempotency) = idempotency {
                    work.rows.idempotency.push(IdempotencyRow {
                        scope: scope.clone(),
                        key: idempotency.key.clone(),
                        request_hash: idempotency.request_hash.clone(),
                        status,
                        body: body.to_string().into_bytes(),
                        at: work.now,
                    });
                    remembered.push((scope, idempotency, body.clone()));
                }
                body
            }
        });
        work.answers.push(Box::new(move |failed| {
            let _ = reply.send(match failed {
                Some(why) => Err(Refusal::Store(why.to_owned())),
                None => result,
            });
        }));
    }

    /// Forgets sources long unheard of, and compacts the log now and then.
    async fn tidy(&mut self) {
        let now = Instant::now();
        for service in self.services.values_mut() {
            let busy = service.state.run.as_ref().is_some_and(|run| run.rollout.is_watched());
            if !busy {
                service.state.sources.retain(|_, s| now.duration_since(s.heard) < FORGET_AFTER);
                let recent = |heard| now.duration_since(heard) < reporters::FORGET_AFTER;
                service.state.reporters.retain(|_, r| recent(r.heard));
            }
        }
        if now.duration_since(self.compacted) >= COMPACT_EVERY {
            self.compacted = now;
            let (log, at) = (self.log.clone(), self.clock.now());
            let result =
                tokio::task::spawn_blocking(move || log.compact(&fw_store::Retention::default(), at)).await;
            if let Ok(Err(error)) = result {
                tracing::warn!(target: "fw_runtime", %error, "the log could not be compacted");
            }
        }
    }
}

/// What a request came to.
enum Outcome {
    /// Something was done: status and body of the answer.
    New(u16, Value),
    /// It was answered before, with this body.
    Old(Value),
}

fn detail(work: &Work<'_>, key: &ServiceKey) -> Value {
    match work.state(key).and_then(|state| state.run.as_ref()) {
        Some(run) => {
            let users = work.state(key).map(|state| state.users()).unwrap_or_default();
            view::detail_of(&run.shown, &run.report, users, work.now)
        }
        None => Value::Null,
    }
}

/// Cuts requests into chunks in which no idempotency key comes twice.
fn split_repeats(messages: Vec<Message>) -> Vec<Vec<Message>> {
    let mut chunks: Vec<Vec<Message>> = vec![];
    let mut keys: Vec<String> = vec![];
    for message in messages {
        let key = match &message {
            Message::Start(request, _) => request.idempotency.as_ref().map(|i| i.key.clone()),
            Message::Command { idempotency, .. } | Message::Metric { idempotency, .. } => {
                idempotency.as_ref().map(|i| i.key.clone())
            }
            Message::Report { .. } | Message::Stop(_) => None,
        };
        let repeat = key.as_ref().is_some_and(|key| keys.contains(key));
        if chunks.is_empty() || repeat {
            chunks.push(vec![]);
            keys.clear();
        }
        keys.extend(key);
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(message);
        }
    }
    chunks
}
