//! A release as one call, for programs that run the server in their own process: asked for, and awaited to its end.

use fw_engine::release::{Overall, Release};

use super::{ReleaseError, ReleaseRequest, Releases};

/// Executes one release.
pub struct Orchestrator {
    releases: Releases,
    request: ReleaseRequest,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ReleaseResult {
    /// `success`, `failed`, `partial`, `rolled-back` or `cancelled`.
    pub overall_status: &'static str,
    /// Everything that is known of it.
    pub release: Release,
}

impl Orchestrator {
    /// For a server's releases; nothing is begun yet.
    pub fn new(releases: Releases, request: ReleaseRequest) -> Orchestrator {
        Orchestrator { releases, request }
    }

    /// Begins the release and waits for its end. Dropping the future stops the waiting, not the release.
    ///
    /// # Errors
    /// As [`Releases::start`].
    pub async fn execute(&self) -> Result<ReleaseResult, ReleaseError> {
        let mut changes = self.releases.changes();
        let begun = self.releases.start(self.request.clone()).await?;
        loop {
            changes.mark_unchanged();
            let release = self.releases.release(&begun.id.to_string())?;
            if let Some(overall) = release.overall {
                return Ok(ReleaseResult { overall_status: Overall::as_str(overall), release });
            }
            if changes.changed().await.is_err() {
                return Err(ReleaseError::Internal("the server has ended".into()));
            }
        }
    }
}
