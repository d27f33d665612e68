//! One canary over three regions, each with its own data plane and upstreams, run by the real `fw`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fw_testkit::{Client, Load, LoadSpec, Proc, ProcSpec, free_ports};
use serde_json::{Value, json};

use super::upstream::Upstream;
use super::world::{fw, said, serve};

/// Longest wait for several phases of a few seconds on a busy machine.
const LONG: Duration = Duration::from_secs(120);
const NAMES: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-1"];

/// One region: its two versions, its proxy, and load on it.
struct Region {
    name: &'static str,
    #[allow(dead_code)] // Serves as long as it is held.
    stable: Upstream,
    canary: Upstream,
    proxy: SocketAddr,
    load: Option<Load>,
}

impl Region {
    async fn start(name: &'static str, port: u16) -> Region {
        let (stable, canary) = (Upstream::start("stable").await, Upstream::start("canary").await);
        Region { name, stable, canary, proxy: SocketAddr::from(([127, 0, 0, 1], port)), load: None }
    }

    fn versions(&self) -> Value {
        json!({
            "stable": { "version": "1.4.2", "url": format!("http://{}", self.stable.addr) },
            "canary": { "version": "1.5.0", "url": format!("http://{}", self.canary.addr) },
        })
    }

    fn config(&self) -> Value {
        json!({ "name": self.name, "versions": self.versions(), "traffic": { "listen": self.proxy.to_string() } })
    }

    fn load(&mut self) {
        self.load = Some(Load::open(LoadSpec::get(self.proxy, "/"), 100, 8));
    }
}

/// A server with its regions.
struct Regions {
    regions: Vec<Region>,
    api: SocketAddr,
    spec: ProcSpec,
    server: Proc,
}

/// A folder with a config, and `fw serve` on it.
fn server_on(config: &Value, api: u16) -> (ProcSpec, SocketAddr, Proc) {
    let spec = ProcSpec::new(env!("CARGO_BIN_EXE_fw")).unwrap();
    let spec = spec.args(["serve", "--listen", &format!("127.0.0.1:{api}")]).name("serve");
    std::fs::write(spec.dir().join("factory-wager.yaml"), config.to_string()).unwrap();
    let api = SocketAddr::from(([127, 0, 0, 1], api));
    let server = serve(&spec, api);
    (spec, api, server)
}

impl Regions {
    /// Starts upstreams, `fw serve` and load; `rollout` and `waves` are sections of the config.
    async fn start(rollout: Value, waves: Value) -> Regions {
        let [api, a, b, c] = free_ports().unwrap();
        let mut regions = vec![];
        for (name, port) in NAMES.into_iter().zip([a, b, c]) {
            regions.push(Region::start(name, port).await);
        }
        let configs: Vec<Value> = regions.iter().map(Region::config).collect();
        let config = json!({
            "service": "checkout", "rollout": rollout, "regions": configs, "waves": waves,
            "release": { "approval": { "limit": 100 } },
        });
        let (spec, api, server) = server_on(&config, api);
        regions.iter_mut().for_each(Region::load);
        Regions { regions, api, spec, server }
    }

    fn fw(&self, args: &[&str]) -> (i32, String) {
        let (code, out, err) = said(fw(self.spec.dir(), self.api).args(args));
        (code, out + &err)
    }

    fn fw_ok(&self, args: &[&str]) -> String {
        let (code, out) = self.fw(args);
        assert_eq!(code, 0, "fw {args:?}\n{out}\n{}", self.server.last_lines());
        out
    }

    async fn get(&self, path: &str) -> Value {
        let answer = Client::new(self.api).get(path).await.unwrap();
        serde_json::from_slice(&answer.body).unwrap()
    }

    async fn whole(&self) -> Value {
        self.get("/api/v1/rollouts/checkout").await
    }

