//! A real server in a runtime of its own, so that it can be killed, and come back on the same port.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use fw_model::Variant;
use fw_runtime::StartRequest;
use fw_runtime::config::{self, ServiceConfig};
use fw_sdk::{Builder, Rollout};
use fw_server::{ServeOptions, Server, StoreChoice};
use fw_testkit::wait_until;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::stress::Both;

/// Long enough for a busy machine; nothing that works waits for it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// A server with one service, `shop`, and a rollout of it that stays at 50 %.
pub(crate) struct Control {
    pub(crate) addr: SocketAddr,
    config: Value,
    dir: TempDir,
    running: Option<(Runtime, Server)>,
}

impl Control {
    /// Starts it; no rollout yet. `traffic` is added to the config.
    pub(crate) fn start(traffic: &Value) -> Control {
        let mut config = json!({
            "service": "shop",
            "versions": { "stable": { "version": "1.4.2" }, "canary": { "version": "1.5.0" } },
            "traffic": { "router": "sdk" },
            "rollout": {
                "phases": [
                    { "percentage": 50, "duration": 600, "riskScore": 65, "description": "Half" },
                    { "percentage": 100, "duration": 600, "riskScore": 35, "description": "All" },
                ],
                "autoAdvance": false, "enableRollback": false, "monitoringInterval": 3600,
            },
        });
        for (key, value) in traffic.as_object().unwrap() {
            config["traffic"][key] = value.clone();
        }
        let addr = SocketAddr::from(([127, 0, 0, 1], fw_testkit::free_port().unwrap()));
        let mut control = Control { addr, config, dir: tempfile::tempdir().unwrap(), running: None };
        control.restart();
        control
    }

    fn loaded(&self) -> ServiceConfig {
        let mut loaded = config::load_json(&self.config, None).unwrap();
        // A config asks for 10 s at least, which a test need not wait for.
        if let Some(dead_man) = &mut loaded.plan.dead_man {
            dead_man.after = Duration::from_secs(2);
        }
        loaded
    }

    /// Starts it again, with the store it had.
    pub(crate) fn restart(&mut self) {
        let options = ServeOptions {
            configs: vec![self.loaded()],
            listen: Some(self.addr),
            store: StoreChoice::Sqlite(self.dir.path().join("state.db")),
        };
        let runtime = Runtime::new().unwrap();
        let mut server = None;
        let started = wait_until(DEADLINE, || {
            // The port and the store may be held for a moment by what was killed.
            server = runtime.block_on(Server::start(options.clone())).ok();
            server.is_some()
        });
        assert!(started, "the server does not start");
        self.running = Some((runtime, server.unwrap()));
    }

    /// Ends it without a word: its tasks are dropped where they stand.
    pub(crate) fn kill(&mut self) {
        let (runtime, server) = self.running.take().unwrap();
        runtime.shutdown_timeout(DEADLINE);
        drop(server);
        assert!(wait_until(DEADLINE, || std::net::TcpStream::connect(self.addr).is_err()));
    }

    fn server(&self) -> &(Runtime, Server) {
        self.running.as_ref().unwrap()
    }

    /// Begins the rollout; a data plane must be there to confirm its first split.
    pub(crate) fn roll(&self, rollout: &Rollout) {
        let (runtime, server) = self.server();
        let request = StartRequest {
            plan: self.loaded().plan,
            plan_hash: "0011223344556677".into(),
            actor: "test".into(),
            reason: None,
            idempotency: None,
        };
        runtime.block_on(server.handle.start(request)).unwrap();
        assert!(wait_until(DEADLINE, || rollout.current_phase().percentage == 50.0), "no split of 50 %");
        assert!(wait_until(DEADLINE, || self.detail()["status"] == "running"), "{}", self.detail());
    }

    /// The rollout as the API shows it.
    pub(crate) fn detail(&self) -> Value {
        self.server().1.handle.latest(Some("shop"), None).unwrap().unwrap().detail.clone()
    }

    /// What the engine has counted of the phase.
    pub(crate) fn counts(&self) -> fw_model::Counts {
        let run = self.server().1.handle.latest(Some("shop"), None).unwrap().unwrap();
        let mut all = run.counts.canary.clone();
        all.merge(&run.counts.stable);
        all
    }

    /// Requests of the canary that the engine has counted.
    pub(crate) fn canary(&self) -> u64 {
        self.server().1.handle.latest(Some("shop"), None).unwrap().unwrap().counts.canary.requests
    }

    /// What the engine has counted of the phase, by variant.
    pub(crate) fn totals(&self) -> Both {
        let run = self.server().1.handle.latest(Some("shop"), None).unwrap().unwrap();
        let mut totals = Both::default();
        totals[Variant::Canary.index()] = (&run.counts.canary).into();
        totals[Variant::Stable.index()] = (&run.counts.stable).into();
        totals
    }

    /// A data plane of this server, not connected yet.
    pub(crate) fn sdk(&self) -> Builder {
        self.sdk_over(self.addr)
    }

    /// The same, which reaches the server over another address.
    pub(crate) fn sdk_over(&self, addr: SocketAddr) -> Builder {
        Rollout::builder(&format!("http://{addr}"), "shop").report_every(Duration::from_millis(200))
    }

    /// The same with a folder for its split.
    pub(crate) fn sdk_in(&self, dir: &Path) -> Builder {
        self.sdk().state_dir(dir)
    }
}

/// What this process holds of the machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process {
    pub(crate) threads: u64,
    pub(crate) resident_kib: u64,
}

impl Process {
    /// As it is now.
    pub(crate) fn now() -> Process {
        let text = std::fs::read_to_string("/proc/self/status").unwrap();
        let number = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        Process { threads: number("Threads:"), resident_kib: number("VmRSS:") }
    }
}
