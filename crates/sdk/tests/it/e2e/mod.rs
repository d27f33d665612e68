//! Tests with a real server; they run one at a time.

mod away;
mod layer;
mod network;
mod server;
