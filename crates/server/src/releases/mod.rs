//! Releases: the shell around `fw_engine::release`. Append the event, step, perform; after a restart, go on with what had begun.
//!
//! `book` holds every release and its journal; `watch` notices what moves by itself (rollouts, windows, webhooks, the clock);
//! `works` does what a release has done, a file each; `view` and `report` show it. Nothing here decides anything.

mod book;
mod orchestrator;
mod regions;
mod report;
mod view;
mod watch;
mod works;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use fw_engine::release::{
    Effect, Event, Found, Local, Outcome, Release, ReleasePlan, Resolution, Started, Step, TaskId, Work,
};
use fw_model::ServiceKey;
use fw_model::release::{Answer, ReleaseId, Strategy, shape};
use fw_providers::ask::Asker;
use fw_runtime::Handle;
use fw_runtime::config::{ServiceConfig, plan_hash};
use fw_store::Journal;
use serde_json::{Value, json};
use tokio::sync::watch as channel;
use tokio::task::JoinHandle;

use crate::waves::Waves;

pub use book::ReleaseError;
use book::{Applied, Book};
pub use fw_engine::rollout::Requested;
pub use orchestrator::{Orchestrator, ReleaseResult};

/// Lines of output that are kept for showing, of one release.
const LOG_LINES_MAX: usize = 500;
/// Releases whose output is kept for showing.
const LOGS_MAX: usize = 100;
/// Longest line of output that is kept, bytes.
const LOG_LINE_BYTES_MAX: usize = 2000;
/// Answers to starts that are remembered for those who ask twice.
const STARTS_MAX: usize = 1000;

/// What a start asks for.
#[derive(Debug, Clone)]
pub struct ReleaseRequest {
    /// The config, checked, with its environment merged.
    pub config: ServiceConfig,
    /// The name of that environment.
    pub environment: Option<String>,
    /// How traffic moves; none = as the config says.
    pub strategy: Option<Strategy>,
    /// Whether a risk below the limit needs no person.
    pub auto_approve: bool,
    /// Whether somebody else begins the rollout.
    pub without_rollout: bool,
    /// What was found where it was asked for.
    pub local: Local,
    /// Who and why.
    pub by: Requested,
    /// A key that makes it safe to ask twice.
    pub key: Option<String>,
}

/// Where releases are kept, and what they are performed with.
pub struct ReleaseSettings {
    /// What the files of this server say, by service.
    pub configs: Vec<ServiceConfig>,
    /// Folder of orders and processes, as an absolute path.
    pub root: PathBuf,
    /// Asks URLs.
    pub asker: Arc<Asker>,
    /// Rollouts over several regions.
    pub waves: Option<Arc<Waves>>,
}

/// All releases of a server. Cheap to clone.
#[derive(Clone)]
pub struct Releases(Arc<Inner>);

