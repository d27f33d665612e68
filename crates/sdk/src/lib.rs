//! Progressive delivery inside a Rust application: which version serves this request, and what came of it.
//!
//! The application holds both code paths; a rollout decides who gets the new one, and goes back by
//! itself when it is worse. Asking and recording cost nanoseconds: no lock, no allocation, no system call. A
//! thread of the SDK's own follows the split and reports what was counted; losing the server stops nothing.
//!
//! ```no_run
//! use std::time::Instant;
//!
//! # fn new_checkout() -> Result<(), ()> { Ok(()) }
//! # fn old_checkout() {}
//! let rollout = fw_sdk::Rollout::connect("http://127.0.0.1:3002", "checkout")?;
//! if rollout.should_serve() {
//!     let began = Instant::now();
//!     let done = new_checkout();
//!     rollout.record_request(done.is_ok(), began.elapsed());
//! } else {
//!     old_checkout();
//! }
//! # Ok::<(), fw_sdk::ConnectError>(())
//! ```
//!
//! Better, where there is something to know a user by: [`Rollout::assign`] counts both versions, so that
//! the new one is compared with the old and not only with fixed limits. The same key gets the same
//! version here, from the proxy and from OpenFeature.
//!
//! Start at `rollout` for what is asked, `local` for how a thread counts, `core` for what is reported.

mod assignment;
mod builder;
mod core;
#[cfg(feature = "embedded")]
mod embedded;
mod global;
mod in_flight;
#[cfg(feature = "tower")]
mod layer;
mod local;
mod metrics;
mod remote;
mod rollout;
#[cfg(test)]
mod tests;
mod view;

pub use assignment::{Assignment, Outcome};
pub use builder::{Builder, ConnectError};
#[cfg(feature = "embedded")]
pub use embedded::{Scheduler, SchedulerError};
pub use fw_model::Variant;
#[cfg(feature = "embedded")]
pub use fw_runtime::Command;
pub use global::{InstalledAlready, get, install};
#[cfg(feature = "tower")]
pub use layer::{Assign, AssignLayer, Assigned, Recorded};
pub use metrics::MetricRefused;
pub use rollout::{CurrentPhase, NotFlushed, Rollout};
