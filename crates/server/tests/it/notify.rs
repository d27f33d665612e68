//! Receivers of notifications: at least once, one id, in order, whatever they answer; and nothing of them is shown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fw_model::{RunId, Timestamp};
use fw_runtime::{Clock, SystemClock, config};
use fw_server::notify::{Notifier, NotifyError, Tallies, Timing};
use fw_store::{Batch, MemoryLog, Published, Retention, RolloutLog};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::receiver::{Answer, Receiver};
use super::support::{DEADLINE, Setup, World};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A server's notifier on a log, without the server.
struct Teller {
    log: Arc<MemoryLog>,
    notifier: Notifier,
    newest: watch::Sender<u64>,
    stop: watch::Sender<bool>,
    workers: Vec<JoinHandle<()>>,
}

fn timing() -> Timing {
    Timing {
        first_wait: Duration::from_millis(10),
        longest_wait: Duration::from_millis(50),
        stop_within: Duration::from_millis(200),
    }
}

fn open(log: &Arc<MemoryLog>, sinks: &Value) -> Result<Notifier, NotifyError> {
    let config = config::load_json(&json!({ "service": "checkout", "notifications": sinks }), None).unwrap();
    Notifier::open(log.clone(), Arc::new(SystemClock), &[config], timing())
}

impl Teller {
    fn start(log: Arc<MemoryLog>, sinks: &Value) -> Teller {
        let notifier = open(&log, sinks).unwrap();
        let newest = watch::Sender::new(log.load().unwrap().last_published);
        let stop = watch::Sender::new(false);
        let workers = notifier.start(&newest.subscribe(), &stop.subscribe());
        Teller { log, notifier, newest, stop, workers }
    }

    /// Publishes events of these types now.
    fn publish(&self, of: &str, kinds: &[&str]) {
        self.publish_at(of, kinds, SystemClock.now());
    }

    fn publish_at(&self, of: &str, kinds: &[&str], at: Timestamp) {
        let run: RunId = of.parse().unwrap();
        let mut id = self.log.load().unwrap().last_published;
        let mut event = |kind: &&str| {
            id += 1;
            let data = json!({ "type": kind, "timestamp": "2026-11-28T00:00:00Z", "n": id }).to_string();
            Published { id, key: run.key.clone(), run: run.clone(), kind: (*kind).into(), at, data }
        };
        let published = kinds.iter().map(&mut event).collect();
        self.log.commit(&Batch { published, ..Batch::default() }).unwrap();
        self.newest.send_replace(id);
    }

    fn tallies(&self, name: &str) -> Tallies {
        let all = self.notifier.tallies(*self.newest.borrow());
        all.into_iter().find(|(own, _)| *own == name).unwrap().1
    }

