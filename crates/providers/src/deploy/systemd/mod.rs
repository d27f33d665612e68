//! The systemd deployer: a unit for each instance, kept running by systemd.
//!
//! A pure `render` and a thin `apply` that writes the file and calls `systemctl`. The rendered units are checked by
//! `systemd-analyze verify`, and the calls against a `systemctl` that writes them down; no test runs a systemd as init.
//! It needs the right to write units and to start them, which usually means root.

mod apply;
mod render;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;

use super::deployer::{Deployer, InstanceStatus, Outcome, Presence, Told, Work};
use super::order::{Order, OrderError};
use super::program::{Program, ProgramError};
use super::ready::{ReadyCheck, ask};
use apply::Host;

pub use render::Unit;

/// Where an administrator's units are. Source: systemd.unit(5).
pub const UNIT_DIR: &str = "/etc/systemd/system";

/// How the units of one service are made.
#[derive(Debug, Clone)]
pub struct SystemdSettings {
    /// Where units are written; usually [`UNIT_DIR`].
    pub unit_dir: PathBuf,
    /// The program `systemctl`.
    pub systemctl: PathBuf,
    /// The program, by its absolute path. In its arguments `{port}`, `{host}` and `{version}` are replaced, as plain text.
    /// Variables that are to be passed on are refused: a unit does not get the server's environment.
    pub program: Program,
    /// A file with further variables, for what is secret.
    pub environment_file: Option<PathBuf>,
    /// The user it runs as; none = one that systemd makes for it.
    pub user: Option<String>,
    /// Folders it may write.
    pub writable: Vec<PathBuf>,
    /// How readiness is seen.
    pub ready: ReadyCheck,
    /// Time between SIGTERM and SIGKILL.
    pub stop_grace: Duration,
    /// Pause before it is started again.
    pub restart_pause: Duration,
}

/// Why a unit is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum UnitError {
    /// The order can't be understood.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// The program can't be run as it is written.
    #[error("the unit can't be written: {0}")]
    Program(#[from] ProgramError),
    /// What is asked for can't be said in a unit.
    #[error("{0}")]
    Unfit(String),
    /// It runs already with another unit. Nothing was changed.
    #[error(
        "{0} runs with another command, environment or folder: retire it first, or give the version another name"
    )]
    Different(String),
    /// A unit's file could not be read, written or removed.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `systemctl` could not be called.
    #[error("{call}: {source}")]
    Call {
        /// The call.
        call: String,
        /// What the system said.
        source: io::Error,
    },
    /// systemd refused.
    #[error("{call}: {said}")]
    Refused {
        /// The call.
        call: String,
        /// What it said.
        said: String,
    },
    /// It was started and does not answer as it should.
    #[error("{url} is not ready: {why}")]
    NotReady {
        /// The instance.
        url: String,
        /// What is missing.
        why: String,
        /// What systemd shows of it.
        log: String,
    },
}

/// The units of one service.
#[derive(Debug, Clone)]
pub struct Systemd {
    settings: SystemdSettings,
    host: Host,
}

impl Systemd {
    /// Writes nothing yet.
    pub fn new(settings: SystemdSettings) -> Systemd {
        let (unit_dir, systemctl) = (settings.unit_dir.clone(), settings.systemctl.clone());
        let host = Host { unit_dir, systemctl, stop_grace: settings.stop_grace };
        Systemd { settings, host }
    }

    /// The units of an order, one an instance.
    ///
    /// # Errors
    /// [`UnitError::Order`], [`UnitError::Unfit`].
    pub fn units(&self, order: &Order) -> Result<Vec<Unit>, UnitError> {
        order.check()?;
        order.instances.iter().map(|instance| self.unit(order, &instance.url, instance.address()?)).collect()
    }

    /// Looks at what only a start needs.
    fn check(&self) -> Result<(), UnitError> {
        let SystemdSettings { program, .. } = &self.settings;
        if let Some(name) = program.pass.first() {
            let text = format!(
                "a unit does not get the server's environment: write {name} into a file and name that as the environment file"
            );
            return Err(UnitError::Unfit(text));
        }
        program.check()?;
        apply::check_folder(&self.settings.unit_dir)
    }

    fn unit(&self, order: &Order, url: &str, at: std::net::SocketAddr) -> Result<Unit, UnitError> {
        let settings = &self.settings;
        let (host, port) = (at.ip().to_string(), at.port().to_string());
        let replaced = |text: &String| {
            text.replace("{port}", &port).replace("{host}", &host).replace("{version}", &order.version)
        };
        let mut env = settings.program.env.clone();
        let ours = [
            ("PORT", port.as_str()),
            ("HOST", &host),
            ("FW_SERVICE", &order.service),
            ("FW_VERSION", &order.version),
            ("FW_INSTANCE", url),
        ];
        env.extend(ours.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok(Unit {
            service: order.service.clone(),
            version: order.version.clone(),
            url: url.to_owned(),
            at,
            argv: settings.program.argv.iter().map(replaced).collect(),
            env: env.into_iter().collect(),
            environment_file: settings.environment_file.clone(),
            cwd: settings.program.cwd.clone(),
            user: settings.user.clone(),
            writable: settings.writable.clone(),
            stop_grace: settings.stop_grace,
            restart_pause: settings.restart_pause,
        })
    }

    /// Does something that waits for systemd.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Host) -> Result<T, UnitError> + Send + 'static,
    ) -> Result<T, UnitError> {
        let host = self.host.clone();
        match spawn_blocking(move || work(&host)).await {
            Ok(result) => result,
            Err(e) => std::panic::resume_unwind(e.into_panic()),
        }
    }

