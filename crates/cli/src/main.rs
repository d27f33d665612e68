//! The binary `fw`: arguments in, one command each, an exit code out.
//!
//! Data goes to stdout, talk to stderr. Client commands talk to a server over HTTP and the types of
//! `fw-api` only; `serve`, `proxy` and `demo` run one in this process.

mod args;
mod checks;
mod client;
mod commands;
mod failure;
mod logging;
mod output;
mod rewrite;
mod stop;
mod watch;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    let mut out = output::Out::stdout(cli.global.output);
    match commands::run(cli, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.exit_code())
        }
    }
}
