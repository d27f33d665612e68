//! Regional rollouts of this server: begun, looked at every second, steered, and taken up again after a crash.
//!
//! The engine (`fw_engine::waves`) decides; here events are made durable, regions are looked at and asked, and people
//! are answered. Each service has one regional rollout at a time. Where a region runs, here or on another server, comes
//! from this server's own config and never from a request, so that nobody is asked whom the operator has not named.

mod backend;
mod record;
mod sight;
mod task;
mod view;
mod whole;

use std::collections::BTreeMap;
use std::sync::Arc;

use fw_api::{Code, Problem};
use fw_engine::Target;
use fw_engine::rollout::Requested;
use fw_engine::waves::{Event, Rejection, Started, WavesPlan};
use fw_model::{Region, RunId, ServiceKey, ServiceName};
use fw_providers::ask::Asker;
use fw_runtime::config::{RegionConfig, ServiceConfig, request_json};
use fw_runtime::{Command, Handle, Idempotency, Refusal};
use fw_store::{Journal, JournalError};
use serde_json::Value;
use tokio::sync::{Mutex, Notify, watch};
use tokio::task::JoinHandle;

use whole::{NotTaken, Whole};

/// Regional rollouts can't be taken up.
#[derive(Debug, thiserror::Error)]
pub enum WavesError {
    /// The journal can't be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What it has does not give a state.
    #[error("the regional rollout can't be taken up again: {0}. Move the journal away to begin without it")]
    Replay(String),
    /// Two configs have regions of one service.
    #[error("the regions of {0} stand in two configs: one may have them")]
    Twice(ServiceName),
}

/// A service with regions, as this server's config has it.
struct Service {
    name: ServiceName,
    regions: Vec<RegionConfig>,
    /// The latest; none before the first.
    whole: Mutex<Option<Whole>>,
    /// Something was asked of regions.
    wake: Notify,
}

/// The regional rollouts of a server. Cheap to share.
pub struct Waves {
    handle: Handle,
    journal: Arc<dyn Journal>,
    asker: Asker,
    services: BTreeMap<ServiceName, Arc<Service>>,
}

/// What a regional rollout is started with.
pub struct StartAll {
    /// A config with regions.
    pub config: ServiceConfig,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: Option<String>,
    /// Makes the request safe to repeat.
    pub idempotency: Option<Idempotency>,
}

impl Waves {
    /// Takes up the latest regional rollout of every service that has regions.
    ///
    /// # Errors
    /// [`WavesError`]: the journal can't be read, or two configs have regions of one service.
    pub fn open(
        handle: Handle,
        journal: Arc<dyn Journal>,
        asker: Asker,
        configs: &[ServiceConfig],
    ) -> Result<Waves, WavesError> {
        let mut services = BTreeMap::new();
        for config in configs.iter().filter(|config| !config.regions.is_empty()) {
            let name = config.plan.key.service.clone();
            let latest = journal.subjects(&whole::prefix(&name), 1)?.into_iter().next();
            let whole = match latest {
                None => None,
                Some(subject) => {
                    let rows = journal.read(&subject.name)?;
                    Whole::replay(&subject.name, rows).map_err(WavesError::Replay)?
                }
            };
            let service = Service {
                name: name.clone(),
                regions: config.regions.clone(),
                whole: Mutex::new(whole),
                wake: Notify::new(),
            };
            if services.insert(name.clone(), Arc::new(service)).is_some() {
                return Err(WavesError::Twice(name));
            }
        }
        Ok(Waves { handle, journal, asker, services })
    }

    /// Starts a task for each service, on the current tokio runtime. They end soon after `stopping` is true.
    pub fn run(self: &Arc<Self>, stopping: &watch::Receiver<bool>) -> Vec<JoinHandle<()>> {
        let task = |service: &Arc<Service>| {
            tokio::spawn(task::drive(self.clone(), service.clone(), stopping.clone()))
        };
        self.services.values().map(task).collect()
    }

    /// Whether a name means a regional rollout here: a service with regions, or one of its runs.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The service a name means, and the number of the run when one is named.
    fn find(&self, name: &str) -> Option<(&Arc<Service>, Option<u64>)> {
        let key: Option<ServiceKey> = name.parse().ok();
        if let Some(service) =
            key.filter(|key| key.region.is_none()).and_then(|key| self.services.get(&key.service))
        {
            return Some((service, None));
        }
        let run: RunId = name.parse().ok()?;
        let service = self.services.get(&run.key.service).filter(|_| run.key.region.is_none())?;
        Some((service, Some(run.number)))
    }

