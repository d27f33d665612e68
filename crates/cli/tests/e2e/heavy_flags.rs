//! Feature flags asked for by the OpenFeature clients that people use, from npm, against the real server.
//!
//! The packages are those of `tests/clients/node/package-lock.json`; `npm ci` puts them below the target folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use fw_testkit::require;
use serde_json::{Value, json};

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
    ])
}

/// The clients with their packages, below the target folder.
fn clients(npm: &Path) -> PathBuf {
    let root: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../tests/clients/node"].iter().collect();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("clients-node");
    std::fs::create_dir_all(&folder).unwrap();
    let is_same = |name: &str| std::fs::read(root.join(name)).ok() == std::fs::read(folder.join(name)).ok();
    let installed = is_same("package-lock.json") && folder.join("node_modules").is_dir();
    for name in ["package.json", "package-lock.json", "clients.mjs"] {
        std::fs::copy(root.join(name), folder.join(name)).unwrap();
    }
    if !installed {
        let output = Command::new(npm)
            .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
            .current_dir(&folder)
            .output()
            .unwrap();
        if !output.status.success() {
            let _ = std::fs::remove_file(folder.join("package-lock.json"));
            panic!("npm ci: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_openfeature_clients_of_npm_get_what_the_proxy_routes() {
    let (Some(node), Some(npm)) = (require("node"), require("npm")) else { return };
    let folder = clients(&npm);
    let world = World::start_with(two_steps(), flags()).await;
    world.fw_ok(&["rollout", "start"]);
    world.confirmed().await;
    let address = |at: std::net::SocketAddr| format!("http://{at}");
    let output = tokio::task::spawn_blocking({
        let (api, proxy) = (address(world.api), address(world.proxy));
        move || Command::new(node).args(["clients.mjs", &api, &proxy]).current_dir(folder).output().unwrap()
    })
    .await
    .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    println!("{}", text(&output.stdout));
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}
