//! The core over a memory log under virtual time: a fake data plane reports, rollouts run, servers die.

#![allow(clippy::unwrap_used)] // Helpers of a test may fail it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use fw_engine::analysis::History;
use fw_engine::{Event, Started};
use fw_model::{Plan, Timestamp, Variant};
use fw_runtime::{Clock, Command, Handle, Idempotency, Refusal, ServiceDef, StartRequest};
use fw_sim::{DataPlane, Traffic};
use fw_store::{MemoryLog, RolloutLog, record};

struct TestClock {
    start: tokio::time::Instant,
    base: AtomicI64,
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let since = i64::try_from(self.start.elapsed().as_millis()).unwrap();
        Timestamp(1_700_000_000_000 + self.base.load(Ordering::Relaxed) + since)
    }
}

fn plan() -> Plan {
    let mut plan = Plan::seed("checkout".parse().unwrap());
    plan.stable.version = "1.4.2".into();
    plan.canary.version = "1.5.0".into();
    plan
}

fn boot(log: &Arc<MemoryLog>, clock: &Arc<TestClock>) -> Handle {
    boot_with(log, clock, plan())
}

fn boot_with(log: &Arc<MemoryLog>, clock: &Arc<TestClock>, plan: Plan) -> Handle {
    let log: Arc<dyn RolloutLog> = log.clone();
    let clock: Arc<dyn Clock> = clock.clone();
    let def = ServiceDef { plan };
    Handle::start_core(log, clock, Box::new(|| 42), vec![def]).unwrap()
}

struct World {
    log: Arc<MemoryLog>,
    clock: Arc<TestClock>,
    handle: Handle,
    plane: DataPlane,
}

impl World {
    fn new() -> World {
        let log = Arc::new(MemoryLog::new());
        let clock = Arc::new(TestClock { start: tokio::time::Instant::now(), base: AtomicI64::new(0) });
        let handle = boot(&log, &clock);
        World { log, clock, handle, plane: DataPlane::new("plane-1") }
    }

    /// The process is gone without a word, fenced off; a new one opens the same log.
    fn restart(&mut self) {
        self.log = Arc::new(self.log.reopen());
        self.handle = boot(&self.log, &self.clock);
    }

    async fn start(&self) -> Result<serde_json::Value, Refusal> {
        self.start_with(plan()).await
    }

    /// What the log says of stable before a run.
    fn before(&self, run: &str) -> Option<History> {
        let first = &self.log.history(&run.parse().unwrap(), 0, 1).unwrap()[0];
        match record::decode_event(first.format, &first.payload).unwrap() {
            Event::Started(Started { before, .. }) => before.map(|before| *before),
            other => panic!("{other:?}"),
        }
    }

    async fn start_with(&self, plan: Plan) -> Result<serde_json::Value, Refusal> {
        self.handle
            .start(StartRequest {
                plan,
                plan_hash: "0011223344556677".into(),
                actor: "test".into(),
                reason: None,
                idempotency: None,
            })
            .await
    }

