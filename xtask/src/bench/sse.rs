//! `cargo xtask bench sse`: thousands of listeners to `/events` of one `fw serve`, at one event a second, and one that does
//! not read.
//!
//! The server runs on CPU 0, the listeners (`crates/testkit/examples/listeners.rs`) on CPU 1. A rollout runs, reported for by
//! this program, and publishes its measurements every second. Before that some thousand events are made, so that the
//! one that does not read has something not to read. Printed are who got everything, delays, memory and CPU a listener.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::machine::{self, Place};
use super::process::Server;
use super::{footprint, http};
use crate::sh;

/// Events made beforehand: more bytes than lie in the buffers of a connection.
const BACKLOG: u32 = 3000;
/// What the listeners need beyond their time.
const EXTRA_TIME_MAX: Duration = Duration::from_secs(240);
/// How often memory is read.
const SAMPLE_EVERY: Duration = Duration::from_millis(500);

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many listen.
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=15_000))]
    clients: u32,
    /// For how long they count events, seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Measure this `fw`, instead of building one.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// Builds, measures, prints.
pub(crate) fn run(args: &Args) -> Result<()> {
    let fw = match &args.binary {
        Some(binary) => std::fs::canonicalize(binary).with_context(|| binary.display().to_string())?,
        None => footprint::build()?,
    };
    let listeners = build_listeners()?;
    println!("{}", machine::describe());
    let dir = tempfile::tempdir()?;
    let (address, server) = start(&fw, dir.path())?;
    backlog(address)?;
    let fresh = server.resident_kib()?;
    let (stop, most) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(fresh)));
    let plane = {
        let stop = stop.clone();
        thread::spawn(move || report_until(address, &stop))
    };
    let cpu_before = server.cpu_time()?;
    let began = Instant::now();
    let mut command = machine::command(Place::Others, &listeners.to_string_lossy())?;
    command.args([address.to_string(), args.clients.to_string(), args.seconds.to_string()]);
    let (server, said) = thread::scope(|scope| {
        let (sampled, ended) = (most.clone(), Arc::new(AtomicBool::new(false)));
        let told = ended.clone();
        let sampling = scope.spawn(move || {
            while !told.load(Ordering::Relaxed) {
                sampled.fetch_max(server.resident_kib().unwrap_or(0), Ordering::Relaxed);
                thread::sleep(SAMPLE_EVERY);
            }
            server
        });
        let time_max = Duration::from_secs(u64::from(args.seconds)) + EXTRA_TIME_MAX;
        let said = sh::capture(&mut command, time_max);
        ended.store(true, Ordering::Relaxed);
        (sampling.join(), said)
    });
    stop.store(true, Ordering::Relaxed);
    let Ok(server) = server else { bail!("the sampling thread broke off") };
    let cpu_after = server.cpu_time()?;
    let cpu = (cpu_after.user + cpu_after.system) - (cpu_before.user + cpu_before.system);
    let seen: Value = serde_json::from_str(said?.trim()).context("what the listeners printed")?;
    ensure!(plane.join().is_ok_and(|sent| sent), "the data plane was refused");
    print(args, &seen, (fresh, most.load(Ordering::Relaxed)), cpu / began.elapsed().as_secs_f64());
    Ok(())
}

fn build_listeners() -> Result<PathBuf> {
    let mut cargo = sh::cargo();
    sh::run(cargo.args([
        "build",
        "--release",
        "--locked",
        "--package",
        "fw-testkit",
        "--example",
        "listeners",
    ]))?;
    Ok(sh::target().join("release/examples/listeners"))
}

