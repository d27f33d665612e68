//! Desired state to real things: a split made real on one kind of router each, an event told to one kind of receiver.
//!
//! Each provider is a pure `render` (what the router or receiver should be told, as a value) and a thin `apply`.
//! What decides is in the engine, never here.

pub mod ask;
pub mod notify;
pub mod traffic;
