//! A server that is killed at every step of a release and in the middle of every command: the next one goes on, no command
//! runs twice, and where nobody knows how one ended, a person is asked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fw_testkit::{Client, Load, LoadSpec};
use serde_json::{Value, json};

use super::world::World;

/// Longest time of one release.
const RELEASE_MAX: Duration = Duration::from_secs(120);
/// More changes than a release has.
const KILLS_MAX: usize = 80;

/// A release of two versions that are there already, with commands that write down that they ran.
struct Commands {
    world: World,
    ran: PathBuf,
    /// Which of the two upstreams serves, and how many versions there were.
    turn: usize,
    /// So that the rollout has something to look at; what fails while the server is dead is of no interest.
    #[allow(dead_code)] // Sends as long as it is held.
    load: Load,
}

impl Commands {
    async fn open(repeatable: bool) -> Commands {
        Commands::open_with(repeatable, json!({}), json!([])).await
    }

    /// The same with gates before steps, and at the end of both phases.
    async fn open_with(repeatable: bool, gates: Value, of_phases: Value) -> Commands {
        let folder = tempfile::tempdir().unwrap().keep();
        let ran = folder.join("ran");
        let script = folder.join("step.sh");
        // Begun, some work, done: so that a test can tell that it is in the middle.
        let text = "#!/bin/sh\necho \"$FW_RELEASE $1 begins\" >> \"$RAN\"\nsleep 0.5\necho \"$FW_RELEASE $1 ends\" >> \"$RAN\"\n";
        std::fs::write(&script, text).unwrap();
        let command = |name: &str| {
            json!({
                "run": ["sh", script.display().to_string(), name], "env": [format!("RAN={}", ran.display())],
                "timeout": 60, "repeatable": repeatable,
            })
        };
        let phase = |percentage: u64| json!({ "percentage": percentage, "duration": "300ms", "riskScore": 50, "gates": of_phases });
        let rollout = json!({
            "phases": [phase(50), phase(100)], "monitoringInterval": 3600, "riskThreshold": 0,
            "rollbackTriggers": { "errorRate": "off", "health": "off", "responseTime": "off" },
            "analysis": { "evidence": "observed" },
        });
        let release = json!({
            "approval": { "limit": 100 }, "keepOld": 0, "gates": gates,
            "checks": { "commands": [{ "name": "lint", "command": command("lint") }] },
            "deploy": { "exec": { "deploy": command("deploy"), "undo": command("undo"), "retire": command("retire") } },
        });
        let world = World::start_with(rollout, json!({ "release": release })).await;
        let load = Load::open(LoadSpec::get(world.proxy, "/"), 100, 4);
        Commands { world, ran, turn: 0, load }
    }

    /// Begins the next release; gives its id.
    fn begin(&mut self) -> String {
        self.begin_with(&["--auto-approve"])
    }

    fn begin_with(&mut self, more: &[&str]) -> String {
        let folder = self.world.folder();
        let own = std::fs::read_to_string(folder.join("factory-wager.yaml")).unwrap();
        let mut config: Value = serde_json::from_str(&own).unwrap();
        let urls = [self.world.stable.addr, self.world.canary.addr].map(|addr| format!("http://{addr}"));
        let version = |turn: usize| json!({ "version": format!("1.0.{turn}"), "url": urls[turn % 2] });
        config["versions"] = json!({ "stable": version(self.turn), "canary": version(self.turn + 1) });
        std::fs::write(folder.join("next.yaml"), config.to_string()).unwrap();
        let args = [&["release", "-c", "next.yaml", "--output", "json"], more].concat();
        let out = self.world.fw_ok(&args);
        let release: Value = serde_json::from_str(&out).unwrap();
        release["id"].as_str().unwrap().to_owned()
    }

