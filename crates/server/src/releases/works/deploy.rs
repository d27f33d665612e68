//! The new version is put there and taken away, and the old one is retired, through the deployer of the config.

use std::sync::Arc;
use std::time::Duration;

use fw_engine::release::{Event, Outcome, Release};
use fw_model::plan::Version;
use fw_model::release::{Command, DeployPolicy, ProcessDeploy};
use fw_providers::deploy::exec::{Act, Exec, ExecSettings};
use fw_providers::deploy::process::{BackOff, ProcessSettings, Processes};
use fw_providers::deploy::systemd::{Systemd, SystemdSettings, UNIT_DIR};
use fw_providers::deploy::{self, Deployer, Instance, Order, Presence, Program, ReadyCheck, Told, Wrapper};
use tokio::time::Instant;

use super::Place;
use super::check::{folder, program_of, variables};
use super::health::count;
use crate::releases::{Releases, done, regions};

/// Between the request to end and the end by force, of a command.
const GRACE: Duration = Duration::from_secs(10);
/// How long data planes may take to send nothing there any more.
const DRAIN_WITHIN: Duration = Duration::from_secs(15);
/// How long the old version of the release before may take to go.
const RETIRE_WITHIN: Duration = Duration::from_secs(120);
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Puts instances of the new version there.
pub(super) async fn deploy(releases: &Releases, place: &Place, from: usize, to: usize) -> Outcome {
    if let Err(why) = make_room(releases, &place.release).await {
        return Outcome::Failed { why, again: false };
    }
    let version = &place.release.plan.rollout.canary;
    let order = order(place, version, version.urls.get(from..to).unwrap_or_default());
    let Some(deployer) = deployer(releases, place) else { return done("nothing deploys this service") };
    let told = told(releases, place);
    let said = {
        let work = deployer.deploy(&order, &told);
        tokio::pin!(work);
        tokio::select! {
            outcome = &mut work => outcome,
            () = place.stop() => stop(releases, place, &order, &mut work).await,
        }
    };
    let text = format!("{} of {} there ({})", count(to - from), version.version, deployer.kind());
    outcome_of(said, text)
}

/// A command is asked to end, and its end is waited for; processes are taken away by the undo that follows.
async fn stop(
    releases: &Releases,
    place: &Place,
    order: &Order,
    work: &mut (impl Future<Output = deploy::Outcome> + Unpin),
) -> deploy::Outcome {
    let Some(DeployPolicy::Exec(exec)) = &place.release.plan.policy.deploy else {
        return deploy::Outcome::Failed { why: "it was stopped".into(), log: String::new() };
    };
    let dir = exec_of(releases, exec).folder(order, "deploy");
    if let Err(error) = deploy::command::cancel(&dir) {
        return deploy::Outcome::Failed { why: format!("it can't be stopped: {error}"), log: String::new() };
    }
    work.await
}

/// Takes the new version away, once nothing is sent there any more.
pub(super) async fn undeploy(releases: &Releases, place: &Place) -> Outcome {
    drained(releases, &place.release).await;
    let version = &place.release.plan.rollout.canary;
    let order = order(place, version, &version.urls);
    let Some(deployer) = deployer(releases, place) else { return done("nothing deploys this service") };
    let said = deployer.undo(&order, &told(releases, place)).await;
    outcome_of(said, format!("{} was taken away", version.version))
}

/// Takes the old version away.
pub(super) async fn retire(releases: &Releases, place: &Place) -> Outcome {
    drained(releases, &place.release).await;
    let version = &place.release.plan.rollout.stable;
    let order = order(place, version, &version.urls);
    let Some(deployer) = deployer(releases, place) else { return done("nothing deploys this service") };
    let before = deployer.status(&order).await;
    if !before.is_empty() && before.iter().all(|one| one.presence == Presence::Stopped) {
        return done(format!("{} was not started by FactoryWager, so it is left as it is", version.version));
    }
    let said = deployer.retire(&order, &told(releases, place)).await;
    outcome_of(said, format!("{} was retired", version.version))
}

fn outcome_of(said: deploy::Outcome, text: String) -> Outcome {
    match said {
        deploy::Outcome::Done => done(text),
        deploy::Outcome::Failed { why, log } => {
            let why = if log.is_empty() { why } else { format!("{why}; its last lines: {}", log.trim_end()) };
            Outcome::Failed { why, again: false }
        }
        deploy::Outcome::Unknown { why } => Outcome::Unknown { why },
    }
}

