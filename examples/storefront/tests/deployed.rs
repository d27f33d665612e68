//! The process deployer with a real service: kept, adopted, taken over, replaced, refused, stopped; nothing left behind.
//!
//! The keeper is this test program itself, told by its arguments. Conditions are waited for, never times.

#![allow(clippy::unwrap_used)] // Helpers of a test may fail it.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fw_providers::deploy::process::{BackOff, DeployError, ProcessSettings, Processes, StopError, keep};
use fw_providers::deploy::{
    Deployer, Instance, Order, Outcome, Presence, Program, ReadyCheck, Told, Wrapper,
};
use fw_testkit::{Client, eventually, free_ports};
use tempfile::TempDir;

/// Generous: two busy cores are the normal case.
const SOON: Duration = Duration::from_secs(90);

/// Not a test but the keeper: it does nothing unless the last argument is the folder of a life.
#[test]
fn as_keeper() {
    let last = PathBuf::from(std::env::args_os().next_back().unwrap());
    if last.join("spec.json").is_file() {
        keep(&last).unwrap();
    }
}

/// The service on free ports. What still runs when it is dropped is stopped.
struct Stage {
    dir: TempDir,
    ports: [u16; 2],
    settings: ProcessSettings,
    said: Arc<Mutex<String>>,
}

impl Stage {
    fn new() -> Stage {
        let dir = tempfile::Builder::new().prefix("fw-processes-").tempdir().unwrap();
        let argv = vec![env!("CARGO_BIN_EXE_storefront").to_owned(), "{host}:{port}@{version}".to_owned()];
        let mut keeper = Wrapper::own("as_keeper");
        keeper.args.extend(["--exact", "--nocapture"].map(str::to_owned));
        let settings = ProcessSettings {
            root: dir.path().join("processes"),
            keeper,
            program: Program { argv, env: BTreeMap::new(), pass: Vec::new(), cwd: dir.path().to_owned() },
            ready: ReadyCheck { interval: Duration::from_millis(20), timeout: SOON, ..ReadyCheck::default() },
            stop_grace: Duration::from_secs(30),
            back_off: BackOff {
                first: Duration::from_millis(20),
                max: Duration::from_millis(100),
                steady: SOON,
            },
        };
        Stage { dir, ports: free_ports().unwrap(), settings, said: Arc::default() }
    }

    /// A deployer as a server that was just started would make it.
    fn processes(&self) -> Processes {
        Processes::new(self.settings.clone())
    }

    fn told(&self) -> Told {
        let said = Arc::clone(&self.said);
        Arc::new(move |text| said.lock().unwrap().push_str(text))
    }

    fn order(&self, instances: usize) -> Order {
        let instance = |port: &u16| Instance { url: format!("http://127.0.0.1:{port}") };
        Order {
            id: "shop.1-deploy-1".into(),
            service: "shop".into(),
            version: "2.0.0".into(),
            env: "staging".into(),
            strategy: "canary".into(),
            instances: self.ports.iter().take(instances).map(instance).collect(),
        }
    }

    fn at(&self, instance: usize) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports[instance]))
    }

    fn log(&self) -> String {
        let order = self.order(1);
        self.processes().tail(&order, &order.instances[0], 10_000).unwrap()
    }

    async fn pid(&self) -> u32 {
        match self.presence().await {
            Presence::Running { pid, .. } => pid.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    async fn presence(&self) -> Presence {
        self.processes().status(&self.order(1)).await.unwrap().remove(0).presence
    }

    fn life(&self, number: usize) -> PathBuf {
        let instance = format!("processes/shop/2.0.0/127.0.0.1_{}", self.ports[0]);
        self.dir.path().join(instance).join(format!("life-{number:06}"))
    }

    fn keeper(&self, life: usize) -> u32 {
        let text = std::fs::read_to_string(self.life(life).join("claim.json")).unwrap();
        let (_, rest) = text.split_once("\"pid\": ").unwrap();
        rest.split(',').next().unwrap().trim().parse().unwrap()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let (processes, order, told) = (self.processes(), self.order(2), self.told());
        // A thread of its own: a runtime can't be made inside another one.
        let stop = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(processes.stop(&order, &told))
        };
        let stopped: Result<(), StopError> = std::thread::spawn(stop).join().unwrap();
        if std::thread::panicking() {
            eprintln!("{stopped:?}; it said:\n{}", self.said.lock().unwrap());
        } else {
            stopped.unwrap();
        }
    }
}

fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

async fn body(at: SocketAddr, path: &str) -> String {
    let answer = Client::new(at).get(path).await.unwrap();
    String::from_utf8_lossy(&answer.body).into_owned()
}

