//! What Prometheus sees of a real server, and that the alerts and the dashboard of `docs/observability` fit it.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fw_testkit::{Client, ProcSpec, free_ports, require};
use serde_json::{Value, json};

use super::world::{SOON, World, by_hand};

fn observability() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../docs/observability"].iter().collect()
}

/// Runs promtool; what it said, if it was content.
fn promtool(promtool: &Path, args: &[&str], input: &str) -> String {
    let mut command = Command::new(promtool);
    command.args(args).current_dir(observability());
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "promtool {args:?}: {said}");
    said
}

/// Names of our metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let is_of_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let starts = text.match_indices("fw_").map(|(at, _)| at);
    let starts = starts.filter(|at| !text[..*at].ends_with(is_of_name));
    starts.map(|at| text[at..].split(|c| !is_of_name(c)).next().unwrap_or_default()).collect()
}

/// Every expression of the dashboard, as rules that promtool can read.
fn as_rules(dashboard: &Value) -> String {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let of_panels = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let annotations = dashboard["annotations"]["list"].as_array().unwrap();
    let expressions = of_panels.chain(annotations).map(|one| one["expr"].as_str().unwrap().to_owned());
    let rules: Vec<Value> = expressions
        .enumerate()
        .map(|(n, expr)| json!({ "record": format!("panel:expression:{n}"), "expr": expr.replace("$service", ".*") }))
        .collect();
    assert!(rules.len() > 10);
    json!({ "groups": [{ "name": "dashboard", "rules": rules }] }).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_reads_the_metrics_and_the_alerts_and_panels_name_no_others() {
    let Some(tool) = require("promtool") else { return };
    let flags = json!({ "flags": [{ "key": "new-checkout", "stable": false, "canary": true }] });
    let world = World::start_with(by_hand(), flags).await;
    world.fw_ok(&["rollout", "start"]);
    world.confirmed().await;
    let mut client = Client::new(world.proxy);
    let request = |n: u32| {
        let request = http::Request::get("/").header("host", world.proxy.to_string());
        request.header("x-user-id", format!("user-{n}")).body(Default::default()).unwrap()
    };
    for n in 0..200 {
        assert_eq!(client.send(request(n)).await.unwrap().status, 200);
    }
    let mut metrics = String::new();
    for _ in 0..100 {
        metrics = Client::new(world.api).get("/metrics").await.unwrap().text();
        if metrics.contains("fw_rollout_users{") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(promtool(&tool, &["check", "metrics"], &metrics), "", "what promtool would have otherwise");

    let reference: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../docs/reference/metrics.md"].iter().collect();
    let reference = std::fs::read_to_string(reference).unwrap();
    let (served, known) = (names(&metrics), names(&reference));
    assert!(served.len() > 15 && served.is_subset(&known), "{:?}", served.difference(&known));

    let read = |file: &str| std::fs::read_to_string(observability().join(file)).unwrap();
    let (alerts, panels) = (read("alerts.yaml"), read("dashboard.json"));
    for text in [&alerts, &panels] {
        let named = names(text);
        assert!(named.len() > 3 && named.is_subset(&known), "{:?}", named.difference(&known));
    }
    promtool(&tool, &["check", "rules", "alerts.yaml"], "");
    promtool(&tool, &["test", "rules", "alerts_test.yaml"], "");
    let dashboard: Value = serde_json::from_str(&panels).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("panels.yaml");
    std::fs::write(&rules, as_rules(&dashboard)).unwrap();
    promtool(&tool, &["check", "rules", &rules.to_string_lossy()], "");
}

/// What Prometheus answers to a question of its API.
async fn asked(prometheus: std::net::SocketAddr, path: &str) -> Value {
    let answer = Client::new(prometheus).get(path).await.unwrap();
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_scrapes_the_server_and_takes_the_alert_rules() {
    let Some(program) = require("prometheus") else { return };
    let world = World::start(by_hand()).await;
    world.fw_ok(&["rollout", "start"]);
    world.confirmed().await;
    let [port] = free_ports().unwrap();
    let spec = ProcSpec::new(&program).unwrap().name("prometheus");
    let config = json!({
        "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
        "rule_files": [observability().join("alerts.yaml").canonicalize().unwrap()],
        "scrape_configs": [{ "job_name": "factorywager", "static_configs": [{ "targets": [world.api.to_string()] }] }],
    });
    std::fs::write(spec.dir().join("prometheus.yml"), config.to_string()).unwrap();
    let listen = format!("--web.listen-address=127.0.0.1:{port}");
    let spec = spec.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", &listen]);
    let prometheus = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let mut running = spec.spawn().unwrap();
    running.listening(prometheus, SOON).unwrap();
    // The share of the first phase, as the server tells it now.
    let began = std::time::Instant::now();
    loop {
        let up = asked(prometheus, "/api/v1/query?query=up").await;
        let share = asked(prometheus, "/api/v1/query?query=fw_canary_share_ratio").await;
        let of = |answer: &Value| answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned);
        if of(&up).as_deref() == Some("1") && of(&share).as_deref() == Some("0.05") {
            break;
        }
        assert!(began.elapsed() < SOON, "{up} {share}\n{}", running.last_lines());
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let rules = asked(prometheus, "/api/v1/rules").await;
    let rules = rules["data"]["groups"][0]["rules"].as_array().unwrap();
    assert!(rules.len() > 3 && rules.iter().all(|rule| rule["health"] != "err"), "{rules:?}");
}
