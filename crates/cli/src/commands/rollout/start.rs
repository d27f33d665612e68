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
use crate::client::{Address, Client, ClientError, Follower, From, escape};
use crate::commands::{env_token, named_server};
use crate::failure::Failure;
use crate::output::{Moment, Out, Paint, event_line, one_line, say, status_word, waiting_words};

/// How often an unconfirmed start is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Where a server that runs first keeps its events.
const STORE_PATH: &str = ".factory-wager/state.db";
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
    match begin(client, &service, args.wait, out).await {
        Err(Begin::Nobody(_)) if named_server(global).is_none() => serve_first(service, args.wait, out).await,
        Err(Begin::Nobody(error)) => Err(error.into()),
        Err(Begin::Failed(failure)) => Err(failure),
        Ok(()) => Ok(()),
    }
}

/// Why a rollout was not begun, or did not end well.
enum Begin {
    /// Nothing listens.
    Nobody(ClientError),
    /// Anything else.
    Failed(Failure),
}

impl<E: Into<Failure>> std::convert::From<E> for Begin {
    fn from(error: E) -> Begin {
        Begin::Failed(error.into())
    }
}

async fn begin(
    client: &Client,
    service: &ServiceConfig,
    wait_for_end: bool,
    out: &mut Out,
) -> Result<(), Begin> {
    let key = uuid::Uuid::new_v4().to_string();
    let answer = match client.post("/api/v1/rollouts", &config::request_json(service), Some(&key)).await {
        Err(nobody @ ClientError::Unreachable { refused: true, .. }) => return Err(Begin::Nobody(nobody)),
        other => other?,
    };
    let begun = status_of(&answer)?;
    let run = begun.run.clone().or(begun.rollout.clone());
    let run = run.ok_or_else(|| ClientError::Protocol("the server began something without a name".into()))?;
    say(&format!("{run}: {} → {} begins", service.plan.stable.version, service.plan.canary.version));
    let confirmed = confirmed(client, &run, answer).await?;
    if !wait_for_end {
        return Ok(print(&confirmed, out)?);
    }
    if !out.is_json() {
        print(&confirmed, out)?;
    }
    let regional = service.waves.is_some();
    Ok(wait(client, &run, regional, out).await?)
}

/// Nothing listens and no server was named: run one in the foreground first (contract section 2),
/// begin, and go on serving until a signal, or with `--wait` until the end of the rollout.
async fn serve_first(service: ServiceConfig, wait_for_end: bool, out: &mut Out) -> Result<(), Failure> {
    let stopped =
        crate::stop::on_signal().map_err(|e| Failure::Failed(format!("signals can't be had: {e}")))?;
    say("nothing listens yet, so a server runs here now; end it with Ctrl-C");
    let store = fw_server::StoreChoice::Sqlite(STORE_PATH.into());
    let options = fw_server::ServeOptions { configs: vec![service.clone()], listen: None, store };
    let server = crate::commands::serve::start(options).await?;
    let address = Address::parse(&format!("http://{}", server.addr())).map_err(Failure::Usage)?;
    let client = Client::new(address, env_token().as_deref()).map_err(Failure::Usage)?;
    let begun = begin(&client, &service, wait_for_end, out).await.map_err(|e| match e {
        Begin::Nobody(error) => error.into(),
        Begin::Failed(failure) => failure,
    });
    if begun.is_ok() && !wait_for_end {
        stopped.await;
    }
    server.stop().await;
    begun
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
///
/// Over several regions each has events and an end of its own: the state of the whole is asked for.
async fn wait(client: &Client, run: &str, regional: bool, out: &mut Out) -> Result<(), Failure> {
    let end = if regional { poll(client, run).await? } else { followed(client, run).await? };
    let answer = client.get(&format!("/api/v1/rollouts/{}", escape(run))).await?;
    print(&answer, out)?;
    match outcome(&end) {
        Some(Err(())) => Err(Failure::Failed(format!("{run} was {}", status_word(&end)))),
        _ => Ok(()),
    }
}

async fn followed(client: &Client, run: &str) -> Result<String, Failure> {
    match Follower::open(client, Some(run), From::Now).await {
        Ok(follower) => follow(follower).await,
        // `sseEnabled: false`: no events to follow, so the state is asked for instead.
        Err(error) if error.is_not_found() => poll(client, run).await,
        Err(error) => Err(error.into()),
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
