//! The shell around the engine: append, step, commit, perform; timers, config, merging of observations.
//!
//! Used by the server and by embedded schedulers. There is no HTTP here.

pub mod config;
