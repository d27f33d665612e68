//! One assignment: a user or a job on one version, until its outcome is known.
//!
//! The type keeps the books straight whatever happens: an outcome is counted once, under the epoch of the
//! assignment, on whichever thread it comes; one that is dropped without an outcome is counted as abandoned.

use std::sync::Arc;
use std::time::Duration;

use fw_model::split::{bucket_of_random, variant_of_bucket};
use fw_model::{Epoch, Variant, Weight};
use fw_plane::count;

use crate::core::Core;
use crate::in_flight::Place;
use crate::local::{self, Local};
use crate::metrics::MetricRefused;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It did what it should.
    Success,
    /// It failed: what a 5xx, a time-out or a panic is.
    Error,
    /// It was refused because of what the caller sent: what a 4xx is. Counted apart, no error.
    ClientError,
    /// The caller gave up. No error; its time is not counted.
    ClientAbort,
}

impl From<bool> for Outcome {
    /// `true` is a success.
    fn from(ok: bool) -> Outcome {
        if ok { Outcome::Success } else { Outcome::Error }
    }
}

/// A rollout that is borrowed, or held for as long as the assignment lives.
#[derive(Debug)]
enum Held<'a> {
    Borrowed(&'a Arc<Core>),
    Owned(Arc<Core>),
}

/// A user or a job on one version. Record its outcome; dropped without, it is counted as abandoned.
#[derive(Debug)]
#[must_use = "an assignment that is dropped at once is counted as abandoned"]
pub struct Assignment<'a> {
    core: Held<'a>,
    log: u32,
    epoch: Epoch,
    variant: Variant,
    share: Weight,
    key_cell: Option<u16>,
    place: Option<Place>,
    open: bool,
}

impl<'a> Assignment<'a> {
    /// Assigns by key, or by chance where there is none, and counts the unit of randomisation.
    #[inline]
    pub(crate) fn make(core: &'a Arc<Core>, key: Option<&[u8]>) -> Assignment<'a> {
        // Filled in place: a value handed out of the closure would be copied twice, and read before it is stored.
        let mut made = Assignment {
            core: Held::Borrowed(core),
            log: 0,
            epoch: Epoch(0),
            variant: Variant::Stable,
            share: Weight::ZERO,
            key_cell: key.map(count::FailedKeys::cell),
            place: None,
            open: true,
        };
        local::with(core, |local: &mut Local| {
            let view = &local.view;
            (made.log, made.epoch, made.share) = (view.log, view.epoch, view.canary);
            let (variant, unit) = match key {
                Some(key) => {
                    let (variant, hash) = (view.variant_of(key), count::key_hash(key));
                    view.users.see(variant, hash);
                    (variant, view.draws() && view.seen.touch(hash))
                }
                None => (variant_of_bucket(bucket_of_random(fastrand::u64(..)), view.canary), view.draws()),
            };
            made.variant = variant;
            if unit {
                local.slot(core, variant).record_unit();
            }
            made.place = local.row(core).enter(core, variant);
        });
        made
    }

    /// The same, free of the borrow: for an outcome that comes in another task or thread.
    pub fn into_owned(mut self) -> Assignment<'static> {
        self.open = false;
        Assignment {
            core: Held::Owned(Arc::clone(self.core())),
            log: self.log,
            epoch: self.epoch,
            variant: self.variant,
            share: self.share,
            key_cell: self.key_cell,
            place: self.place.take(),
            open: true,
        }
    }

    /// Which version serves.
    #[inline]
    pub fn variant(&self) -> Variant {
        self.variant
    }

    /// Whether the new version serves.
    #[inline]
    pub fn is_canary(&self) -> bool {
        self.variant == Variant::Canary
    }

    /// The epoch of the split it was made under; 0 before the first split is known.
    pub fn epoch(&self) -> u64 {
        self.epoch.0
    }

    /// The phase it was made in, as the canary's share of traffic then: 0 to 100 percent.
    pub fn percentage(&self) -> f64 {
        self.share.percent()
    }

    /// Counts the outcome and how long it took, from the request to its answer. An [`Outcome`], or `true` for success.
    #[inline]
    pub fn record(mut self, outcome: impl Into<Outcome>, elapsed: Duration) {
        let outcome = outcome.into();
        let error = outcome == Outcome::Error;
        let repeat = match self.key_cell {
            Some(cell) if self.variant == Variant::Canary && outcome != Outcome::ClientAbort => {
                self.core().failed_keys.note(cell, error)
            }
            _ => false,
        };
        let nanos = nanos(elapsed);
        self.end(|slot, apdex_nanos| match outcome {
            Outcome::ClientAbort => slot.record_client_abort(),
            Outcome::Success | Outcome::Error | Outcome::ClientError => slot.record(count::Outcome {
                error,
                repeat,
                client_error: outcome == Outcome::ClientError,
                nanos: Some(nanos),
                apdex_nanos,
            }),
        });
        if error {
            self.core().error_seen();
        }
    }

    /// Adds a value of a custom metric to this assignment's version.
    ///
    /// # Errors
    /// [`MetricRefused`] says what is wrong with the name or the value.
    pub fn record_custom_metric(&self, name: &str, value: f64) -> Result<(), MetricRefused> {
        let (core, at) = (self.core(), (self.log, self.epoch, self.variant));
        local::with(core, |local: &mut Local| local.add_metric(core, at, name, value))
    }

    #[inline]
    fn core(&self) -> &Arc<Core> {
        match &self.core {
            Held::Borrowed(core) => core,
            Held::Owned(core) => core,
        }
    }

    #[inline]
    fn end(&mut self, count: impl Fn(&count::Slot, u64)) {
        self.open = false;
        let (core, at) = (self.core(), (self.log, self.epoch, self.variant));
        local::with(core, |local: &mut Local| {
            let apdex_nanos = local.view.apdex_nanos;
            local.slot_of(core, at, |slot| count(slot, apdex_nanos));
        });
        if let Some(place) = self.place {
            core.in_flight.leave(place);
        }
    }
}

impl Drop for Assignment<'_> {
    fn drop(&mut self) {
        if self.open {
            self.end(|slot, _| slot.record_abandoned());
        }
    }
}

/// Whole nanoseconds; 584 years are the most.
#[inline]
pub(crate) fn nanos(elapsed: Duration) -> u64 {
    // 584 years fit; one comparison is cheaper than an addition and a multiplication that saturate.
    match elapsed.as_secs() {
        secs @ 0..18_446_744_073 => secs * 1_000_000_000 + u64::from(elapsed.subsec_nanos()),
        _ => u64::MAX,
    }
}
