//! A server in this process, raw requests to it, and a data plane that is only numbers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use fw_api::Problem;
use fw_providers::ask::Asker;
use fw_runtime::config::{self, EvaluationRate, TokenConfig};
use fw_runtime::{Handle, ServiceDef, SystemClock};
use fw_server::http::{self, App, FlagBoard, HttpSettings, Limits, ServedFlag};
use fw_server::notify::{Notifier, Timing};
use fw_server::releases::{ReleaseSettings, Releases};
use fw_store::{Journal, MemoryJournal, MemoryLog, RolloutLog};
use fw_testkit::{SseFrame, SseStream};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// Long enough for a busy machine; nothing that works waits for it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// How a server is set up.
pub(crate) struct Setup {
    pub(crate) tokens: Vec<TokenConfig>,
    pub(crate) sse_enabled: bool,
    pub(crate) evaluation_rate: Option<EvaluationRate>,
    pub(crate) limits: Limits,
    pub(crate) log: Arc<MemoryLog>,
    pub(crate) journal: Arc<MemoryJournal>,
    pub(crate) services: Vec<Value>,
    /// The section of the first service.
    pub(crate) notifications: Value,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            tokens: vec![],
            sse_enabled: true,
            evaluation_rate: None,
            limits: Limits::default(),
            log: Arc::new(MemoryLog::new()),
            journal: Arc::new(MemoryJournal::default()),
            services: vec![config("checkout")],
            notifications: json!([]),
        }
    }
}

/// A running server.
pub(crate) struct World {
    pub(crate) addr: SocketAddr,
    pub(crate) handle: Handle,
    pub(crate) log: Arc<MemoryLog>,
    stop: oneshot::Sender<()>,
    stop_telling: watch::Sender<bool>,
    pub(crate) serving: JoinHandle<()>,
}

/// The config of a service whose traffic an SDK splits; nothing is listened on for it.
pub(crate) fn config(service: &str) -> Value {
    json!({
        "service": service,
        "versions": { "stable": { "version": "1.4.2" }, "canary": { "version": "1.5.0" } },
        "traffic": { "router": "sdk" },
        "rollout": {
            "phases": [
                { "percentage": 5, "duration": 60, "riskScore": 65, "description": "Initial canary" },
                { "percentage": 25, "duration": 60, "riskScore": 55, "description": "Limited rollout" },
                { "percentage": 100, "duration": 60, "riskScore": 35, "description": "Full deployment" },
            ],
            "monitoringInterval": 3600,
        },
    })
}

