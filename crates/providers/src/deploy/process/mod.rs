//! The process deployer: a service's own processes on this machine, kept running without the server.
//!
//! Each instance has a keeper, which starts its process and starts it again when it ends. Keepers outlive the server; a server
//! that comes back finds them by their files, and by pid, start time and boot, never by pid alone. So every call here may be
//! repeated: what is there already is left as it is.
//!
//! A reboot ends everything: claims of another boot count as gone, and the next `deploy` starts anew.
//! The server must not take its keepers along when it ends: in a systemd unit that is `KillMode=process`.

mod keep;
mod place;
mod start;
mod stop;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::deployer::{Deployer, InstanceStatus, Outcome, Presence, Told, Work};
use super::log;
use super::order::{Instance, Order, OrderError};
use super::program::{Program, ProgramError};
use super::ready::{ReadyCheck, ask};
use super::wrapper::Wrapper;
use place::{KeepSpec, Now};

pub use keep::keep;
pub use stop::StopError;

/// Ends of a process by itself, during one `deploy`, after which it is not waited for any longer.
pub const CRASHES_MAX: u32 = 3;
/// Lines of a log that are shown with a failure.
pub const LOG_LINES_SHOWN: usize = 20;

/// How long a keeper waits before it starts a process again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackOff {
    /// After the first end; doubled each time.
    pub first: Duration,
    /// At most.
    pub max: Duration,
    /// A process that ran so long begins with `first` again.
    pub steady: Duration,
}

impl Default for BackOff {
    /// 200 ms, 400 ms, … 30 s; from the start again after a minute.
    fn default() -> BackOff {
        let (first, max, steady) =
            (Duration::from_millis(200), Duration::from_secs(30), Duration::from_secs(60));
        BackOff { first, max, steady }
    }
}

/// How the processes of one service are run.
#[derive(Debug, Clone)]
pub struct ProcessSettings {
    /// Where the files of instances are, as an absolute path.
    pub root: PathBuf,
    /// What runs as the keeper; see [`keep`].
    pub keeper: Wrapper,
    /// The program. In its arguments `{port}`, `{host}` and `{version}` are replaced, as plain text.
    pub program: Program,
    /// How readiness is seen.
    pub ready: ReadyCheck,
    /// Time between SIGTERM and SIGKILL.
    pub stop_grace: Duration,
    /// How soon a process is started again.
    pub back_off: BackOff,
}

/// What a deploy found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deployed {
    /// URLs of instances that were started.
    pub started: Vec<String>,
    /// URLs of instances that ran already.
    pub found: Vec<String>,
}

/// Why a version is not there. What this call had started is stopped again.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The order can't be understood.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// The program can't be run as it is written.
    #[error("the process can't be run: {0}")]
    Program(#[from] ProgramError),
    /// Something else listens there. Nothing was started.
    #[error("{url} is taken by {}: stop it, or choose another port", owner(.pid.as_ref()))]
    PortTaken {
        /// The instance.
        url: String,
        /// Who listens there, with its name, if this user may know.
        pid: Option<(u32, String)>,
    },
    /// It runs already, started in another way. Nothing was started.
    #[error(
        "{url} runs already as version {version}, but with another command, environment or folder: retire it first, or give the version another name"
    )]
    Different {
        /// The instance.
        url: String,
        /// The version.
        version: String,
    },
    /// It was started and does not answer as it should.
    #[error("{url} is not ready: {why}. Its last lines:\n{log}")]
    NotReady {
        /// The instance.
        url: String,
        /// What is missing.
        why: String,
        /// The last lines of its log.
        log: String,
    },
    /// The system refused something; trying again is harmless.
    #[error("{url}: {source}")]
    System {
        /// The instance.
        url: String,
        /// What the system said.
        source: io::Error,
    },
}

fn owner(pid: Option<&(u32, String)>) -> String {
    match pid {
        Some((pid, name)) => format!("{name} (pid {pid})"),
        None => "another process".to_owned(),
    }
}

/// The processes of one service.
#[derive(Debug, Clone)]
pub struct Processes {
    settings: Arc<ProcessSettings>,
}

/// An instance with everything that is known before it is looked at.
#[derive(Debug, Clone)]
struct Target {
    url: String,
    at: SocketAddr,
    dir: PathBuf,
    spec: KeepSpec,
}

impl Processes {
    /// Starts nothing yet.
    pub fn new(settings: ProcessSettings) -> Processes {
        Processes { settings: Arc::new(settings) }
    }

    /// Starts what is missing, and waits until every instance is ready.
    ///
    /// What runs already stays as it is, so doing it again is harmless. On a failure, what this call started is stopped.
    ///
    /// # Errors
    /// All of [`DeployError`].
    pub async fn deploy(&self, order: &Order, told: &Told) -> Result<Deployed, DeployError> {
        let targets = self.targets(order)?;
        start::deploy(Arc::clone(&self.settings), targets, &order.version, told).await
    }

    /// Stops the instances of a version in order, and waits until they are gone.
    ///
    /// What does not run is fine, so doing it again is harmless. Connections in flight have the grace to end.
    ///
    /// # Errors
    /// All of [`StopError`].
    pub async fn stop(&self, order: &Order, told: &Told) -> Result<(), StopError> {
        let targets = self.targets(order)?;
        stop::all(
            targets.into_iter().map(|target| (target.url, target.dir)).collect(),
            self.settings.stop_grace,
            told,
        )
        .await
    }