    /// One second of traffic and one report.
    async fn second(&mut self, rps: u64, canary_error_percent: u64) {
        let key = "checkout".parse().unwrap();
        let split = self.handle.split(&key).unwrap().borrow().clone();
        self.plane.serve(&split, Traffic { canary_error_percent, ..Traffic::healthy(rps) });
        let report = self.plane.report();
        self.handle.report(key, report, false).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    async fn until(&mut self, status: &str, seconds: u32, rps: u64, canary_error_percent: u64) -> u32 {
        for passed in 0..seconds {
            if self.status() == status {
                return passed;
            }
            self.second(rps, canary_error_percent).await;
        }
        panic!("not {status} after {seconds} s: {:#?}", self.detail());
    }

    fn detail(&self) -> serde_json::Value {
        self.handle.latest(Some("checkout"), None).unwrap().unwrap().detail.clone()
    }

    fn status(&self) -> String {
        self.detail()["status"].as_str().unwrap().to_owned()
    }

    async fn kinds(&self) -> Vec<String> {
        let events = self.handle.events_after(0, None, 1000).await.unwrap();
        events.iter().map(|p| p.kind.clone()).collect()
    }

    async fn command(&self, command: Command) -> Result<serde_json::Value, Refusal> {
        self.handle.command("checkout", command, "test".into(), None, None).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_healthy_canary_goes_through_every_phase() {
    let mut world = World::new();
    assert!(world.handle.latest(None, None).unwrap().is_none());
    world.start().await.unwrap();
    assert_eq!(world.status(), "pending");
    let seconds = world.until("completed", 2000, 400, 0).await;
    assert!(seconds >= 14 * 60, "no phase is cut short: {seconds}");
    let kinds = world.kinds().await;
    let without_metrics: Vec<_> = kinds.iter().filter(|k| *k != "metrics_update").collect();
    assert_eq!(
        without_metrics.iter().filter(|k| k.as_str() == "phase_advanced").count(),
        3,
        "{without_metrics:?}"
    );
    assert_eq!(kinds.first().map(String::as_str), Some("rollout_started"));
    assert!(kinds.ends_with(&["rollout_completed".to_owned(), "report_ready".to_owned()]), "{kinds:?}");
    assert!(kinds.iter().filter(|k| *k == "metrics_update").count() >= 25, "{kinds:?}");
    let views = world.handle.views();
    let service = views.services.values().next().unwrap();
    assert_eq!(service.current_version.as_deref(), Some("1.5.0"));
    let refused = world.start().await.unwrap_err();
    assert!(matches!(refused, Refusal::StableMismatch { .. }), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_bad_canary_is_back_at_stable_within_seconds() {
    let mut world = World::new();
    world.start().await.unwrap();
    world.until("running", 10, 200, 0).await;
    let seconds = world.until("rolled_back", 30, 200, 20).await;
    assert!(seconds <= 7, "{seconds}");
    let detail = world.detail();
    assert_eq!(detail["split"]["canary"], 0);
    assert_eq!(detail["state"]["isRunning"], false);
    assert!(detail["rollback"]["evidence"][0].as_str().unwrap().contains("errors"), "{detail}");
    let kinds = world.kinds().await;
    let end = ["rollback_started", "rollback_completed", "report_ready"].map(str::to_owned);
    assert!(kinds.ends_with(&end), "{kinds:?}");
}

#[tokio::test(start_paused = true)]
async fn a_restart_loses_no_count_and_counts_nothing_twice() {
    let mut world = World::new();
    world.start().await.unwrap();
    world.until("running", 10, 1000, 0).await;
    for _ in 0..20 {
        world.second(1000, 0).await;
    }
    // Away from the whole seconds at which the core looks: else the server dies in the middle of a look,
    // which then is in the log or is not.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let events_before = world.kinds().await.len();
    let before = world.detail();
    world.restart();
    let after = world.detail();
    assert_eq!(after["state"]["totalRequests"], before["state"]["totalRequests"]);
    assert_eq!(after["split"], before["split"]);
    for _ in 0..20 {
        world.second(1000, 0).await;
    }
    // The last report is consumed by the look after it.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let served: u64 = world.plane.served(Variant::Canary);
    assert_eq!(world.detail()["state"]["totalRequests"].as_u64(), Some(served));
    let kinds = world.kinds().await;
    assert!(!kinds[events_before..].contains(&"phase_held".to_owned()), "a restart is no hold: {kinds:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_data_plane_holds_the_phase_and_its_return_releases_it() {
    let mut world = World::new();
    world.start().await.unwrap();
    world.until("running", 10, 400, 0).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let detail = world.detail();
    assert_eq!(detail["waitingOn"][0]["kind"], "source", "{detail}");
    let watched = detail["watchedSeconds"].as_f64().unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    let later = world.detail();
    assert!((later["watchedSeconds"].as_f64().unwrap() - watched).abs() < 0.01, "the clock stands still");
    assert_eq!(later["status"], "running");
    world.second(400, 0).await;
    world.second(400, 0).await;
    assert_eq!(world.detail()["waitingOn"][0]["kind"], "duration");
    let kinds = world.kinds().await;
    assert_eq!(kinds.iter().filter(|k| *k == "phase_held").count(), 1, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|k| *k == "phase_released").count(), 1, "{kinds:?}");
}

#[tokio::test(start_paused = true)]
async fn commands_follow_the_table_and_repeats_are_answered_alike() {
    let mut world = World::new();
    assert!(matches!(world.command(Command::Pause).await, Err(Refusal::UnknownRollout(_))));
    world.start().await.unwrap();
    assert!(matches!(world.start().await, Err(Refusal::UnderWay { .. })));
    assert!(matches!(world.command(Command::Pause).await, Err(Refusal::Rejected { .. })));
    world.until("running", 10, 400, 0).await;
    world.command(Command::Pause).await.unwrap();
    assert_eq!(world.status(), "paused");
    world.command(Command::Resume).await.unwrap();
    let key = |hash: &str| Some(Idempotency { key: "k1".into(), request_hash: hash.into() });
    let advance = |hash: &'static str| {
        world.handle.command("checkout", Command::Advance, "test".into(), Some("why".into()), key(hash))
    };
    let first = advance("a").await.unwrap();
    let again = advance("a").await.unwrap();
    assert_eq!(first, again);
    assert_eq!(world.detail()["state"]["currentPhase"], 1);
    assert!(matches!(advance("b").await, Err(Refusal::IdempotencyMismatch(_))));
    world.restart();
    let after_restart =
        world.handle.command("checkout", Command::Advance, "test".into(), Some("why".into()), key("a"));
    assert_eq!(after_restart.await.unwrap()["state"]["currentPhase"], 1);
    world.command(Command::Abort).await.unwrap();
    assert_eq!(world.status(), "aborted");
    assert_eq!(world.detail()["split"]["canary"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_or_older_report_changes_nothing() {
    let mut world = World::new();
    world.start().await.unwrap();
    world.until("running", 10, 1000, 0).await;
    for _ in 0..5 {
        world.second(1000, 0).await;
    }
    let key: fw_model::ServiceKey = "checkout".parse().unwrap();
    let newest = world.plane.report();
    let mut older = newest.clone();
    older.seq -= 1;
    older.cells.iter_mut().for_each(|c| c.requests /= 2);
    older.cells.iter_mut().for_each(|c| c.duration_ms = None);
    for report in [newest.clone(), older, newest] {
        world.handle.report(key.clone(), report, false).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let served: u64 = world.plane.served(Variant::Canary);
    assert_eq!(world.detail()["state"]["totalRequests"].as_u64(), Some(served));
}

#[tokio::test(start_paused = true)]
async fn after_completion_the_store_wins_until_the_config_names_what_runs() {
    let mut world = World::new();
    world.start().await.unwrap();
    world.until("completed", 2000, 400, 0).await;
    let key: fw_model::ServiceKey = "checkout".parse().unwrap();
    let before = world.handle.split(&key).unwrap().borrow().clone();
    assert_eq!(before.canary, fw_model::Weight::FULL);
    // The same file as before: traffic stays where the rollout left it.
    world.restart();
    let after = world.handle.split(&key).unwrap().borrow().clone();
    assert_eq!((after.epoch, after.canary), (before.epoch, before.canary));
    // The file names the new version as stable, at a place of its own: that counts, under a new epoch.
    let mut next = plan();
    next.stable.version = "1.5.0".into();
    next.stable.urls = vec!["http://127.0.0.1:9001".into()];
    next.canary.version = "1.6.0".into();
    world.log = Arc::new(world.log.reopen());
    world.handle = boot_with(&world.log, &world.clock, next.clone());
    let settled = world.handle.split(&key).unwrap().borrow().clone();
    assert!(settled.epoch > after.epoch);
    assert_eq!(settled.canary, fw_model::Weight::ZERO);
    assert_eq!(settled.stable_urls, next.stable.urls);
    let request = StartRequest {
        plan: next,
        plan_hash: "8899aabbccddeeff".into(),
        actor: "test".into(),
        reason: None,
        idempotency: None,
    };
    let second = world.handle.start(request).await.unwrap();
    assert_eq!(second["run"], "checkout.2");
    assert!(second["split"]["epoch"].as_u64().unwrap() > settled.epoch.0);
    assert_eq!(world.handle.detail("checkout.1", None).await.unwrap()["status"], "completed");
}

#[tokio::test(start_paused = true)]
async fn a_completed_rollout_goes_back_whole_and_a_new_one_replaces_it() {
    let mut world = World::new();
    world.start().await.unwrap();
    world.until("completed", 2000, 400, 0).await;
    world.command(Command::Rollback(fw_engine::Target::Stable)).await.unwrap();
    world.until("rolled_back", 30, 400, 0).await;
    assert_eq!(world.detail()["split"]["canary"], 0);
    assert_eq!(
        world.handle.views().services.values().next().unwrap().current_version.as_deref(),
        Some("1.4.2")
    );
    let second = world.start().await.unwrap();
    assert_eq!(second["run"], "checkout.2");
    let first = world.handle.detail("checkout.1", None).await.unwrap();
    assert!(first["endedAt"].is_string(), "the new one ends it: {first}");
    let list = world.handle.list(fw_store::RolloutFilter::default(), 10).await.unwrap();
    let runs: Vec<_> = list.iter().map(|run| run["run"].as_str().unwrap()).collect();
    assert_eq!(runs, ["checkout.2", "checkout.1"]);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_begins_with_what_stable_did_before() {
    let mut world = World::new();
    for _ in 0..40 {
        world.second(100, 0).await;
    }
    // Nobody watches: neither time nor counts of it.
    tokio::time::sleep(Duration::from_secs(300)).await;
    let key = "checkout".parse().unwrap();
    let split = world.handle.split(&key).unwrap().borrow().clone();
    world.plane.serve(&split, Traffic::healthy(1_000_000));
    for _ in 0..20 {
        world.second(100, 0).await;
    }
    world.start().await.unwrap();
    let before = world.before("checkout.1").unwrap();
    let seconds = before.watched().as_secs();
    assert!((55..=66).contains(&seconds), "{seconds}");
    assert!((5_500.0..=6_000.0).contains(&before.requests()), "{}", before.requests());
}

#[tokio::test(start_paused = true)]
async fn what_was_learnt_of_stable_outlives_the_server() {
    let mut world = World::new();
    for _ in 0..100 {
        world.second(100, 0).await;
    }
    world.restart();
    world.start().await.unwrap();
    // Without a word at the end, a third is lost at most.
    let seconds = world.before("checkout.1").unwrap().watched().as_secs();
    assert!((66..=100).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_stopped_keeps_all_it_learnt() {
    let mut world = World::new();
    for _ in 0..78 {
        world.second(100, 0).await;
    }
    world.handle.stop().await;
    world.restart();
    world.start().await.unwrap();
    let seconds = world.before("checkout.1").unwrap().watched().as_secs();
    assert!((75..=78).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn a_few_seconds_of_stable_say_nothing() {
    let mut world = World::new();
    for _ in 0..8 {
        world.second(100, 0).await;
    }
    world.start().await.unwrap();
    assert_eq!(world.before("checkout.1"), None);
}

#[tokio::test(start_paused = true)]
async fn stable_is_watched_while_a_rollout_is_under_way_too() {
    let mut world = World::new();
    world.start().await.unwrap();
    world.until("running", 10, 1000, 0).await;
    for _ in 0..60 {
        world.second(1000, 0).await;
    }
    world.command(Command::Abort).await.unwrap();
    world.start().await.unwrap();
    // 95 % of the requests; the canary's are not stable's. The first second of the split counts without its time.
    let before = world.before("checkout.2").unwrap();
    let each = before.requests() / before.watched().as_secs_f64();
    assert!((900.0..=970.0).contains(&each), "{each}");
}

#[tokio::test(start_paused = true)]
async fn after_a_completed_rollout_its_canary_at_100_percent_is_what_stable_did() {
    let mut world = World::new();
    world.start().await.unwrap();
    world.until("completed", 2000, 400, 0).await;
    for _ in 0..60 {
        world.second(100, 0).await;
    }
    let mut next = plan();
    next.stable.version = "1.5.0".into();
    next.canary.version = "1.6.0".into();
    world.start_with(next).await.unwrap();
    let before = world.before("checkout.2").unwrap();
    // How clustered failures are was learnt from the version before too, at less than 400 a second.
    assert!(before.watched().as_secs() > 360, "{:?}", before.watched());
    let each = before.requests() / before.watched().as_secs_f64();
    assert!((150.0..=400.0).contains(&each), "{each}");
}
