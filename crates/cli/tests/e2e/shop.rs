//! A shop to release: the example service, deployed as processes by the real server, with load in front of it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use fw_testkit::{Client, Proc, ProcSpec, free_port};
use serde_json::{Value, json};

use super::world::{SOON, fw, said, serve};

/// A server, the folder it runs in, and the version that was there before it.
pub(crate) struct Shop {
    pub(crate) api: SocketAddr,
    pub(crate) proxy: SocketAddr,
    spec: ProcSpec,
    pub(crate) server: Proc,
    /// The first version: not started by the server.
    first: Vec<Proc>,
    /// Version and URLs of what runs.
    pub(crate) now: (String, Vec<String>),
}

/// The example service beside `fw`; built where it is not there yet.
fn storefront() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_fw")).with_file_name("storefront");
    if !path.exists() {
        let built = Command::new(env!("CARGO")).args(["build", "--locked", "-p", "storefront"]).status();
        assert!(built.unwrap().success(), "cargo build -p storefront");
    }
    path
}

fn urls(count: usize) -> Vec<String> {
    (0..count).map(|_| format!("http://127.0.0.1:{}", free_port().unwrap())).collect()
}

impl Shop {
    /// Instances of the first version, and a server that knows how to start others. `keep_old`: how long the old one is kept.
    pub(crate) async fn open(instances: usize, keep_old: &str) -> Shop {
        let spec = ProcSpec::new(env!("CARGO_BIN_EXE_fw")).unwrap().name("serve");
        let (api, proxy) = (free_port().unwrap(), free_port().unwrap());
        let spec = spec.args(["serve", "--listen", &format!("127.0.0.1:{api}")]);
        let start = spec.dir().join("shop.sh");
        let text = format!(
            "#!/bin/sh\n# Versions with -bad in their name are broken.\ncase \"$FW_VERSION\" in *-bad) export FAULT=error-rate=30% ;; esac\nexec {}\n",
            storefront().display()
        );
        std::fs::write(&start, text).unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&start, std::fs::Permissions::from_mode(0o755)).unwrap();
        let now = ("1.0.0".to_owned(), urls(instances));
        let mut first = vec![];
        for url in &now.1 {
            let port = url.rsplit(':').next().unwrap();
            let one = ProcSpec::new(storefront()).unwrap().name("first").env("PORT", port);
            let mut one = one.env("HOST", "127.0.0.1").env("APP_VERSION", "1.0.0").spawn().unwrap();
            one.listening(SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap())), SOON).unwrap();
            first.push(one);
        }
        let api = SocketAddr::from(([127, 0, 0, 1], api));
        let proxy = SocketAddr::from(([127, 0, 0, 1], proxy));
        let own = config(proxy, &start, keep_old, (&now.0, &now.1), ("2.0.0", &urls(instances)));
        std::fs::write(spec.dir().join("factory-wager.yaml"), own.to_string()).unwrap();
        let mut server = serve(&spec, api);
        server.listening(proxy, SOON).unwrap();
        Shop { api, proxy, spec, server, first, now }
    }

    /// Writes the config of the next version; gives its URLs.
    pub(crate) fn next(&self, version: &str) -> Vec<String> {
        let next = urls(self.now.1.len());
        let own = std::fs::read_to_string(self.spec.dir().join("factory-wager.yaml")).unwrap();
        let mut config: Value = serde_json::from_str(&own).unwrap();
        config["versions"] = versions((&self.now.0, &self.now.1), (version, &next));
        std::fs::write(self.spec.dir().join("next.yaml"), config.to_string()).unwrap();
        next
    }

    /// Runs `fw` with these arguments against this server.
    pub(crate) fn fw(&self, args: &[&str]) -> (i32, String, String) {
        said(fw(self.spec.dir(), self.api).args(args))
    }

    /// Releases a version and waits for its end, away from the tasks that send load.
    pub(crate) async fn release(&self, strategy: &str) -> (i32, String) {
        let mut command = fw(self.spec.dir(), self.api);
        let strategy = format!("--strategy={strategy}");
        command.args(["release", "-c", "next.yaml", "--env=staging", &strategy, "--auto-approve", "--wait"]);
        let (code, out, err) = tokio::task::spawn_blocking(move || said(&mut command)).await.unwrap();
        (code, out + &err)
    }

    /// Ends the server without a word and starts it anew on the same folder.
    pub(crate) fn kill_and_restart(&mut self) {
        self.server.kill().unwrap();
        self.server = serve(&self.spec, self.api);
        self.server.listening(self.proxy, SOON).unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = Client::new(self.api).get(path).await.unwrap();
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    }

    /// The version that answers at a URL; none where nobody does.
    pub(crate) async fn version_at(&self, url: &str) -> Option<String> {
        let address: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
        let answer = Client::new(address).get("/healthz").await.ok()?;
        let value: Value = serde_json::from_slice(&answer.body).ok()?;
        value["version"].as_str().map(str::to_owned)
    }

    /// Waits until a release's timeline has these words.
    pub(crate) async fn until_told(&self, id: &str, words: &str) -> String {
        let began = Instant::now();
        loop {
            let timeline = self.get(&format!("/api/v1/releases/{id}")).await["timeline"].to_string();
            if timeline.contains(words) {
                return timeline;
            }
            assert!(began.elapsed() < SOON, "{words} is not in {timeline}\n{}", self.server.last_lines());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until nobody answers at a URL.
    pub(crate) async fn gone(&self, url: &str) {
        let began = Instant::now();
        while self.version_at(url).await.is_some() {
            assert!(began.elapsed() < SOON, "{url} still answers\n{}", self.server.last_lines());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends the version that was there first: by whoever started it.
    pub(crate) fn end_first(&mut self) {
        self.first.clear();
    }
}

impl Drop for Shop {
    /// Keepers and their services outlive the server: they are ended through the files that name them.
    fn drop(&mut self) {
        let _ = self.server.kill();
        let root = self.spec.dir().join(".factory-wager");
        let under = root.display().to_string();
        for pid in pids_of(&under) {
            // Its command line names this test's own folder.
            let _ = Command::new("kill").arg("-TERM").arg(pid.to_string()).status();
        }
    }
}

/// Processes whose command line names a folder.
pub(crate) fn pids_of(folder: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let names = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(folder)
    };
    pids.filter(names).collect()
}

fn versions(stable: (&str, &[String]), canary: (&str, &[String])) -> Value {
    json!({
        "stable": { "version": stable.0, "urls": stable.1 },
        "canary": { "version": canary.0, "urls": canary.1 },
    })
}

fn config(
    proxy: SocketAddr,
    start: &Path,
    keep_old: &str,
    stable: (&str, &[String]),
    canary: (&str, &[String]),
) -> Value {
    let phase = |percentage: u64| json!({ "percentage": percentage, "duration": "1500ms", "riskScore": 50 });
    json!({
        "service": "shop",
        "versions": versions(stable, canary),
        "traffic": { "listen": proxy.to_string(), "forcedVariantHeader": "X-FW-Variant" },
        "rollout": {
            "phases": [phase(20), phase(50), phase(100)], "monitoringInterval": 1, "riskThreshold": 50,
            "rollbackTriggers": { "errorRate": 5, "health": "off", "responseTime": "off" },
        },
        "release": {
            "health": { "path": "/healthz", "versionPointer": "/version" },
            "approval": { "limit": 100 },
            "keepOld": keep_old,
            "deploy": { "process": { "run": [start.display().to_string()], "readyWithin": "60s", "stopGrace": "10s" } },
        },
        "environments": { "staging": { "rollout": { "riskThreshold": 50 } } },
    })
}
