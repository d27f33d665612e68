//! `fw rollout start`: begins a rollout from a config, and with `--wait` sees it through.
//!
//! The config is checked here first, so that faults have lines and columns, and sent with its
//! environment merged and its defaults written out: what was checked is what runs. Tokens stay home.

use std::time::Duration;

use fw_runtime::config::{self, ServiceConfig};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{outcome, status_of};
use crate::args::{Global, StartArgs};
use crate::client::{Client, ClientError, Follower, From, escape};
use crate::commands::named_server;
use crate::failure::Failure;
use crate::output::{Moment, Out, Paint, event_line, one_line, say, status_word, waiting_words};

/// How often an unconfirmed start is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Longest wait for the first split to be confirmed.
const CONFIRM_MAX: Duration = Duration::from_secs(60);

pub(super) async fn run(
    client: &Client,
    args: StartArgs,
    global: &Global,
    out: &mut Out,
) -> Result<(), Failure> {
    let service = config::load_file(&args.config, args.env.as_deref())?;
    check_name(args.name.as_deref(), &service)?;
    let key = uuid::Uuid::new_v4().to_string();
    let answer = match client.post("/api/v1/rollouts", &body(&service), Some(&key)).await {
        Err(nobody @ ClientError::Unreachable { refused: true, .. }) if named_server(global).is_none() => {
            return serve_first(nobody, &args);
        }
        other => other?,
    };
    let begun = status_of(&answer)?;
    let run = begun.run.clone().or(begun.rollout.clone());
    let run = run.ok_or_else(|| ClientError::Protocol("the server began something without a name".into()))?;
    say(&format!("{run}: {} → {} begins", service.plan.stable.version, service.plan.canary.version));
    let confirmed = confirmed(client, &run, answer).await?;
    if !args.wait {
        return print(&confirmed, out);
    }
    if !out.is_json() {
        print(&confirmed, out)?;
    }
    wait(client, &run, out).await
}

/// Nothing listens and no server was named: run one in the foreground first (contract section 2).
fn serve_first(nobody: ClientError, _args: &StartArgs) -> Result<(), Failure> {
    Err(nobody.into())
}

/// A NAME on the command line must be what the config describes: the service, or service@region.
fn check_name(name: Option<&str>, service: &ServiceConfig) -> Result<(), Failure> {
    let key = &service.plan.key;
    match name {
        Some(name) if name != key.to_string() && name != key.service.as_str() => {
            Err(Failure::Usage(format!("the config is of {key}, not of {name}; name its file with -c")))
        }
        _ => Ok(()),
    }
}

/// What is sent: everything but who may talk to the server, which is the server's own business.
fn body(service: &ServiceConfig) -> Value {
    let mut body = config::effective_json(service);
    if let Some(object) = body.as_object_mut() {
        object.remove("auth");
    }
    body
}

/// Waits until data planes confirmed the first split.
async fn confirmed(client: &Client, run: &str, first: Value) -> Result<Value, Failure> {
    let began = Instant::now();
    let mut answer = first;
    loop {
        let status = status_of(&answer)?;
        if status.status != "pending" {
            return Ok(answer);
        }
        if began.elapsed() > CONFIRM_MAX {
            let why = waiting_words(&status, &Moment::here()).join("; ");
            return Err(Failure::Failed(format!(
                "{run} has begun, but its first split is not confirmed after 60 s: {why}\n  \
                 it goes on by itself once a data plane answers; `fw rollout abort {run}` ends it"
            )));
        }
        sleep(LOOK_EVERY).await;
        answer = client.get(&format!("/api/v1/rollouts/{}", escape(run))).await?;
    }
}

fn print(answer: &Value, out: &mut Out) -> Result<(), Failure> {
    if out.is_json() {
        return Ok(out.json(answer)?);
    }
    Ok(out.line(&one_line(&status_of(answer)?))?)
}

/// Follows the rollout to its end; exit 1 when it did not complete.
async fn wait(client: &Client, run: &str, out: &mut Out) -> Result<(), Failure> {
    let end = match Follower::open(client, Some(run), From::Now).await {
        Ok(follower) => follow(follower).await?,
        // `sseEnabled: false`: no events to follow, so the state is asked for instead.
        Err(error) if error.is_not_found() => poll(client, run).await?,
        Err(error) => return Err(error.into()),
    };
    let answer = client.get(&format!("/api/v1/rollouts/{}", escape(run))).await?;
    print(&answer, out)?;
    match outcome(&end) {
        Some(Err(())) => Err(Failure::Failed(format!("{run} was {}", status_word(&end)))),
        _ => Ok(()),
    }
}

/// The status that ended it. What happens meanwhile is talk, as the result is the end.
async fn follow(mut follower: Follower) -> Result<String, Failure> {
    loop {
        let event = follower.next().await?;
        say(&event_line(&event, &Moment::here(), Paint::stderr()));
        if outcome(&event.status.status).is_some() {
            return Ok(event.status.status);
        }
    }
}

async fn poll(client: &Client, run: &str) -> Result<String, Failure> {
    loop {
        let status = status_of(&client.get(&format!("/api/v1/rollouts/{}", escape(run))).await?)?;
        if outcome(&status.status).is_some() {
            return Ok(status.status);
        }
        sleep(Duration::from_secs(1)).await;
    }
}
