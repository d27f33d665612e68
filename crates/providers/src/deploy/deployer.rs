//! What every deployer can do, whatever it puts versions on.
//!
//! Each call may be repeated: a caller that was killed gives the same order again and gets the same end. Nothing here
//! decides what
//! comes next; an outcome says what is so, and `Unknown` says that nobody knows, which is for a person.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::order::Order;

/// Work that goes on.
pub type Work<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Takes pieces of text as they come: output of what runs, and what was done. It must not wait.
pub type Told = Arc<dyn Fn(&str) + Send + Sync>;

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is so now.
    Done,
    /// It is not so, and that is known.
    Failed {
        /// What happened, and what to do.
        why: String,
        /// The last lines of what was said about it; empty when nothing was.
        log: String,
    },
    /// It was begun and nobody knows how it ended: it may have done all, some or nothing. Giving the order again changes nothing.
    Unknown {
        /// What is known.
        why: String,
    },
}

impl Outcome {
    pub(super) fn failed(why: impl ToString) -> Outcome {
        Outcome::Failed { why: why.to_string(), log: String::new() }
    }
}

/// What an instance does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It never ran, or was stopped.
    Stopped,
    /// It runs.
    Running {
        /// Its pid, where that is known.
        pid: Option<u32>,
        /// Since when, milliseconds since 1970, where that is known.
        since_ms: Option<u64>,
        /// Whether it answered as ready just now.
        ready: bool,
    },
    /// Its process ended, and the next one is about to be started.
    Restarting,
    /// It runs, and nobody would start it again: the next `deploy` mends that.
    Orphaned {
        /// Its pid.
        pid: u32,
    },
    /// It can't be known.
    Unknown {
        /// Why.
        why: String,
    },
}

/// An instance, as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceStatus {
    /// Its URL.
    pub url: String,
    /// What it does.
    pub presence: Presence,
    /// Times its process ended by itself since it is looked after.
    pub restarts: u32,
    /// How the last one ended.
    pub last_end: Option<String>,
}

impl InstanceStatus {
    pub(super) fn new(url: &str, presence: Presence) -> InstanceStatus {
        InstanceStatus { url: url.to_owned(), presence, restarts: 0, last_end: None }
    }
}

/// Puts versions of one service there, and takes them away.
pub trait Deployer: Debug + Send + Sync {
    /// `exec`, `process`, `systemd`.
    fn kind(&self) -> &'static str;

    /// Makes the version of the order answer at all its instances. Dropping the future stops the waiting, not what was begun.
    fn deploy<'a>(&'a self, order: &'a Order, told: &'a Told) -> Work<'a, Outcome>;

    /// Takes away what a deploy of this version put there: it failed, or was rolled back.
    fn undo<'a>(&'a self, order: &'a Order, told: &'a Told) -> Work<'a, Outcome>;

    /// Ends the version in order, which served till now and is needed no more.
    fn retire<'a>(&'a self, order: &'a Order, told: &'a Told) -> Work<'a, Outcome>;

    /// What each instance does now.
    fn status<'a>(&'a self, order: &'a Order) -> Work<'a, Vec<InstanceStatus>>;
}