    /// How often each command of a release began and ended.
    fn ran(&self, id: &str) -> BTreeMap<String, usize> {
        let text = std::fs::read_to_string(&self.ran).unwrap_or_default();
        let mut counts = BTreeMap::new();
        for line in text.lines().filter_map(|line| line.strip_prefix(&format!("{id} "))) {
            *counts.entry(line.to_owned()).or_insert(0) += 1;
        }
        counts
    }

    /// Waits for something of a release.
    async fn until(&self, id: &str, what: &str, mut holds: impl FnMut(&Value) -> bool) -> Value {
        let began = Instant::now();
        let mut client = Client::new(self.world.api);
        let path = format!("/api/v1/releases/{id}");
        loop {
            let answer = client.get(&path).await;
            let now =
                answer.map_or(Value::Null, |answer| serde_json::from_slice(&answer.body).unwrap_or_default());
            if holds(&now) {
                return now;
            }
            assert!(
                began.elapsed() < RELEASE_MAX,
                "{id}: not {what}: {now:#}\n{}",
                self.world.server.last_lines()
            );
            tokio::task::yield_now().await;
        }
    }

    /// Waits for the end, the old version retired.
    async fn end(&self, id: &str) -> Value {
        let over = |now: &Value| {
            now["overallStatus"].is_string() && (now["retired"] == true || now["overallStatus"] != "success")
        };
        self.until(id, "over", over).await
    }
}

