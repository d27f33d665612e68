//! What tests share: real processes, free ports, a proxy that misbehaves, clients that count drops.
//!
//! Rules everything here keeps: every wait has a deadline, a process that is waited for is also watched
//! for its exit, nothing outlives its test, and what is missing is said loudly. For tests only: no
//! product crate depends on this one, except as a dev-dependency.
//!
//! Start at [`Proc`] to run a program, [`Client`] and [`Load`] to send requests, [`SseFollower`] to read
//! events across restarts, [`FaultProxy`] to break connections, [`Relay`] to lose, repeat and delay
//! requests.

mod fault;
mod http;
mod port;
mod proc;
mod relay;
mod require;
mod sys;
mod wait;

pub use fault::{Fault, FaultProxy};
pub use http::client::{Answer, CLIENT_TIMEOUT, Client, Failure};
pub use http::load::{Load, LoadSpec, OPEN_QUEUE_MAX, Tally};
pub use http::sse::{SseError, SseFollower, SseFrame, SseParser, SseStream};
pub use port::{free_port, free_ports};
pub use proc::{LOG_LINES_SHOWN, Proc, ProcError, ProcSpec};
pub use relay::{Fate, Relay};
pub use require::{find_program, require};
pub use wait::{eventually, wait_until};