    /// Looks at the whole until this holds; what it saw then.
    async fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let now = self.whole().await;
            if holds(&now) {
                return now;
            }
            assert!(began.elapsed() < LONG, "not {what}: {now:#}\n{}", self.server.last_lines());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the release has ended like this.
    async fn over(&self, how: &str) -> Value {
        let began = Instant::now();
        loop {
            let now = self.get("/api/v1/releases/checkout").await;
            if now["overallStatus"] == how {
                return now;
            }
            assert!(began.elapsed() < LONG, "not {how}: {now:#}\n{}", self.server.last_lines());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn kill_and_restart(&mut self) {
        self.server.kill().unwrap();
        self.server = serve(&self.spec, self.api);
    }

    async fn types(&self) -> Vec<String> {
        let history = self.get("/api/v1/rollouts/checkout/history").await;
        let events = history["events"].as_array().unwrap();
        events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }
}

fn state(whole: &Value, place: usize) -> &str {
    whole["regions"][place]["state"].as_str().unwrap()
}

/// A first phase that stays until somebody moves it; healthy as soon as ten requests went well.
fn steady() -> Value {
    let phase = |percentage: u64| json!({ "percentage": percentage, "duration": "1h", "successCriteria": { "errorRate": 20 } });
    json!({ "phases": [phase(50), phase(100)], "monitoringInterval": 1, "analysis": { "evidence": "observed" } })
}

/// Phases that are over in seconds.
fn quick() -> Value {
    let phase = |percentage: u64| json!({ "percentage": percentage, "duration": "3s", "successCriteria": { "errorRate": 20 } });
    json!({ "phases": [phase(50), phase(100)], "monitoringInterval": 1, "analysis": { "evidence": "observed" } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_regression_in_one_region_halts_the_others_also_over_a_crash() {
    let waves = json!({ "order": [
        { "regions": ["us-east-1"] },
        { "regions": ["eu-west-1"], "after": "us-east-1 healthy for 3s" },
        { "regions": ["ap-southeast-1"], "stagger": "20s" },
    ] });
    let mut world = Regions::start(steady(), waves).await;
    world.regions[1].canary.fail_every(3);
    world.fw_ok(&["rollout", "start"]);
    world.until("wave 2 under way", |w| !w["waves"][1]["beganAt"].is_null()).await;
    // In the middle of a wave: what had begun goes on, and nothing begins twice.
    world.kill_and_restart();
    let halted = world.until("halted", |w| w["status"] == "halted" && w["regions"][0]["held"] == true).await;
    assert_eq!(halted["halt"]["region"], "eu-west-1", "{halted:#}");
    assert_eq!(halted["halt"]["cause"], "rolled_back");
    assert!(halted["waitingOn"][0]["text"].as_str().unwrap().contains("eu-west-1 went back"), "{halted:#}");
    world.kill_and_restart();
    let still = world.until("as before", |w| state(w, 0) == "paused").await;
    assert_eq!((still["status"].as_str(), state(&still, 1)), (Some("halted"), "rolled_back"), "{still:#}");
    // Longer than the stagger: the third region never begins.
    let (served, back) = (world.regions[2].canary.served(), world.regions[1].canary.served());
    tokio::time::sleep(Duration::from_secs(25)).await;
    let later = world.whole().await;
    assert_eq!((later["status"].as_str(), state(&later, 2)), (Some("halted"), "waiting"), "{later:#}");
    assert_eq!(world.regions[2].canary.served(), served);
    assert_eq!(served, 0, "the third region's canary never got a request");
    assert_eq!(world.regions[1].canary.served(), back, "nothing reaches the second's after it went back");
    numbers_by_region(&world).await;
    let types = world.types().await;
    assert_eq!(types.iter().filter(|t| *t == "wave_started").count(), 2, "{types:?}");
    assert_eq!(types.iter().filter(|t| *t == "regional_halted").count(), 1, "{types:?}");
    // A person ends it: the first region's canary gets nothing more either.
    world.fw_ok(&["rollout", "abort", "checkout", "--reason", "1.5.1 is on its way"]);
    world.until("aborted", |w| w["status"] == "aborted").await;
}

/// What `/status?region=` says is of that region, and is what the whole says of it.
async fn numbers_by_region(world: &Regions) {
    let whole = world.whole().await;
    for (place, name) in NAMES.into_iter().enumerate().take(2) {
        let status = world.get(&format!("/status?region={name}")).await;
        assert_eq!(status["region"], name);
        assert_eq!(status["rollout"], format!("checkout@{name}"));
        let requests = status["state"]["totalRequests"].as_u64().unwrap();
        assert!(requests > 0, "{status:#}");
        if place == 1 {
            assert_eq!(whole["regions"][1]["requests"].as_u64(), Some(requests));
            assert!(status["state"]["totalErrors"].as_u64() > Some(0));
        }
    }
    let report = world.get("/api/v1/rollouts/checkout/reports/completion").await;
    let rows = report["regions"].as_array().unwrap();
    assert_eq!(rows[1]["requests"], whole["regions"][1]["requests"], "{report:#}");
    assert_eq!(rows[1]["state"], "rolled_back");
    assert!(rows[1]["why"].as_str().unwrap().contains("limit 1 %"), "{report:#}");
    assert!(rows[0]["requests"].as_u64() > Some(0) && rows[0]["errors"] == 0, "{report:#}");
    assert!(rows[2]["requests"].is_null(), "{report:#}");
    let page = world.fw_ok(&["rollout", "report", "checkout", "--format", "html"]);
    assert!(page.contains("checkout 1.5.0 in 3 regions: halted"), "{page}");
    let card = world.fw_ok(&["rollout", "status", "checkout"]);
    for (name, state) in
        [("us-east-1", "paused"), ("eu-west-1", "rolled back"), ("ap-southeast-1", "waiting")]
    {
        let row = card.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{card}"));
        assert!(row.contains(state), "{row}");
    }
    assert_eq!(world.get("/status?region=ap-southeast-1").await["status"], "none");
    assert_eq!(world.get("/status?rollout=checkout").await["status"], "halted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_regions_go_one_after_the_other_by_time_and_by_health() {
    let waves = json!({ "order": [
        { "regions": ["us-east-1"] },
        { "regions": ["eu-west-1"], "stagger": "2s" },
        { "regions": ["ap-southeast-1"], "after": "previous completed" },
    ] });
    let mut world = Regions::start(quick(), waves).await;
    let began = Instant::now();
    world.fw_ok(&["rollout", "start"]);
    let second = world.until("the second began", |w| !w["waves"][1]["beganAt"].is_null()).await;
    assert!(began.elapsed() >= Duration::from_secs(2), "by time");
    assert!(second["waves"][2]["beganAt"].is_null());
    world.kill_and_restart();
    let third = world.until("the third began", |w| !w["waves"][2]["beganAt"].is_null()).await;
    assert_eq!(state(&third, 1), "completed", "by health: {third:#}");
    world.kill_and_restart();
    let done = world.until("completed", |w| w["status"] == "completed").await;
    for place in 0..3 {
        assert_eq!(state(&done, place), "completed");
        assert_eq!(done["regions"][place]["run"], format!("checkout@{}.1", NAMES[place]), "begun once");
    }
    for region in &mut world.regions {
        let tally = region.load.take().unwrap().stop().await;
        assert!(tally.ok > 0, "{}", region.name);
    }
    // What runs now is the canary: a start that names the old one as stable is refused before any region begins.
    let (code, out) = world.fw(&["rollout", "start"]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("1.5.0") && out.contains("us-east-1"), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_region_on_another_server_that_goes_away_and_comes_back() {
    let [api, other, a, b] = free_ports().unwrap();
    let mut here = Region::start("us-east-1", a).await;
    let mut there = Region::start("eu-west-1", b).await;
    let config = json!({
        "service": "checkout", "region": "eu-west-1", "versions": there.versions(), "rollout": quick(),
        "traffic": { "router": "proxy", "listen": there.proxy.to_string() },
    });
    let (spec, other, mut second) = server_on(&config, other);
    let remote =
        json!({ "name": "eu-west-1", "server": format!("http://{other}"), "versions": there.versions() });
    let config = json!({
        "service": "checkout", "rollout": quick(), "regions": [here.config(), remote],
        "waves": { "order": [{ "regions": ["us-east-1"] }, { "regions": ["eu-west-1"], "stagger": "1s" }] },
    });
    let (folder, api, server) = server_on(&config, api);
    here.load();
    there.load();
    let world = Regions { regions: vec![], api, spec: folder, server };
    world.fw_ok(&["rollout", "start"]);
    world.until("the other server runs it", |w| w["regions"][1]["run"] == "checkout@eu-west-1.1").await;
    second.kill().unwrap();
    let away = world.until("unreachable", |w| state(w, 1) == "unreachable").await;
    assert!(
        away["regions"][1]["waitingOn"][0]["text"].as_str().unwrap().contains("does not answer"),
        "{away:#}"
    );
    let _second = serve(&spec, other);
    world.until("completed", |w| w["status"] == "completed").await;
    let types = world.types().await;
    for wanted in ["region_unreachable", "region_reachable", "regional_ended"] {
        assert!(types.iter().any(|t| t == wanted), "{wanted} in {types:?}");
    }
    assert!(there.canary.served() > 0 && here.canary.served() > 0);
    let own = Client::new(other).get("/status").await.unwrap();
    let own: Value = serde_json::from_slice(&own.body).unwrap();
    assert_eq!((own["status"].as_str(), own["region"].as_str()), (Some("completed"), Some("eu-west-1")));
}

/// The release pipeline around a rollout over regions: to the end, and back again at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_goes_over_all_regions_and_comes_back_from_all() {
    let world = Regions::start(quick(), json!({})).await;
    let mut world = world;
    let (code, said) = world.fw(&["release", "--strategy=rolling", "--auto-approve"]);
    assert!(code == 2 && said.contains("over several regions the strategy is canary"), "{code} {said}");
    let out = world.fw_ok(&["release", "--auto-approve", "--output", "json"]);
    assert!(out.contains("checkout.r1"), "{out}");
    world.until("wave 2 under way", |w| !w["waves"][1]["beganAt"].is_null()).await;
    world.kill_and_restart();
    world.until("completed", |w| w["status"] == "completed").await;
    let release = world.over("success").await;
    assert_eq!(release["rolloutDetail"]["run"], "checkout.1", "{release:#}");
    assert_eq!(world.types().await.iter().filter(|t| *t == "wave_started").count(), 3);
    let out = world.fw_ok(&["release", "undo", "checkout", "--reason", "customers complain", "--wait"]);
    assert!(out.contains("rolled-back"), "{out}");
    world.over("rolled-back").await;
    for region in &world.regions {
        let served = region.canary.served();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(
            region.canary.served(),
            served,
            "{}: nothing goes to the new version any more",
            region.name
        );
    }
}
