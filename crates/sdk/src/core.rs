//! What all threads of one rollout share: the view they assign by, the cells they count in.
//!
//! A thread reads two numbers of it for each request, both written only when the split changes. Everything
//! under the lock is for a new split, a thread's first count under it, and reports.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fw_api::Report;
use fw_api::wire::SourceWire;
use fw_model::{CellKey, Epoch, Region, Split, Variant};
use fw_plane::count::{BURST_ERRORS, FailedKeys, Registry, Slot, wire_cells};
use fw_plane::{Applied, DataPlane};
use tokio::sync::Notify;

use crate::in_flight::InFlight;
use crate::metrics::Metrics;
use crate::view::View;

/// The shared part of a rollout.
#[derive(Debug)]
pub(crate) struct Core {
    /// Tells this rollout from every other of the process.
    pub(crate) id: u64,
    /// The canary's weight now, for requests without a key.
    pub(crate) canary: AtomicU32,
    /// Serial of the view in force.
    serial: AtomicU64,
    state: Mutex<State>,
    /// Told when the first split comes.
    begun: Condvar,
    region: Option<Region>,
    registry: Registry,
    pub(crate) metrics: Metrics,
    pub(crate) failed_keys: FailedKeys,
    pub(crate) in_flight: InFlight,
    errors: AtomicU64,
    news: AtomicBool,
    bell: Notify,
}

#[derive(Debug)]
struct State {
    view: Arc<View>,
    source: String,
    seq: u64,
}

impl Core {
    /// Without a split: all traffic is stable's until one is applied.
    pub(crate) fn new(region: Option<Region>) -> Core {
        static IDS: AtomicU64 = AtomicU64::new(0);
        Core {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            canary: AtomicU32::new(0),
            serial: AtomicU64::new(0),
            state: Mutex::new(State { view: Arc::new(View::unknown()), source: new_source(), seq: 0 }),
            begun: Condvar::new(),
            region,
            registry: Registry::default(),
            metrics: Metrics::default(),
            failed_keys: FailedKeys::default(),
            in_flight: InFlight::default(),
            errors: AtomicU64::new(0),
            news: AtomicBool::new(false),
            bell: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change under the lock is made of steps that can't panic, so the state is sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `serial` is the view in force.
    #[inline]
    pub(crate) fn is_current(&self, serial: u64) -> bool {
        self.serial.load(Ordering::Acquire) == serial
    }

    /// The view in force.
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.state().view)
    }

    /// Waits for the first split; whether there is one.
    pub(crate) fn wait_for_split(&self, within: Duration) -> bool {
        let state = self.state();
        let waited = self.begun.wait_timeout_while(state, within, |state| state.view.split.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.view.split.is_some()
    }

    /// A slot for one thread. Counts of a log that is gone go where nobody reads them.
    pub(crate) fn slot(&self, log: u32, epoch: Epoch, variant: Variant) -> Arc<Slot> {
        // Under the lock, so that a split of another log does not come between.
        let state = self.state();
        if state.view.log != log {
            return Arc::default();
        }
        self.registry.slot(cell(epoch, variant))
    }

    /// The counts of a custom metric for one thread; as [`Core::slot`].
    pub(crate) fn metric(
        &self,
        log: u32,
        epoch: Epoch,
        variant: Variant,
        name: &str,
    ) -> Arc<crate::metrics::MetricCell> {
        let state = self.state();
        if state.view.log != log {
            return Arc::default();
        }
        self.metrics.cell(cell(epoch, variant), name)
    }

    /// An error was counted. From the third since the last report on it costs a load.
    #[inline]
    pub(crate) fn error_seen(&self) {
        if self.errors.load(Ordering::Relaxed) < BURST_ERRORS
            && self.errors.fetch_add(1, Ordering::Relaxed) + 1 == BURST_ERRORS
        {
            self.bell.notify_waiters();
        }
    }

    /// The split in force; none before the first.
    pub(crate) fn split(&self) -> Option<Split> {
        self.state().view.split.clone()
    }

    fn put(&self, state: &mut State, view: View) {
        self.canary.store(view.canary.units(), Ordering::Relaxed);
        let serial = view.serial;
        state.view = Arc::new(view);
        // Last, so that who sees the serial finds its view. Both under the lock, so they never go back.
        self.serial.store(serial, Ordering::Release);
    }
}

/// The instance is the process itself, which the server knows by its source.
fn cell(epoch: Epoch, variant: Variant) -> CellKey {
    CellKey { epoch, variant, instance: String::new() }
}

fn new_source() -> String {
    uuid::Uuid::new_v4().to_string()
}

impl DataPlane for Core {
    /// Takes effect for every call that begins after it returns; so its epoch is confirmed at once:
    /// in a process an assignment is not sent anywhere, it *is* the code path.
    fn apply(&self, split: Split) -> Applied {
        let mut state = self.state();
        let mut applied = Applied::Taken;
        if let Some(now) = &state.view.split {
            if !now.yields_to(&split) {
                return Applied::Older;
            }
            if *now == split {
                return Applied::Unchanged;
            }
            if now.log_id != split.log_id {
                tracing::warn!(log = %split.log_id.0, "taking a split of another log; counts begin anew");
                self.registry.clear();
                self.metrics.clear();
                state.source = new_source();
                state.seq = 0;
                applied = Applied::OtherLog;
            }
        }
        let view = state.view.next(split);
        self.put(&mut state, view);
        drop(state);
        self.begun.notify_all();
        self.news.store(true, Ordering::SeqCst);
        self.bell.notify_waiters();
        applied
    }

    fn report(&self) -> Report {
        // The source's id and its cells are read under one lock: they belong together.
        let mut state = self.state();
        state.seq += 1;
        self.errors.store(0, Ordering::Relaxed);
        self.news.store(false, Ordering::SeqCst);
        let mut counts = self.registry.counts();
        self.metrics.add_to(&mut counts);
        let mut cells = wire_cells(&counts);
        state.view.users.add_to(&mut cells);
        Report {
            source: SourceWire {
                id: state.source.clone(),
                kind: "sdk".into(),
                region: self.region.as_ref().map(Region::to_string),
            },
            seq: state.seq,
            confirmed_epoch: state.view.epoch.0,
            cells,
            in_flight: self.in_flight.wire(Instant::now()),
        }
    }

    fn forget(&self, closed_epochs: &[u64]) {
        let mut state = self.state();
        let now = state.view.epoch.0;
        let closed: Vec<u64> = closed_epochs.iter().copied().filter(|&epoch| epoch != now).collect();
        if *state.view.closed != *closed {
            // Threads see another serial, and let go of what they hold of these epochs.
            let view = state.view.closing(&closed);
            self.put(&mut state, view);
        }
        self.registry.forget(&closed);
        self.metrics.forget(&closed);
    }

    async fn burst(&self) {
        loop {
            let mut bell = std::pin::pin!(self.bell.notified());
            bell.as_mut().enable();
            if self.errors.load(Ordering::Relaxed) >= BURST_ERRORS || self.news.load(Ordering::SeqCst) {
                return;
            }
            bell.await;
        }
    }
}
