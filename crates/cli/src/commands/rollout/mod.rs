//! `fw rollout …`: client commands, over HTTP and the types of `fw-api` only.

mod events;
mod history;
mod list;
mod report;
mod resolve;
mod start;
mod status;
mod steer;
mod watch;

use fw_api::Status;
use serde_json::Value;

use crate::args::{Global, RolloutCommand};
use crate::client::ClientError;
use crate::commands::{block_on, client};
use crate::failure::Failure;
use crate::output::Out;

pub(super) fn run(command: RolloutCommand, global: &Global, out: &mut Out) -> Result<(), Failure> {
    let client = client(global)?;
    block_on(async {
        match command {
            RolloutCommand::Start(args) => start::run(&client, args, global, out).await,
            RolloutCommand::Status(named) => status::run(&client, named.name.as_deref(), out).await,
            RolloutCommand::Pause(args) => steer::run(&client, "pause", args, None, out).await,
            RolloutCommand::Resume(args) => steer::run(&client, "resume", args, None, out).await,
            RolloutCommand::Advance(args) => steer::run(&client, "advance", args, None, out).await,
            RolloutCommand::Rollback { steer, to } => {
                steer::run(&client, "rollback", steer, Some(to), out).await
            }
            RolloutCommand::Abort(args) => steer::run(&client, "abort", args, None, out).await,
            RolloutCommand::Approve(args) => steer::run(&client, "approve", args, None, out).await,
            RolloutCommand::Reject(args) => steer::run(&client, "reject", args, None, out).await,
            RolloutCommand::List => list::run(&client, out).await,
            RolloutCommand::Watch(named) => watch::run(&client, named.name.as_deref(), out).await,
            RolloutCommand::Events { named, from } => {
                events::run(&client, named.name.as_deref(), from, out).await
            }
            RolloutCommand::History(named) => history::run(&client, named.name, out).await,
            RolloutCommand::Report(args) => report::run(&client, args, out).await,
        }
    })
}

/// The status in an answer; what else is in there stays for `--output json`.
fn status_of(answer: &Value) -> Result<Status, ClientError> {
    serde_json::from_value(answer.clone()).map_err(|e| {
        ClientError::Protocol(format!("the answer is no status ({e}): is the server of another version?"))
    })
}

/// Whether a rollout in this status is over, and if so whether it went well.
fn outcome(status: &str) -> Option<Result<(), ()>> {
    match status {
        "completed" => Some(Ok(())),
        // Of a rollout over several regions: some have it and others not; or a person must look.
        "rolled_back" | "aborted" | "partial" | "halted" => Some(Err(())),
        _ => None,
    }
}
