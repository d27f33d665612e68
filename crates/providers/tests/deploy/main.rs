//! Deployers against real processes: killed wrappers, lost claims, ten at once, time-outs, floods of output.
//!
//! The wrapper is this test program itself, told by its arguments; so no other binary has to be built. Conditions are waited
//! for, never times.

#![allow(clippy::unwrap_used)] // Helpers of a test may fail it.
#![cfg(target_os = "linux")]

mod commands;
mod exec;
mod kills;
mod support;
