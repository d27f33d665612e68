//! `cargo xtask bench ofrep`: what `fw serve` spends on evaluating five flags over HTTP.
//!
//! Four flags are bound to a rollout at 25 % (true or false, a text, a number, an object), one has weights. A thousand users ask
//! in turn: for all flags, for all with the tag of the answer they have (304), for one. The server runs alone on CPU 0,
//! wrk on CPU 1; the figure is CPU time a request (docs/adr/0008-benchmark-method.md), and what a core could do follows
//! from it. What others publish is printed beside it, with where it stands; nothing of theirs runs here.

mod users;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::machine::{self, Place};
use super::process::{CpuTime, Server};
use super::proxy::load::{self, Load};
use super::spread::{Spread, Table};
use super::{footprint, http};
use crate::sh;
use crate::tools::{self, Debian};

/// Connections of the load.
const CONNECTIONS: &str = "64";
/// Caches fill before anything is measured.
const WARM_UP_SECONDS: u32 = 1;
/// What a load generator needs beyond the time it was given.
const EXTRA_TIME_MAX: Duration = Duration::from_secs(30);
/// Goals on two CPUs: requests a second for all flags, for 304; p99 for all flags in ms; MiB.
const GOALS: (f64, f64, f64, f64) = (80_000.0, 150_000.0, 2.0, 20.0);
/// What others publish of themselves.
const PEERS: &str = "\
published by others, on their machines:
  Unleash Edge 19.11, 5 flags (Unleash/unleash-edge, its own benchmark): 1 CPU 39 000 requests/s, p95 1.6 ms, 6.7 MiB;
    8 CPUs 141 090 requests/s, p95 0.6 ms, 12.5 MiB. It hands out definitions or results to SDKs, not OFREP
  flagd, one evaluation without HTTP (open-feature/flagd, benchmark.txt, i9-11950H): 1.4 µs static, 7 to 8 µs by a rule,
    10.4 to 11.6 µs by a fraction
  Flagsmith Edge Proxy (its documentation): about 2 000 requests/s at 7 ms";

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Rounds; each has every kind of request once.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,
    /// Seconds of load a kind and round.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: u32,
    /// Measure this `fw`, instead of building one.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// One kind of request: its name, and the script that makes wrk send it.
struct Kind {
    name: &'static str,
    script: PathBuf,
    samples: Vec<(Load, CpuTime)>,
}

/// Builds, measures, prints.
pub(crate) fn run(args: &Args) -> Result<()> {
    tools::need_debian(&[Debian { program: "wrk", package: "wrk" }])?;
    let fw = match &args.binary {
        Some(binary) => fs::canonicalize(binary).with_context(|| binary.display().to_string())?,
        None => footprint::build()?,
    };
    println!("{}", machine::describe());
    let dir = tempfile::tempdir()?;
    let (address, server) = start(&fw, dir.path())?;
    let fresh = server.resident_kib()?;
    let mut kinds = kinds(address, dir.path())?;
    for kind in &kinds {
        wrk(kind, address, WARM_UP_SECONDS)?;
    }
    for round in 1..=args.rounds {
        eprintln!("xtask: round {round} of {}", args.rounds);
        for kind in &mut kinds {
            let before = server.cpu_time()?;
            let load = wrk(kind, address, args.seconds)?;
            let after = server.cpu_time()?;
            let cpu = CpuTime { user: after.user - before.user, system: after.system - before.system };
            kind.samples.push((load, cpu));
        }
    }
    print(args, &kinds, (fresh, server.resident_kib()?));
    Ok(())
}

/// A server with the five flags, whose rollout is at 25 %.
fn start(fw: &Path, dir: &Path) -> Result<(SocketAddr, Server)> {
    let [address] = http::free_addresses()?;
    let config = config().to_string();
    fs::write(dir.join("factory-wager.json"), &config)?;
    let mut command = machine::command(Place::Measured, &fw.to_string_lossy())?;
    command.current_dir(dir).args([
        "serve",
        "--config",
        "factory-wager.json",
        "--listen",
        &address.to_string(),
    ]);
    command.args(["--store", "sqlite:state.db"]);
    let mut server = Server::start("fw-serve", command, dir)?;
    server.wait_ready(|| http::get(address, "/readyz").is_ok_and(|answer| answer.status == 200))?;
    let answer = http::post(address, "/api/v1/rollouts", "", &config)?;
    if !matches!(answer.status, 200..=202) {
        bail!("the rollout does not start: {} {}", answer.head, String::from_utf8_lossy(&answer.body));
    }
    Ok((address, server))
}

