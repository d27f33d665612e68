//! What travels between processes: wire types, problem codes, server-sent events.
//!
//! The server, the CLI, data planes and the dashboard agree on these shapes; OpenAPI is generated
//! from them. Nothing here decides anything; conversions from and to `model` check every range, so
//! what came in from outside is sound once it is a model value.

pub mod events;
pub mod problem;
pub mod status;
pub mod wire;

pub use events::{EventBody, StreamEvent};
pub use problem::{Code, Problem};
pub use status::Status;
pub use wire::{Report, ReportAnswer, SplitMessage, WireError};
