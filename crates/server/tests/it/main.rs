//! The HTTP API over real TCP with a memory log: what clients, data planes and people may rely on.
//!
//! Every test has its own server on its own port. Nothing waits for a fixed time: conditions are
//! polled with generous deadlines.

#![allow(clippy::unwrap_used)] // Helpers of a test may fail it.

mod auth;
mod connections;
mod events;
mod experiments;
mod flags;
mod notify;
mod plain;
mod planes;
mod receiver;
mod refusals;
mod releases;
mod rollouts;
mod shapes;
mod slow;
mod status;
mod stories;
mod support;
mod values;
mod waves;