    /// Begins a regional rollout; the answer is its detail. Its first regions are asked at once.
    ///
    /// # Errors
    /// `unknown_service` when this server's config has no such regions; `under_way`; `stable_mismatch`;
    /// `invalid_config`; `idempotency_mismatch`; `store_failed`.
    pub async fn start(&self, request: StartAll) -> Result<Value, Problem> {
        let StartAll { config, actor, reason, idempotency } = request;
        let Some(plan) = config.waves.clone() else {
            return Err(Problem::new(Code::InvalidConfig, "the config has no regions"));
        };
        let name = plan.service.clone();
        let unknown = || Problem::from(&Refusal::UnknownService(name.to_string()));
        let service = self.services.get(&name).ok_or_else(unknown)?;
        self.served_alike(service, &config)?;
        let mut latest = service.whole.lock().await;
        if let Some(answer) = repeated(latest.as_ref(), idempotency.as_ref())? {
            return Ok(answer);
        }
        if let Some(whole) = latest.as_ref().filter(|whole| whole.state.status.is_under_way()) {
            let state = view::detail(whole);
            let run = whole.state.run.to_string();
            return Err(Problem::from(&Refusal::UnderWay { run, state }));
        }
        self.may_begin(&plan, &config)?;
        let number = latest.as_ref().map_or(0, |whole| whole.state.run.number) + 1;
        let run = RunId { key: ServiceKey { service: name.clone(), region: None }, number };
        let started = Started { run, plan: Arc::new(plan), by: Requested { actor, reason } };
        let json = request_json(&config);
        let begun =
            Whole::begin(&self.journal, started, (config, &json), idempotency, self.handle.now()).await;
        let whole = begun.map_err(|not| problem(not, None))?;
        let answer = view::detail(&whole);
        *latest = Some(whole);
        drop(latest);
        service.wake.notify_one();
        Ok(answer)
    }

    /// Regions, and who runs them, are those of this server's own config.
    fn served_alike(&self, service: &Service, config: &ServiceConfig) -> Result<(), Problem> {
        for region in &config.regions {
            let own = service.regions.iter().find(|own| own.name == region.name);
            if own.is_none_or(|own| own.server != region.server) {
                let text = format!(
                    "this server's config does not run {} like this: start fw serve anew with a config that has it (its `server` and `tokenEnv` are taken from there)",
                    region.config.plan.key
                );
                return Err(Problem::new(Code::UnknownService, text));
            }
        }
        Ok(())
    }

    /// What the regions of this server would refuse is refused at once, before any region begins.
    fn may_begin(&self, plan: &WavesPlan, config: &ServiceConfig) -> Result<(), Problem> {
        let views = self.handle.views();
        for region in config.regions.iter().filter(|region| region.server.is_none()) {
            let key = &region.config.plan.key;
            let unknown = || Problem::from(&Refusal::UnknownService(key.to_string()));
            let view = views.services.get(key).ok_or_else(unknown)?;
            if let Some(run) = view.run.as_ref().filter(|run| run.status.state.is_running) {
                let (run, state) = (run.run.to_string(), run.detail.clone());
                return Err(Problem::from(&Refusal::UnderWay { run, state }));
            }
            let given = region.config.plan.stable.version.clone();
            if let Some(current) = view.current_version.clone().filter(|current| *current != given) {
                let text = Refusal::StableMismatch { given, current };
                return Err(Problem::new(Code::StableMismatch, format!("{}: {text}", region.name)));
            }
        }
        plan.check().map_err(|_| Problem::new(Code::InvalidConfig, "the waves are not sound"))
    }

    /// Does what a person asked of all regions; the answer is the detail after it. Regions are asked at once, and the
    /// answer does not wait for theirs.
    ///
    /// # Errors
    /// `unknown_rollout`; `illegal_transition` with the state; `bad_request` for a target other than stable;
    /// `idempotency_mismatch`; `store_failed`.
    pub async fn command(
        &self,
        name: &str,
        command: Command,
        by: Requested,
        idempotency: Option<Idempotency>,
    ) -> Result<Value, Problem> {
        let (service, number) = self.find(name).ok_or_else(|| unknown(name))?;
        let mut latest = service.whole.lock().await;
        if let Some(answer) = repeated(latest.as_ref(), idempotency.as_ref())? {
            return Ok(answer);
        }
        let whole = latest.as_mut().ok_or_else(|| unknown(name))?;
        if let Some(number) = number.filter(|number| *number != whole.state.run.number) {
            if number > whole.state.run.number {
                return Err(unknown(name));
            }
            let text = format!("{name} is over; {} is the latest", whole.state.run);
            return Err(Problem::new(Code::BadRequest, text));
        }
        let event = event_of(command, by)?;
        let now = self.handle.now();
        let taken = whole.event(&self.journal, event, idempotency, now).await;
        let answer = view::detail(whole);
        taken.map_err(|not| problem(not, Some(answer.clone())))?;
        drop(latest);
        service.wake.notify_one();
        Ok(answer)
    }

