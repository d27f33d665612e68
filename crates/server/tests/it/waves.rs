//! Rollouts over several regions through the API: begun, steered, refused, taken up again. No data plane reports here.

use axum::http::{Method, Request};
use fw_runtime::config;
use fw_server::{ServeOptions, Server, StoreChoice};
use fw_testkit::{Answer, Client};
use serde_json::{Value, json};

use crate::shapes::fault;
use crate::support::{DEADLINE, config as plain};

/// A service in two regions of this server and one of another that nobody runs.
fn regional() -> Value {
    let mut config = plain("checkout");
    config["regions"] =
        json!([{ "name": "us" }, { "name": "eu" }, { "name": "ap", "server": "http://127.0.0.1:1" }]);
    config
}

async fn serve(store: StoreChoice, config: &Value) -> Server {
    let configs = vec![config::load_json(config, None).unwrap()];
    let listen = Some("127.0.0.1:0".parse().unwrap());
    Server::start(ServeOptions { configs, listen, store }).await.unwrap()
}

async fn get(server: &Server, path: &str) -> (u16, Value) {
    told(Client::new(server.addr()).get(path).await.unwrap())
}

async fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    told(Client::new(server.addr()).post_json(path, body.to_string()).await.unwrap())
}

async fn post_with_key(server: &Server, path: &str, body: &Value, key: &str) -> (u16, Value) {
    let request =
        Request::builder().method(Method::POST).uri(path).header("content-type", "application/json");
    let request = request.header("idempotency-key", key).body(body.to_string().into()).unwrap();
    told(Client::new(server.addr()).send(request).await.unwrap())
}

