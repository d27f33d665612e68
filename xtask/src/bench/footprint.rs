//! `cargo xtask bench footprint`: what `fw serve` costs before it does anything.
//!
//! Time from starting the process to the first 200 of `/readyz`, on a fresh store each round; resident memory
//! after three seconds of nothing; the size of the binary. It does not measure work: that is `bench proxy`.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::http;
use super::machine::{self, Place};
use super::process::Server;
use super::spread::Spread;
use crate::sh;

/// How long the server is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(3);
/// Goal for the time until ready, in ms.
const READY_MS_GOAL: f64 = 200.0;
/// Goal for the resident memory, in MiB.
const RESIDENT_MIB_GOAL: f64 = 40.0;

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often the server is started.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,
    /// Measure this `fw`, instead of building one.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// Builds, measures, prints.
pub(crate) fn run(args: &Args) -> Result<()> {
    let fw = match &args.binary {
        Some(binary) => fs::canonicalize(binary).with_context(|| binary.display().to_string())?,
        None => build()?,
    };
    let size = fs::metadata(&fw).context("the binary")?.len();
    println!("{}", machine::describe());
    let (mut ready, mut resident) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        let (time, kib) = round(&fw)?;
        ready.push(time.as_secs_f64() * 1e3);
        resident.push(kib as f64 / 1024.0);
    }
    let (ready, resident) = (Spread::of(ready), Spread::of(resident));
    println!(
        "start to ready    {} (goal: below {READY_MS_GOAL} ms, {})",
        ready.shown(0, " ms"),
        met(&ready, READY_MS_GOAL)
    );
    let met_resident = met(&resident, RESIDENT_MIB_GOAL);
    println!(
        "resident, idle    {} (goal: below {RESIDENT_MIB_GOAL} MiB, {met_resident})",
        resident.shown(1, " MiB")
    );
    println!("size of fw        {:.1} MiB", size as f64 / f64::from(1 << 20));
    Ok(())
}

/// Builds what ships.
pub(super) fn build() -> Result<PathBuf> {
    let build = ["build", "--locked", "--profile", "dist", "--package", "fw-cli", "--bin", "fw"];
    sh::run(sh::cargo().args(build))?;
    Ok(sh::target().join("dist/fw"))
}

fn met(spread: &Spread, goal: f64) -> &'static str {
    if spread.median().is_some_and(|median| median < goal) { "met" } else { "NOT met" }
}

/// One fresh start; time until ready, and KiB when idle.
fn round(fw: &Path) -> Result<(Duration, u64)> {
    let dir = tempfile::tempdir()?;
    let [api, traffic, stable, canary] = http::free_addresses()?;
    let config = format!(
        "service: footprint\nversions:\n  stable: {{ version: \"1\", url: \"http://{stable}\" }}\n  \
         canary: {{ version: \"2\", url: \"http://{canary}\" }}\ntraffic:\n  router: proxy\n  listen: {traffic}\n"
    );
    fs::write(dir.path().join("factory-wager.yaml"), config)?;
    let mut command = machine::command(Place::Free, &fw.to_string_lossy())?;
    command.current_dir(dir.path()).args([
        "serve",
        "--listen",
        &api.to_string(),
        "--store",
        "sqlite:state.db",
    ]);
    let mut server = Server::start("fw-serve", command, dir.path())?;
    let ready = server.wait_ready(|| http::get(api, "/readyz").is_ok_and(|answer| answer.status == 200))?;
    thread::sleep(IDLE);
    Ok((ready, server.resident_kib()?))
}