    /// The detail of a regional rollout: the latest of a service, or any by its run.
    ///
    /// # Errors
    /// `unknown_rollout`; `store_failed` when the journal can't be read.
    pub async fn detail(&self, name: &str) -> Result<Value, Problem> {
        self.read(name, view::detail).await
    }

    /// Its status, in the shape of `GET /status`.
    ///
    /// # Errors
    /// As [`Waves::detail`].
    pub async fn status(&self, name: &str) -> Result<fw_api::Status, Problem> {
        self.read(name, view::status).await
    }

    /// What people were told about it, oldest first.
    ///
    /// # Errors
    /// As [`Waves::detail`].
    pub async fn history(&self, name: &str) -> Result<Vec<Value>, Problem> {
        self.read(name, view::history).await
    }

    /// What a report of it is made of.
    ///
    /// # Errors
    /// As [`Waves::detail`].
    pub async fn story(&self, name: &str) -> Result<fw_reports::Regional, Problem> {
        self.read(name, |whole| view::story(whole, self.handle.now())).await
    }

    /// The latest of every service, a line each.
    pub async fn list(&self) -> Vec<Value> {
        let mut list = vec![];
        for service in self.services.values() {
            let latest = service.whole.lock().await;
            list.extend(latest.as_ref().map(view::summary));
        }
        list
    }

    async fn read<T>(&self, name: &str, look: impl FnOnce(&Whole) -> T) -> Result<T, Problem> {
        let (service, number) = self.find(name).ok_or_else(|| unknown(name))?;
        let latest = service.whole.lock().await;
        let whole = latest.as_ref().ok_or_else(|| unknown(name))?;
        if number.is_none_or(|number| number == whole.state.run.number) {
            return Ok(look(whole));
        }
        drop(latest);
        let subject = format!("{}{}", whole::prefix(&service.name), number.unwrap_or_default());
        let journal = self.journal.clone();
        let read = move || {
            let rows = journal.read(&subject).map_err(|e| e.to_string())?;
            Whole::replay(&subject, rows)
        };
        let failed = |why: String| Problem::from(&Refusal::Store(why));
        let old = tokio::task::spawn_blocking(read).await.map_err(|e| failed(e.to_string()))?;
        old.map_err(failed)?.map(|whole| look(&whole)).ok_or_else(|| unknown(name))
    }

    /// Who runs a region, by this server's own config.
    fn backend(&self, service: &Service, region: &Region) -> backend::Backend {
        let own = service.regions.iter().find(|own| own.name == *region);
        backend::Backend::of(own, &self.handle, &self.asker)
    }
}

fn unknown(name: &str) -> Problem {
    Problem::from(&Refusal::UnknownRollout(name.to_owned()))
}

/// What a request that was taken before is answered: how it stands now.
fn repeated(whole: Option<&Whole>, idempotency: Option<&Idempotency>) -> Result<Option<Value>, Problem> {
    let (Some(whole), Some(wanted)) = (whole, idempotency) else { return Ok(None) };
    match whole.requests.iter().find(|taken| taken.key == wanted.key) {
        None => Ok(None),
        Some(taken) if taken == wanted => Ok(Some(view::detail(whole))),
        Some(_) => Err(Problem::from(&Refusal::IdempotencyMismatch(wanted.key.clone()))),
    }
}

fn event_of(command: Command, by: Requested) -> Result<Event, Problem> {
    Ok(match command {
        Command::Pause => Event::Paused(by),
        Command::Resume => Event::Resumed(by),
        Command::Advance => Event::Advanced(by),
        // The default of one rollout, the phase before, means nothing over regions in different phases.
        Command::Rollback(Target::Stable | Target::Previous) => Event::RollbackRequested(by),
        Command::Rollback(Target::Phase(_)) => {
            let text =
                "all regions go back to stable together; name one, SERVICE@REGION, to go back to a phase";
            return Err(Problem::new(Code::BadRequest, text));
        }
        Command::Abort => Event::AbortRequested(by),
        Command::Answer { .. } => {
            let text = "gates are of one region's rollout: name it, SERVICE@REGION";
            return Err(Problem::new(Code::BadRequest, text));
        }
    })
}

fn problem(not: NotTaken, state: Option<Value>) -> Problem {
    match not {
        NotTaken::Failed(why) => Problem::from(&Refusal::Store(why)),
        NotTaken::Rejected(rejection @ Rejection::UnsoundPlan(_)) => {
            Problem::new(Code::InvalidConfig, rejection.to_string())
        }
        NotTaken::Rejected(rejection) => {
            Problem::new(Code::IllegalTransition, rejection.to_string()).with_state(state.unwrap_or_default())
        }
    }
}
