//! What each command does, a file each.

mod completions;
mod config;
#[cfg(test)]
mod defaults;
mod demo;
mod flags;
mod keeper;
mod kpis;
mod notify;
mod plan;
mod proxy;
mod release;
mod rollout;
mod serve;
mod token;

use std::future::Future;

use crate::args::{Cli, Command, Global};
use crate::client::{Address, Client, SERVER_DEFAULT};
use crate::failure::Failure;
use crate::logging;
use crate::output::Out;

/// Does what was typed.
pub(crate) fn run(cli: Cli, out: &mut Out) -> Result<(), Failure> {
    let global = cli.global;
    match cli.command {
        Command::Demo(args) => demo::run(&args, out),
        Command::Serve(args) => serve::run(args),
        Command::Proxy(args) => proxy::run(args),
        Command::Rollout(args) => {
            logging::init("warn");
            rollout::run(args.command, &global, out)
        }
        Command::Config(args) => config::run(args.command, out),
        Command::Flags(args) => flags::run(args.command, &global, out),
        Command::Notify(args) => notify::run(args.command, &global, out),
        Command::Plan(args) => plan::run(args.command, &global, out),
        Command::Token(args) => token::run(args.command, out),
        Command::Completions(args) => completions::run(&args),
        Command::RunOrder(args) => keeper::run(&args.folder),
        Command::Keep(args) => keeper::keep(&args.folder),
        Command::Release(args) => {
            logging::init("warn");
            release::run(*args, &global, out)
        }
        Command::Kpis(args) => kpis::run(&args, &global, out),
    }
}

/// The server that was named, if one was: an empty `$FW_SERVER` names none.
fn named_server(global: &Global) -> Option<&str> {
    global.server.as_deref().filter(|server| !server.is_empty())
}

/// The client that `--server`, `$FW_SERVER` and `$FW_TOKEN` ask for.
fn client(global: &Global) -> Result<Client, Failure> {
    let server = named_server(global).unwrap_or(SERVER_DEFAULT);
    let address = Address::parse(server).map_err(Failure::Usage)?;
    Client::new(address, env_token().as_deref()).map_err(Failure::Usage)
}

/// `$FW_TOKEN`, if it is set. Never printed.
fn env_token() -> Option<String> {
    std::env::var("FW_TOKEN").ok().filter(|token| !token.is_empty())
}

/// Runs a client command to its end on this thread.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::Failed(format!("can't start: {e}")))?;
    let result = runtime.block_on(work);
    // A thread that waits for a key must not hold up the end.
    runtime.shutdown_background();
    result
}
