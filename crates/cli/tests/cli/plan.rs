//! `fw plan`: simulation, checks and what the past teaches. No server is asked, unless one is named.

use std::path::Path;
use std::sync::Arc;

use fw_sim::Setup;
use fw_sim::run::record;
use fw_store::{Batch, EventRow, RolloutLog, SnapshotRow, SqliteLog, record as records};
use serde_json::Value;

use crate::support::{Answer, Server, fw, run};

const HASTY: &str = "\
service: checkout
versions:
  stable: { version: \"1.4.2\", url: http://127.0.0.1:8081 }
  canary: { version: \"1.5.0\", url: http://127.0.0.1:8082 }
rollout:
  phases:
    - { percentage: 5, duration: 2, successCriteria: { errorRate: 1 } }
    - { percentage: 100, duration: 2, successCriteria: { errorRate: 1 } }
";

fn json_of(arguments: &[&str]) -> Value {
    let (code, stdout, stderr) = run(&mut fw(arguments));
    assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}");
    serde_json::from_str(&stdout).unwrap()
}

fn folder_with(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("factory-wager.yaml");
    std::fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    (folder, file)
}

#[test]
fn a_simulation_is_the_same_for_the_same_seed() {
    let line = |seed| {
        let arguments = ["plan", "simulate", "--scenario", "error-rate=20%", "--runs", "3", "--for", "60s"];
        json_of(&[&arguments[..], &["--rps", "200", "--seed", seed, "--output", "json"]].concat())
    };
    let first = line("7");
    assert_eq!(first, line("7"));
    assert_ne!(first, line("8"));
    assert_eq!(
        (first["detectedShare"].as_f64(), first["outcomes"]["rolledBack"].as_f64()),
        (Some(1.0), Some(1.0))
    );
    assert_eq!(
        (&first["falseRollbackRate"], &first["peers"]["flagger"]["meanSeconds"]),
        (&Value::Null, &Value::Null)
    );
    for key in ["meanSeconds", "meanCanaryRequests", "usersHarmed", "waldRequests", "ratioToWald"] {
        assert!(first[key].as_f64().unwrap() > 0.0, "{key}: {first}");
    }
    assert_eq!(
        (first["settings"]["seed"].as_u64(), first["settings"]["rps"].as_f64()),
        (Some(7), Some(200.0))
    );
}

#[test]
fn a_healthy_simulation_tells_how_sure_its_rate_is() {
    let shown =
        json_of(&["plan", "simulate", "--runs", "2", "--for", "30s", "--metrics", "--output", "json"]);
    assert_eq!(
        (shown["falseRollbackRate"].as_f64(), shown["falseRollbackRateLow"].as_f64()),
        (Some(0.0), Some(0.0))
    );
    assert!(shown["falseRollbackRateHigh"].as_f64().unwrap() > 0.5);
    assert_eq!(shown["meanSeconds"], Value::Null);
    let peers: Vec<&String> = shown["peers"].as_object().unwrap().keys().collect();
    assert_eq!(peers, ["argo", "flagger", "flagger10", "kayenta"]);
}

#[test]
fn worlds_whose_failures_cluster_are_simulated_and_slips_are_told_their_name() {
    let arguments = [
        "plan",
        "simulate",
        "--scenario",
        "bursts",
        "--instances",
        "2:18",
        "--history",
        "10m",
        "--runs",
        "2",
    ];
    let shown = json_of(&[&arguments[..], &["--for", "30s", "--output", "json"]].concat());
    assert_eq!(shown["settings"]["instances"], serde_json::json!([18, 2]));
    assert_eq!(shown["settings"]["beforeSeconds"].as_u64(), Some(600));
    assert!(shown["clustered"]["errors"].as_f64().unwrap() > 5.0, "{shown}");
    let (code, stdout, stderr) = run(&mut fw(&[&arguments[..], &["--for", "30s"]].concat()));
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("Stable before the start (10 min, 18 instances), how clustered"), "{stdout}");
    assert!(stdout.contains("Promised by fw for requests that are independent: at most 1 %"), "{stdout}");
    for (wrong, says) in [
        (["--scenario", "busrts"], "did you mean bursts?"),
        (["--instances", "19"], "written CANARY:STABLE"),
        (["--history", "3h"], "2h at most"),
    ] {
        let (code, _, stderr) = run(&mut fw(&[&["plan", "simulate"], &wrong[..]].concat()));
        assert!(code == 2 && stderr.contains(says), "{stderr}");
    }
}

