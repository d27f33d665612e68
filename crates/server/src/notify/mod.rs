//! Telling others: the published events of the log, handed to every receiver, each at least once and in order.
//!
//! The log is the outbox. An event is published in the transaction that makes it true, so nothing has to be queued
//! beside it; a receiver needs only a durable cursor, the newest id that it acknowledged or need not get. One worker a
//! receiver tells one event at a time and moves the cursor after the answer: whenever the process dies, the event is
//! told again under the same id, never skipped. A worker that waits slows nobody else.
//!
//! Nothing is queued in memory but one page a receiver. What to say is in `fw_providers::notify`.

mod backoff;
mod settings;
mod sink;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use fw_providers::notify::{Event, Outcome};
use fw_runtime::config::ServiceConfig;
use fw_runtime::{Clock, SystemClock};
use fw_store::{Batch, MemoryLog, RolloutLog, SinkRow};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use settings::NotifyError;
pub use sink::Tallies;

use sink::Sink;

/// How patient a worker is.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// The wait after the first failure; it doubles with each further one.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// How long the try in flight may take when the server stops.
    pub stop_within: Duration,
}

impl Default for Timing {
    /// A second, five minutes, and five seconds to stop.
    fn default() -> Timing {
        Timing {
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(300),
            stop_within: Duration::from_secs(5),
        }
    }
}

/// Everybody who is told.
pub struct Notifier {
    log: Arc<dyn RolloutLog>,
    clock: Arc<dyn Clock>,
    timing: Timing,
    sinks: Vec<Arc<Sink>>,
}

impl Default for Notifier {
    /// Nobody is told.
    fn default() -> Notifier {
        let (log, clock) = (Arc::new(MemoryLog::new()), Arc::new(SystemClock));
        Notifier { log, clock, timing: Timing::default(), sinks: vec![] }
    }
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// Whether the receiver took it.
    pub delivered: bool,
    /// What happened, in words.
    pub detail: String,
    /// How long it took, ms.
    pub took_ms: u64,
}

impl Notifier {
    /// Reads the secrets, and gives every receiver its place in the log: the one it had, or, when it is new, the end.
    ///
    /// Must be called before anything is published, so that a new receiver misses nothing. Receivers that stand in no
    /// config any more are forgotten.
    ///
    /// # Errors
    /// [`NotifyError::Settings`] lists all receivers that can't be used; [`NotifyError::Store`].
    pub fn open(
        log: Arc<dyn RolloutLog>,
        clock: Arc<dyn Clock>,
        configs: &[ServiceConfig],
        timing: Timing,
    ) -> Result<Notifier, NotifyError> {
        let ready = settings::ready(configs)?;
        let known = log.sinks()?;
        let is_new = |name: &str| !known.iter().any(|row| row.name == name);
        // Only for one that is new: the log is read for it.
        let newest = if ready.iter().any(|sink| is_new(&sink.name)) { log.load()?.last_published } else { 0 };
        let mut batch = Batch::default();
        for row in known.iter().filter(|row| !ready.iter().any(|sink| sink.name == row.name)) {
            tracing::info!(target: "fw_server::notify", sink = %row.name, "is in no config any more: its place is forgotten");
            batch.drop_sinks.push(row.name.clone());
        }
        let mut sinks = vec![];
        for settings in ready {
            let cursor = match known.iter().find(|row| row.name == settings.name) {
                Some(row) => row.cursor,
                None => {
                    batch.sinks.push(SinkRow {
                        name: settings.name.clone(),
                        cursor: newest,
                        at: clock.now(),
                    });
                    newest
                }
            };
            sinks.push(Arc::new(Sink::new(settings, cursor)));
        }
        if !batch.is_empty() {
            log.commit(&batch)?;
        }
        Ok(Notifier { log, clock, timing, sinks })
    }

    /// Starts a worker for each receiver, on the current tokio runtime. They end soon after `stopping` is true.
    pub fn start(
        &self,
        newest: &watch::Receiver<u64>,
        stopping: &watch::Receiver<bool>,
    ) -> Vec<JoinHandle<()>> {
        let worker = |sink: &Arc<Sink>| {
            let worker = worker::Worker {
                sink: sink.clone(),
                log: self.log.clone(),
                log_id: self.log.open_info().log_id.0,
                clock: self.clock.clone(),
                timing: self.timing,
                newest: newest.clone(),
                stopping: stopping.clone(),
            };
            tokio::spawn(worker.run())
        };
        self.sinks.iter().map(worker).collect()
    }

    /// Names of all receivers, in the order of the config.
    pub fn names(&self) -> Vec<&str> {
        self.sinks.iter().map(|sink| sink.name.as_str()).collect()
    }

    /// Counters of every receiver, by name; how far each is behind the newest published id.
    pub fn tallies(&self, newest: u64) -> Vec<(&str, Tallies)> {
        self.sinks.iter().map(|sink| (sink.name.as_str(), sink.tallies(newest))).collect()
    }

    /// Every receiver as people see it. No secret is in it.
    pub fn shown(&self, newest: u64) -> Value {
        json!(self.sinks.iter().map(|sink| sink.shown(newest)).collect::<Vec<_>>())
    }

    /// Sends a receiver a test now, beside whatever it still has to get; none for an unknown name. One try.
    pub async fn test(&self, name: &str) -> Option<Tested> {
        let sink = self.sinks.iter().find(|sink| sink.name == name)?;
        let _one_at_a_time = sink.testing.lock().await;
        let began = std::time::Instant::now();
        let now = self.clock.now();
        let log_id = self.log.open_info().log_id.0;
        let data = json!({
            "type": "test",
            "timestamp": fw_runtime::view::rfc3339(now),
            "text": "Somebody ran `fw notify test`. No rollout has changed.",
        });
        let event = Event {
            id: format!("{log_id}-test-{}", now.as_millis()),
            log_id,
            service: "test".into(),
            run: String::new(),
            kind: "test".into(),
            data,
        };
        let (delivered, detail) = match sink.receiver.tell(&event, worker::system_time(now)).await {
            Outcome::Done => (true, "it took the test".to_owned()),
            Outcome::Gone => (false, "it answered 410: it takes nothing any more".to_owned()),
            Outcome::Failed { why, .. } => (false, why),
        };
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Some(Tested { delivered, detail, took_ms })
    }
}
