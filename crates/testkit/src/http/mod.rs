//! HTTP/1.1 for tests: one request at a time, load in the background, event streams.

pub(crate) mod client;
pub(crate) mod load;
pub(crate) mod sse;
