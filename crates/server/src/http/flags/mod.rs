//! Feature flags as this server holds them: what is evaluated, what was handed out, and what experiments show.
//!
//! Evaluating over the wire is `ofrep`; this is what stands behind it, and `GET /api/v1/flags`.

mod board;
mod read;

pub(super) use board::{Entry, Who};
pub use board::{FlagBoard, ServedFlag};
pub(super) use read::{list, one};
