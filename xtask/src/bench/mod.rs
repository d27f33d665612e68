//! `cargo xtask bench`: measurements that others can repeat.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

/// What to measure.
#[derive(Subcommand)]
pub(crate) enum Bench {}

/// Runs one benchmark.
pub(crate) fn run(bench: Bench) -> Result<ExitCode> {
    match bench {}
}
