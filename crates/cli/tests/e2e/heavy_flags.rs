//! Feature flags asked for by the OpenFeature clients that people use, against the real server.
//!
//! The clients and the exact versions of their packages are in `tests/clients`; `packages` installs them below the
//! target folder. Each gets the same two servers, and says itself what must hold.

use std::process::Command;

use fw_testkit::require;
use serde_json::{Value, json};

use super::packages;
use super::world::World;

/// 5 %, then everybody, moved by hand.
fn two_steps() -> Value {
    let phase = |percentage: u64| json!({ "percentage": percentage, "duration": "1h", "riskScore": 50 });
    json!({ "phases": [phase(5), phase(100)], "monitoringInterval": 1 })
}

fn flags() -> Value {
    let force = json!([{ "variant": "canary", "keys": ["tester"] }]);
    json!([
        { "key": "new-checkout", "stable": false, "canary": true, "force": force },
        { "key": "title", "stable": "old", "canary": "new", "force": force },
        { "key": "items", "stable": 3, "canary": 5, "force": force },
        { "key": "factor", "stable": 1, "canary": 1.5, "force": force },
        { "key": "limits", "stable": { "items": 3, "open": false }, "canary": { "items": 5, "open": true }, "force": force },
        { "key": "off", "enabled": false, "stable": 1, "canary": 2 },
        { "key": "button", "variants": [
            { "name": "blue", "value": "#00f", "weight": 50 }, { "name": "green", "value": "#0f0", "weight": 50 } ],
          "rules": [{ "segment": "staff", "variant": "green" }] },
    ])
}

/// What the flags need beside them.
fn sections(auth: Value) -> Value {
    json!({
        "flags": flags(), "auth": auth,
        "segments": [{ "name": "staff", "if": { "ends_with": [{ "var": "email" }, "@example.org"] } }],
        "metrics": [{ "name": "purchase" }, { "name": "revenue", "kind": "amount", "cap": 100 }],
    })
}

/// What a client is shown: a server with a rollout at 5 %, and one that wants a token and bounds how often it is asked.
struct Servers {
    open: World,
    guarded: World,
    token: String,
}

impl Servers {
    async fn start() -> Servers {
        let (token, entry) = token();
        // Where the page in the browser comes from.
        let hosts = json!(["shop.test"]);
        let open = World::start_with(two_steps(), sections(json!({ "hosts": hosts }))).await;
        open.fw_ok(&["rollout", "start"]);
        open.confirmed().await;
        let rate = json!({ "ratePerSecond": 1, "burst": 3 });
        let mut guards = sections(json!({ "tokens": [entry], "hosts": hosts }));
        guards["ofrep"] = rate;
        Servers { open, guarded: World::start_with(two_steps(), guards).await, token }
    }

    /// Runs a client to its end, which must be a good one.
    async fn ask(&self, mut client: Command) {
        let at = |addr: std::net::SocketAddr| format!("http://{addr}");
        client.args([at(self.open.api), at(self.open.proxy), at(self.guarded.api), self.token.clone()]);
        let output = tokio::task::spawn_blocking(move || client.output().unwrap()).await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        println!("{}", text(&output.stdout));
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    }
}

/// A new token, and the entry of the config by which it is known.
fn token() -> (String, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fw"));
    let output =
        command.args(["token", "new", "--name", "web", "--role", "viewer", "--output", "json"]).output();
    let mut entry: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    let token = entry.as_object_mut().unwrap().remove("token").unwrap();
    (token.as_str().unwrap().to_owned(), entry)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_openfeature_clients_of_npm_get_what_the_proxy_routes() {
    let (Some(node), Some(npm)) = (require("node"), require("npm")) else { return };
    let mut client = Command::new(node);
    client.current_dir(packages::node(&npm)).arg("clients.mjs");
    Servers::start().await.ask(client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_openfeature_client_of_a_page_in_chromium_is_told_of_changes() {
    let (Some(node), Some(npm)) = (require("node"), require("npm")) else { return };
    let Some(chromium) = require("chromium") else { return };
    let mut client = Command::new(node);
    client.current_dir(packages::node(&npm)).arg("browser.mjs").arg(chromium);
    Servers::start().await.ask(client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_openfeature_client_of_crates_io_gets_what_the_proxy_routes() {
    let client = packages::rust();
    Servers::start().await.ask(client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_openfeature_client_of_pypi_gets_what_the_proxy_routes() {
    let Some(python) = require("python3") else { return };
    let mut client = packages::python(&python);
    client.arg("clients.py");
    Servers::start().await.ask(client).await;
}