fn told(answer: Answer) -> (u16, Value) {
    (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
}

async fn state_of(server: &Server, place: usize) -> String {
    let (_, whole) = get(server, "/api/v1/rollouts/checkout").await;
    whole["regions"][place]["state"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_config_with_regions_begins_all_of_them_and_is_what_the_document_says() {
    let server = serve(StoreChoice::Memory, &regional()).await;
    assert_eq!(get(&server, "/api/v1/rollouts/checkout").await.0, 404, "before the first");
    let begun =
        Client::new(server.addr()).post_json("/api/v1/rollouts", regional().to_string()).await.unwrap();
    assert_eq!((begun.status.as_u16(), begun.header("location")), (201, "/api/v1/rollouts/checkout.1"));
    let began = std::time::Instant::now();
    while state_of(&server, 0).await != "pending" {
        assert!(began.elapsed() < DEADLINE, "the first region never begins");
    }
    let (_, whole) = get(&server, "/api/v1/rollouts/checkout.1").await;
    assert_eq!(whole["regions"][0]["run"], "checkout@us.1");
    assert_eq!(whole["regions"][1]["state"], "waiting");
    assert_eq!(whole["status"], "pending");
    let (_, document) = get(&server, "/openapi.json").await;
    for (name, value) in [
        ("RegionalRollout", whole),
        ("RunList", get(&server, "/api/v1/rollouts").await.1),
        ("Status", get(&server, "/status?rollout=checkout").await.1),
        ("History", get(&server, "/api/v1/rollouts/checkout/history").await.1),
    ] {
        let schema = &document["components"]["schemas"][name];
        assert!(schema.is_object(), "{name}");
        assert_eq!(fault(&document, schema, &value, name), None, "{value:#}");
    }
    let (status, report) = get(&server, "/api/v1/rollouts/checkout/reports/completion").await;
    assert_eq!((status, report["regions"].as_array().map(Vec::len)), (200, Some(3)));
    assert_eq!(get(&server, "/api/v1/rollouts/checkout/reports/rollback").await.0, 404);
    server.stop().await;
}

#[tokio::test]
async fn what_this_server_does_not_run_is_refused_and_begins_nothing() {
    let server = serve(StoreChoice::Memory, &regional()).await;
    let mut elsewhere = regional();
    elsewhere["regions"][2]["server"] = "http://127.0.0.1:2".into();
    let mut more = regional();
    more["regions"][0]["name"] = "moon".into();
    let mut unknown = regional();
    unknown["service"] = "search".into();
    for body in [&elsewhere, &more, &unknown] {
        let (status, problem) = post(&server, "/api/v1/rollouts", body).await;
        assert_eq!((status, problem["code"].as_str()), (404, Some("unknown_service")), "{problem}");
    }
    assert_eq!(get(&server, "/api/v1/rollouts").await.1["regional"], json!([]));
    // One region alone is under way: the whole can't begin.
    let mut alone = plain("checkout");
    alone["region"] = "eu".into();
    assert_eq!(post(&server, "/api/v1/rollouts", &alone).await.0, 201);
    let (status, problem) = post(&server, "/api/v1/rollouts", &regional()).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("under_way")), "{problem}");
    server.stop().await;
}

#[tokio::test]
async fn requests_are_repeatable_and_the_state_says_what_is_possible() {
    let server = serve(StoreChoice::Memory, &regional()).await;
    let start = || post_with_key(&server, "/api/v1/rollouts", START.get_or_init(regional), "k1");
    let (first, again) = (start().await, start().await);
    assert_eq!((first.0, again.0), (201, 201), "{again:?}");
    assert_eq!(first.1["run"], again.1["run"], "begun once");
    let (status, other) = post_with_key(&server, "/api/v1/rollouts?reason=other", &regional(), "k1").await;
    assert_eq!((status, other["code"].as_str()), (422, Some("idempotency_mismatch")), "{other}");
    let (status, problem) = post(&server, "/api/v1/rollouts", &regional()).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("under_way")));
    let (status, problem) = post(&server, "/api/v1/rollouts/checkout/resume", &json!({})).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("illegal_transition")), "{problem}");
    assert_eq!(problem["state"]["run"], "checkout.1");
    let (status, _) = post(&server, "/api/v1/rollouts/checkout/rollback", &json!({ "to": 1 })).await;
    assert_eq!(status, 400, "a phase is one region's");
    let (status, advanced) =
        post(&server, "/api/v1/rollouts/checkout/advance", &json!({ "reason": "now" })).await;
    assert_eq!(status, 200, "{advanced}");
    assert!(!advanced["waves"][1]["beganAt"].is_null());
    let (status, _) = post(&server, "/api/v1/rollouts/checkout/abort", &json!({ "reason": "enough" })).await;
    assert_eq!(status, 200);
    let began = std::time::Instant::now();
    while get(&server, "/api/v1/rollouts/checkout").await.1["status"] != "aborted" {
        assert!(began.elapsed() < DEADLINE, "{:#}", get(&server, "/api/v1/rollouts/checkout").await.1);
    }
    assert_eq!(get(&server, "/status?region=us").await.1["status"], "aborted");
    assert_eq!(post(&server, "/api/v1/rollouts", &regional()).await.1["run"], "checkout.2");
    assert_eq!(
        get(&server, "/api/v1/rollouts/checkout.1").await.1["status"],
        "aborted",
        "the old one is kept"
    );
    server.stop().await;
}

static START: std::sync::OnceLock<Value> = std::sync::OnceLock::new();

#[tokio::test]
async fn a_restart_takes_it_up_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = || StoreChoice::Sqlite(folder.path().join("state.db"));
    let server = serve(store(), &regional()).await;
    assert_eq!(post(&server, "/api/v1/rollouts", &regional()).await.0, 201);
    assert_eq!(post(&server, "/api/v1/rollouts/checkout/pause", &json!({})).await.0, 200);
    let began = std::time::Instant::now();
    while state_of(&server, 0).await != "pending" {
        assert!(began.elapsed() < DEADLINE);
    }
    let before = get(&server, "/api/v1/rollouts/checkout/history").await.1;
    server.stop().await;
    let server = serve(store(), &regional()).await;
    let whole = get(&server, "/api/v1/rollouts/checkout").await.1;
    assert_eq!((whole["status"].as_str(), whole["run"].as_str()), (Some("paused"), Some("checkout.1")));
    assert_eq!(whole["regions"][0]["run"], "checkout@us.1");
    let kinds = |history: &Value| -> Vec<Value> {
        history["events"].as_array().unwrap().iter().map(|event| event["type"].clone()).collect()
    };
    assert_eq!(kinds(&before), kinds(&get(&server, "/api/v1/rollouts/checkout/history").await.1));
    server.stop().await;
}
