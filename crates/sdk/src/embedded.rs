//! The engine in the process: a rollout without a server, for a worker or a single service.
//!
//! The same engine, store and rules as `fw serve`, on a thread of their own; splits and counts are
//! handed over directly. Several processes that release one service together need a server instead: each
//! engine sees only its own process. There is no HTTP here, and no dashboard.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use fw_model::ServiceKey;
use fw_plane::DataPlane;
use fw_plane::follow::drive;
use fw_runtime::config::{self, Faults, ServiceConfig};
use fw_runtime::{BootError, Command, Handle, Refusal, ServiceDef, StartRequest, SystemClock};
use fw_store::{MemoryLog, RolloutLog, SqliteLog};
use tokio::sync::watch;

use crate::core::Core;
use crate::remote::{Background, LAST_REPORT, stopped, tick};
use crate::rollout::Rollout;

/// How long the engine may take to answer; it takes milliseconds.
const ANSWER: Duration = Duration::from_secs(30);

/// Who acts where nobody else is named.
const ACTOR: &str = "application";

/// Why the engine can't run, or does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    /// The config has faults; the text names each with its place.
    #[error("{0}")]
    Config(Faults),
    /// The store can't be opened.
    #[error(transparent)]
    Store(#[from] fw_store::Error),
    /// The log and the config don't fit.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// The engine's thread can't be started.
    #[error("the engine's thread can't be started")]
    Thread(#[source] std::io::Error),
    /// The engine does not allow it now; nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The engine has ended, or did not answer within 30 s.
    #[error("the engine does not answer; it was shut down, or its thread ended")]
    Gone,
}

/// A scheduler: a rollout that this process both serves and decides. Is a [`Rollout`] too.
#[derive(Debug)]
pub struct Scheduler {
    rollout: Rollout,
    engine: tokio::runtime::Handle,
    handle: EngineHandle,
    config: ServiceConfig,
}

/// The engine's handle, which has nothing to show.
struct EngineHandle(Handle);

impl std::fmt::Debug for EngineHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EngineHandle")
    }
}

impl Scheduler {
    /// An engine with this config (JSON or YAML, the keys of `factory-wager.yaml`; the rollout block alone is enough).
    /// What it decided is forgotten with the process; see [`Scheduler::with_store`].
    ///
    /// # Errors
    /// [`SchedulerError`]; nothing runs then.
    pub fn new(config: &str) -> Result<Scheduler, SchedulerError> {
        Scheduler::open(config, None)
    }

    /// The same, with its events in a SQLite file: a restart goes on where it stopped.
    ///
    /// # Errors
    /// [`SchedulerError`]; also when another process has the store.
    pub fn with_store(config: &str, store: impl AsRef<Path>) -> Result<Scheduler, SchedulerError> {
        Scheduler::open(config, Some(store.as_ref().to_owned()))
    }

    fn open(text: &str, store: Option<PathBuf>) -> Result<Scheduler, SchedulerError> {
        let config = config::load_str("config", text, None).map_err(SchedulerError::Config)?;
        let log: Arc<dyn RolloutLog> = match store {
            None => Arc::new(MemoryLog::new()),
            Some(path) => Arc::new(SqliteLog::open(&path)?),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(SchedulerError::Thread)?;
        let key = config.plan.key.clone();
        let defs = vec![ServiceDef { plan: config.plan.clone() }];
        let bits = Box::new(|| uuid::Uuid::new_v4().as_u128());
        let handle = {
            let _inside = runtime.enter();
            Handle::start_core(log, Arc::new(SystemClock), bits, defs)?
        };
        let core = Arc::new(Core::new(key.region.clone()));
        core.apply(handle.split(&key)?.borrow().as_ref().clone());
        let (stop, stopping) = watch::channel(LAST_REPORT);
        let (told, done) = mpsc::sync_channel(1);
        let engine = runtime.handle().clone();
        let (own, serving) = (handle.clone(), Arc::clone(&core));
        let name = format!("fw-sdk-engine-{}", core.id);
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            let served = runtime.block_on(serve(own, serving, key, stopping));
            // Nobody may be waiting; then nobody minds.
            let _ = told.send(served);
        });
        thread.map_err(SchedulerError::Thread)?;
        let rollout = Rollout::new(core, Background::new(stop, done));
        Ok(Scheduler { rollout, engine, handle: EngineHandle(handle), config })
    }

    /// Begins the rollout of the config. Blocks for milliseconds.
    ///
    /// # Errors
    /// [`SchedulerError::Refused`] while one is under way; [`SchedulerError::Gone`].
    pub fn start(&self) -> Result<(), SchedulerError> {
        let request = StartRequest {
            plan: self.config.plan.clone(),
            plan_hash: self.config.plan_hash.clone(),
            actor: ACTOR.to_owned(),
            reason: None,
            idempotency: None,
        };
        let handle = self.handle.0.clone();
        self.ask(async move { handle.start(request).await })
    }

    /// Does what a person may do at this point: pause, resume, advance, roll back, abort. Blocks for milliseconds.
    ///
    /// # Errors
    /// [`SchedulerError::Refused`] where it is not allowed now; [`SchedulerError::Gone`].
    pub fn command(&self, command: Command, reason: Option<&str>) -> Result<(), SchedulerError> {
        let (handle, reason) = (self.handle.0.clone(), reason.map(str::to_owned));
        let name = self.config.plan.key.to_string();
        self.ask(async move { handle.command(&name, command, ACTOR.to_owned(), reason, None).await })
    }

    /// The status as `GET /status` has it; none before the first start.
    pub fn status(&self) -> Option<fw_api::Status> {
        let name = self.config.plan.key.to_string();
        self.handle.0.latest(Some(&name), None).ok().flatten().map(|run| run.status.clone())
    }

    /// The engine itself, for what is not here: events, history, every detail.
    pub fn engine(&self) -> &Handle {
        &self.handle.0
    }

    /// The part that serves, to be cloned and handed on.
    pub fn rollout(&self) -> &Rollout {
        &self.rollout
    }

    fn ask<T: Send + 'static>(
        &self,
        question: impl Future<Output = Result<T, Refusal>> + Send + 'static,
    ) -> Result<(), SchedulerError> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.engine.spawn(async move {
            // Whoever asked may have given up.
            let _ = reply.send(question.await.map(drop));
        });
        match answer.recv_timeout(ANSWER) {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(SchedulerError::Gone),
        }
    }
}

impl Deref for Scheduler {
    type Target = Rollout;

    fn deref(&self) -> &Rollout {
        &self.rollout
    }
}

/// Serves until it is stopped; then the last counts are taken in and committed.
async fn serve(
    handle: Handle,
    core: Arc<Core>,
    key: ServiceKey,
    stopping: watch::Receiver<Duration>,
) -> bool {
    let Ok(splits) = handle.split(&key) else { return false };
    let (stop, stop_driving) = watch::channel(false);
    let take = |report| {
        let (handle, key) = (handle.clone(), key.clone());
        async move { handle.report(key, report, true).await.map_err(|refusal| refusal.to_string()) }
    };
    let driving = drive(Arc::clone(&core), splits, stop_driving, take);
    let ending = async {
        tokio::select! {
            _ = stopped(stopping) => {}
            () = tick(&core) => {}
        }
        stop.send_replace(true);
    };
    tokio::join!(driving, ending);
    handle.stop().await;
    true
}
