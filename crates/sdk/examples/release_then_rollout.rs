//! The seed's first pattern: an orchestrator executes the release, and a scheduler then moves traffic.
//!
//! `cargo run -p fw-sdk --example release_then_rollout`. Server, proxy, two versions of a service and some requests are all
//! in this process, on free ports of loopback; it ends by itself. In production the server is `fw serve`, and the two steps
//! are `fw release --without-rollout --wait && fw rollout start --wait`; `fw release` alone does both.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use fw_runtime::config::{ServiceConfig, load_json};
use fw_runtime::{Handle, StartRequest};
use fw_server::releases::{Orchestrator, ReleaseRequest};
use fw_server::{ServeOptions, Server, StoreChoice};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Longest time of the whole example.
const ENDS_WITHIN: Duration = Duration::from_secs(120);

/// Moves traffic to the new version step by step.
struct Scheduler {
    handle: Handle,
    config: ServiceConfig,
}

impl Scheduler {
    /// Begins the rollout.
    async fn start(&self) -> anyhow::Result<()> {
        let request = StartRequest {
            plan: self.config.plan.clone(),
            plan_hash: self.config.plan_hash.clone(),
            actor: "example".into(),
            reason: None,
            idempotency: None,
        };
        self.handle.start(request).await.map(drop).map_err(|refusal| anyhow::anyhow!("{refusal}"))
    }

    /// Sends requests through the proxy until the rollout has ended; how it ended.
    async fn to_the_end(&self, proxy: SocketAddr) -> anyhow::Result<String> {
        let began = Instant::now();
        loop {
            get(proxy).await?;
            let latest = self.handle.latest(None, None).map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
            let status = latest.context("the rollout is gone")?.status.status.clone();
            if matches!(status.as_str(), "completed" | "rolled_back" | "aborted") {
                return Ok(status);
            }
            ensure!(began.elapsed() < ENDS_WITHIN, "the rollout is still {status}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Releases, then rolls out; how the release and the rollout ended.
pub(crate) async fn run() -> anyhow::Result<(String, String)> {
    let (stable, canary) = (version().await?, version().await?);
    let config = json!({
        "service": "checkout",
        "versions": {
            "stable": { "version": "1.4.2", "url": format!("http://{stable}") },
            "canary": { "version": "1.5.0", "url": format!("http://{canary}") },
        },
        "traffic": { "listen": "127.0.0.1:0" },
        "rollout": {
            "phases": [{ "percentage": 50, "duration": "1s" }, { "percentage": 100, "duration": "1s" }],
            "analysis": { "evidence": "observed" },
        },
        "release": { "approval": { "limit": 80 } },
    });
    let config = load_json(&config, None).map_err(|faults| anyhow::anyhow!("{faults}"))?;
    let listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let options = ServeOptions { configs: vec![config.clone()], listen, store: StoreChoice::Memory };
    let server = Server::start(options).await?;
    let proxy = server.proxy_addrs().first().context("the server has no proxy")?.1;

    let orchestrator = Orchestrator::new(server.releases.clone(), request(&config));
    let release = orchestrator.execute().await?;
    let mut rollout = "not begun".to_owned();
    if release.overall_status == "success" {
        println!("Release successful, starting progressive rollout...");
        let scheduler = Scheduler { handle: server.handle.clone(), config };
        scheduler.start().await?;
        rollout = scheduler.to_the_end(proxy).await?;
        println!("Rollout {rollout}.");
    }
    server.stop().await;
    Ok((release.overall_status.to_owned(), rollout))
}

/// The release ends when the new version is checked, approved and stands: the scheduler does the rest.
fn request(config: &ServiceConfig) -> ReleaseRequest {
    ReleaseRequest {
        config: config.clone(),
        environment: Some("staging".into()),
        strategy: None,
        auto_approve: true,
        without_rollout: true,
        local: Default::default(),
        by: fw_server::releases::Requested { actor: "example".into(), reason: None },
        key: None,
    }
}

/// A version of a service: answers every request with 200.
async fn version() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = [0; 4096];
                while stream.read(&mut head).await.is_ok_and(|n| n > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                    if stream.write_all(answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok(addr)
}

/// One request through the proxy.
async fn get(proxy: SocketAddr) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(proxy).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(())
}

#[allow(dead_code)] // The tests call what is above.
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (release, rollout) = run().await?;
    ensure!(release == "success" && rollout == "completed", "release {release}, rollout {rollout}");
    Ok(())
}
