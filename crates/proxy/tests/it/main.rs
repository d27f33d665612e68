//! The proxy as its clients and upstreams see it: real sockets on loopback, everything in one process.

// Clippy's exception for tests does not reach their helpers: a panic is how they all fail.
#![allow(clippy::unwrap_used)]

mod bodies;
mod counting;
mod epochs;
mod failures;
mod framing;
mod http1;
mod limits;
mod protocols;
mod remote;
mod splitting;
mod support;
mod upgrade;
