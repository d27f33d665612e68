//! Desired state to real things: a split made real on one kind of router each, a version put on machines, an event told
//! to a receiver.
//!
//! Each provider is a pure `render` (what the router or receiver should be told, as a value) and a thin `apply`.
//! What decides is in the engine, never here.

pub mod ask;
pub mod deploy;
pub mod notify;
pub mod traffic;
