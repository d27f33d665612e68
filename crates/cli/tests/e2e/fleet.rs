//! Eight instances of stable and four of the canary, each a process of its own, behind `fw serve`.
//!
//! An instance fails a share of its requests steadily, and in bursts where it is told to: 30 % for ten seconds once in
//! two minutes, when is chance.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fw_testkit::{Client, Load, LoadSpec, Proc, ProcSpec, free_ports};
use http::Request;
use serde_json::{Value, json};

use super::world::{SOON, fw, serve};

/// Instances of stable and of the canary.
const INSTANCES: (usize, usize) = (8, 4);
const ALL: usize = INSTANCES.0 + INSTANCES.1;
/// Requests a second of both versions.
const RATE: u32 = 400;
/// Users, one of whom makes each request.
const USERS: u64 = 5000;
/// The variable that makes this program an instance.
const PORT: &str = "FW_E2E_INSTANCE_PORT";
/// How long a burst is, how often it comes, and what share fails in it, in thousandths.
const BURST: (Duration, Duration, u64) = (Duration::from_secs(10), Duration::from_secs(120), 300);

/// One instance: this very program, told by [`PORT`]. Without that, what an instance does as it is told.
#[test]
fn instance() {
    let port = std::env::var(PORT).ok().and_then(|port| port.parse().ok());
    let instance = Arc::new(Instance {
        steady: AtomicU64::new(0),
        bursts: AtomicBool::new(false),
        chance: AtomicU64::new(mixed(port.unwrap_or(1).into())),
        began: Instant::now(),
    });
    let Some(port) = port else { return instance.does_as_it_is_told() };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    for stream in listener.incoming().flatten() {
        let instance = instance.clone();
        std::thread::spawn(move || instance.answer_all(stream));
    }
}

struct Instance {
    /// Failures in a thousand, always.
    steady: AtomicU64,
    bursts: AtomicBool,
    chance: AtomicU64,
    began: Instant,
}

fn mixed(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

impl Instance {
    /// A number below a thousand.
    fn drawn(&self) -> u64 {
        mixed(self.chance.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed)) % 1000
    }

    /// Whether a burst is under way: each cycle has one, at a time of its own.
    fn is_bursting(&self) -> bool {
        let at = self.began.elapsed();
        let cycle = at.as_millis() / BURST.1.as_millis();
        let seed = self.chance.as_ptr() as u64 ^ u64::from(std::process::id());
        let room = (BURST.1 - BURST.0).as_millis() as u64;
        let from = u128::from(mixed(seed.wrapping_add(cycle as u64)) % room);
        let into = at.as_millis() % BURST.1.as_millis();
        self.bursts.load(Ordering::Relaxed) && (from..from + BURST.0.as_millis()).contains(&into)
    }

    fn does_as_it_is_told(&self) {
        let failed = |n: u32| (0..n).filter(|_| self.answer("GET / HTTP/1.1").contains("503")).count();
        assert_eq!(failed(1000), 0);
        self.answer("GET /be/50/0 HTTP/1.1");
        assert!((300..700).contains(&failed(10_000)));
        self.answer("GET /be/1000/1 HTTP/1.1");
        assert_eq!(failed(100), 100);
    }

    fn answer_all(&self, mut stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let (mut buffer, mut chunk) = (vec![], [0; 4096]);
        loop {
            while let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
                buffer.drain(..end + 4);
                if stream.write_all(self.answer(&head).as_bytes()).is_err() {
                    return;
                }
            }
            match stream.read(&mut chunk) {
                Ok(0) | Err(_) => return,
                Ok(n) => buffer.extend_from_slice(&chunk[..n]),
            }
        }
    }

    /// `GET /be/STEADY/BURSTS` sets how it is, both as whole numbers; anything else is served.
    fn answer(&self, head: &str) -> &'static str {
        if let Some(wanted) = head.strip_prefix("GET /be/").and_then(|rest| rest.split(' ').next()) {
            let (steady, bursts) = wanted.split_once('/').unwrap();
            self.steady.store(steady.parse().unwrap(), Ordering::Relaxed);
            self.bursts.store(bursts == "1", Ordering::Relaxed);
        } else if self.drawn() < self.steady.load(Ordering::Relaxed)
            || (self.is_bursting() && self.drawn() < BURST.2)
        {
            return "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
        }
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    }
}

/// Everything, with load on the proxy.
pub(crate) struct Fleet {
    ports: [u16; ALL],
    pub(crate) api: SocketAddr,
    server: Proc,
    #[allow(dead_code)] // They serve as long as they are held.
    instances: Vec<Proc>,
    load: Load,
}

