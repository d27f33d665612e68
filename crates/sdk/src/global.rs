//! The one rollout of a process: installed once, then had from anywhere.

use std::sync::OnceLock;

use crate::rollout::Rollout;

static INSTALLED: OnceLock<Rollout> = OnceLock::new();

/// A rollout is installed already; it stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rollout is installed in this process already; keep handles of your own where there are several")]
pub struct InstalledAlready;

/// Makes a rollout the process's own.
///
/// # Errors
/// [`InstalledAlready`] the second time; the first one stays.
pub fn install(rollout: Rollout) -> Result<&'static Rollout, InstalledAlready> {
    INSTALLED.set(rollout).map_err(|_| InstalledAlready)?;
    get().ok_or(InstalledAlready)
}

/// The process's rollout; none before [`install`].
pub fn get() -> Option<&'static Rollout> {
    INSTALLED.get()
}
