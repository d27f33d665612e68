//! The dashboard in a real Chromium, against the real server that drives a real rollout.
//!
//! `tests/dashboard/dashboard.mjs` looks and clicks, and says what must hold. What only this side can do (start a rollout
//! from a terminal, make the canary fail, kill the server) it asks for, a line each, and goes on when told that it is done.
//! Screenshots are kept in `target/dashboard`.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use fw_testkit::{Load, LoadSpec, require};
use serde_json::{Value, json};

use super::packages;
use super::world::World;

/// The first phase ends soon and waits for evidence that takes a while; the others are moved by hand.
fn plan() -> Value {
    let phase = |percentage: u64, name: &str| json!({ "percentage": percentage, "duration": "1h", "riskScore": 50, "description": name });
    let mut first = phase(5, "Initial canary");
    first["duration"] = json!("2s");
    first["successCriteria"] = json!({ "errorRate": 0.1 });
    let phases =
        [first, phase(25, "Limited rollout"), phase(50, "Balanced rollout"), phase(100, "Full deployment")];
    json!({ "phases": phases, "monitoringInterval": 1 })
}

/// What is beside the rollout: flags to show, and two metrics for the experiment.
fn sections() -> Value {
    json!({
        "metrics": [{ "name": "purchase" }],
        "flags": [
            { "key": "new-checkout", "stable": false, "canary": true },
            { "key": "button", "variants": [
                { "name": "blue", "value": "#00f", "weight": 50 }, { "name": "green", "value": "#0f0", "weight": 50 } ] },
        ],
    })
}

/// A server that wants this token, beside it.
async fn guarded() -> (World, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fw"));
    let output =
        command.args(["token", "new", "--name", "eye", "--role", "viewer", "--output", "json"]).output();
    let mut entry: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    let token = entry.as_object_mut().unwrap().remove("token").unwrap();
    let world = World::start_with(plan(), json!({ "auth": { "tokens": [entry] } })).await;
    (world, token.as_str().unwrap().to_owned())
}

/// Does what the script asks for.
fn serve(world: &mut World, asked: &str) {
    match asked.split_once(' ').unwrap_or((asked, "")) {
        ("fw", args) => drop(world.fw_ok(&args.split(' ').collect::<Vec<_>>())),
        ("fail-every", n) => world.canary.fail_every(n.parse().unwrap()),
        ("kill", _) => drop(world.server.kill().unwrap()),
        ("start", _) => world.start_again(),
        _ => panic!("the script asks for {asked:?}"),
    }
}

fn look(world: &mut World, mut script: Command) {
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut answers, lines) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    for line in lines.lines() {
        let line = line.unwrap();
        match line.strip_prefix("@ ") {
            Some(asked) => {
                serve(world, asked);
                // A script that is gone says so by its end.
                let _ = answers.write_all(b"done\n");
            }
            None => println!("{line}"),
        }
    }
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}\n{}", world.server.last_lines());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dashboard_shows_a_rollout_and_steers_it() {
    let (Some(node), Some(npm)) = (require("node"), require("npm")) else { return };
    let Some(chromium) = require("chromium") else { return };
    let mut world = World::start_with(plan(), sections()).await;
    let (closed, token) = guarded().await;
    let load = Load::open(LoadSpec::get(world.proxy, "/"), 200, 8);
    let pictures: PathBuf = [env!("CARGO_TARGET_TMPDIR"), "..", "dashboard"].iter().collect();
    std::fs::create_dir_all(&pictures).unwrap();
    let mut script = Command::new(node);
    let at = |addr: std::net::SocketAddr| format!("http://{addr}");
    script.current_dir(packages::dashboard(&npm)).arg("dashboard.mjs").arg(chromium);
    script.args([at(world.api), at(closed.api), token]).arg(std::path::absolute(pictures).unwrap());
    tokio::task::block_in_place(|| look(&mut world, script));
    load.stop().await;
}
