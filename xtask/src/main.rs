//! `cargo xtask`: the one door. What CI runs is what people run.
//!
//! Each subcommand is one file or folder here: `demo`, `test`, `ci`, `tidy`, `gen`, `dashboard`, `bench`.
//! They start other programs (cargo, apt-get, nginx …) and read what those say; no product code is
//! linked in, so that the door opens before anything else has been compiled.

mod bench;
mod ci;
mod dashboard;
mod demo;
mod generate;
mod sh;
mod tests;
mod tidy;
mod tools;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The tasks of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build `fw` and run `fw demo` with the arguments given.
    Demo {
        /// Arguments for `fw demo`, such as `--fast --fault error-rate=20%`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run every test of the workspace, documentation tests included.
    Test {
        /// Arguments for `cargo nextest run`, such as a filter.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Everything a change must pass: what `.ci/run` starts.
    Ci,
    /// Check the house rules and print the five numbers.
    Tidy,
    /// Write the pages of docs/reference that are made from code.
    Gen {
        /// Write nothing; fail when a page differs from what the code says.
        #[arg(long)]
        check: bool,
    },
    /// Check, test and build the page in `dashboard/`, and write what goes into the binary.
    Dashboard {
        /// Write nothing; fail when what is committed is not what the sources make.
        #[arg(long)]
        check: bool,
    },
    /// Measure.
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    match task {
        Task::Demo { args } => demo::run(&args),
        Task::Test { args } => tests::run(&args),
        Task::Ci => ci::run(),
        Task::Tidy => tidy::run(),
        Task::Gen { check } => generate::run(check),
        Task::Dashboard { check } => dashboard::run(check),
        Task::Bench(bench) => bench::run(bench),
    }
}