/// What has changed so far: every work with its state, every phase of the rollout, the step.
fn signature(release: &Value) -> String {
    let tasks = release["tasks"].as_array().into_iter().flatten();
    let tasks: Vec<String> = tasks.map(|task| format!("{}{}", task["id"], task["state"])).collect();
    format!("{}{tasks:?}{}{}", release["step"], release["rolloutDetail"], release["overallStatus"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_change_a_release_ends_as_without_and_runs_no_command_twice() {
    let mut commands = Commands::open(false).await;
    let all: BTreeMap<String, usize> = ["lint", "deploy", "retire"]
        .iter()
        .flat_map(|name| [(format!("{name} begins"), 1), (format!("{name} ends"), 1)])
        .collect();
    let mut kills = 0;
    for at in 0..KILLS_MAX {
        let id = commands.begin();
        let mut seen = vec![];
        let mut over = false;
        // Until the change with this number: there the server dies.
        commands
            .until(&id, "at its change", |now| {
                let signature = signature(now);
                if seen.last() != Some(&signature) {
                    seen.push(signature);
                }
                over = now["retired"] == true;
                seen.len() > at || over
            })
            .await;
        if !over {
            kills += 1;
            commands.world.kill_and_restart();
        }
        let last = commands.end(&id).await;
        assert_eq!(last["overallStatus"], "success", "killed at change {at}: {last:#}");
        assert_eq!(commands.ran(&id), all, "killed at change {at}: {last:#}");
        commands.turn += 1;
        if over {
            break;
        }
    }
    assert!(kills >= 5, "only {kills} changes were seen");
    println!("killed at {kills} changes of a release, each once");
}

/// Where the release stands still: the step, and the phase of the rollout that a person is asked about.
fn boundary(release: &Value, rollout: &Value) -> Option<String> {
    if release["waitingOn"][0]["kind"] == "gate" {
        return Some(format!("before {}", release["step"].as_str()?));
    }
    let held = rollout["waitingOn"][0]["kind"] == "gate";
    held.then(|| format!("in phase {}", rollout["state"]["currentPhase"]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_boundary_between_steps_a_release_ends_as_without() {
    let asks = json!([{ "approval": {} }]);
    let gates = json!({ "deploy": asks, "rollout": asks, "finish": asks });
    let mut commands = Commands::open_with(false, gates, asks).await;
    let all =
        ["before approve", "before deploy", "before rollout", "in phase 0", "in phase 1", "before finish"];
    for at in all {
        let id = commands.begin_with(&[]);
        let mut passed = vec![];
        let began = Instant::now();
        loop {
            assert!(
                began.elapsed() < RELEASE_MAX,
                "{at}: {passed:?}\n{}",
                commands.world.server.last_lines()
            );
            let release = commands.world.get(&format!("/api/v1/releases/{id}")).await;
            if release["overallStatus"].is_string() {
                break;
            }
            let rollout = commands.world.status().await;
            let now = boundary(&release, &rollout).filter(|now| passed.last() != Some(now));
            let Some(now) = now else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            if now == at {
                commands.world.kill_and_restart();
            }
            let kind = if now.starts_with("in phase") { "rollout" } else { "release" };
            let name = if kind == "rollout" { "checkout" } else { id.as_str() };
            commands.world.fw_ok(&[kind, "approve", name, "--reason", "looks fine"]);
            passed.push(now);
        }
        assert_eq!(passed, all, "killed {at}");
        let last = commands.end(&id).await;
        assert_eq!(last["overallStatus"], "success", "killed {at}: {last:#}");
        assert!(commands.ran(&id).values().all(|n| *n == 1), "killed {at}: {:?}", commands.ran(&id));
        assert_eq!(
            last["timeline"].to_string().matches("looks fine").count(),
            4,
            "who said yes, and why: {last:#}"
        );
        commands.turn += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_of_every_command_a_release_ends_as_without() {
    let mut commands = Commands::open(false).await;
    for name in ["lint", "deploy", "retire"] {
        let id = commands.begin();
        let began = Instant::now();
        let line = format!("{name} begins");
        commands.until(&id, "in the middle", |_| commands.ran(&id).contains_key(&line)).await;
        assert!(began.elapsed() < RELEASE_MAX);
        commands.world.kill_and_restart();
        let last = commands.end(&id).await;
        assert_eq!(last["overallStatus"], "success", "killed in {name}: {last:#}");
        assert!(commands.ran(&id).values().all(|n| *n == 1), "killed in {name}: {:?}", commands.ran(&id));
        commands.turn += 1;
    }
}

/// Ends the server together with the wrapper of the command that runs, as a machine that goes down does.
async fn lose(commands: &mut Commands, id: &str) {
    let line = "lint begins".to_owned();
    commands.until(id, "in the middle", |_| commands.ran(id).contains_key(&line)).await;
    let orders = commands.world.folder().join(".factory-wager/state.deploy");
    commands.world.server.kill().unwrap();
    for pid in super::shop::pids_of(&orders.display().to_string()) {
        let _ = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    commands.world.start_again();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_outcome_waits_for_a_person_and_runs_again_only_when_it_may() {
    let mut commands = Commands::open(false).await;
    let id = commands.begin();
    lose(&mut commands, &id).await;
    let waits =
        commands.until(&id, "waiting for a person", |now| now["waitingOn"][0]["kind"] == "person").await;
    let text = waits["waitingOn"][0]["text"].as_str().unwrap();
    assert!(text.contains("nobody knows whether check command was done"), "{text}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(commands.ran(&id).get("lint begins"), Some(&1), "it is not run again by itself");
    let task = waits["tasks"].as_array().unwrap().last().unwrap()["id"].to_string();
    let reason = "I read its log";
    commands.world.fw_ok(&["release", "resolve", &id, "--task", &task, "--as", "done", "--reason", reason]);
    let last = commands.end(&id).await;
    assert_eq!(last["overallStatus"], "success", "{last:#}");
    assert_eq!(commands.ran(&id).get("lint begins"), Some(&1));
    assert!(last["timeline"].to_string().contains(reason), "{last:#}");

    let mut commands = Commands::open(true).await;
    let id = commands.begin();
    lose(&mut commands, &id).await;
    let last = commands.end(&id).await;
    assert_eq!(last["overallStatus"], "success", "{last:#}");
    assert_eq!(commands.ran(&id).get("lint begins"), Some(&2), "it may be repeated, so it is");
}
