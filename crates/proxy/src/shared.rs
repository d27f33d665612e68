//! What all workers and the handle share: counts to be read, splits to be confirmed, a bell.
//!
//! Nothing here is written for every request but each worker's own slots.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use fw_plane::count::{BURST_ERRORS, FailedKeys, Registry};
use tokio::sync::Notify;

use crate::observe::{Ages, WorkerStats};

/// What one worker shows to the outside.
#[derive(Debug)]
pub(crate) struct WorkerView {
    pub(crate) stats: Arc<WorkerStats>,
    pub(crate) ages: Arc<Ages>,
    /// Serial of the newest routing such that nothing assigned under an older one can still be sent.
    confirmed: AtomicU64,
}

impl WorkerView {
    pub(crate) fn new() -> WorkerView {
        WorkerView { stats: Arc::default(), ages: Ages::new(), confirmed: AtomicU64::new(0) }
    }
}

/// The shared part of a proxy.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) registry: Registry,
    pub(crate) failed_keys: FailedKeys,
    pub(crate) workers: Vec<WorkerView>,
    /// Client connections open, over all workers.
    pub(crate) connections: AtomicUsize,
    errors: AtomicU64,
    confirmed: AtomicU64,
    newly_confirmed: AtomicBool,
    bell: Notify,
}

impl Shared {
    pub(crate) fn new(workers: usize) -> Arc<Shared> {
        Arc::new(Shared {
            registry: Registry::default(),
            failed_keys: FailedKeys::default(),
            workers: (0..workers).map(|_| WorkerView::new()).collect(),
            connections: AtomicUsize::new(0),
            errors: AtomicU64::new(0),
            confirmed: AtomicU64::new(0),
            newly_confirmed: AtomicBool::new(false),
            bell: Notify::new(),
        })
    }

    /// An error was counted.
    pub(crate) fn error_seen(&self) {
        if self.errors.fetch_add(1, Ordering::Relaxed) + 1 == BURST_ERRORS {
            self.bell.notify_waiters();
        }
    }

    /// A worker confirms a routing.
    pub(crate) fn confirm(&self, worker: usize, serial: u64) {
        self.workers[worker].confirmed.store(serial, Ordering::SeqCst);
        let all = self.confirmed_serial();
        // Two workers at once may both come here; the larger value stays, and one of them rings.
        if self.confirmed.fetch_max(all, Ordering::SeqCst) < all {
            self.newly_confirmed.store(true, Ordering::SeqCst);
            self.bell.notify_waiters();
        }
    }

    /// The serial that all workers confirm.
    pub(crate) fn confirmed_serial(&self) -> u64 {
        self.workers.iter().map(|w| w.confirmed.load(Ordering::SeqCst)).min().unwrap_or(0)
    }

    /// A report is being made: what is news begins anew.
    pub(crate) fn reported(&self) {
        self.errors.store(0, Ordering::Relaxed);
        self.newly_confirmed.store(false, Ordering::SeqCst);
    }

    /// Resolves when there is news.
    pub(crate) async fn burst(&self) {
        loop {
            let bell = self.bell.notified();
            let mut bell = std::pin::pin!(bell);
            bell.as_mut().enable();
            if self.errors.load(Ordering::Relaxed) >= BURST_ERRORS
                || self.newly_confirmed.load(Ordering::SeqCst)
            {
                return;
            }
            bell.await;
        }
    }
}
