//! The handle an application asks: does the new version serve, and here is what came of it.
//!
//! Cheap to clone, made once and kept. It decides nothing: the split comes from the server (or the engine
//! in the process), counts go there. Nothing here waits, except what says so.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fw_model::Variant;
use fw_model::split::bucket_of_random;
use fw_plane::count::Outcome;

use crate::assignment::{Assignment, nanos};
use crate::core::Core;
use crate::local::{self, Job, Local};
use crate::metrics::MetricRefused;
use crate::remote::Background;
use crate::{Builder, ConnectError};

/// A rollout of one service, as this process takes part in it.
///
/// When the last clone goes, the background thread reports once more and ends by itself;
/// [`Rollout::shutdown`] waits for that.
#[derive(Debug, Clone)]
pub struct Rollout {
    core: Arc<Core>,
    background: Arc<Mutex<Background>>,
}

/// Where a rollout stands, as far as its split says.
#[derive(Debug, Clone, PartialEq)]
pub struct CurrentPhase {
    /// The run, such as `checkout.3`; none before the first rollout, or while no split is known.
    pub rollout: Option<String>,
    /// The canary's share of traffic, 0 to 100 percent.
    pub percentage: f64,
    /// The split's epoch; 0 while no split is known.
    pub epoch: u64,
}

/// The last report was not taken in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the last report was not taken within {0:?}; what was counted since the one before is lost with the process"
)]
pub struct NotFlushed(pub Duration);

impl Rollout {
    pub(crate) fn new(core: Arc<Core>, background: Background) -> Rollout {
        Rollout { core, background: Arc::new(Mutex::new(background)) }
    }

    /// Follows the rollouts of a service on a server, with the defaults of [`Builder`]. Returns at once:
    /// until the first split comes, all traffic is stable's.
    ///
    /// # Errors
    /// [`ConnectError`] for a URL or name that can't be used. A server that can't be reached is no error.
    pub fn connect(url: &str, name: &str) -> Result<Rollout, ConnectError> {
        Builder::new(url, name).connect()
    }

    /// What [`Rollout::connect`] does, with settings.
    pub fn builder(url: &str, name: &str) -> Builder {
        Builder::new(url, name)
    }

    /// Whether the new version serves this request: at random, with the canary's share. Counts nothing.
    #[inline]
    pub fn should_serve(&self) -> bool {
        bucket_of_random(fastrand::u64(..)) < self.core.canary.load(Ordering::Relaxed)
    }

    /// Whether the new version serves this user: the same answer for the same key for as long as the share does not
    /// shrink. White space around the key does not count. An empty key is no key. Counts nothing.
    #[inline]
    pub fn should_serve_for(&self, key: impl AsRef<[u8]>) -> bool {
        match present(key.as_ref()) {
            Some(key) => local::with(&self.core, VariantOf(key)) == Variant::Canary,
            None => self.should_serve(),
        }
    }

    /// Puts a user or job on a version. An empty key is no key: then at random.
    #[inline]
    pub fn assign(&self, key: impl AsRef<[u8]>) -> Assignment<'_> {
        Assignment::make(&self.core, present(key.as_ref()))
    }

    /// Puts a request on a version at random.
    #[inline]
    pub fn assign_random(&self) -> Assignment<'_> {
        Assignment::make(&self.core, None)
    }

    /// Counts a request that the new version served: whether it succeeded, and how long it took.
    #[inline]
    pub fn record_request(&self, ok: bool, elapsed: Duration) {
        local::with(&self.core, CanaryRequest { ok, nanos: nanos(elapsed) });
        if !ok {
            self.core.error_seen();
        }
    }

    /// Adds a value of a custom metric to the new version. `name`: 1 to 64 letters, digits, `_`, `-` or `.`;
    /// `value`: in the metric's own unit, finite.
    ///
    /// # Errors
    /// [`MetricRefused`] says what is wrong with the name or the value.
    pub fn record_custom_metric(&self, name: &str, value: f64) -> Result<(), MetricRefused> {
        let core = &self.core;
        local::with(core, |local: &mut Local| {
            let at = (local.view.log, local.view.epoch, Variant::Canary);
            local.add_metric(core, at, name, value)
        })
    }

    /// Where the rollout stands. Takes a lock; not for every request.
    pub fn current_phase(&self) -> CurrentPhase {
        match self.core.split() {
            Some(split) => CurrentPhase {
                rollout: split.rollout,
                percentage: split.canary.percent(),
                epoch: split.epoch.0,
            },
            None => CurrentPhase { rollout: None, percentage: 0.0, epoch: 0 },
        }
    }

    /// Blocks until a split is known, at most for `within`; whether one is. For the start of a process that must not
    /// serve before, and for tests.
    pub fn wait_for_split(&self, within: Duration) -> bool {
        self.core.wait_for_split(within)
    }

    /// Ends following and reporting, and blocks until the last report was taken. The handle goes on answering by
    /// the last split; what is counted after this is not reported. A second call does nothing.
    ///
    /// # Errors
    /// [`NotFlushed`] when that took longer than `within`, or the server did not answer.
    pub fn shutdown(&self, within: Duration) -> Result<(), NotFlushed> {
        let mut background = self.background.lock().unwrap_or_else(PoisonError::into_inner);
        if background.stop(within) { Ok(()) } else { Err(NotFlushed(within)) }
    }

    /// What the split says of requests.
    #[cfg(feature = "tower")]
    pub(crate) fn view(&self) -> Arc<crate::view::View> {
        local::with(&self.core, |local: &mut Local| Arc::clone(&local.view))
    }
}

/// Asks for the variant of a key.
struct VariantOf<'a>(&'a [u8]);

impl Job for VariantOf<'_> {
    type Output = Variant;

    #[inline(always)]
    fn run(&mut self, _core: &Core, local: &mut Local) -> Variant {
        local.view.variant_of(self.0)
    }
}

/// A request that the new version served.
struct CanaryRequest {
    ok: bool,
    nanos: u64,
}

impl Job for CanaryRequest {
    type Output = ();

    #[inline(always)]
    fn run(&mut self, core: &Core, local: &mut Local) {
        let apdex_nanos = local.view.apdex_nanos;
        let outcome = Outcome { error: !self.ok, nanos: Some(self.nanos), apdex_nanos, ..Outcome::default() };
        local.slot(core, Variant::Canary).record(outcome);
    }
}

#[inline]
fn present(key: &[u8]) -> Option<&[u8]> {
    let key = fw_model::split::trim_key(key);
    (!key.is_empty()).then_some(key)
}
