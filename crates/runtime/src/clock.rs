//! Where moments come from: the system in production, a number in tests and simulation.

use std::time::{SystemTime, UNIX_EPOCH};

use fw_model::Timestamp;

/// Gives the moment. Durations are measured by tokio's monotonic clock, so that a stepped system
/// clock never makes a phase longer or shorter.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}
