//! A seeded world for tests: things that behave like the outside, the same way every time.
//!
//! So far a data plane that serves made-up traffic and reports it as a real one would. The virtual
//! clock is tokio's paused time; the crashing store is `fw_store::MemoryLog::reopen`.

mod plane;

pub use plane::{DataPlane, Traffic};
