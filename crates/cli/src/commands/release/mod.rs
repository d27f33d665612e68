//! `fw release …`: client commands, over HTTP only; what can be looked at without a server is looked at here first.

mod act;
mod follow;
mod list;
mod resolve;
mod show;
mod start;

use serde_json::{Value, json};

use crate::args::{Global, ReleaseArgs, ReleaseCommand};
use crate::client::{Client, escape};
use crate::commands::{block_on, client};
use crate::failure::Failure;
use crate::output::Out;

/// Does what was typed.
pub(super) fn run(args: ReleaseArgs, global: &Global, out: &mut Out) -> Result<(), Failure> {
    let client = client(global)?;
    block_on(async {
        match args.command {
            None => start::run(&client, &args.start, out).await,
            Some(ReleaseCommand::Start(start)) => start::run(&client, &start, out).await,
            Some(ReleaseCommand::List) => list::run(&client, out).await,
            Some(ReleaseCommand::Show(named)) => show::run(&client, named.name, out).await,
            Some(ReleaseCommand::Report(named)) => show::report(&client, named.name, out).await,
            Some(ReleaseCommand::Approve(args)) => act::run(&client, "approve", args, json!({}), out).await,
            Some(ReleaseCommand::Reject(args)) => act::run(&client, "reject", args, json!({}), out).await,
            Some(ReleaseCommand::Cancel(args)) => act::run(&client, "cancel", args, json!({}), out).await,
            Some(ReleaseCommand::Undo(args)) => act::run(&client, "undo", args, json!({}), out).await,
            Some(ReleaseCommand::Resolve { act: args, task, how }) => {
                act::run(&client, "resolve", args, json!({ "task": task, "as": how.word() }), out).await
            }
        }
    })
}

/// Everything that is known of a release.
async fn detail(client: &Client, name: &str) -> Result<Value, Failure> {
    Ok(client.get(&format!("/api/v1/releases/{}", escape(name))).await?)
}

/// A text member; empty where it is none.
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
