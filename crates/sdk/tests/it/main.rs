//! The SDK against a real server: counts that survive its death, splits that outlive it.

#![allow(clippy::unwrap_used)] // Helpers of a test may fail it.

mod e2e;
mod embedded;
mod keys;
mod regions;
mod release;
mod stress;
mod support;