/// The old version of the release before was kept for an undo; the new one may need its place.
async fn make_room(releases: &Releases, release: &Release) -> Result<(), String> {
    let older: Vec<Release> = releases
        .all()
        .into_iter()
        .filter(|r| r.id.key == release.id.key && r.id.number < release.id.number)
        .collect();
    for one in older {
        let waits = |r: &Release| r.retire_at.is_some() || r.open_task().is_some();
        if !waits(&one) {
            continue;
        }
        let by = release.id.clone();
        releases.apply(&one.id, Event::Superseded { by }).await.map_err(|error| error.to_string())?;
        let end = Instant::now() + RETIRE_WITHIN;
        while releases.release(&one.id.to_string()).is_ok_and(|r| waits(&r)) {
            if Instant::now() >= end {
                return Err(format!("{}: its old version is still there", one.id));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
    Ok(())
}

/// Waits until every data plane routes by the present split, for a while.
async fn drained(releases: &Releases, release: &Release) {
    let end = Instant::now() + DRAIN_WITHIN;
    let keys = regions::keys_of(release);
    let lags = || {
        let views = releases.0.handle.views();
        keys.iter().any(|key| views.services.get(key).is_some_and(|service| service.lagging > 0))
    };
    while lags() && Instant::now() < end {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn order(place: &Place, version: &Version, urls: &[String]) -> Order {
    Order {
        id: place.order(),
        service: place.release.id.key.to_string(),
        version: version.version.clone(),
        env: place.release.plan.environment.clone().unwrap_or_default(),
        strategy: place.release.plan.strategy.as_str().to_owned(),
        instances: urls.iter().map(|url| Instance { url: url.clone() }).collect(),
    }
}

fn told(releases: &Releases, place: &Place) -> Told {
    let (releases, id) = (releases.clone(), place.release.id.clone());
    Arc::new(move |text: &str| releases.log(&id, text))
}

fn deployer(releases: &Releases, place: &Place) -> Option<Box<dyn Deployer>> {
    let root = &releases.0.settings.root;
    let health = &place.release.plan.policy.health.path;
    let ready = |process: &ProcessDeploy| ReadyCheck {
        path: health.clone(),
        timeout: process.ready_within,
        ..ReadyCheck::default()
    };
    Some(match place.release.plan.policy.deploy.as_ref()? {
        DeployPolicy::Process(process) => Box::new(Processes::new(ProcessSettings {
            root: root.join("processes"),
            keeper: Wrapper::own("__keep"),
            program: program(process),
            ready: ready(process),
            stop_grace: process.stop_grace,
            back_off: BackOff::default(),
        })),
        DeployPolicy::Systemd(systemd) => Box::new(Systemd::new(SystemdSettings {
            unit_dir: UNIT_DIR.into(),
            systemctl: "systemctl".into(),
            program: program(&systemd.process),
            environment_file: None,
            user: systemd.user.clone(),
            writable: vec![],
            ready: ready(&systemd.process),
            stop_grace: systemd.process.stop_grace,
            restart_pause: BackOff::default().first,
        })),
        DeployPolicy::Exec(exec) => {
            let mut exec = exec_settings(releases, exec);
            for act in std::iter::once(&mut exec.deploy).chain(&mut exec.undo).chain(&mut exec.retire) {
                act.program.env.extend(variables(place));
            }
            Box::new(Exec::new(exec))
        }
    })
}

fn exec_of(releases: &Releases, exec: &fw_model::release::ExecDeploy) -> Exec {
    Exec::new(exec_settings(releases, exec))
}

fn exec_settings(releases: &Releases, exec: &fw_model::release::ExecDeploy) -> ExecSettings {
    let act =
        |command: &Command| Act { program: program_of(command), timeout: command.timeout, grace: GRACE };
    ExecSettings {
        root: releases.0.settings.root.join("orders"),
        wrapper: Wrapper::own("__run"),
        deploy: act(&exec.deploy),
        undo: exec.undo.as_ref().map(act),
        retire: exec.retire.as_ref().map(act),
    }
}

fn program(process: &ProcessDeploy) -> Program {
    Program {
        argv: process.run.clone(),
        env: process.env.iter().cloned().collect(),
        pass: process.pass.clone(),
        cwd: folder(process.cwd.as_deref()),
    }
}