impl World {
    pub(crate) async fn new() -> World {
        World::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> World {
        let mut services = setup.services.clone();
        services[0]["notifications"] = setup.notifications.clone();
        let configs: Vec<_> =
            services.iter().map(|config| config::load_json(config, None).unwrap()).collect();
        let defs = configs.iter().map(|config| ServiceDef { plan: config.plan.clone() }).collect();
        let metrics = configs.iter().map(|c| (c.plan.key.clone(), c.plan.metrics.clone())).collect();
        let board =
            FlagBoard::open(configs.iter().flat_map(ServedFlag::of).collect(), metrics, None).unwrap();
        let log: Arc<dyn RolloutLog> = setup.log.clone();
        let clock = Arc::new(SystemClock);
        let notifier = Notifier::open(log.clone(), clock, &configs, Timing::default()).unwrap();
        let bits = Box::new(|| 0x5eed_u128);
        let handle = Handle::start_core(log, Arc::new(SystemClock), bits, defs).unwrap();
        let settings = HttpSettings {
            sse_enabled: setup.sse_enabled,
            tokens: setup.tokens,
            hosts: vec!["fw.example".into()],
            evaluation_rate: setup.evaluation_rate,
        };
        let extra = Arc::new(|out: &mut String| {
            out.push_str("# HELP fw_extra From beside.\n# TYPE fw_extra gauge\nfw_extra 1\n")
        });
        let app = App::new(handle.clone(), settings, Arc::new(board), Arc::new(AtomicBool::new(true)), extra);
        let stop_telling = watch::Sender::new(false);
        notifier.start(&handle.newest_event(), &stop_telling.subscribe());
        let app = app.with_notifier(Arc::new(notifier));
        let asker = Arc::new(Asker::new(None).unwrap());
        let root = std::env::temp_dir().join("fw-no-deployer-in-these-tests");
        let settings = ReleaseSettings { configs: configs.clone(), root, asker, waves: None };
        let journal: Arc<dyn Journal> = setup.journal.clone();
        let releases = Releases::open(journal, handle.clone(), settings).unwrap();
        releases.run(stop_telling.subscribe());
        let app = app.with_releases(releases);
        let router = http::router(app.with_limits(setup.limits));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            let told = async { drop(stopped.await) };
            http::serve_with(listener, router, setup.limits, told).await.unwrap();
        });
        World { addr, handle, log: setup.log, stop, stop_telling, serving }
    }

    /// Stops serving, and waits until nothing is served any more.
    pub(crate) async fn stop(self) {
        self.handle.stop().await;
        self.stop_telling.send_replace(true);
        let _ = self.stop.send(());
        tokio::time::timeout(DEADLINE, self.serving).await.expect("serving ends").unwrap();
    }

    /// The process is gone; a new one opens the same log.
    pub(crate) async fn restarted(self) -> World {
        let log = Arc::new(self.log.reopen());
        self.stop().await;
        World::with(Setup { log, ..Setup::default() }).await
    }

    /// Tells the server to stop; `serving` ends when it has.
    pub(crate) fn tell(self) -> JoinHandle<()> {
        let _ = self.stop.send(());
        self.serving
    }

    /// `GET path`.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        raw(self.addr, &request(self.addr, "GET", path, &[], b"")).await
    }

    /// `POST path` with JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_with(path, &[], body).await
    }

    /// `POST path` with JSON and more headers.
    pub(crate) async fn post_with(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        raw(self.addr, &request(self.addr, "POST", path, &all, body.to_string().as_bytes())).await
    }

    /// An action on the latest rollout of a service; it must be done.
    pub(crate) async fn act(&self, service: &str, action: &str, body: &Value) -> Value {
        let reply = self.post(&format!("/api/v1/rollouts/{service}/{action}"), body).await;
        assert_eq!(reply.status, 200, "{action}: {}", reply.text());
        reply.json()
    }

    /// Starts a rollout of a service and has a new data plane confirm its first split.
    pub(crate) async fn run(&self, service: &str) -> Plane {
        let mut plane = Plane::new(service);
        self.run_with(&mut plane).await;
        plane
    }

    /// The same with a data plane that is there already: two live ones would both have to confirm.
    pub(crate) async fn run_with(&self, plane: &mut Plane) {
        let reply = self.post("/api/v1/rollouts", &config(&plane.service)).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        let path = format!("/status?rollout={}", plane.service);
        let end = tokio::time::Instant::now() + DEADLINE;
        loop {
            plane.report(self, 0, 0).await;
            let now = self.get(&path).await.json();
            if now["status"] == "running" {
                return;
            }
            assert!(tokio::time::Instant::now() < end, "not running: {now}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for a status of a service's latest rollout.
    pub(crate) async fn until(&self, service: &str, status: &str) -> Value {
        let path = format!("/status?rollout={service}");
        let end = tokio::time::Instant::now() + DEADLINE;
        loop {
            let now = self.get(&path).await.json();
            if now["status"] == status {
                return now;
            }
            assert!(tokio::time::Instant::now() < end, "not {status}: {now}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Opens a stream of events.
    pub(crate) async fn stream(&self, path: &str, last_id: Option<&str>) -> SseStream {
        SseStream::open(self.addr, path, last_id).await.unwrap()
    }

    /// The newest event's id.
    pub(crate) fn newest(&self) -> u64 {
        *self.handle.newest_event().borrow()
    }

    /// The value of a metric's line.
    pub(crate) async fn metric(&self, line: &str) -> Option<f64> {
        let text = self.get("/metrics").await.text();
        let found = text.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(' ').map(str::to_owned));
        found.map(|value| value.parse().unwrap())
    }
}

/// A data plane that reports made-up counts.
pub(crate) struct Plane {
    id: String,
    service: String,
    seq: u64,
    epoch: u64,
    cells: Vec<(u64, u64, u64)>,
}

impl Plane {
    /// As a process that has just started: its id is its own.
    pub(crate) fn new(service: &str) -> Plane {
        static STARTED: AtomicU64 = AtomicU64::new(1);
        let id = format!("plane-{}", STARTED.fetch_add(1, Ordering::Relaxed));
        Plane { id, service: service.into(), seq: 0, epoch: 0, cells: vec![] }
    }

    /// Confirms the split as it is and reports more canary requests under it; the answer to it.
    pub(crate) async fn report(&mut self, world: &World, requests: u64, errors: u64) -> Value {
        let key = self.service.parse().unwrap();
        self.epoch = world.handle.split(&key).unwrap().borrow().epoch.0;
        self.cells.push((self.epoch, requests, errors));
        let reply =
            world.post(&format!("/api/v1/services/{}/observations", self.service), &self.body()).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        reply.json()
    }

    /// The report: cumulative, one cell an epoch.
    pub(crate) fn body(&mut self) -> Value {
        self.seq += 1;
        let mut sums = std::collections::BTreeMap::<u64, (u64, u64)>::new();
        for &(epoch, requests, errors) in &self.cells {
            let sum = sums.entry(epoch).or_default();
            *sum = (sum.0 + requests, sum.1 + errors);
        }
        let cells: Vec<Value> = sums
            .iter()
            .map(|(epoch, (requests, errors))| {
                json!({
                    "epoch": epoch, "variant": "canary", "instance": "a", "requests": requests, "errors": errors,
                    "durationMs": { "sum": 20.0 * *requests as f64, "sumSquares": 400.0 * *requests as f64,
                        "scale": 4, "offset": 69, "counts": [requests] },
                    "apdex": { "satisfied": requests - errors, "tolerating": 0 },
                })
            })
            .collect();
        json!({
            "source": { "id": self.id, "kind": "sdk", "region": null }, "seq": self.seq,
            "confirmedEpoch": self.epoch, "cells": cells, "inFlight": {},
        })
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// A header, by its name in lower case; empty when absent.
    pub(crate) fn header(&self, name: &str) -> String {
        let find = |line: &str| {
            let (own, value) = line.split_once(':')?;
            own.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        };
        self.head.lines().skip(1).find_map(find).unwrap_or_default()
    }

    /// The problem document that every refusal is.
    pub(crate) fn problem(&self) -> Problem {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.head);
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem.status, self.status, "{problem:?}");
        assert_eq!(problem.kind, format!("/problems/{}", problem.code));
        assert!(!problem.detail.is_empty() && !problem.title.is_empty());
        problem
    }
}

/// The bytes of a request. A `host` among the headers replaces the right one; an empty value leaves it out.
pub(crate) fn request(
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n").into_bytes();
    if !headers.iter().any(|(name, _)| *name == "host") {
        bytes.extend_from_slice(format!("host: {addr}\r\n").as_bytes());
    }
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if !body.is_empty() || method == "POST" {
        bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// Sends bytes and reads the answer to its end.
pub(crate) async fn raw(addr: SocketAddr, bytes: &[u8]) -> Reply {
    let exchange = async {
        let (mut read, mut write) = TcpStream::connect(addr).await.unwrap().into_split();
        let bytes = bytes.to_vec();
        // A server that refuses early may not take everything.
        let sending = tokio::spawn(async move {
            let _ = write.write_all(&bytes).await;
            write
        });
        let mut answer = vec![];
        read.read_to_end(&mut answer).await.unwrap();
        drop(sending.await);
        answer
    };
    let answer = tokio::time::timeout(DEADLINE, exchange).await.expect("an answer in time");
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_else(|| {
        panic!("no answer: {:?}", String::from_utf8_lossy(&answer));
    });
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head, body: answer[end + 4..].to_vec() }
}

/// The next frame's id and data.
pub(crate) async fn next(stream: &mut SseStream) -> (u64, Value) {
    let SseFrame { id, event, data } = stream.next(DEADLINE).await.unwrap();
    assert_eq!(event, "", "EventSource.onmessage gets frames without a name only");
    (id.parse().unwrap(), serde_json::from_str(&data).unwrap())
}