struct Inner {
    book: Mutex<Book>,
    handle: Handle,
    settings: ReleaseSettings,
    /// Tells a work that runs to stop.
    stops: Mutex<BTreeMap<(ReleaseId, TaskId), channel::Sender<bool>>>,
    logs: Mutex<BTreeMap<ReleaseId, VecDeque<String>>>,
    starts: Mutex<VecDeque<(String, ReleaseId)>>,
    changed: channel::Sender<u64>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Releases {
    /// Reads what the journal has. Nothing is performed before [`run`](Releases::run).
    ///
    /// # Errors
    /// [`ReleaseError::Journal`], [`ReleaseError::Record`].
    pub fn open(
        journal: Arc<dyn Journal>,
        handle: Handle,
        settings: ReleaseSettings,
    ) -> Result<Releases, ReleaseError> {
        let book = Mutex::new(Book::open(journal)?);
        let (stops, logs, starts) = (Mutex::default(), Mutex::default(), Mutex::default());
        let changed = channel::Sender::new(0);
        Ok(Releases(Arc::new(Inner { book, handle, settings, stops, logs, starts, changed })))
    }

    /// Goes on with what had begun, and watches until told to stop.
    pub fn run(&self, stopping: channel::Receiver<bool>) -> JoinHandle<()> {
        for release in lock(&self.0.book).all() {
            for effect in fw_engine::release::resume(&release) {
                self.perform(&release, effect);
            }
        }
        tokio::spawn(watch::run(self.clone(), stopping))
    }

    /// Begins a release.
    ///
    /// # Errors
    /// [`ReleaseError::UnknownService`], [`ReleaseError::UnderWay`], [`ReleaseError::PolicyDiffers`], [`ReleaseError::Journal`].
    pub async fn start(&self, request: ReleaseRequest) -> Result<Release, ReleaseError> {
        if let Some(known) = request.key.as_ref().and_then(|key| self.started_as(key)) {
            return self.release(&known.to_string());
        }
        let repeat = request.key.clone();
        let asked = self.checked(request)?;
        let begun = self.blocking(move |inner| {
            let now = inner.handle.now();
            let mut book = lock(&inner.book);
            let id = book.next_id(&asked.plan.rollout.key)?;
            book.begin(Started { id, ..asked }, now)
        });
        let applied = begun.await?;
        if let Some(key) = repeat {
            let mut starts = lock(&self.0.starts);
            if starts.len() >= STARTS_MAX {
                starts.pop_front();
            }
            starts.push_back((key, applied.release.id.clone()));
        }
        Ok(self.follow(applied))
    }

    /// What a release would find, up to the approval: the same checks of the server, and nothing written or run.
    ///
    /// # Errors
    /// As [`start`](Releases::start), but for the journal.
    pub async fn rehearse(&self, request: ReleaseRequest) -> Result<Release, ReleaseError> {
        let mut asked = self.checked(request)?;
        asked.id = lock(&self.0.book).next_id(&asked.plan.rollout.key)?;
        let mut now = fw_engine::release::begin(&asked, self.0.handle.now());
        while now.next.step <= Step::Check && !now.next.is_over() {
            let Some(Effect::Perform { task, attempt, work }) = now.effects.pop() else { break };
            let outcome = match work {
                Work::CheckCommand(_) | Work::CheckWebhook(_) => done("not made in a dry run"),
                work => {
                    let (_stop, stopped) = channel::channel(false);
                    let place = works::Place { release: now.next.clone(), task, attempt, stopped };
                    works::perform(self, &place, &work).await
                }
            };
            let event = Event::TaskEnded { task, attempt, outcome };
            now = fw_engine::release::step(&now.next, &event, self.0.handle.now())?;
        }
        Ok(now.next)
    }

    /// A request as the first event of a release whose number is not known yet.
    fn checked(&self, request: ReleaseRequest) -> Result<Started, ReleaseError> {
        let key = request.config.plan.key.clone();
        let own = self.own(&key).ok_or_else(|| ReleaseError::UnknownService(key.to_string()))?;
        if let Some(part) = differs(own, &request.config) {
            return Err(ReleaseError::PolicyDiffers { service: key.to_string(), part });
        }
        let policy = own.release.clone();
        let strategy = request.strategy.unwrap_or(policy.strategy);
        let regions = regions::text_of(&request.config, strategy)?;
        let rollout = match regions {
            // Each region keeps its own phases; the URLs of all are deployed, asked and retired together.
            Some(_) => regions::together(&request.config),
            None => shape(&request.config.plan, strategy, &policy),
        };
        rollout.check().map_err(|faults| {
            ReleaseError::Unsound(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })?;
        let plan_hash = plan_hash(&rollout);
        let ReleaseRequest { environment, local, auto_approve, without_rollout, by, .. } = request;
        let plan = Arc::new(ReleasePlan { environment, strategy, policy, rollout, plan_hash, regions });
        Ok(Started { id: ReleaseId { key, number: 1 }, plan, local, auto_approve, without_rollout, by })
    }

    fn started_as(&self, key: &str) -> Option<ReleaseId> {
        lock(&self.0.starts).iter().find(|(known, _)| known == key).map(|(_, id)| id.clone())
    }

    /// The config of a service, as this server's own files have it.
    fn own(&self, key: &ServiceKey) -> Option<&ServiceConfig> {
        self.0.settings.configs.iter().find(|config| config.plan.key == *key)
    }

    /// A release by its name, or the latest of a service.
    ///
    /// # Errors
    /// [`ReleaseError::Unknown`].
    pub fn release(&self, name: &str) -> Result<Release, ReleaseError> {
        lock(&self.0.book).find(name).ok_or_else(|| ReleaseError::Unknown(name.to_owned()))
    }

    /// Every release, the one that began last first.
    pub fn all(&self) -> Vec<Release> {
        lock(&self.0.book).all()
    }

    fn live(&self) -> Vec<Release> {
        lock(&self.0.book).live()
    }

    /// Grows with every change, so that who shows releases knows when to look again.
    pub fn changes(&self) -> channel::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// An answer of a person to what the release waits for.
    ///
    /// # Errors
    /// [`ReleaseError::Unknown`], [`ReleaseError::Rejected`], [`ReleaseError::Journal`].
    pub async fn answer(&self, name: &str, answer: Answer, by: Requested) -> Result<Release, ReleaseError> {
        self.event_of(name, Event::Answered { gate: None, answer, by }).await
    }

    /// Stops a release, and takes back what it did.
    ///
    /// # Errors
    /// As [`answer`](Releases::answer).
    pub async fn cancel(&self, name: &str, by: Requested) -> Result<Release, ReleaseError> {
        self.event_of(name, Event::CancelRequested(by)).await
    }

    /// Takes a release back, also a finished one while the old version is kept.
    ///
    /// # Errors
    /// As [`answer`](Releases::answer).
    pub async fn undo(&self, name: &str, by: Requested) -> Result<Release, ReleaseError> {
        self.event_of(name, Event::UndoRequested(by)).await
    }

    /// Says how a work ended of which nobody knows.
    ///
    /// # Errors
    /// As [`answer`](Releases::answer).
    pub async fn resolve(
        &self,
        name: &str,
        task: TaskId,
        resolution: Resolution,
        by: Requested,
    ) -> Result<Release, ReleaseError> {
        self.event_of(name, Event::Resolved { task, resolution, by }).await
    }

    /// As it is shown: everything that is known.
    pub fn detail(&self, release: &Release) -> Value {
        let log: Vec<String> =
            lock(&self.0.logs).get(&release.id).map(|log| log.iter().cloned().collect()).unwrap_or_default();
        let mut detail = view::detail(release, self.0.handle.now());
        detail["log"] = json!(log);
        detail
    }

    /// As it is listed.
    pub fn summary(&self, release: &Release) -> Value {
        view::summary(release, self.0.handle.now())
    }

    /// What it tells people at its end, in Markdown.
    pub fn report(&self, release: &Release) -> String {
        report::markdown(release, self.0.handle.now())
    }

    async fn event_of(&self, name: &str, event: Event) -> Result<Release, ReleaseError> {
        let id = self.release(name)?.id;
        self.apply(&id, event).await
    }

    /// Appends an event, steps, and performs what follows.
    async fn apply(&self, id: &ReleaseId, event: Event) -> Result<Release, ReleaseError> {
        let id = id.clone();
        let done = self.blocking(move |inner| {
            let now = inner.handle.now();
            lock(&inner.book).apply(&id, event, now)
        });
        Ok(self.follow(done.await?))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, ReleaseError> + Send + 'static,
    ) -> Result<T, ReleaseError> {
        let inner = self.0.clone();
        match tokio::task::spawn_blocking(move || work(&inner)).await {
            Ok(done) => done,
            Err(panic) => Err(ReleaseError::Internal(panic.to_string())),
        }
    }

    fn follow(&self, applied: Applied) -> Release {
        self.0.changed.send_modify(|count| *count += 1);
        for effect in applied.effects {
            self.perform(&applied.release, effect);
        }
        applied.release
    }

    fn perform(&self, release: &Release, effect: Effect) {
        match effect {
            Effect::Stop { task } => {
                if let Some(stop) = lock(&self.0.stops).get(&(release.id.clone(), task)) {
                    stop.send_replace(true);
                }
            }
            Effect::Perform { task, attempt, work } => {
                let (stop, stopped) = channel::channel(false);
                lock(&self.0.stops).insert((release.id.clone(), task), stop);
                let all = self.clone();
                let place = works::Place { release: release.clone(), task, attempt, stopped };
                tokio::spawn(async move {
                    let outcome = works::perform(&all, &place, &work).await;
                    lock(&all.0.stops).remove(&(place.release.id.clone(), task));
                    all.ended(&place.release.id, task, attempt, outcome).await;
                });
            }
        }
    }

    /// Reports the end of a work; tried until the journal takes it, for nobody else will.
    async fn ended(&self, id: &ReleaseId, task: TaskId, attempt: u32, outcome: Outcome) {
        let event = Event::TaskEnded { task, attempt, outcome };
        loop {
            match self.apply(id, event.clone()).await {
                Err(ReleaseError::Journal(error)) => {
                    tracing::error!(target: "fw_server", release = %id, %error, "the end of a work could not be written; tried again");
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                }
                Err(error) => {
                    tracing::warn!(target: "fw_server", release = %id, %error, "the end of a work was not taken");
                    return;
                }
                Ok(_) => return,
            }
        }
    }

    /// Keeps lines of output for showing.
    fn log(&self, id: &ReleaseId, text: &str) {
        let mut logs = lock(&self.0.logs);
        if logs.len() >= LOGS_MAX && !logs.contains_key(id) {
            // The one with the lowest number is the one nobody looks at any more.
            let oldest = logs.keys().min_by_key(|id| id.number).cloned();
            oldest.and_then(|id| logs.remove(&id));
        }
        let log = logs.entry(id.clone()).or_default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let end = line.floor_char_boundary(LOG_LINE_BYTES_MAX);
            log.push_back(line[..end].to_owned());
            if log.len() > LOG_LINES_MAX {
                log.pop_front();
            }
        }
    }
}

/// What of the release's policies is not as this server's own files have it: those decide what runs here and who says yes.
fn differs(own: &ServiceConfig, given: &ServiceConfig) -> Option<&'static str> {
    let (own, given) = (&own.release, &given.release);
    [
        ("approval", own.approval != given.approval),
        ("checks", own.checks != given.checks),
        ("gates", own.gates != given.gates),
        ("health", own.health != given.health),
        ("deploy", own.deploy != given.deploy),
        ("bake", own.bake != given.bake),
        ("keepOld", own.keep_old != given.keep_old),
    ]
    .into_iter()
    .find(|(_, differs)| *differs)
    .map(|(part, _)| part)
}

/// A work that was done, in words.
fn done(text: impl Into<String>) -> Outcome {
    Outcome::Done(Found { text: text.into(), ..Found::default() })
}
