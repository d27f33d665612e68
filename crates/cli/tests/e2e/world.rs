//! One server with its two upstreams, its config and its folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use fw_testkit::{Client, Proc, ProcSpec, eventually, free_ports};
use serde_json::{Value, json};

use super::upstream::Upstream;

/// Longest wait for anything that should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) struct World {
    #[allow(dead_code)] // Serves as long as it is held.
    pub(crate) stable: Upstream,
    pub(crate) canary: Upstream,
    pub(crate) api: SocketAddr,
    pub(crate) proxy: SocketAddr,
    spec: ProcSpec,
    pub(crate) server: Proc,
}

/// Phases that a test moves by hand.
pub(crate) fn by_hand() -> Value {
    let phase = |percentage: u64| json!({ "percentage": percentage, "duration": "1h", "riskScore": 50 });
    json!({ "phases": [phase(5), phase(25), phase(50), phase(100)], "monitoringInterval": 1 })
}

impl World {
    /// Starts the upstreams and `fw serve` with this rollout block.
    pub(crate) async fn start(rollout: Value) -> World {
        World::start_with(rollout, json!({})).await
    }

    /// The same with more sections of the config.
    pub(crate) async fn start_with(rollout: Value, more: Value) -> World {
        let (stable, canary) = (Upstream::start("stable").await, Upstream::start("canary").await);
        let [api, proxy] = free_ports().unwrap();
        let mut config = json!({
            "service": "checkout",
            "versions": {
                "stable": { "version": "1.4.2", "url": format!("http://{}", stable.addr) },
                "canary": { "version": "1.5.0", "url": format!("http://{}", canary.addr) },
            },
            "traffic": { "router": "proxy", "listen": format!("127.0.0.1:{proxy}"), "stickiness": { "header": "X-User-Id" } },
            "rollout": rollout,
        });
        for (key, section) in more.as_object().unwrap() {
            config[key] = section.clone();
        }
        let spec = ProcSpec::new(env!("CARGO_BIN_EXE_fw")).unwrap();
        let spec = spec.args(["serve", "--listen", &format!("127.0.0.1:{api}")]).name("serve");
        std::fs::write(spec.dir().join("factory-wager.yaml"), config.to_string()).unwrap();
        let api = SocketAddr::from(([127, 0, 0, 1], api));
        let proxy = SocketAddr::from(([127, 0, 0, 1], proxy));
        let server = serve(&spec, api);
        World { stable, canary, api, proxy, spec, server }
    }

    /// Ends the server without a word and starts it anew on the same folder.
    pub(crate) fn kill_and_restart(&mut self) {
        self.server.kill().unwrap();
        self.start_again();
    }

    /// Starts a server that was ended anew on the same folder.
    pub(crate) fn start_again(&mut self) {
        self.server = serve(&self.spec, self.api);
    }

    /// The folder that the server runs in.
    pub(crate) fn folder(&self) -> PathBuf {
        self.spec.dir().to_owned()
    }

    /// Where the server keeps its events.
    pub(crate) fn store(&self) -> PathBuf {
        self.spec.dir().join(".factory-wager/state.db")
    }

    /// Runs `fw` with these arguments against this server.
    pub(crate) fn fw(&self, args: &[&str]) -> (i32, String, String) {
        said(fw(self.spec.dir(), self.api).args(args))
    }

    /// As [`World::fw`], which must succeed.
    pub(crate) fn fw_ok(&self, args: &[&str]) -> String {
        let (code, out, err) = self.fw(args);
        assert_eq!(code, 0, "fw {args:?}\n{out}{err}\n{}", self.server.last_lines());
        out
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = Client::new(self.api).get(path).await.unwrap();
        serde_json::from_slice(&answer.body).unwrap()
    }

    pub(crate) async fn status(&self) -> Value {
        self.get("/status").await
    }

    /// Waits until the rollout has this status.
    pub(crate) async fn until(&self, status: &str, deadline: Duration) -> Value {
        let began = std::time::Instant::now();
        loop {
            let now = self.status().await;
            if now["status"] == status {
                return now;
            }
            assert!(began.elapsed() < deadline, "not {status}: {now:#}\n{}", self.server.last_lines());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until every request is assigned by the present split.
    pub(crate) async fn confirmed(&self) {
        let began = std::time::Instant::now();
        while self.get("/api/v1/rollouts/checkout").await["confirmed"] != true {
            assert!(began.elapsed() < SOON, "the split is not confirmed");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// All kept events, oldest first.
    pub(crate) async fn all_events(&self) -> Vec<Value> {
        let history = self.get("/api/v1/rollouts/checkout/history?limit=1000").await;
        history["events"].as_array().cloned().unwrap_or_default()
    }
}

/// `fw` as a person runs it in this folder, against this server.
pub(crate) fn fw(folder: &Path, api: SocketAddr) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fw"));
    command.current_dir(folder).env("FW_SERVER", format!("http://{api}")).env_remove("FW_TOKEN");
    command
}

/// Runs a command to its end: exit code, stdout, stderr.
pub(crate) fn said(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// Starts `fw serve` and waits until it answers.
pub(crate) fn serve(spec: &ProcSpec, api: SocketAddr) -> Proc {
    let mut server = spec.spawn().unwrap();
    server.listening(api, SOON).unwrap();
    server
}

/// Waits for a condition; it must come true.
pub(crate) async fn soon(what: &str, condition: impl FnMut() -> bool) {
    assert!(eventually(SOON, condition).await, "{what}");
}
