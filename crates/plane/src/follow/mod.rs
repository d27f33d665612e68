//! Following a control plane: take splits, send reports, mind the dead man, keep the last split.
//!
//! [`Follower`] does it over HTTP and survives a control plane that comes and goes; [`drive`] does
//! it for a control plane in the same process.

mod backoff;
mod control;
mod follower;
mod local;
mod sse;
pub mod state;

pub use backoff::Backoff;
pub use control::{Control, ControlError, ControlSettings, SettingError, Splits};
pub use follower::{Follower, Pace};
pub use local::drive;

/// An error with everything that caused it, in one line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