/// A server whose rollout publishes every second.
fn start(fw: &Path, dir: &Path) -> Result<(SocketAddr, Server)> {
    let [address] = http::free_addresses()?;
    let config = json!({
        "service": "checkout",
        "versions": { "stable": { "version": "1" }, "canary": { "version": "2" } },
        "traffic": { "router": "sdk" },
        "rollout": {
            "phases": [{ "percentage": 25, "duration": "10h", "riskScore": 20, "description": "A quarter" },
                { "percentage": 100, "duration": "1h", "riskScore": 20, "description": "All" }],
            "autoAdvance": false, "enableRollback": false, "monitoringInterval": 1,
        },
    });
    let config = config.to_string();
    std::fs::write(dir.join("factory-wager.json"), &config)?;
    let mut command = machine::command(Place::Measured, &fw.to_string_lossy())?;
    command.current_dir(dir).args(["serve", "--config", "factory-wager.json", "--store", "sqlite:state.db"]);
    command.args(["--listen", &address.to_string()]);
    let mut server = Server::start("fw-serve", command, dir)?;
    server.wait_ready(|| http::get(address, "/readyz").is_ok_and(|answer| answer.status == 200))?;
    done(&http::post(address, "/api/v1/rollouts", "", &config)?)?;
    let deadline = Instant::now() + Duration::from_secs(20);
    for seq in 1.. {
        report(address, seq)?;
        let status: Value = serde_json::from_slice(&http::get(address, "/status")?.body)?;
        if status["status"] == "running" {
            break;
        }
        ensure!(Instant::now() < deadline, "the rollout does not run: {status}");
        thread::sleep(Duration::from_millis(100));
    }
    Ok((address, server))
}

fn done(answer: &http::Answer) -> Result<()> {
    let text = String::from_utf8_lossy(&answer.body);
    ensure!((200..300).contains(&answer.status), "{} {text}", answer.head);
    Ok(())
}

/// A data plane's report: confirms the split and counts as many requests as it has sent reports.
fn report(address: SocketAddr, seq: u64) -> Result<()> {
    let status: Value = serde_json::from_slice(&http::get(address, "/status")?.body)?;
    let epoch = &status["split"]["epoch"];
    let body = json!({
        "source": { "id": "bench", "kind": "sdk", "region": null }, "seq": seq, "confirmedEpoch": epoch,
        "cells": [{ "epoch": epoch, "variant": "canary", "instance": "a", "requests": 10 * seq, "errors": 0,
            "durationMs": { "sum": 200.0 * seq as f64, "sumSquares": 4000.0 * seq as f64, "scale": 4, "offset": 69, "counts": [10 * seq] },
            "apdex": { "satisfied": 10 * seq, "tolerating": 0 } }],
        "inFlight": {},
    });
    done(&http::post(address, "/api/v1/services/checkout/observations", "", &body.to_string())?)
}

/// Reports every second until told to stop; whether all were taken.
fn report_until(address: SocketAddr, stop: &AtomicBool) -> bool {
    // Above every number of the start.
    (1_000..).take_while(|_| !stop.load(Ordering::Relaxed)).all(|seq| {
        thread::sleep(Duration::from_secs(1));
        report(address, seq).is_ok()
    })
}

/// Makes events: a person who pauses and resumes.
fn backlog(address: SocketAddr) -> Result<()> {
    for n in 0..BACKLOG {
        let action = if n % 2 == 0 { "pause" } else { "resume" };
        done(&http::post(address, &format!("/api/v1/rollouts/checkout/{action}"), "", "{}")?)?;
    }
    Ok(())
}

fn print(args: &Args, seen: &Value, (fresh, most): (u64, u64), share: f64) {
    let count = |key: &str| seen[key].as_u64().unwrap_or(0);
    let delay = |key: &str| seen["delayMs"][key].as_u64().unwrap_or(0);
    println!(
        "profile dist; the server on CPU 0, {} listeners on CPU 1, one event a second for {} s",
        args.clients, args.seconds
    );
    println!("all connected after    {} s", seen["openedSeconds"]);
    println!(
        "got every event        {} of {} ({} events each, {} gaps, {} received in all)",
        count("gotAll"),
        args.clients,
        count("eventsEach"),
        count("gaps"),
        count("received")
    );
    println!(
        "delay from the commit  p50 {} ms, p99 {} ms, most {} ms",
        delay("p50"),
        delay("p99"),
        delay("most")
    );
    let each = (most.saturating_sub(fresh)) as f64 / f64::from(args.clients);
    println!(
        "memory                 {:.1} MiB before, {:.1} MiB at most: {each:.1} KiB a listener",
        fresh as f64 / 1024.0,
        most as f64 / 1024.0
    );
    println!("CPU                    {:.1} % of a core over the whole run", 100.0 * share);
    match seen["slowCutAfterSeconds"].as_f64() {
        Some(_) => println!("one that does not read was cut off"),
        None => println!("one that does not read was NOT cut off"),
    }
}
