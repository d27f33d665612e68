//! Notifications of the real server: killed again and again, and no receiver misses a transition.
//!
//! The receiver is a Node program that verifies each request with the reference library of Standard Webhooks, and that
//! fails, cuts off and delays as receivers do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use fw_testkit::{Proc, ProcSpec, free_port, require};
use serde_json::{Value, json};

use super::packages;
use super::world::{SOON, World, by_hand, fw};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// How often the server dies.
const KILLS: u32 = 60;

/// The Node receiver, and what it wrote.
struct Receiver {
    port: u16,
    file: PathBuf,
    #[allow(dead_code)] // Serves as long as it is held.
    node: Proc,
    #[allow(dead_code)]
    folder: tempfile::TempDir,
}

impl Receiver {
    fn start(node: &Path, npm: &Path) -> Receiver {
        let scripts = packages::node(npm);
        let folder = tempfile::tempdir().unwrap();
        let (port, file) = (free_port().unwrap(), folder.path().join("got.jsonl"));
        std::fs::write(&file, "").unwrap();
        let spec = ProcSpec::new(node).unwrap().name("receiver").env("WEBHOOK_SECRET", KEY);
        let spec = spec.arg(scripts.join("notify.mjs")).arg(port.to_string()).arg(&file);
        let mut node = spec.spawn().unwrap();
        node.listening(([127, 0, 0, 1], port).into(), SOON).unwrap();
        Receiver { port, file, node, folder }
    }

    /// A line a request, oldest first.
    fn got(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.file).unwrap();
        let whole = text.lines().filter(|line| line.ends_with('}'));
        let read = |line: &str| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            line["event"] = serde_json::from_str(line["body"].as_str().unwrap()).unwrap();
            line
        };
        whole.map(read).collect()
    }

    /// The section of the config. The secret is in a file beside what was got.
    fn section(&self) -> Value {
        let key = self.folder.path().join("key");
        std::fs::write(&key, format!("{KEY}\n")).unwrap();
        let url = format!("http://127.0.0.1:{}/hooks", self.port);
        json!({ "notifications": [{ "name": "ops", "kind": "webhook", "url": url, "secretFile": key }] })
    }
}

/// Every kept event of every run that receivers are told of, by id.
async fn told(world: &World) -> BTreeMap<u64, Value> {
    let runs = world.get("/api/v1/rollouts?limit=1000").await;
    let mut events = BTreeMap::new();
    for run in runs["rollouts"].as_array().unwrap() {
        let path = format!("/api/v1/rollouts/{}/history?limit=1000", run["run"].as_str().unwrap());
        for event in world.get(&path).await["events"].as_array().unwrap() {
            if event["type"] != "metrics_update" {
                events.insert(event["id"].as_u64().unwrap(), event.clone());
            }
        }
    }
    events
}

/// Random numbers, the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// What a person may do now, one of it by chance.
fn action(status: &Value, random: &mut Random) -> &'static [&'static str] {
    let choices: &[&'static [&'static str]] = match status["status"].as_str().unwrap_or("none") {
        "running" => &[&["pause"], &["rollback"], &["advance", "--reason", "looks good"], &["abort"]],
        "paused" => &[&["resume"], &["rollback"], &["abort"]],
        "rolled_back" => &[&["resume"], &["abort"]],
        "pending" | "rolling_back" => &[&["abort"]],
        _ => &[&["start"]],
    };
    choices[random.below(choices.len() as u64) as usize]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_kills_lose_no_notification_and_change_no_id_and_no_order() {
    let (Some(node), Some(npm)) = (require("node"), require("npm")) else { return };
    let receiver = Receiver::start(&node, &npm);
    let mut world = World::start_with(by_hand(), receiver.section()).await;
    let (folder, mut random) = (world.server.dir().to_owned(), Random(0x5eed));
    for _ in 0..KILLS {
        // The server dies while it does something, or soon after.
        let what = action(&world.status().await, &mut random);
        let mut command = fw(&folder, world.api);
        let quiet = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut asking = quiet.arg("rollout").args(what).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(random.below(700))).await;
        world.kill_and_restart();
        asking.wait().unwrap();
    }
    complete(&world).await;
    let expected = told(&world).await;
    assert!(expected.len() > 40, "{} transitions are few", expected.len());
    let sinks = world.get("/api/v1/notifications").await;
    assert_eq!(sinks["notifications"][0]["stopped"], false);
    all_came(&world, &receiver, &expected).await;
    judge(&receiver.got(), &expected);
}

