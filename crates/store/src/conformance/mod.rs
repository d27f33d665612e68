//! The suite every store must pass: what [`RolloutLog`] promises, as checks over any implementation.
//!
//! Give [`run_all`] a [`Bed`] that makes empty logs and opens them again; it panics at the first broken
//! promise, naming it. A new store joins by writing one `Bed`. It holds what is common to all; crashes
//! and damaged files are each store's own tests.
#![allow(clippy::unwrap_used)] // test code, in `src` only so that other crates can use it

mod compaction;
mod concurrency;
mod reading;
mod refusals;
pub mod sample;
mod sinks;

use crate::RolloutLog;

/// A place where one log lives: the "disk".
pub trait Bed {
    /// The store under test.
    type Log: RolloutLog + 'static;

    /// A place without a log in it.
    fn empty() -> Self;

    /// Opens the log, making it at the first time. No other handle is open.
    fn open(&self) -> Self::Log;

    /// Opens the log although another handle is still open, around any lock that would refuse that: as a
    /// second server would whose lock file was removed, or that runs on another machine.
    fn open_around_lock(&self) -> Self::Log;
}

/// Runs every check, each on a log of its own.
///
/// # Panics
/// At the first promise that is not kept.
pub fn run_all<B: Bed>() {
    reading::all::<B>();
    refusals::all::<B>();
    compaction::all::<B>();
    sinks::all::<B>();
    concurrency::all::<B>();
}