    /// Says what each instance does, and asks those that run whether they are ready.
    ///
    /// # Errors
    /// [`DeployError::Order`], [`DeployError::System`].
    pub async fn status(&self, order: &Order) -> Result<Vec<InstanceStatus>, DeployError> {
        let mut all = Vec::new();
        for target in self.targets(order)? {
            let failed = |source| DeployError::System { url: target.url.clone(), source };
            let mut status = described(&target.url, place::now(&target.dir).map_err(failed)?);
            if let Presence::Running { ready, .. } = &mut status.presence {
                *ready = ask(target.at, &self.settings.ready.path).await.is_ok();
            }
            all.push(status);
        }
        Ok(all)
    }

    /// The last bytes of what an instance wrote, over all its restarts.
    ///
    /// # Errors
    /// [`DeployError::Order`], [`DeployError::System`].
    pub fn tail(&self, order: &Order, instance: &Instance, bytes: u64) -> Result<String, DeployError> {
        let dir = place::instance(&self.settings.root, &order.service, &order.version, instance.address()?);
        log::tail(&dir, bytes).map_err(|source| DeployError::System { url: instance.url.clone(), source })
    }

    fn targets(&self, order: &Order) -> Result<Vec<Target>, OrderError> {
        order.check()?;
        let mut targets: Vec<Target> = Vec::new();
        for instance in &order.instances {
            let at = instance.address()?;
            if let Some(other) = targets.iter().find(|other| other.at == at) {
                return Err(OrderError(format!("{} and {} are one address", other.url, instance.url)));
            }
            let dir = place::instance(&self.settings.root, &order.service, &order.version, at);
            targets.push(Target {
                url: instance.url.clone(),
                at,
                dir,
                spec: self.spec(order, &instance.url, at),
            });
        }
        if targets.is_empty() {
            return Err(OrderError("an order without instances: name the URLs of the version".into()));
        }
        Ok(targets)
    }

    fn spec(&self, order: &Order, url: &str, at: SocketAddr) -> KeepSpec {
        let ProcessSettings { program, stop_grace, back_off, .. } = &*self.settings;
        let (host, port) = (at.ip().to_string(), at.port().to_string());
        let replaced = |text: &String| {
            text.replace("{port}", &port).replace("{host}", &host).replace("{version}", &order.version)
        };
        let mut env: BTreeMap<String, String> = program.env.clone();
        let ours = [
            ("PORT", port.as_str()),
            ("HOST", &host),
            ("FW_SERVICE", &order.service),
            ("FW_VERSION", &order.version),
            ("FW_INSTANCE", url),
        ];
        env.extend(ours.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        KeepSpec {
            program: Program { argv: program.argv.iter().map(replaced).collect(), env, ..program.clone() },
            grace_ms: ms(*stop_grace),
            pause_first_ms: ms(back_off.first).max(1),
            pause_max_ms: ms(back_off.max).max(1),
            steady_ms: ms(back_off.steady),
        }
    }
}

fn described(url: &str, now: Now) -> InstanceStatus {
    let status = |presence| InstanceStatus::new(url, presence);
    match now {
        Now::Over | Now::Unclaimed(_) | Now::Orphaned { process: None, .. } => status(Presence::Stopped),
        Now::Orphaned { process: Some(process), .. } => status(Presence::Orphaned { pid: process.pid }),
        Now::Kept { state, .. } => {
            let Some(state) = state else { return status(Presence::Restarting) };
            let presence = match state.process.filter(|process| process.is_alive()) {
                Some(process) => {
                    Presence::Running { pid: Some(process.pid), since_ms: Some(state.since_ms), ready: false }
                }
                None => Presence::Restarting,
            };
            InstanceStatus { restarts: state.restarts, last_end: state.last_end, ..status(presence) }
        }
    }
}

impl Deployer for Processes {
    fn kind(&self) -> &'static str {
        "process"
    }

    fn deploy<'a>(&'a self, order: &'a Order, told: &'a Told) -> Work<'a, Outcome> {
        Box::pin(async move {
            match self.deploy(order, told).await {
                Ok(_) => Outcome::Done,
                Err(DeployError::NotReady { url, why, log }) => {
                    Outcome::Failed { why: format!("{url} is not ready: {why}"), log }
                }
                Err(e) => Outcome::failed(e),
            }
        })
    }

    fn undo<'a>(&'a self, order: &'a Order, told: &'a Told) -> Work<'a, Outcome> {
        self.retire(order, told)
    }

    fn retire<'a>(&'a self, order: &'a Order, told: &'a Told) -> Work<'a, Outcome> {
        Box::pin(async move {
            match self.stop(order, told).await {
                Ok(()) => Outcome::Done,
                // It is known that it is still there; stopping again is harmless.
                Err(e) => Outcome::failed(e),
            }
        })
    }

    fn status<'a>(&'a self, order: &'a Order) -> Work<'a, Vec<InstanceStatus>> {
        Box::pin(async move {
            let unknown = |e: &DeployError, url: &str| {
                InstanceStatus::new(url, Presence::Unknown { why: e.to_string() })
            };
            match self.status(order).await {
                Ok(all) => all,
                Err(e) => order.instances.iter().map(|instance| unknown(&e, &instance.url)).collect(),
            }
        })
    }
}
