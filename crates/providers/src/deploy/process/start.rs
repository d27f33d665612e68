//! Starting what is missing of a version, and waiting until all of it is ready.
//!
//! First everything is looked at, then everything is started, then everything is waited for: a port that is taken or a
//! process that runs differently is found before anything was touched.

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, spawn_blocking};

use super::place::{self, KeepSpec, Now};
use super::{CRASHES_MAX, DeployError, Deployed, LOG_LINES_SHOWN, ProcessSettings, Target, Told, stop};
use crate::deploy::folder::{self, SPEC};
use crate::deploy::log::{self, Follower};
use crate::deploy::os;
use crate::deploy::program::MARK;
use crate::deploy::ready::{ReadyCheck, ask};
use crate::deploy::tend::kill_marked;
use crate::deploy::wrapper::complaint;

/// How long a port may stay taken after its process was killed.
const PORT_FREE_TIME_MAX: Duration = Duration::from_secs(10);

/// What is to be done for an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// It runs, as it should.
    Nothing,
    /// A life is there that has no keeper yet.
    Claim(PathBuf),
    /// A new life.
    Begin,
    /// A new life for a process that serves already.
    TakeOver,
}

pub(super) async fn deploy(
    settings: Arc<ProcessSettings>,
    targets: Vec<Target>,
    version: &str,
    told: &Told,
) -> Result<Deployed, DeployError> {
    if let Some(target) = targets.first() {
        target.spec.program.check()?;
    }
    settle(&targets, &settings, told).await?;
    let steps = {
        let (targets, version) = (targets.clone(), version.to_owned());
        blocking(move || targets.iter().map(|target| step(target, &version)).collect::<Result<Vec<_>, _>>())
            .await?
    };
    let mut deployed = Deployed::default();
    let mut begun = Vec::new();
    let mut result = Ok(());
    for (target, step) in targets.iter().zip(steps) {
        if step == Step::Nothing {
            deployed.found.push(target.url.clone());
            continue;
        }
        // A process that served before is not stopped because of what comes of this call.
        if step != Step::TakeOver {
            begun.push((target.url.clone(), target.dir.clone()));
        }
        let (one, settings) = (target.clone(), Arc::clone(&settings));
        result = blocking(move || begin(&one, &settings, step)).await;
        if result.is_err() {
            break;
        }
        told(&format!("{} started\n", target.url));
        deployed.started.push(target.url.clone());
    }
    if result.is_ok() {
        result = all_ready(targets, &settings.ready, told).await;
    }
    if let Err(error) = result {
        if let Err(left) = stop::all(begun, settings.stop_grace, told).await {
            told(&format!("{left}\n"));
        }
        return Err(error);
    }
    Ok(deployed)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DeployError> + Send + 'static,
) -> Result<T, DeployError> {
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => std::panic::resume_unwind(e.into_panic()),
    }
}

/// Waits for what is being stopped: it is neither there nor gone.
async fn settle(targets: &[Target], settings: &ProcessSettings, told: &Told) -> Result<(), DeployError> {
    let mut ending = Vec::new();
    for target in targets {
        let now = place::now(&target.dir);
        match now.map_err(|source| DeployError::System { url: target.url.clone(), source })? {
            Now::Kept { life, .. } | Now::Orphaned { life, .. } if folder::is_asked_to_stop(&life) => {
                ending.push((target.url.clone(), target.dir.clone()));
            }
            _ => {}
        }
    }
    let url = ending.first().map(|(url, _)| url.clone()).unwrap_or_default();
    let stopped = stop::all(ending, settings.stop_grace, told).await;
    stopped.map_err(|e| DeployError::System { url, source: io::Error::other(e.to_string()) })
}

/// Looks at an instance; starts nothing.
fn step(target: &Target, version: &str) -> Result<Step, DeployError> {
    let failed = |source| DeployError::System { url: target.url.clone(), source };
    let same = |life: &PathBuf| {
        let found: Option<KeepSpec> = folder::read(&life.join(SPEC)).map_err(failed)?;
        Ok::<_, DeployError>(found.is_some_and(|found| found == target.spec))
    };
    let different = || DeployError::Different { url: target.url.clone(), version: version.to_owned() };
    match place::now(&target.dir).map_err(failed)? {
        Now::Kept { life, .. } => {
            if same(&life)? {
                Ok(Step::Nothing)
            } else {
                Err(different())
            }
        }
        // The process serves: its next keeper takes it over.
        Now::Orphaned { life, process: Some(_) } => {
            if same(&life)? {
                Ok(Step::TakeOver)
            } else {
                Err(different())
            }
        }
        Now::Unclaimed(life) => {
            free(target)?;
            if same(&life)? {
                return Ok(Step::Claim(life));
            }
            folder::ask_to_stop(&life).map_err(failed)?;
            Ok(Step::Begin)
        }
        Now::Over | Now::Orphaned { process: None, .. } => free(target).map(|()| Step::Begin),
    }
}

