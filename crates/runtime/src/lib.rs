//! The shell around the engine: append, step, commit, perform; timers, config, merging of observations.
//!
//! Used by the server and by embedded schedulers. There is no HTTP here. `core` owns the rollouts,
//! `handle` is the way to it, `view` turns state into what people see, `config` reads files.

mod clock;
pub mod config;
mod core;
mod handle;
mod refusal;
pub mod view;
pub mod windows;

pub use clock::{Clock, SystemClock};
pub use core::{BootError, Command, Idempotency, ServiceDef, StartRequest};
pub use handle::{Handle, PAGE_MAX, RunEvent, RunView, ServiceView, Views};
pub use refusal::Refusal;