    /// Writes, enables and starts the units, and waits until each instance is ready. What this call started is stopped
    /// again when one is not.
    ///
    /// # Errors
    /// All of [`UnitError`].
    pub async fn deploy(&self, order: &Order, told: &Told) -> Result<(), UnitError> {
        self.check()?;
        let units = self.units(order)?;
        let named: Result<Vec<(String, String)>, _> =
            units.iter().map(|unit| Ok::<_, UnitError>((unit.name()?, unit.render()?))).collect();
        let named = named?;
        let started = self.blocking(move |host| start(host, &named)).await?;
        for name in &started {
            told(&format!("{name} started\n"));
        }
        for unit in units {
            if let Err(error) = self.ready(&unit).await {
                for name in started {
                    if let Err(left) = self.blocking(move |host| stop(host, &name)).await {
                        told(&format!("{left}\n"));
                    }
                }
                return Err(error);
            }
            told(&format!("{} is ready\n", unit.url));
        }
        Ok(())
    }

    async fn ready(&self, unit: &Unit) -> Result<(), UnitError> {
        let (check, name, begun) = (&self.settings.ready, unit.name()?, Instant::now());
        let mut in_a_row = 0;
        loop {
            let answer = ask(unit.at, &check.path).await;
            in_a_row = if answer.is_ok() { in_a_row + 1 } else { 0 };
            // Whatever answers must be the unit: it could not have its port if it were another.
            let up = {
                let name = name.clone();
                self.blocking(move |host| host.is_up(&name)).await?
            };
            if up && in_a_row >= check.successes.max(1) {
                return Ok(());
            }
            if begun.elapsed() >= check.timeout {
                let why = if up { "the unit runs" } else { "the unit does not run" };
                let why = answer.err().map_or_else(|| why.to_owned(), |answer| format!("{why}, {answer}"));
                let log = self.blocking(move |host| Ok(host.shown(&name))).await?;
                return Err(UnitError::NotReady { url: unit.url.clone(), why, log });
            }
            tokio::time::sleep(check.interval).await;
        }
    }

    /// Stops, disables and removes the units of a version. What is not there is fine.
    ///
    /// # Errors
    /// All of [`UnitError`] but `NotReady` and `Different`.
    pub async fn stop(&self, order: &Order, told: &Told) -> Result<(), UnitError> {
        for unit in self.units(order)? {
            let name = unit.name()?;
            if self.blocking(move |host| stop(host, &name)).await? {
                told(&format!("{} is stopped\n", unit.url));
            }
        }
        Ok(())
    }
}

/// Starts what does not run; says which units that were. Nothing is changed when one of them runs with another text.
fn start(host: &Host, units: &[(String, String)]) -> Result<Vec<String>, UnitError> {
    let mut changed = Vec::new();
    let mut down = Vec::new();
    for (name, text) in units {
        let (same, up) = (host.read(name)?.as_ref() == Some(text), host.is_up(name)?);
        match (same, up) {
            (true, true) => {}
            (false, true) => return Err(UnitError::Different(name.clone())),
            (same, false) => {
                down.push(name.clone());
                changed.extend((!same).then_some((name, text)));
            }
        }
    }
    for (name, text) in &changed {
        host.write(name, text)?;
    }
    if !changed.is_empty() {
        host.tell(&["daemon-reload"])?;
    }
    for name in &down {
        host.tell(&["enable", name])?;
        host.tell(&["start", name])?;
    }
    Ok(down)
}

/// Stops and removes a unit; false when it is not there.
fn stop(host: &Host, name: &str) -> Result<bool, UnitError> {
    if host.read(name)?.is_none() {
        return Ok(false);
    }
    host.tell(&["stop", name])?;
    host.tell(&["disable", name])?;
    host.remove(name)?;
    host.tell(&["daemon-reload"])?;
    Ok(true)
}

impl Deployer for Systemd {
    fn kind(&self) -> &'static str {
        "systemd"
    }

    fn deploy<'a>(&'a self, order: &'a Order, told: &'a Told) -> Work<'a, Outcome> {
        Box::pin(async move {
            match self.deploy(order, told).await {
                Ok(()) => Outcome::Done,
                Err(UnitError::NotReady { url, why, log }) => {
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
        Box::pin(async move { self.stop(order, told).await.map_or_else(Outcome::failed, |()| Outcome::Done) })
    }

    fn status<'a>(&'a self, order: &'a Order) -> Work<'a, Vec<InstanceStatus>> {
        Box::pin(async move {
            let unknown =
                |url: &str, e: UnitError| InstanceStatus::new(url, Presence::Unknown { why: e.to_string() });
            let units = match self.units(order) {
                Ok(units) => units,
                Err(e) => {
                    let why = Presence::Unknown { why: e.to_string() };
                    return order
                        .instances
                        .iter()
                        .map(|i| InstanceStatus::new(&i.url, why.clone()))
                        .collect();
                }
            };
            let mut all = Vec::new();
            for unit in units {
                let name = unit.name();
                let up = self.blocking(move |host| host.is_up(&name?)).await;
                all.push(match up {
                    Err(e) => unknown(&unit.url, e),
                    Ok(false) => InstanceStatus::new(&unit.url, Presence::Stopped),
                    Ok(true) => {
                        let ready = ask(unit.at, &self.settings.ready.path).await.is_ok();
                        let presence = Presence::Running { pid: None, since_ms: None, ready };
                        InstanceStatus::new(&unit.url, presence)
                    }
                });
            }
            all
        })
    }
}
