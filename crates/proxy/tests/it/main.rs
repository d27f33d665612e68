//! The proxy as its clients and upstreams see it: real sockets on loopback, everything in one process.

mod bodies;
mod counting;
mod epochs;
mod failures;
mod framing;
mod limits;
mod protocols;
mod remote;
mod splitting;
mod support;
mod upgrade;