#[tokio::test]
async fn a_version_is_deployed_on_all_its_instances_and_doing_it_again_changes_nothing() {
    let stage = Stage::new();
    let deployed = stage.processes().deploy(&stage.order(2), &stage.told()).await.unwrap();
    assert_eq!((deployed.started.len(), deployed.found.len()), (2, 0));
    for instance in 0..2 {
        let health = body(stage.at(instance), "/healthz").await;
        assert_eq!(health, "{\"status\":\"ok\",\"version\":\"2.0.0\"}\n");
    }
    let pid = stage.pid().await;
    let argv = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    assert!(argv.contains(&format!("127.0.0.1:{}@2.0.0", stage.ports[0])), "{argv}");

    let again = stage.processes().deploy(&stage.order(2), &stage.told()).await.unwrap();
    assert_eq!((again.started.len(), again.found.len()), (0, 2));
    assert_eq!(stage.pid().await, pid);

    assert!(
        eventually(SOON, || stage.log().contains("storefront 2.0.0 listens on")).await,
        "{}",
        stage.log()
    );
    for _ in 0..2 {
        stage.processes().stop(&stage.order(2), &stage.told()).await.unwrap();
        assert_eq!(stage.presence().await, Presence::Stopped);
        TcpListener::bind(stage.at(0)).unwrap();
    }
    assert!(stage.log().contains("storefront 2.0.0 stops"), "it was asked in order: {}", stage.log());
    // And there again, in a second life.
    stage.processes().deploy(&stage.order(1), &stage.told()).await.unwrap();
    assert_ne!(stage.pid().await, pid);
}