/// Makes sure that nobody listens at an instance's address: what an earlier life left is ended, anybody else is named.
fn free(target: &Target) -> Result<(), DeployError> {
    let left = os::marked(MARK, &target.dir);
    kill_marked(&target.dir);
    let end = Instant::now() + if left.is_empty() { Duration::ZERO } else { PORT_FREE_TIME_MAX };
    loop {
        match TcpListener::bind(target.at) {
            Ok(_) => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::AddrInUse && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(e) if e.kind() == io::ErrorKind::AddrInUse => {
                return Err(DeployError::PortTaken {
                    url: target.url.clone(),
                    pid: os::port_owner(target.at),
                });
            }
            Err(source) => return Err(DeployError::System { url: target.url.clone(), source }),
        }
    }
}

fn begin(target: &Target, settings: &ProcessSettings, step: Step) -> Result<(), DeployError> {
    let failed = |source| DeployError::System { url: target.url.clone(), source };
    let life = match step {
        Step::Claim(life) => Some(life),
        _ => place::next_life(&target.dir, &target.spec).map_err(failed)?,
    };
    // None: another server made it at this moment, and starts its keeper.
    let Some(life) = life else { return Ok(()) };
    settings.keeper.start(&life, &target.spec.program).map_err(failed)
}

async fn all_ready(targets: Vec<Target>, check: &ReadyCheck, told: &Told) -> Result<(), DeployError> {
    let mut waits = JoinSet::new();
    for target in targets {
        waits.spawn(ready(target, check.clone(), Arc::clone(told)));
    }
    while let Some(one) = waits.join_next().await {
        // The first failure is the answer; the other waits end with the set.
        match one {
            Ok(result) => result?,
            Err(e) => std::panic::resume_unwind(e.into_panic()),
        }
    }
    Ok(())
}

/// Waits until an instance is ready.
async fn ready(target: Target, check: ReadyCheck, told: Told) -> Result<(), DeployError> {
    let failed = |source| DeployError::System { url: target.url.clone(), source };
    let not_ready = |why: String| DeployError::NotReady {
        url: target.url.clone(),
        why,
        log: log::last_lines(&target.dir, LOG_LINES_SHOWN),
    };
    let mut output = Follower::from_now(&target.dir).map_err(failed)?;
    let begun = Instant::now();
    let (mut first, mut in_a_row, mut of) = (None, 0, 0);
    loop {
        output.tell(&*told).map_err(failed)?;
        let state = match place::now(&target.dir).map_err(failed)? {
            Now::Kept { state, .. } => state,
            // Another server has made it and starts its keeper.
            Now::Unclaimed(_) => None,
            Now::Over => return Err(not_ready("it was stopped while it was waited for".into())),
            Now::Orphaned { life, .. } => {
                return Err(not_ready(format!("its keeper ended: {}", complaint(&life))));
            }
        };
        let restarts = state.as_ref().map_or(0, |state| state.restarts);
        let first = *first.get_or_insert(restarts);
        if restarts.saturating_sub(first) >= CRASHES_MAX {
            let end = state.and_then(|state| state.last_end).unwrap_or_default();
            return Err(not_ready(format!("its process ended {CRASHES_MAX} times, the last time it {end}")));
        }
        let answer = match state.and_then(|state| state.process) {
            Some(_) => ask(target.at, &check.path).await,
            None => Err("its process does not run".into()),
        };
        // Successes count only while one and the same process gives them.
        in_a_row = if answer.is_ok() && of == restarts { in_a_row + 1 } else { u32::from(answer.is_ok()) };
        of = restarts;
        if in_a_row >= check.successes.max(1) {
            told(&format!("{} is ready\n", target.url));
            return Ok(());
        }
        if begun.elapsed() >= check.timeout {
            let why = answer.err().unwrap_or_else(|| "it was ready too few times in a row".into());
            return Err(not_ready(format!("{why}, {} s after it was started", check.timeout.as_secs_f32())));
        }
        tokio::time::sleep(check.interval).await;
    }
}

/// Only for tests of who answers at an address.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_the_port_is_named_before_anything_is_started() {
        let dir = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let program = crate::deploy::Program {
            argv: vec!["x".into()],
            env: Default::default(),
            pass: Vec::new(),
            cwd: "/".into(),
        };
        let spec = KeepSpec { program, grace_ms: 1, pause_first_ms: 1, pause_max_ms: 1, steady_ms: 1 };
        let target = Target { url: format!("http://{at}"), at, dir: dir.path().join("a"), spec };
        let error = step(&target, "1").unwrap_err();
        let pid = std::process::id();
        assert!(
            matches!(&error, DeployError::PortTaken { pid: Some((found, _)), .. } if *found == pid),
            "{error}"
        );
        assert!(error.to_string().contains(&format!("(pid {pid}): stop it")), "{error}");
        drop(listener);
        assert_eq!(step(&target, "1").unwrap(), Step::Begin);
        assert!(!dir.path().join("a").exists());
    }
}
