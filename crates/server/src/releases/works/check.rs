//! Checks of the user: a command, or a URL. What they find weighs what the config says.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fw_engine::release::{Found, Outcome};
use fw_model::release::{Command, Finding, Severity};
use fw_providers::ask::Question;
use fw_providers::deploy::command::{self, CommandSpec, How, Look};
use fw_providers::deploy::{Program, Wrapper};
use serde_json::json;

use super::Place;
use crate::releases::{Releases, done};

/// Between the request to end and the end by force.
const GRACE: Duration = Duration::from_secs(10);
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// So much of the output is repeated in a finding, bytes.
const TAIL_BYTES: u64 = 400;

/// Runs a command, at most once for each attempt.
pub(super) async fn command(releases: &Releases, place: &Place, at: usize) -> Outcome {
    let Some(check) = place.release.plan.policy.checks.commands.get(at) else {
        return Outcome::Failed { why: "the config has no such check".into(), again: false };
    };
    let dir = releases.0.settings.root.join("orders").join(place.order());
    let mut program = program_of(&check.command);
    program.env.extend(variables(place));
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let spec = CommandSpec { program, timeout_ms: ms(check.command.timeout), grace_ms: ms(GRACE) };
    if let Err(error) = command::begin(&dir, &spec, &Wrapper::own("__run")).await {
        return Outcome::Failed { why: format!("{}: {error}", check.name), again: false };
    }
    let told = {
        let (releases, id, name) = (releases.clone(), place.release.id.clone(), check.name.clone());
        Arc::new(move |text: &str| {
            text.lines().for_each(|line| releases.log(&id, &format!("{name}: {line}")))
        })
    };
    let looking = command::wait(&dir, LOOK_EVERY, &*told);
    tokio::pin!(looking);
    let look = tokio::select! {
        look = &mut looking => look,
        () = place.stop() => {
            let _ = command::cancel(&dir);
            looking.await
        }
    };
    let ended = match look {
        Ok(Look::Ended(ended)) => ended,
        Ok(Look::Unknown { why }) => return Outcome::Unknown { why: format!("{}: {why}", check.name) },
        Ok(Look::NotBegun | Look::Running { .. }) => {
            return Outcome::Unknown { why: format!("the files of {} are gone", check.name) };
        }
        Err(error) => return Outcome::Unknown { why: format!("{}: {error}", check.name) },
    };
    if ended.is_success() {
        return done(format!("{} passed", check.name));
    }
    if ended.how == How::Cancelled {
        return Outcome::Failed { why: format!("{} was stopped", check.name), again: false };
    }
    let tail = command::tail(&dir, TAIL_BYTES).unwrap_or_default();
    let last = tail.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim();
    found(&check.name, check.severity, &format!("{}: {last}", how(&ended.how, &check.command)))
}

fn how(how: &How, command: &Command) -> String {
    match how {
        How::Exited { code } => format!("ended with exit status {code}"),
        How::Killed { signal } => format!("was ended by signal {signal}"),
        How::TimedOut => format!("took longer than {} s", command.timeout.as_secs()),
        How::Cancelled => "was stopped".into(),
        How::NotStarted { why } => format!("could not be started ({why})"),
    }
}

fn found(name: &str, severity: Severity, text: &str) -> Outcome {
    let finding = Finding::new(name, severity, format!("{name} {text}"));
    Outcome::Done(Found { text: finding.message.clone(), findings: vec![finding], ..Found::default() })
}

/// Asks a URL.
pub(super) async fn webhook(releases: &Releases, place: &Place, at: usize) -> Outcome {
    let Some(check) = place.release.plan.policy.checks.webhooks.get(at) else {
        return Outcome::Failed { why: "the config has no such check".into(), again: false };
    };
    let plan = &place.release.plan;
    let body = json!({
        "release": place.release.id.to_string(), "service": place.release.id.key.to_string(),
        "stable": plan.rollout.stable.version, "version": plan.rollout.canary.version,
        "environment": plan.environment, "strategy": plan.strategy.as_str(),
    });
    match releases.0.settings.asker.ask(&Question::post(&check.url, body, check.timeout)).await {
        Ok(asked) if asked.status.is_success() => done(format!("{} says yes", check.name)),
        Ok(asked) if asked.status.is_server_error() && place.attempt < fw_engine::release::RETRIES_MAX => {
            Outcome::Failed { why: format!("{} answered {}", check.name, asked.status), again: true }
        }
        Ok(asked) => found(&check.name, check.severity, &format!("answered {}", asked.status)),
        Err(why) if place.attempt < fw_engine::release::RETRIES_MAX => Outcome::Failed { why, again: true },
        Err(why) => found(&check.name, check.severity, &format!("did not answer: {why}")),
    }
}

/// A command of the config as a program.
pub(super) fn program_of(command: &Command) -> Program {
    Program {
        argv: command.run.clone(),
        env: command.env.iter().cloned().collect(),
        pass: command.pass.clone(),
        cwd: folder(command.cwd.as_deref()),
    }
}

/// A folder as an absolute path; where the server runs when none is named.
pub(super) fn folder(cwd: Option<&str>) -> PathBuf {
    let own = std::env::current_dir().unwrap_or_else(|_| "/".into());
    cwd.map_or_else(|| own.clone(), |cwd| own.join(cwd))
}

/// What every command of a release is told.
pub(super) fn variables(place: &Place) -> BTreeMap<String, String> {
    let plan = &place.release.plan;
    let texts = [
        ("FW_RELEASE", place.release.id.to_string()),
        ("FW_SERVICE", place.release.id.key.to_string()),
        ("FW_VERSION", plan.rollout.canary.version.clone()),
        ("FW_STABLE_VERSION", plan.rollout.stable.version.clone()),
        ("FW_ENV", plan.environment.clone().unwrap_or_default()),
        ("FW_STRATEGY", plan.strategy.as_str().to_owned()),
        ("FW_URLS", plan.rollout.canary.urls.join(",")),
    ];
    texts.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}
