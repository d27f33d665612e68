//! Reports and key numbers of real rollouts, one that completed and one that went back, also after the server was killed:
//! their numbers, counted again from the stored events by other means.

use std::collections::BTreeMap;
use std::time::Duration;

use fw_model::RunId;
use fw_store::{RolloutLog, SqliteLog};
use fw_testkit::{Client, Load, LoadSpec};
use serde_json::{Value, json};

use super::world::{SOON, World};

const RUN: &str = "checkout.1";

/// Requests and errors of the run by epoch and variant: the stored records as JSON, added up. No engine, no story.
fn counted(world: &World) -> BTreeMap<(u64, String), (u64, u64)> {
    let log = SqliteLog::open(world.store()).unwrap();
    let run: RunId = RUN.parse().unwrap();
    let (mut sums, mut after) = (BTreeMap::<_, (u64, u64)>::new(), 0);
    loop {
        let rows = log.history(&run, after, 500).unwrap();
        let Some(last) = rows.last() else { return sums };
        after = last.seq;
        for row in &rows {
            let event: Value = serde_json::from_slice(&row.payload).unwrap();
            for delta in event["deltas"].as_array().into_iter().flatten() {
                let place = (delta["epoch"].as_u64().unwrap(), delta["variant"].as_str().unwrap().to_owned());
                let sum = sums.entry(place).or_default();
                let count = |key: &str| delta["counts"][key].as_u64().unwrap_or(0);
                *sum = (sum.0 + count("requests"), sum.1 + count("errors"));
            }
        }
    }
}

async fn report(world: &World, kind: &str) -> Value {
    let value = world.get(&format!("/api/v1/rollouts/{RUN}/reports/{kind}")).await;
    assert_eq!(value["schema"], "factorywager.report/1", "{value}");
    value
}

/// Every report in every form, by the API and by `fw`.
async fn forms(world: &World, kinds: &[&str]) {
    for kind in kinds {
        for (format, begins) in [("json", "{"), ("md", "# checkout 1.5.0: "), ("html", "<!doctype html>")] {
            let path = format!("/api/v1/rollouts/{RUN}/reports/{kind}?format={format}");
            let answer = Client::new(world.api).get(&path).await.unwrap();
            assert!(answer.status.is_success() && answer.text().starts_with(begins), "{path}");
            let said = world.fw_ok(&["rollout", "report", RUN, "--kind", kind, "--format", format]);
            assert!(said.starts_with(begins), "{said}");
        }
    }
}

/// Compares a report's phases with what was counted.
fn same_numbers(report: &Value, counted: &BTreeMap<(u64, String), (u64, u64)>) {
    let mut canary = (0, 0);
    for phase in report["phases"].as_array().unwrap() {
        for variant in ["canary", "stable"] {
            let want = counted
                .get(&(phase["epoch"].as_u64().unwrap(), variant.to_owned()))
                .copied()
                .unwrap_or_default();
            let figures = &phase[variant];
            let told = (figures["requests"].as_u64().unwrap(), figures["errors"].as_u64().unwrap());
            assert_eq!(told, want, "epoch {} {variant}", phase["epoch"]);
            if variant == "canary" {
                canary = (canary.0 + want.0, canary.1 + want.1);
            }
        }
    }
    let totals = &report["rollout"]["totals"]["canary"];
    assert_eq!((totals["requests"].as_u64().unwrap(), totals["errors"].as_u64().unwrap()), canary);
}

fn phases() -> Value {
    let phase = |percentage: u64| json!({ "percentage": percentage, "duration": "3s", "riskScore": 50 });
    json!({ "phases": [phase(25), phase(100)], "monitoringInterval": 1,
        "analysis": { "evidence": "observed", "warmUp": "0s" } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_completed_rollout_is_reported_as_its_log_has_it() {
    let mut world =
        World::start_with(phases(), json!({ "business": { "currency": "EUR", "errorCost": 0.5 } })).await;
    let load = Load::open(LoadSpec::get(world.proxy, "/"), 300, 8);
    world.fw_ok(&["rollout", "start"]);
    world.until("completed", Duration::from_secs(90)).await;
    load.stop().await;
    let before = report(&world, "completion").await;
    world.kill_and_restart();
    let after = report(&world, "completion").await;
    assert_eq!(before["phases"], after["phases"], "a kill changes no report");
    forms(&world, &["completion", "performance", "business"]).await;
    let (code, _, said) = world.fw(&["rollout", "report", RUN, "--kind", "rollback"]);
    assert!(code == 1 && said.contains("never went back"), "{said}");
    let business = report(&world, "business").await;
    let cost =
        business["business"]["measures"].as_array().unwrap().iter().find(|m| m["measure"] == "errorCost");
    assert_eq!(cost.unwrap()["canaryCost"], 0.0);
    let revenue =
        business["business"]["measures"].as_array().unwrap().iter().find(|m| m["measure"] == "revenue");
    assert!(revenue.unwrap()["missing"].as_str().unwrap().contains("no value"), "never an invented number");
    let kpis: Value = serde_json::from_str(&world.fw_ok(&["kpis", "--output", "json"])).unwrap();
    assert_eq!((&kpis["rollouts"]["completed"], &kpis["successRate"]["percent"]), (&json!(1), &json!(100.0)));
    world.server.kill().unwrap();
    same_numbers(&after, &counted(&world));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_is_reported_as_its_log_has_it() {
    let mut world = World::start(phases()).await;
    world.canary.fail_every(3);
    let load = Load::open(LoadSpec::get(world.proxy, "/"), 300, 8);
    world.fw_ok(&["rollout", "start"]);
    world.until("rolled_back", SOON).await;
    load.stop().await;
    world.kill_and_restart();
    // What was under way at the kill may be reported late; the report is made after it.
    let told = report(&world, "rollback").await;
    forms(&world, &["completion", "rollback", "performance", "business"]).await;
    let events = world.all_events().await;
    let of = |kind: &str| events.iter().find(|e| e["type"] == kind).unwrap();
    let rollback = &told["rollbacks"][0];
    assert_eq!(rollback["recoveryMs"], of("rollback_completed")["recoveryMs"]);
    assert_eq!(rollback["evidence"], of("rollback_started")["evidence"]);
    assert_eq!(rollback["decidedAt"], of("rollback_started")["timestamp"]);
    assert_eq!(rollback["trafficAwayAt"], of("rollback_completed")["timestamp"]);
    let text = world.fw_ok(&["kpis"]);
    assert!(text.contains("1 rolled back") && text.contains("Recovery time"), "{text}");
    world.server.kill().unwrap();
    same_numbers(&told, &counted(&world));
}