    async fn until(&self, name: &str, what: &str, holds: impl Fn(Tallies) -> bool) {
        let end = Instant::now() + DEADLINE;
        while !holds(self.tallies(name)) {
            assert!(Instant::now() < end, "{what}: {:?}", self.tallies(name));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Stops as a server does; the cursor of a sink on disk afterwards.
    async fn stop(self) -> Arc<MemoryLog> {
        self.stop.send_replace(true);
        for worker in self.workers {
            tokio::time::timeout(DEADLINE, worker).await.expect("a worker ends").unwrap();
        }
        self.log
    }
}

fn webhook(receiver: &Receiver) -> Value {
    json!({ "name": "ops", "kind": "webhook", "url": format!("http://{}/hooks/hidden?token=hidden", receiver.addr) })
}

fn cursor(log: &Arc<MemoryLog>, name: &str) -> Option<u64> {
    log.sinks().unwrap().into_iter().find(|row| row.name == name).map(|row| row.cursor)
}

const FAILED: Answer = Answer::Status(500, "");

#[tokio::test]
async fn a_failing_receiver_gets_each_event_again_under_one_id_and_in_order() {
    let receiver = Receiver::start([FAILED, FAILED, Answer::Status(200, ""), FAILED]).await;
    let teller = Teller::start(Arc::default(), &json!([webhook(&receiver)]));
    teller.publish("checkout.1", &["rollout_started", "phase_advanced", "rollout_completed"]);
    teller.until("ops", "all told", |t| t.sent == 3).await;
    assert_eq!(receiver.ids(), [1, 1, 1, 2, 2, 3]);
    let log_id = teller.log.open_info().log_id.0;
    let got = receiver.got();
    assert_eq!(got[0].header("webhook-id"), format!("{log_id}-1"));
    assert_eq!(got[0].header("content-type"), "application/cloudevents+json");
    assert_eq!(got[0].header("webhook-signature"), "", "no key, no signature");
    assert_eq!(
        got[3].body,
        json!({
            "specversion": "1.0", "id": format!("{log_id}-2"), "source": format!("/factorywager/{log_id}/checkout"),
            "type": "dev.factorywager.phase_advanced", "subject": "checkout.1", "time": "2026-11-28T00:00:00Z",
            "datacontenttype": "application/json",
            "data": { "type": "phase_advanced", "timestamp": "2026-11-28T00:00:00Z", "n": 2, "id": 2 },
        })
    );
    assert_eq!(
        teller.tallies("ops"),
        Tallies { sent: 3, failed_tries: 3, given_up: 0, missed: 0, behind: 0, stopped: false }
    );
    assert_eq!(cursor(&teller.stop().await, "ops"), Some(3));
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_gets_it() {
    let receiver = Receiver::start([Answer::Status(429, "retry-after: 1\r\n")]).await;
    let teller = Teller::start(Arc::default(), &json!([webhook(&receiver)]));
    teller.publish("checkout.1", &["rollout_started"]);
    receiver.until(2).await;
    let got = receiver.got();
    assert!(got[1].at - got[0].at >= Duration::from_millis(990), "{:?}", got[1].at - got[0].at);
    teller.stop().await;
}

#[tokio::test]
async fn a_hanging_receiver_holds_up_neither_another_one_nor_the_stop_and_loses_nothing() {
    let (slow, fast) = (Receiver::start([Answer::Nothing]).await, Receiver::start([]).await);
    let mut other = webhook(&fast);
    other["name"] = "fast".into();
    let sinks = json!([webhook(&slow), other]);
    let teller = Teller::start(Arc::default(), &sinks);
    teller.publish("checkout.1", &["rollout_started", "phase_advanced", "rollout_completed"]);
    teller.until("fast", "the other has all", |t| t.sent == 3).await;
    slow.until(1).await;
    assert_eq!((teller.tallies("ops").sent, teller.tallies("ops").behind), (0, 3));
    let log = teller.stop().await;
    assert_eq!((cursor(&log, "ops"), cursor(&log, "fast")), (Some(0), Some(3)));
    let teller = Teller::start(Arc::new(log.reopen()), &sinks);
    teller.until("ops", "the rest after the next start", |t| t.sent == 3).await;
    assert_eq!(slow.ids(), [1, 1, 2, 3]);
    assert_eq!(fast.ids(), [1, 2, 3]);
    teller.stop().await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_left_alone_until_the_next_start() {
    let receiver = Receiver::start([Answer::Status(200, ""), Answer::Status(410, "")]).await;
    let sinks = json!([webhook(&receiver)]);
    let teller = Teller::start(Arc::default(), &sinks);
    teller.publish("checkout.1", &["rollout_started", "phase_advanced", "rollout_completed"]);
    teller.until("ops", "stopped", |t| t.stopped).await;
    let shown = teller.notifier.shown(3);
    assert_eq!(shown[0]["stopped"], true);
    assert!(shown[0]["lastError"].as_str().unwrap().contains("410"), "{shown}");
    let log = teller.stop().await;
    assert_eq!((receiver.ids(), cursor(&log, "ops")), (vec![1, 2], Some(1)));
    let teller = Teller::start(Arc::new(log.reopen()), &sinks);
    teller.until("ops", "told again", |t| t.sent == 2).await;
    assert_eq!(receiver.ids(), [1, 2, 2, 3]);
    teller.stop().await;
}

#[tokio::test]
async fn only_what_was_asked_for_is_told() {
    let receiver = Receiver::start([]).await;
    let mut sink = webhook(&receiver);
    sink["events"] = json!(["rollback_started", "rollback_completed"]);
    sink["services"] = json!(["checkout@eu", "shop"]);
    let teller = Teller::start(Arc::default(), &json!([sink]));
    let kinds = ["rollout_started", "metrics_update", "rollback_started"];
    for run in ["checkout.1", "checkout@eu.1", "shop.4", "shop@us.2"] {
        teller.publish(run, &kinds);
    }
    teller.until("ops", "nothing is left", |t| t.behind == 0).await;
    assert_eq!(receiver.ids(), [6, 9, 12]);
    assert_eq!(cursor(&teller.stop().await, "ops"), Some(12));
}

#[tokio::test]
async fn what_is_not_asked_for_is_passed_over_and_that_is_kept() {
    let receiver = Receiver::start([]).await;
    let sinks = json!([webhook(&receiver)]);
    let teller = Teller::start(Arc::default(), &sinks);
    teller.publish("checkout.1", &["metrics_update"; 200]);
    teller.until("ops", "nothing is left", |t| t.behind == 0).await;
    let log = teller.stop().await;
    assert_eq!((receiver.got().len(), cursor(&log, "ops")), (0, Some(200)));
}

#[tokio::test]
async fn an_event_that_is_too_old_to_wait_for_is_given_up_after_one_try_and_the_next_is_told() {
    let receiver = Receiver::start([FAILED, FAILED]).await;
    let mut sink = webhook(&receiver);
    sink["giveUpAfter"] = json!("1h");
    let teller = Teller::start(Arc::default(), &json!([sink]));
    let long_ago = Timestamp(SystemClock.now().0 - 3_700_000);
    teller.publish_at("checkout.1", &["rollout_started", "phase_advanced", "phase_advanced"], long_ago);
    teller.publish("checkout.1", &["rollout_completed"]);
    teller.until("ops", "nothing is left", |t| t.behind == 0).await;
    assert_eq!(receiver.ids(), [1, 2, 3, 4]);
    let tallies = teller.tallies("ops");
    assert_eq!((tallies.sent, tallies.given_up, tallies.failed_tries), (2, 2, 2));
    assert_eq!(cursor(&teller.stop().await, "ops"), Some(4));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::start([]).await;
    let to = format!("location: http://{}/\r\n", elsewhere.addr).leak();
    let receiver = Receiver::start([Answer::Status(307, to)]).await;
    let teller = Teller::start(Arc::default(), &json!([webhook(&receiver)]));
    teller.publish("checkout.1", &["rollout_started"]);
    teller.until("ops", "told", |t| t.sent == 1).await;
    assert_eq!((receiver.ids(), elsewhere.got().len()), (vec![1, 1], 0));
    teller.stop().await;
}

/// Workers die at random moments: between reading, telling, hearing the answer and writing the place, again and again.
#[tokio::test]
async fn three_hundred_deaths_of_a_worker_skip_no_event_and_change_no_order() {
    let seed = 0x5eed;
    let mut random = fastrand::Rng::with_seed(seed);
    let answers = (0..200).map(|_| match random.u8(..10) {
        0 => FAILED,
        1 => Answer::Nothing,
        _ => Answer::Status(204, ""),
    });
    let receiver = Receiver::start(answers.collect::<Vec<_>>()).await;
    let sinks = json!([webhook(&receiver)]);
    let mut log: Arc<MemoryLog> = Arc::default();
    for _ in 0..300 {
        let teller = Teller::start(log, &sinks);
        teller.publish("checkout.1", &["phase_advanced", "metrics_update"][..random.usize(1..=2)]);
        tokio::time::sleep(Duration::from_micros(random.u64(..3_000))).await;
        teller.workers.iter().for_each(JoinHandle::abort);
        log = Arc::new(teller.log.reopen());
    }
    let kept = log.published_after(0, None, 10_000).unwrap();
    let expected: Vec<u64> =
        kept.iter().filter(|row| row.kind == "phase_advanced").map(|row| row.id).collect();
    assert_eq!(expected.len(), 300);
    let teller = Teller::start(log, &sinks);
    teller.until("ops", "nothing is left", |t| t.behind == 0).await;
    let (mut first, all) = (vec![], receiver.ids());
    for id in &all {
        if !first.contains(id) {
            first.push(*id);
        }
    }
    assert_eq!(first, expected, "seed {seed}: in order, none missing");
    assert!(all.len() > expected.len(), "some came again, as the sender could not know");
    teller.stop().await;
}

#[tokio::test]
async fn a_new_receiver_begins_at_the_end_and_one_that_left_is_forgotten() {
    let receiver = Receiver::start([]).await;
    let teller = Teller::start(Arc::default(), &json!([]));
    teller.publish("checkout.1", &["rollout_started", "phase_advanced"]);
    let log = teller.stop().await;
    let teller = Teller::start(log, &json!([webhook(&receiver)]));
    teller.publish("checkout.1", &["rollout_completed"]);
    teller.until("ops", "told", |t| t.sent == 1).await;
    assert_eq!(receiver.ids(), [3]);
    let log = teller.stop().await;
    open(&log, &json!([])).unwrap();
    assert!(log.sinks().unwrap().is_empty());
}

#[tokio::test]
async fn what_the_log_no_longer_keeps_is_counted_as_missed() {
    let receiver = Receiver::start([]).await;
    let sinks = json!([webhook(&receiver)]);
    let log = Teller::start(Arc::default(), &sinks).stop().await;
    let away = Teller::start(log, &json!([webhook(&receiver)]));
    away.stop.send_replace(true);
    tokio::time::sleep(Duration::from_millis(1)).await;
    away.publish_at("checkout.1", &["phase_advanced"; 10], Timestamp(1_000));
    let log = away.stop().await;
    let told = cursor(&log, "ops").unwrap();
    let policy = Retention { published_count: 4, ..Retention::default() };
    let removed = log.compact(&policy, SystemClock.now()).unwrap().published;
    assert_eq!(removed, 6, "older than a week longer than their age: not kept for a receiver any more");
    let teller = Teller::start(log, &sinks);
    teller.until("ops", "nothing is left", |t| t.behind == 0).await;
    assert_eq!(teller.tallies("ops").missed, 6 - told);
    assert_eq!(receiver.ids().last(), Some(&10));
    teller.stop().await;
}

#[tokio::test]
async fn what_is_shown_of_a_receiver_holds_no_secret() {
    let receiver = Receiver::start([Answer::Status(200, ""), FAILED]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let url = file("url", &format!("http://{}/hooks/hidden\n", receiver.addr));
    let sinks = json!([
        { "name": "ops", "kind": "webhook", "urlFile": url, "secretFile": file("key", KEY),
          "headers": [{ "name": "Authorization", "valueFile": file("token", "Bearer hidden") }] },
        { "name": "chat", "kind": "slack", "urlFile": url },
    ]);
    let world = World::with(Setup { notifications: sinks, ..Setup::default() }).await;
    let tested = world.post("/api/v1/notifications/ops/test", &json!({})).await;
    assert_eq!((tested.status, tested.json()["delivered"].as_bool()), (200, Some(true)), "{}", tested.text());
    let failed = world.post("/api/v1/notifications/chat/test", &json!({})).await;
    assert_eq!(failed.json()["delivered"], false);
    assert!(failed.json()["detail"].as_str().unwrap().contains("500"), "{}", failed.text());
    let unknown = world.post("/api/v1/notifications/opps/test", &json!({})).await;
    assert_eq!(unknown.problem().code, "unknown_notification");
    assert!(unknown.problem().detail.contains("known: ops, chat"));
    let list = world.get("/api/v1/notifications").await;
    let shown = &list.json()["notifications"][0];
    assert_eq!(
        (shown["name"].as_str(), shown["host"].as_str(), shown["behind"].as_u64()),
        (Some("ops"), Some(receiver.addr.to_string().as_str()), Some(0))
    );
    let metrics = world.get("/metrics").await;
    assert!(metrics.text().contains("fw_notify_behind_events{sink=\"ops\"} 0"), "{}", metrics.text());
    for text in [tested.text(), failed.text(), list.text(), metrics.text()] {
        assert!(!text.contains("hidden") && !text.contains("whsec"), "{text}");
    }
    let got = &receiver.got()[0];
    assert!(got.header("webhook-signature").starts_with("v1,"), "{}", got.head);
    assert_eq!(got.header("authorization"), "Bearer hidden");
    assert_eq!(got.body["type"], "dev.factorywager.test");
    world.stop().await;
}

#[tokio::test]
async fn a_rollout_is_told_from_its_first_event() {
    let receiver = Receiver::start([]).await;
    let world = World::with(Setup { notifications: json!([webhook(&receiver)]), ..Setup::default() }).await;
    let mut plane = world.run("checkout").await;
    world.act("checkout", "advance", &json!({ "reason": "looks good" })).await;
    plane.report(&world, 1, 0).await;
    world.act("checkout", "abort", &json!({ "reason": "enough" })).await;
    let newest = usize::try_from(world.newest()).unwrap();
    receiver.then(Answer::Status(204, ""));
    let end = Instant::now() + DEADLINE;
    while world.metric("fw_notify_behind_events{sink=\"ops\"}").await != Some(0.0) {
        assert!(Instant::now() < end, "{:?} of {newest}", receiver.ids());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let history = world.get("/api/v1/rollouts/checkout/history").await.json();
    let told = |event: &&Value| event["type"] != "metrics_update";
    let events: Vec<&Value> = history["events"].as_array().unwrap().iter().filter(told).collect();
    let got = receiver.got();
    assert_eq!(got.iter().map(|got| &got.body["data"]).collect::<Vec<_>>(), events, "as on /events");
    assert!(events.len() >= 3);
    world.stop().await;
}