#[tokio::test]
async fn a_process_that_dies_is_started_again_and_counted() {
    let stage = Stage::new();
    stage.processes().deploy(&stage.order(1), &stage.told()).await.unwrap();
    for restarts in 1..=3 {
        kill(stage.pid().await);
        let end = std::time::Instant::now() + SOON;
        loop {
            let status = stage.processes().status(&stage.order(1)).await.unwrap().remove(0);
            if status.restarts == restarts && matches!(status.presence, Presence::Running { ready: true, .. })
            {
                assert_eq!(status.last_end.as_deref(), Some("was ended by signal 9"));
                break;
            }
            assert!(std::time::Instant::now() < end, "{status:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn a_killed_keeper_does_not_take_the_service_along_and_the_next_one_takes_it_over() {
    let stage = Stage::new();
    stage.processes().deploy(&stage.order(1), &stage.told()).await.unwrap();
    let pid = stage.pid().await;
    kill(stage.keeper(1));
    let orphaned = Presence::Orphaned { pid };
    let end = std::time::Instant::now() + SOON;
    while stage.presence().await != orphaned {
        assert!(std::time::Instant::now() < end, "{:?}", stage.presence().await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(body(stage.at(0), "/").await, "storefront 2.0.0\n");

    stage.processes().deploy(&stage.order(1), &stage.told()).await.unwrap();
    assert_eq!(stage.pid().await, pid, "it was taken over, not started again");
    // The new keeper starts the next one when it dies, and stops that in order.
    kill(pid);
    let mut next = pid;
    let end = std::time::Instant::now() + SOON;
    while next == pid {
        assert!(std::time::Instant::now() < end);
        tokio::time::sleep(Duration::from_millis(10)).await;
        if let Presence::Running { pid: Some(pid), ready: true, .. } = stage.presence().await {
            next = pid;
        }
    }
    // A line is in the log a moment after it was written.
    assert!(eventually(SOON, || stage.log().matches("listens on").count() == 2).await, "{}", stage.log());
}

#[tokio::test]
async fn an_orphan_is_stopped_in_order_too() {
    let stage = Stage::new();
    stage.processes().deploy(&stage.order(1), &stage.told()).await.unwrap();
    let keeper = stage.keeper(1);
    kill(keeper);
    stage.processes().stop(&stage.order(1), &stage.told()).await.unwrap();
    assert_eq!(stage.presence().await, Presence::Stopped);
    TcpListener::bind(stage.at(0)).unwrap();
}

#[tokio::test]
async fn what_can_not_be_deployed_is_refused_before_anything_is_started() {
    let mut stage = Stage::new();
    // The second port belongs to somebody else.
    let taken = TcpListener::bind(stage.at(1)).unwrap();
    let refused = stage.processes().deploy(&stage.order(2), &stage.told()).await.unwrap_err();
    let own = std::process::id();
    assert!(
        matches!(&refused, DeployError::PortTaken { pid: Some((pid, _)), .. } if *pid == own),
        "{refused}"
    );
    assert!(!stage.settings.root.exists());
    drop(taken);

    stage.processes().deploy(&stage.order(1), &stage.told()).await.unwrap();
    let pid = stage.pid().await;
    stage.settings.program.env.insert("FAULT".into(), "unhealthy".into());
    let refused = stage.processes().deploy(&stage.order(1), &stage.told()).await.unwrap_err();
    assert!(matches!(refused, DeployError::Different { .. }), "{refused}");
    assert_eq!(stage.pid().await, pid);
}

#[tokio::test]
async fn one_that_is_not_ready_is_named_with_its_log_and_stopped_again() {
    let mut stage = Stage::new();
    stage.settings.program.env.insert("FAULT".into(), "unhealthy".into());
    stage.settings.ready.timeout = Duration::from_secs(5);
    let error = stage.processes().deploy(&stage.order(2), &stage.told()).await.unwrap_err();
    let DeployError::NotReady { why, log, .. } = &error else { panic!("{error}") };
    assert!(why.contains("503 Service Unavailable"), "{why}");
    assert!(log.contains("listens on"), "{log}");
    for instance in 0..2 {
        TcpListener::bind(stage.at(instance)).unwrap();
    }
    assert_eq!(stage.presence().await, Presence::Stopped);
}

#[tokio::test]
async fn one_that_crashes_again_and_again_is_not_waited_for() {
    let mut stage = Stage::new();
    stage.settings.program.env.insert("FAULT".into(), "nonsense".into());
    let error = stage.processes().deploy(&stage.order(1), &stage.told()).await.unwrap_err();
    let DeployError::NotReady { why, log, .. } = &error else { panic!("{error}") };
    assert!(why.contains("ended 3 times") && why.contains("exit code 1"), "{why}");
    assert!(log.contains("FAULT=nonsense is none of"), "{log}");
    assert_eq!(stage.presence().await, Presence::Stopped);
}

#[tokio::test]
async fn a_claim_with_another_start_time_is_gone_and_nobody_is_signalled_for_it() {
    let stage = Stage::new();
    stage.processes().deploy(&stage.order(1), &stage.told()).await.unwrap();
    stage.processes().stop(&stage.order(1), &stage.told()).await.unwrap();
    // As after a crash: a second life whose keeper and process had pids that somebody else has now.
    let mut bystander = Command::new("sleep").arg("600").spawn().unwrap();
    std::fs::create_dir(stage.life(2)).unwrap();
    std::fs::copy(stage.life(1).join("spec.json"), stage.life(2).join("spec.json")).unwrap();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let who = format!("{{\"pid\":{},\"startTicks\":1,\"bootId\":\"{}\"}}", bystander.id(), boot.trim());
    std::fs::write(stage.life(2).join("claim.json"), format!("{{\"by\":{who},\"atMs\":1}}")).unwrap();
    let state = format!("{{\"process\":{who},\"sinceMs\":1,\"restarts\":0,\"lastEnd\":null}}");
    std::fs::write(stage.life(2).join("state.json"), state).unwrap();

    assert_eq!(stage.presence().await, Presence::Stopped);
    stage.processes().stop(&stage.order(1), &stage.told()).await.unwrap();
    assert!(bystander.try_wait().unwrap().is_none(), "somebody else was hit");
    stage.processes().deploy(&stage.order(1), &stage.told()).await.unwrap();
    assert!(bystander.try_wait().unwrap().is_none(), "somebody else was hit");
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[tokio::test]
async fn a_server_that_died_in_the_middle_of_starting_goes_on_where_it_was() {
    let stage = Stage::new();
    // A life without a spec, then one with a spec and no keeper.
    std::fs::create_dir_all(stage.life(1)).unwrap();
    stage.processes().deploy(&stage.order(1), &stage.told()).await.unwrap();
    stage.processes().stop(&stage.order(1), &stage.told()).await.unwrap();
    std::fs::create_dir(stage.life(3)).unwrap();
    std::fs::copy(stage.life(2).join("spec.json"), stage.life(3).join("spec.json")).unwrap();
    stage.processes().deploy(&stage.order(1), &stage.told()).await.unwrap();
    assert!(stage.life(3).join("claim.json").exists() && !stage.life(4).exists());
    assert!(eventually(SOON, || stage.life(3).join("state.json").exists()).await);
}

#[tokio::test]
async fn through_the_trait_it_is_one_deployer_among_others() {
    let mut stage = Stage::new();
    let (order, told) = (stage.order(1), stage.told());
    let deployer: Box<dyn Deployer> = Box::new(stage.processes());
    assert_eq!(deployer.kind(), "process");
    assert_eq!(deployer.deploy(&order, &told).await, Outcome::Done);
    let status = deployer.status(&order).await.remove(0);
    assert!(matches!(status.presence, Presence::Running { ready: true, .. }), "{status:?}");
    for _ in 0..2 {
        assert_eq!(deployer.retire(&order, &told).await, Outcome::Done);
    }
    stage.settings.program.env.insert("FAULT".into(), "nonsense".into());
    let broken: Box<dyn Deployer> = Box::new(stage.processes());
    let outcome = broken.deploy(&order, &told).await;
    let Outcome::Failed { why, log } = &outcome else { panic!("{outcome:?}") };
    assert!(
        why.contains("is not ready: its process ended 3 times") && log.contains("FAULT=nonsense"),
        "{outcome:?}"
    );
    assert_eq!(broken.undo(&order, &told).await, Outcome::Done);
    assert_eq!(broken.status(&order).await.remove(0).presence, Presence::Stopped);
}