/// Sees one more rollout to its end, by hand.
async fn complete(world: &World) {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let status = world.status().await;
        let action: &[&str] = match status["status"].as_str().unwrap() {
            "completed" => return,
            "running" => &["rollout", "advance"],
            "paused" | "rolled_back" => &["rollout", "resume"],
            "pending" | "rolling_back" => &["rollout", "status"],
            _ => &["rollout", "start"],
        };
        world.fw(action);
        assert!(Instant::now() < end, "{status:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until every event came and the sender knows it.
async fn all_came(world: &World, receiver: &Receiver, expected: &BTreeMap<u64, Value>) {
    let end = Instant::now() + Duration::from_secs(180);
    loop {
        let got: BTreeSet<u64> =
            receiver.got().iter().filter_map(|line| line["event"]["data"]["id"].as_u64()).collect();
        let sink = world.get("/api/v1/notifications").await["notifications"][0].clone();
        if expected.keys().all(|id| got.contains(id)) && sink["behind"] == 0 {
            return;
        }
        assert!(Instant::now() < end, "{} of {} came: {sink}", got.len(), expected.len());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Each event at least once, whole, under one id; the first receptions in order; nothing else.
fn judge(got: &[Value], expected: &BTreeMap<u64, Value>) {
    let (mut first, mut ids) = (vec![], BTreeMap::new());
    for line in got {
        assert_eq!(
            (&line["verified"], &line["type"]),
            (&json!(true), &json!("application/cloudevents+json")),
            "{line}"
        );
        let (event, data) = (&line["event"], &line["event"]["data"]);
        let number = data["id"].as_u64().unwrap();
        assert_eq!(expected.get(&number), Some(data), "as in the history");
        assert_eq!(event["id"], line["id"], "one id in the header and in the body");
        assert_eq!(event["type"], format!("dev.factorywager.{}", data["type"].as_str().unwrap()));
        let id = ids.entry(number).or_insert_with(|| {
            first.push(number);
            line["id"].clone()
        });
        assert_eq!(*id, line["id"], "one id for ever");
    }
    assert_eq!(first, expected.keys().copied().collect::<Vec<_>>(), "in order, none missing");
    let distinct: BTreeSet<String> = ids.values().map(ToString::to_string).collect();
    assert_eq!(distinct.len(), ids.len(), "no two events share an id");
    assert!(got.len() > expected.len(), "the receiver fails now and then, so some came again");
    let kinds: BTreeSet<&str> = expected.values().filter_map(|event| event["type"].as_str()).collect();
    for kind in [
        "rollout_started",
        "phase_advanced",
        "rollout_paused",
        "rollback_completed",
        "rollout_aborted",
        "rollout_completed",
    ] {
        assert!(kinds.contains(kind), "no {kind} among {kinds:?}");
    }
    println!("{} transitions, {} receptions, {KILLS} kills", expected.len(), got.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_says_whether_it_arrived() {
    let (Some(node), Some(npm)) = (require("node"), require("npm")) else { return };
    let mut receiver = Receiver::start(&node, &npm);
    let world = World::start_with(by_hand(), receiver.section()).await;
    let said = world.fw_ok(&["notify", "test", "ops"]);
    assert!(said.contains("ops  DELIVERED"), "{said}");
    let got = receiver.got();
    assert_eq!(
        (got.len(), &got[0]["verified"], &got[0]["event"]["data"]["type"]),
        (1, &json!(true), &json!("test"))
    );
    let list = world.fw_ok(&["notify", "list"]);
    assert!(list.contains(&format!("127.0.0.1:{}", receiver.port)) && list.contains("good"), "{list}");
    receiver.node.kill().unwrap();
    let (code, out, err) = world.fw(&["notify", "test"]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(
        out.contains("ops  FAILED  no connection to 127.0.0.1") && err.contains("did not reach ops"),
        "{out}{err}"
    );
    let (code, out, err) = world.fw(&["notify", "test", "opps"]);
    assert!(code == 1 && err.contains("known: ops"), "{code} {out}{err}");
    let shown = Command::new(env!("CARGO_BIN_EXE_fw"))
        .args(["config", "show", "-c", "factory-wager.yaml"])
        .current_dir(world.server.dir())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned() + &world.server.stderr().unwrap();
    assert!(shown.contains("secretFile") && !shown.contains("whsec_"), "{shown}");
}