fn config() -> Value {
    json!({
        "service": "checkout",
        "versions": { "stable": { "version": "1" }, "canary": { "version": "2" } },
        "traffic": { "router": "sdk" },
        "rollout": {
            "phases": [
                { "percentage": 25, "duration": "1h", "riskScore": 20, "description": "A quarter" },
                { "percentage": 100, "duration": "1h", "riskScore": 20, "description": "All" },
            ],
            "autoAdvance": false, "enableRollback": false,
        },
        "flags": [
            { "key": "new-checkout", "stable": false, "canary": true },
            { "key": "banner", "stable": "hello", "canary": "hello again" },
            { "key": "page-size", "stable": 20, "canary": 50 },
            { "key": "theme", "stable": { "colour": "#2563eb", "round": true },
                "canary": { "colour": "#0a7d5a", "round": false } },
            { "key": "button", "variants": [
                { "name": "blue", "value": "#2563eb", "weight": 50 },
                { "name": "green", "value": "#0a7d5a", "weight": 50 } ] },
        ],
    })
}

/// Writes a script for each kind; the users' tags are asked for here, and their shares looked at.
fn kinds(address: SocketAddr, dir: &Path) -> Result<Vec<Kind>> {
    let users = users::ask(address)?;
    let kind = |name: &'static str, file: &str, script: String| {
        let path = dir.join(file);
        fs::write(&path, script)?;
        anyhow::Ok(Kind { name, script: path, samples: Vec::new() })
    };
    Ok(vec![
        kind("5 flags", "all.lua", users::script(&users, users::ALL, false))?,
        kind("5 flags, 304", "same.lua", users::script(&users, users::ALL, true))?,
        kind("1 flag", "one.lua", users::script(&users, users::ONE, false))?,
    ])
}

fn wrk(kind: &Kind, address: SocketAddr, seconds: u32) -> Result<Load> {
    let mut command = machine::command(Place::Others, "wrk")?;
    command.args([
        "-t1",
        "-c",
        CONNECTIONS,
        "-d",
        &seconds.to_string(),
        "--timeout",
        "10",
        "--latency",
        "-s",
    ]);
    command.arg(&kind.script).arg(format!("http://{address}/"));
    let text = sh::capture(&mut command, Duration::from_secs(u64::from(seconds)) + EXTRA_TIME_MAX)?;
    let load =
        load::parse_wrk(&text).with_context(|| format!("this output of wrk is new to xtask:\n{text}"))?;
    if load.requests < 1.0 || load.errors > 0.0 {
        bail!("{}: {} of {} requests failed", kind.name, load.errors, load.requests);
    }
    Ok(load)
}

fn print(args: &Args, kinds: &[Kind], (fresh, loaded): (u64, u64)) {
    println!("profile dist; the server on CPU 0, wrk with {CONNECTIONS} connections on CPU 1");
    println!("{} rounds of {} s; median [smallest..largest]", args.rounds, args.seconds);
    let mut table = Table::new(&[
        "request",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "CPU µs/request",
        "user",
        "system",
        "one core, 1/s",
    ]);
    for kind in kinds {
        let of = |pick: &dyn Fn(&Load, &CpuTime) -> f64| {
            Spread::of(kind.samples.iter().map(|(load, cpu)| pick(load, cpu)))
        };
        let micros = |load: &Load, seconds: f64| seconds * 1e6 / load.requests;
        let cpu = of(&|load, cpu| micros(load, cpu.user + cpu.system));
        table.row(vec![
            kind.name.to_owned(),
            of(&|load, _| load.rate).shown(0, ""),
            of(&|load, _| load.p50_ms.unwrap_or(f64::NAN)).shown(2, ""),
            of(&|load, _| load.p99_ms.unwrap_or(f64::NAN)).shown(2, ""),
            cpu.shown(1, ""),
            of(&|load, cpu| micros(load, cpu.user)).shown(1, ""),
            of(&|load, cpu| micros(load, cpu.system)).shown(1, ""),
            cpu.median().map_or("–".to_owned(), |micros| format!("{:.0}", 1e6 / micros)),
        ]);
    }
    print!("{table}");
    println!(
        "resident: {:.1} MiB fresh, {:.1} MiB after the load",
        fresh as f64 / 1024.0,
        loaded as f64 / 1024.0
    );
    let (all, same, p99, mib) = GOALS;
    println!(
        "goals, two CPUs for the server: 5 flags {all:.0}/s, p99 below {p99} ms; 304 {same:.0}/s; below {mib} MiB"
    );
    println!("{PEERS}");
}
