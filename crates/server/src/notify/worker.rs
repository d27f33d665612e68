//! The worker of one receiver: one event at a time, in the order of the log.
//!
//! The order of steps is what makes it safe to kill: read, tell, hear the answer, move the cursor on disk. Dying before
//! the last step tells the event once more; no step skips one.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fw_model::Timestamp;
use fw_providers::notify::{Event, Outcome};
use fw_runtime::Clock;
use fw_store::{Batch, Error, Published, RolloutLog, SinkRow};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::Timing;
use super::backoff::Backoff;
use super::sink::Sink;

/// Events read from the log at once: all that is ever in memory for one receiver.
const PAGE_MAX: usize = 64;
/// The cursor is written after so many events that the receiver need not get, at the latest.
const SKIPPED_MAX: u64 = 256;

/// What one worker has.
pub(super) struct Worker {
    pub(super) sink: Arc<Sink>,
    pub(super) log: Arc<dyn RolloutLog>,
    pub(super) log_id: String,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) timing: Timing,
    pub(super) newest: watch::Receiver<u64>,
    pub(super) stopping: watch::Receiver<bool>,
}

/// Why a worker ends.
struct End;

impl Worker {
    /// Tells until the server stops, or the receiver takes nothing any more.
    pub(super) async fn run(mut self) {
        let mut saved = self.sink.cursor();
        while let Ok(()) = self.page(&mut saved).await {}
        if self.sink.cursor() > saved {
            let _ = self.save().await;
        }
    }

    /// One page of events, or a wait for one.
    async fn page(&mut self, saved: &mut u64) -> Result<(), End> {
        if *self.stopping.borrow() {
            return Err(End);
        }
        // Seen before the log is read: what is published meanwhile wakes the wait below.
        self.newest.borrow_and_update();
        let page = self.read().await?;
        if page.is_empty() {
            let mut stopping = self.stopping.clone();
            return tokio::select! {
                changed = self.newest.changed() => changed.map_err(|_| End),
                _ = stopping.wait_for(|stop| *stop) => Err(End),
            };
        }
        self.note_missed(page[0].id);
        for row in page {
            if self.sink.wants(&row) {
                self.tell(&row).await?;
            } else {
                self.sink.passed(row.id);
                if row.id - *saved < SKIPPED_MAX {
                    continue;
                }
            }
            if self.save().await? {
                *saved = row.id;
            }
        }
        Ok(())
    }

    /// The next events. A log that can't be read is tried again.
    async fn read(&self) -> Result<Vec<Published>, End> {
        let mut backoff = Backoff::new(&self.timing);
        loop {
            let (log, cursor) = (self.log.clone(), self.sink.cursor());
            let read = tokio::task::spawn_blocking(move || log.published_after(cursor, None, PAGE_MAX)).await;
            match read {
                Ok(Ok(page)) => return Ok(page),
                Ok(Err(error)) => {
                    tracing::error!(target: "fw_server::notify", sink = %self.sink.name, %error, "the log can't be read");
                    self.sink.failed(&format!("the log can't be read: {error}"));
                }
                Err(error) => {
                    tracing::error!(target: "fw_server::notify", sink = %self.sink.name, %error, "reading the log failed");
                }
            }
            self.wait(backoff.wait()).await?;
        }
    }

    /// Says loudly what the log no longer has.
    fn note_missed(&self, first: u64) {
        let missed = first - 1 - self.sink.cursor().min(first - 1);
        if missed > 0 {
            self.sink.missed(missed);
            tracing::error!(
                target: "fw_server::notify", sink = %self.sink.name, missed, oldest = first,
                "events are no longer kept: this receiver was away for too long and never gets them"
            );
        }
    }