impl Fleet {
    /// Starts all processes, and load; nothing fails yet.
    pub(crate) async fn start(rollout: Value) -> Fleet {
        let ports = free_ports::<ALL>().unwrap();
        let instances: Vec<Proc> = ports
            .iter()
            .map(|port| {
                let spec =
                    ProcSpec::new(std::env::current_exe().unwrap()).unwrap().name(format!("instance {port}"));
                let spec = spec.args(["--exact", "fleet::instance", "--nocapture"]);
                let mut process = spec.env(PORT, port.to_string()).spawn().unwrap();
                process.listening(SocketAddr::from((Ipv4Addr::LOCALHOST, *port)), SOON).unwrap();
                process
            })
            .collect();
        let [api, proxy] = free_ports().unwrap();
        let urls = |ports: &[u16]| ports.iter().map(|p| format!("http://127.0.0.1:{p}")).collect::<Vec<_>>();
        let (stable, canary) = ports.split_at(INSTANCES.0);
        let config = json!({
            "service": "checkout",
            "versions": {
                "stable": { "version": "1.4.2", "urls": urls(stable) },
                "canary": { "version": "1.5.0", "urls": urls(canary) },
            },
            "traffic": {
                "router": "proxy", "listen": format!("127.0.0.1:{proxy}"), "stickiness": { "header": "X-User-Id" },
            },
            "rollout": rollout,
        });
        let spec = ProcSpec::new(env!("CARGO_BIN_EXE_fw")).unwrap();
        let spec = spec.args(["serve", "--listen", &format!("127.0.0.1:{api}")]).name("serve");
        std::fs::write(spec.dir().join("factory-wager.yaml"), config.to_string()).unwrap();
        let [api, proxy] = [api, proxy].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let mut server = serve(&spec, api);
        server.listening(proxy, SOON).unwrap();
        let request = |n: u64| {
            let user = mixed(n) % USERS;
            Request::get("/").header("X-User-Id", user.to_string()).body(Default::default()).unwrap()
        };
        let load = Load::open(LoadSpec::new(proxy, request), RATE, 32);
        Fleet { ports, api, server, instances, load }
    }

    /// Address of a canary instance, as it is reported.
    pub(crate) fn canary(&self, place: usize) -> String {
        format!("127.0.0.1:{}", self.ports[INSTANCES.0 + place])
    }

    async fn be(&self, port: u16, steady: u64, bursts: bool) {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Client::new(at).get(&format!("/be/{steady}/{}", u8::from(bursts))).await.unwrap();
    }

    /// Has all instances fail in bursts, or stop to.
    #[allow(dead_code)] // Of tests/bursts.rs.
    pub(crate) async fn burst(&self, bursts: bool) {
        for port in self.ports {
            self.be(port, 0, bursts).await;
        }
    }

    /// Has canary instances fail so many requests in a thousand, whatever else they do.
    pub(crate) async fn fail(&self, places: impl IntoIterator<Item = usize>, steady: u64, bursts: bool) {
        for place in places {
            self.be(self.ports[INSTANCES.0 + place], steady, bursts).await;
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = Client::new(self.api).get(path).await.unwrap();
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    }

    /// `POST` to a command of the rollout; the answer's status.
    #[allow(dead_code)] // Of tests/bursts.rs.
    pub(crate) async fn post(&self, path: &str, body: Value) -> u16 {
        Client::new(self.api).post_json(path, body.to_string()).await.unwrap().status.as_u16()
    }

    /// Starts a rollout by the config.
    pub(crate) fn start_rollout(&self) {
        let output = fw(self.server.dir(), self.api).args(["rollout", "start"]).output().unwrap();
        assert!(output.status.success(), "{output:?}\n{}", self.server.last_lines());
    }

    /// Looks at the rollout until this holds; what it saw then.
    pub(crate) async fn until(
        &self,
        what: &str,
        deadline: Duration,
        holds: impl Fn(&Value) -> bool,
    ) -> Value {
        let began = Instant::now();
        loop {
            let now = self.get("/api/v1/rollouts/checkout").await;
            if holds(&now) {
                return now;
            }
            assert!(began.elapsed() < deadline, "not {what}: {now:#}\n{}", self.server.last_lines());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends the load; nothing of it may have been lost.
    pub(crate) async fn stop(self) {
        let tally = self.load.stop().await;
        assert!(tally.failed.is_empty(), "{tally:?}");
    }
}
