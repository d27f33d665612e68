//! `cargo xtask bench engine`: what 10 000 rollouts, each looked at once a second, cost one process.
//!
//! Builds the example `evaluate` of `fw-sim` in the `dist` profile and runs it; the engine alone, without store or HTTP.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::machine;
use crate::sh;

/// Goal for the share of one core.
const CORE_SHARE_GOAL: f64 = 0.5;
/// Goal for the resident memory, MiB.
const RESIDENT_MIB_GOAL: f64 = 1024.0;

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Rollouts.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rollouts: u32,
    /// Simulated seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
}

/// Builds, measures, prints.
pub(crate) fn run(args: &Args) -> Result<()> {
    sh::run(sh::cargo().args(["build", "--profile", "dist", "-p", "fw-sim", "--example", "evaluate"]))?;
    let program = sh::target().join("dist/examples/evaluate");
    let output = Command::new(&program)
        .args([args.rollouts.to_string(), args.seconds.to_string()])
        .output()
        .with_context(|| program.display().to_string())?;
    let line = String::from_utf8_lossy(&output.stdout);
    let measured: Value = serde_json::from_str(line.trim()).context("what the benchmark printed")?;
    let number = |name: &str| measured[name].as_f64().unwrap_or(f64::NAN);
    println!("{}", machine::describe());
    println!("{} rollouts, each looked at once a second, for {} s", args.rollouts, args.seconds);
    let met = |holds: bool| if holds { "met" } else { "NOT met" };
    let share = number("coreShare");
    println!(
        "share of a core   {:.1} % (goal: below {:.0} %, {}); slowest second {:.1} %",
        100.0 * share,
        100.0 * CORE_SHARE_GOAL,
        met(share < CORE_SHARE_GOAL),
        100.0 * number("slowestSecond"),
    );
    println!("a look            {:.1} µs", number("microsALook"));
    let resident = number("residentMiB");
    println!(
        "resident          {resident:.0} MiB (goal: below {RESIDENT_MIB_GOAL:.0} MiB, {})",
        met(resident < RESIDENT_MIB_GOAL)
    );
    Ok(())
}
