//! Roles and routes: everything that is not allowed is refused, and the refusal says what is missing.

use fw_runtime::config::{Role, TokenConfig};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::{Setup, World, config, raw, request};

pub(crate) fn token(name: &str, roles: &[Role]) -> TokenConfig {
    let digest = Sha256::digest(format!("secret-of-{name}").as_bytes());
    let sha256 = digest.iter().map(|b| format!("{b:02x}")).collect();
    TokenConfig { name: name.into(), sha256, roles: roles.to_vec() }
}

async fn guarded() -> World {
    let tokens = vec![
        token("viewer", &[Role::Viewer]),
        token("operator", &[Role::Operator]),
        token("approver", &[Role::Approver]),
        token("reporter", &[Role::Reporter]),
        token("both", &[Role::Viewer, Role::Reporter]),
    ];
    World::with(Setup { tokens, ..Setup::default() }).await
}

/// Method, path, and who may.
const ROUTES: &[(&str, &str, &[&str])] = &[
    ("GET", "/", EVERYBODY),
    ("GET", "/assets/app.js", EVERYBODY),
    ("GET", "/status", READERS),
    ("HEAD", "/status", READERS),
    ("GET", "/metrics", READERS),
    ("GET", "/openapi.json", READERS),
    ("GET", "/events?rollout=nobody", READERS),
    ("GET", "/api/v1/rollouts", READERS),
    ("GET", "/api/v1/rollouts/checkout", READERS),
    ("GET", "/api/v1/rollouts/checkout/history", READERS),
    ("GET", "/api/v1/rollouts/checkout/reports/rollback", READERS),
    ("GET", "/api/v1/kpis", READERS),
    ("GET", "/api/v1/flags", READERS),
    ("GET", "/api/v1/releases/1", READERS),
    ("POST", "/ofrep/v1/evaluate/flags", READERS),
    ("POST", "//ofrep/v1/evaluate/flags/a", READERS),
    ("GET", "/ofrep/v1/nothing", READERS),
    ("GET", "/no/such/path", READERS),
    ("POST", "/api/v1/rollouts", &["operator"]),
    ("POST", "/api/v1/rollouts/checkout/pause", &["operator"]),
    ("POST", "/api/v1/rollouts/checkout/rollback", &["operator"]),
    ("POST", "/api/v1/rollouts/checkout/abort", &["operator"]),
    ("POST", "/api/v1/releases", &["operator"]),
    ("POST", "/api/v1/releases/checkout/undo", &["operator"]),
    ("POST", "/api/v1/releases/checkout/approve", &["approver"]),
    ("POST", "/api/v1/releases/checkout/reject", &["approver"]),
    ("DELETE", "/api/v1/rollouts/checkout", &["operator"]),
    ("POST", "/no/such/path", &["operator"]),
    ("GET", "/api/v1/services/nobody/split", REPORTERS),
    ("POST", "/api/v1/services/checkout/observations", REPORTERS),
    ("POST", "/api/v1/services/checkout/metrics", REPORTERS),
];
const EVERYBODY: &[&str] = &["viewer", "operator", "approver", "reporter", "both"];
const READERS: &[&str] = &["viewer", "operator", "approver", "both"];
const REPORTERS: &[&str] = &["reporter", "both"];

#[tokio::test]
async fn every_role_may_do_its_own_and_nothing_else() {
    let world = guarded().await;
    for (method, path, may) in ROUTES {
        for who in ["viewer", "operator", "approver", "reporter", "both"] {
            let bearer = format!("Bearer secret-of-{who}");
            // A body that is no config and no report: what may pass is then refused for that.
            let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
            let body: &[u8] = if *method == "POST" { b"{\"x\":1}" } else { b"" };
            let reply = raw(world.addr, &request(world.addr, method, path, &headers, body)).await;
            let passed = !matches!(reply.status, 401 | 403);
            assert_eq!(passed, may.contains(&who), "{who}: {method} {path} gave {}", reply.status);
            if !passed {
                let problem = reply_problem(method, path, &reply);
                assert!(
                    problem.is_none_or(|detail| may.iter().any(|role| detail.contains(role))),
                    "{who}: {path}"
                );
            }
        }
        for bad in ["", "Bearer nobody", "Basic secret-of-operator", "Bearer"] {
            let headers = [("authorization", bad), ("content-type", "application/json")];
            let reply = raw(world.addr, &request(world.addr, method, path, &headers, b"")).await;
            // The page holds no data: it comes without a token and then asks for one.
            let wanted = if *may == EVERYBODY { (200, false) } else { (401, true) };
            let told = (reply.status, reply.header("www-authenticate").starts_with("Bearer"));
            assert_eq!(told, wanted, "{path}");
        }
    }
    assert_eq!(world.newest(), 0, "nothing was begun");
}

/// What a 403 says; a HEAD says nothing.
fn reply_problem(method: &str, path: &str, reply: &crate::support::Reply) -> Option<String> {
    if path.contains("/ofrep/") {
        return Some(reply.json()["errorDetails"].as_str().unwrap().to_owned());
    }
    (method != "HEAD").then(|| {
        let problem = reply.problem();
        assert_eq!(problem.code, "forbidden");
        problem.detail
    })
}

#[tokio::test]
async fn probes_need_no_token_and_the_actor_is_the_tokens_name() {
    let world = guarded().await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(world.get(path).await.status, 200);
    }
    let operator = [("authorization", "Bearer secret-of-operator")];
    assert_eq!(world.post_with("/api/v1/rollouts", &operator, &config("checkout")).await.status, 201);
    let path = "/api/v1/rollouts/checkout/abort";
    assert_eq!(world.post_with(path, &operator, &json!({ "reason": "r" })).await.status, 200);
    let viewer = [("authorization", "Bearer secret-of-viewer")];
    let path = "/api/v1/rollouts/checkout/history";
    let events = raw(world.addr, &request(world.addr, "GET", path, &viewer, b"")).await.json();
    let events = events["events"].as_array().unwrap();
    let aborted = events.iter().find(|e| e["type"] == "rollout_aborted").unwrap();
    assert_eq!((&aborted["actor"], &aborted["reason"]), (&json!("operator"), &json!("r")));
}

#[tokio::test]
async fn with_tokens_reads_may_come_under_any_name_and_writes_may_not() {
    let world = guarded().await;
    let of = |host: &'static str, origin: &'static str| {
        [
            ("authorization", "Bearer secret-of-operator"),
            ("host", host),
            ("origin", origin),
            ("content-type", "application/json"),
        ]
    };
    let send = async |method: &str, path: &str, headers: &[(&str, &str)]| {
        raw(world.addr, &request(world.addr, method, path, headers, b"{}")).await.status
    };
    assert_eq!(send("GET", "/status", &of("10.1.2.3:3002", "")).await, 200);
    assert_eq!(send("POST", "/api/v1/rollouts/x/pause", &of("10.1.2.3:3002", "")).await, 403);
    assert_eq!(
        send("POST", "/api/v1/rollouts/x/pause", &of("fw.example:3002", "https://fw.example")).await,
        404
    );
    assert_eq!(
        send("POST", "/api/v1/rollouts/x/pause", &of("fw.example", "https://evil.example")).await,
        403
    );
}