#[test]
fn a_simulation_for_people_is_a_table_and_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("a.svg");
    let arguments =
        ["plan", "simulate", "--scenario", "error-rate=20%", "--runs", "2", "--for", "6m", "--plot"];
    let (code, stdout, stderr) = run(fw(&arguments).arg(&picture));
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("fw: 100 % rolled back.") && stdout.contains("Wald:"), "{stdout}");
    assert!(stdout.lines().any(|l| l.starts_with("argo") && l.contains("4 min")), "{stdout}");
    assert!(stdout.contains("no warm-up"), "{stdout}");
    assert!(stderr.contains("wrote "), "{stderr}");
    assert!(std::fs::read_to_string(&picture).unwrap().starts_with("<svg "));
}

#[test]
fn a_config_is_simulated_as_it_is_written() {
    let (_folder, file) = folder_with(HASTY);
    let arguments =
        ["plan", "simulate", "-c", &file, "--runs", "1", "--rps", "2000", "--look", "5s", "--output", "json"];
    let shown = json_of(&arguments);
    assert_eq!(shown["settings"]["phasesPercent"], serde_json::json!([5.0, 100.0]));
    assert_eq!(shown["settings"]["forSeconds"].as_f64(), Some(1200.0));
    assert_eq!(shown["outcomes"]["completed"].as_f64(), Some(1.0), "{shown}");
    let (code, _, stderr) = run(&mut fw(&["plan", "simulate", "-c", "/nowhere.yaml"]));
    assert_eq!(code, 2, "{stderr}");
    let (code, _, stderr) = run(&mut fw(&["plan", "simulate", "--for", "0s"]));
    assert!(code == 2 && stderr.contains("--for is shorter"), "{stderr}");
    let (code, _, stderr) = run(&mut fw(&["plan", "simulate", "--scenario", "slow"]));
    assert!(code == 2 && stderr.contains("is no scenario"), "{stderr}");
}

#[test]
fn a_hasty_plan_is_told_so() {
    let (_folder, file) = folder_with(HASTY);
    let arguments = ["plan", "check", "-c", &file, "--rps", "1"];
    let (code, stdout, stderr) = run(&mut fw(&arguments));
    assert_eq!((code, stderr.as_str()), (0, ""));
    let warning = "warning: phase 0: 5 % of 60 req/min for 2 min is 6 requests: this phase can prove nothing in its time; it needs";
    assert!(stdout.contains(warning), "{stdout}");
    assert_eq!(run(fw(&arguments).arg("--strict")).0, 1);
    let roomy = ["plan", "check", "-c", &file, "--rps", "2000", "--strict"];
    let (code, stdout, _) = run(&mut fw(&roomy));
    assert!(code == 0 && stdout.contains("No warnings."), "{stdout}");
    let shown = json_of(&["plan", "check", "-c", &file, "--rps", "1", "--output", "json"]);
    assert_eq!(
        (shown["rpsFrom"].as_str(), shown["phases"][0]["canaryRequests"].as_f64()),
        (Some("given"), Some(6.0))
    );
    assert_eq!(run(&mut fw(&["plan", "check", "-c", "/nowhere.yaml", "--rps", "1"])).0, 2);
}

#[test]
fn traffic_is_observed_where_a_server_has_a_rollout() {
    let (_folder, file) = folder_with(HASTY);
    let server = Server::start(|_, before| {
        let served = 10_000 + 3_000 * before as u64;
        let metrics = |n: u64| serde_json::json!({"requestsServed": n, "errorRate": 0.2, "responseTime": 9.0, "userSatisfaction": null});
        Answer::json(serde_json::json!({
            "state": {"currentPhase": 0, "isRunning": true, "isPaused": false, "overallHealth": null, "totalRequests": 1, "totalErrors": 0},
            "currentPhase": {"id": 0, "description": "", "percentage": 5, "riskScore": 1, "metrics": metrics(10), "baseline": metrics(served)},
            "progress": 0, "health": null, "estimatedCompletion": null, "estimatedCompletionAt": null, "rollout": "checkout",
            "run": "checkout.1", "region": null, "status": "running", "verdict": null, "risk": null, "waitingOn": [], "split": null
        }))
    });
    let shown = json_of(&["plan", "check", "-c", &file, "--server", &server.url, "--output", "json"]);
    assert_eq!((shown["rpsFrom"].as_str(), shown["baseErrorRate"].as_f64()), (Some("observed"), Some(0.2)));
    let rps = shown["rps"].as_f64().unwrap();
    assert!((100.0..=1000.0).contains(&rps), "{rps}");
    assert_eq!(server.requests()[0].path, "/status?rollout=checkout");
    let (code, _, _) = run(&mut fw(&["plan", "check", "-c", &file, "--server", "http://127.0.0.1:1"]));
    assert_eq!(code, 3, "a server that was named must answer");
}

