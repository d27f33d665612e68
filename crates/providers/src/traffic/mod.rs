//! Routers: what moves traffic.

pub mod proxy;
