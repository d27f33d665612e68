//! The product from outside: the real `fw`, real upstreams, real sockets.
//!
//! Each test starts what it needs on free ports in a folder of its own, and everything ends with
//! it. Timing is never asserted tighter than what the contract promises to users.

#![allow(clippy::unwrap_used)] // Helpers of a test may fail it.

mod fleet;
mod heavy_clusters;
mod heavy_crash;
mod heavy_dashboard;
mod heavy_experiments;
mod heavy_flags;
mod heavy_keys;
mod heavy_notify;
mod heavy_observability;
mod heavy_release;
mod heavy_release_crash;
mod heavy_reports;
mod heavy_rollback;
mod heavy_shares;
mod heavy_steer;
mod heavy_waves;
mod packages;
mod shop;
mod upstream;
mod world;