/// A store as a server would leave it, with one rollout of [`HASTY`] in it that a bad canary went through, since
/// nothing rolled back.
fn store_in(folder: &Path) -> String {
    let lax = HASTY.replace("rollout:\n", "rollout:\n  enableRollback: false\n");
    let plan = fw_runtime::config::load_str("x", &lax, None).unwrap().plan;
    let setup = Setup {
        plan: Arc::new(plan),
        scenario: "error-rate=20%".parse().unwrap(),
        rps: 500.0,
        stable_errors: 0.001,
        look_ms: 1000,
        horizon_ms: 180_000,
        metrics: false,
        instances: (1, 1),
        history: None,
    };
    let events = record(&setup, 1, 0).unwrap();
    let id: fw_model::RunId = "checkout.1".parse().unwrap();
    let first = events[0].at;
    let snapshot = SnapshotRow {
        run: id.clone(),
        seq: events.len() as u64,
        format: 1,
        payload: vec![],
        status: "running".into(),
        started_at: first,
        ended_at: None,
        plan_hash: "x".into(),
        summary: vec![],
    };
    let rows = events.iter().map(|recorded| {
        let (format, payload) = records::encode_event(&recorded.event);
        EventRow { run: id.clone(), seq: recorded.seq, at: recorded.at, format, payload }
    });
    let path = folder.join("state.db");
    let log = SqliteLog::open(&path).unwrap();
    log.commit(&Batch { events: rows.collect(), snapshots: vec![snapshot], ..Batch::default() }).unwrap();
    format!("sqlite:{}", path.display())
}

#[test]
fn a_past_rollout_is_replayed_under_another_plan() {
    let (folder, file) = folder_with(HASTY);
    let store = store_in(folder.path());
    let arguments = ["plan", "simulate", "-c", &file, "--store", &store, "--replay"];
    let (code, stdout, stderr) = run(fw(&arguments).arg("checkout"));
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.starts_with("checkout.1 as it was:\n"), "{stdout}");
    assert!(
        stdout.contains("end: running") && stdout.contains("rolled back to stable: errorRate"),
        "{stdout}"
    );
    let (code, stdout, _) = run(fw(&arguments).args(["checkout.1", "--output", "json"]));
    let replay: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, replay["run"].as_str()), (0, Some("checkout.1")));
    assert!(replay["canaryRequestsSaved"].as_i64().unwrap() > 1000);
    let (code, _, stderr) = run(fw(&arguments).arg("5"));
    assert!(code == 1 && stderr.contains("the latest it has: checkout.1"), "{stderr}");
    let nowhere =
        ["plan", "simulate", "-c", &file, "--replay", "checkout", "--store", "sqlite:/nowhere/x.db"];
    let (code, _, stderr) = run(&mut fw(&nowhere));
    assert!(code == 2 && stderr.contains("there is no store"), "{stderr}");
    let both = ["plan", "simulate", "--replay", "checkout", "--scenario", "hang"];
    assert_eq!(run(&mut fw(&both)).0, 2);
}

#[test]
fn tuning_learns_from_the_store_and_invents_nothing() {
    let (folder, file) = folder_with(HASTY);
    let store = store_in(folder.path());
    let (code, stdout, stderr) = run(&mut fw(&["plan", "tune", "-c", &file, "--store", &store]));
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(
        stdout.starts_with("1 rollouts of checkout (checkout.1): 4") || stdout.contains("requests/s"),
        "{stdout}"
    );
    let other = HASTY.replace("service: checkout", "service: payment");
    std::fs::write(&file, other).unwrap();
    let (code, stdout, _) = run(&mut fw(&["plan", "tune", "-c", &file, "--store", &store]));
    assert!(
        code == 0 && stdout.contains("no rollout of payment to learn from, so nothing is suggested"),
        "{stdout}"
    );
    let shown = json_of(&["plan", "tune", "-c", &file, "--store", &store, "--output", "json"]);
    assert_eq!(shown["suggestions"], serde_json::json!([]));
}
