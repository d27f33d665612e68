//! Tests with a real server; they run one at a time.

mod layer;
mod server;
