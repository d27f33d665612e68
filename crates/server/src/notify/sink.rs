//! One receiver: what it wants to hear, how far it has been told, and how that goes.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fw_model::ServiceKey;
use fw_providers::notify::Receiver;
use fw_store::Published;
use serde_json::{Value, json};

use super::settings::Ready;

/// One receiver.
pub(super) struct Sink {
    pub(super) name: String,
    pub(super) receiver: Receiver,
    events: BTreeSet<String>,
    services: Vec<ServiceKey>,
    pub(super) give_up_after: Duration,
    /// Held while a test is under way.
    pub(super) testing: tokio::sync::Mutex<()>,
    progress: Mutex<Progress>,
}

/// How far it is, and how it goes.
#[derive(Debug, Default)]
struct Progress {
    /// Newest id that it acknowledged or need not get.
    cursor: u64,
    sent: u64,
    failed_tries: u64,
    given_up: u64,
    missed: u64,
    last_error: Option<String>,
    stopped: bool,
}

/// Counters of one receiver since the server started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tallies {
    /// Events it acknowledged.
    pub sent: u64,
    /// Tries that failed.
    pub failed_tries: u64,
    /// Events that were given up.
    pub given_up: u64,
    /// Events that the log no longer kept when it could have been told of them.
    pub missed: u64,
    /// Published events that it has not got yet.
    pub behind: u64,
    /// Whether it said that it takes nothing any more.
    pub stopped: bool,
}

impl Sink {
    pub(super) fn new(ready: Ready, cursor: u64) -> Sink {
        Sink {
            name: ready.name,
            receiver: ready.receiver,
            events: ready.events,
            services: ready.services,
            give_up_after: ready.give_up_after,
            testing: tokio::sync::Mutex::default(),
            progress: Mutex::new(Progress { cursor, ..Progress::default() }),
        }
    }

    /// Whether it wants to hear of an event.
    pub(super) fn wants(&self, event: &Published) -> bool {
        let named = |own: &ServiceKey| {
            own.service == event.key.service && (own.region.is_none() || own.region == event.key.region)
        };
        self.events.contains(&event.kind) && (self.services.is_empty() || self.services.iter().any(named))
    }

    /// Each change is whole, so a poisoned lock still guards a good one.
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn cursor(&self) -> u64 {
        self.progress().cursor
    }

    /// It is done with everything up to an id.
    pub(super) fn passed(&self, id: u64) {
        self.progress().cursor = id;
    }

    pub(super) fn took(&self, id: u64) {
        let mut progress = self.progress();
        (progress.cursor, progress.last_error) = (id, None);
        progress.sent += 1;
    }

    pub(super) fn failed(&self, why: &str) {
        let mut progress = self.progress();
        progress.failed_tries += 1;
        progress.last_error = Some(why.to_owned());
    }

    pub(super) fn gave_up(&self, id: u64) {
        let mut progress = self.progress();
        progress.cursor = id;
        progress.given_up += 1;
    }

    pub(super) fn missed(&self, events: u64) {
        self.progress().missed += events;
    }

    pub(super) fn stop(&self, why: &str) {
        let mut progress = self.progress();
        (progress.stopped, progress.last_error) = (true, Some(why.to_owned()));
    }

    pub(super) fn tallies(&self, newest: u64) -> Tallies {
        let progress = self.progress();
        Tallies {
            sent: progress.sent,
            failed_tries: progress.failed_tries,
            given_up: progress.given_up,
            missed: progress.missed,
            behind: newest.saturating_sub(progress.cursor),
            stopped: progress.stopped,
        }
    }

    pub(super) fn shown(&self, newest: u64) -> Value {
        let tallies = self.tallies(newest);
        let progress = self.progress();
        json!({
            "name": self.name,
            "kind": self.receiver.kind(),
            "host": self.receiver.host(),
            "events": self.events,
            "services": self.services.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "cursor": progress.cursor,
            "behind": tallies.behind,
            "sent": tallies.sent,
            "failedTries": tallies.failed_tries,
            "givenUp": tallies.given_up,
            "missed": tallies.missed,
            "lastError": progress.last_error,
            "stopped": tallies.stopped,
        })
    }
}
