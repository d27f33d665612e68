//! What every data plane does, whoever assigns the requests: count in cells, follow a split, report.
//!
//! `count` holds single-writer counters and the pool that hands them from thread to thread; `follow`
//! is the other side of contract section 6: the stream of splits, cumulative reports, the dead man's switch, the
//! last split on disk; `net` opens connections; `cookie` is where a visitor's key may be. The proxy and the SDK stand
//! on it. It assigns nothing and reads no request, so an application that adds the SDK builds no proxy.

pub mod cookie;
pub mod count;
pub mod follow;
pub mod net;
mod sync;

use std::future::Future;
use std::sync::Arc;

use fw_api::Report;
use fw_model::Split;

/// One running data plane, as those see it that bring splits and take reports.
pub trait DataPlane: Send + Sync {
    /// Moves to another split, unless an older one of the same log is offered.
    fn apply(&self, split: Split) -> Applied;

    /// Cumulative counts since start; `seq` grows with each call.
    fn report(&self) -> Report;

    /// Frees the cells of these epochs, except the one in force and any that may still grow.
    fn forget(&self, closed_epochs: &[u64]);

    /// Resolves when something deserves a report at once: a burst of errors since the last report, or
    /// a newly confirmed epoch.
    fn burst(&self) -> impl Future<Output = ()> + Send;
}

impl<P: DataPlane> DataPlane for Arc<P> {
    fn apply(&self, split: Split) -> Applied {
        P::apply(self, split)
    }

    fn report(&self) -> Report {
        P::report(self)
    }

    fn forget(&self, closed_epochs: &[u64]) {
        P::forget(self, closed_epochs);
    }

    fn burst(&self) -> impl Future<Output = ()> + Send {
        P::burst(self)
    }
}

/// What became of a split handed to a data plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// Taken: requests are assigned under it from now on.
    Taken,
    /// The same split was in force already.
    Unchanged,
    /// Older than the one in force, of the same log: ignored.
    Older,
    /// Taken, though it comes from another log; worth a warning, which was logged.
    OtherLog,
    /// Not taken: something in it can't be used. The text says what and why.
    Refused(String),
}