    /// Tells one event until it is taken or given up.
    async fn tell(&self, row: &Published) -> Result<(), End> {
        let event = event(row, &self.log_id);
        let (name, id) = (&self.sink.name, row.id);
        let mut backoff = Backoff::new(&self.timing);
        loop {
            match self.once(&event).await? {
                Outcome::Done => {
                    self.sink.took(id);
                    return Ok(());
                }
                Outcome::Gone => {
                    let why = "it answered 410: it takes nothing any more";
                    self.sink.stop(why);
                    tracing::error!(
                        target: "fw_server::notify", sink = %name, event = %event.id,
                        "{why}; it is not told until the server starts anew: mend its URL or take it out of the config"
                    );
                    return Err(End);
                }
                Outcome::Failed { why, retry_after } => {
                    self.sink.failed(&why);
                    let age = self.clock.now().since(row.at);
                    let Some(left) = self.sink.give_up_after.checked_sub(age).filter(|left| !left.is_zero())
                    else {
                        self.sink.gave_up(id);
                        tracing::error!(
                            target: "fw_server::notify", sink = %name, event = %event.id, kind = %row.kind, %why,
                            "given up: this event will not reach its receiver"
                        );
                        return Ok(());
                    };
                    let wait = backoff.wait().max(retry_after.unwrap_or(Duration::ZERO)).min(left);
                    let wait_ms = wait.as_millis() as u64;
                    tracing::warn!(
                        target: "fw_server::notify", sink = %name, event = %event.id, %why, wait_ms,
                        "not delivered; it is tried again"
                    );
                    self.wait(wait).await?;
                }
            }
        }
    }

    /// One try. When the server stops meanwhile, it may still end within a bound.
    async fn once(&self, event: &Event) -> Result<Outcome, End> {
        let mut stopping = self.stopping.clone();
        let cut_off = async {
            let _ = stopping.wait_for(|stop| *stop).await;
            tokio::time::sleep(self.timing.stop_within).await;
        };
        tokio::select! {
            outcome = self.sink.receiver.tell(event, system_time(self.clock.now())) => Ok(outcome),
            () = cut_off => Err(End),
        }
    }

    /// Waits, unless the server stops.
    async fn wait(&self, time: Duration) -> Result<(), End> {
        let mut stopping = self.stopping.clone();
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            _ = stopping.wait_for(|stop| *stop) => Err(End),
        }
    }

    /// Writes the cursor; whether it is written. When not, the next write says more: the worst is that an event is told
    /// twice.
    async fn save(&self) -> Result<bool, End> {
        let row = SinkRow { name: self.sink.name.clone(), cursor: self.sink.cursor(), at: self.clock.now() };
        let log = self.log.clone();
        let batch = Batch { sinks: vec![row], ..Batch::default() };
        match tokio::task::spawn_blocking(move || log.commit(&batch)).await {
            Ok(Ok(())) => Ok(true),
            Ok(Err(error @ Error::Fenced { .. })) => {
                tracing::error!(target: "fw_server::notify", sink = %self.sink.name, %error, "another server tells now");
                self.sink.stop("another server has taken over this store");
                Err(End)
            }
            Ok(Err(error)) => {
                tracing::error!(target: "fw_server::notify", sink = %self.sink.name, %error, "its place in the log can't be written");
                Ok(false)
            }
            Err(error) => {
                tracing::error!(target: "fw_server::notify", sink = %self.sink.name, %error, "writing its place in the log failed");
                Ok(false)
            }
        }
    }
}

/// A row of the log as receivers get it.
fn event(row: &Published, log_id: &str) -> Event {
    let mut data: Value = serde_json::from_str(&row.data).unwrap_or_else(|_| json!({ "type": row.kind }));
    data["id"] = row.id.into();
    Event {
        id: format!("{log_id}-{}", row.id),
        log_id: log_id.to_owned(),
        service: row.key.to_string(),
        run: row.run.to_string(),
        kind: row.kind.clone(),
        data,
    }
}

/// The clock's time as the system counts it.
pub(super) fn system_time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(0))
}
