//! Desired state to real things: a split made real on one kind of router each.
//!
//! Each provider is a pure `render` (what the router should be told, as a value) and a thin `apply`.
//! The built-in proxy is the only one so far; what decides is in the engine, never here.

pub mod traffic;
