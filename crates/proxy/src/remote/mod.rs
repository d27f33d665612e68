//! A data-plane-only proxy: `fw proxy --control URL`.
//!
//! It follows the split of a control plane elsewhere and reports what it counted. Losing the
//! control plane stops nothing: the last split stays in force, also over a restart (from the state file).
//! Without a state file it does not listen before it has its first split.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use fw_model::{Region, ServiceKey, ServiceName, Split};
use fw_plane::follow::{Backoff, Control, ControlError, ControlSettings, Follower, Pace, state, with_causes};

use crate::proxy::{Drained, Proxy, StartError};
use crate::settings::ProxySettings;

/// How long requests in flight may take at the end.
const GRACE: Duration = Duration::from_secs(30);
/// How long the last report may take.
const LAST_REPORT: Duration = Duration::from_secs(2);

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

/// Runs until `shutdown` resolves, then drains and sends a last report.
///
/// # Errors
/// [`RemoteError`] when it can't begin; a control plane that can't be reached is no error.
pub async fn run(
    mut proxy: ProxySettings,
    remote: RemoteSettings,
    shutdown: impl Future<Output = ()>,
) -> Result<Drained, RemoteError> {
    let mut shutdown = pin!(shutdown);
    let control = Control::new(&ControlSettings {
        url: remote.control.clone(),
        key: ServiceKey { service: remote.service.clone(), region: remote.region.clone() },
        token: remote.token.clone(),
    })
    .map_err(|e| RemoteError::Setting(e.to_string()))?;
    proxy.region = proxy.region.or_else(|| remote.region.clone());
    let state_file = remote.state_dir.as_deref().map(|dir| state::file(dir, control.key()));
    let kept = state_file.as_deref().and_then(|file| state::kept(file, control.key()));
    let (split, fresh) = match kept {
        Some(split) => (split, false),
        None => tokio::select! {
            split = first_split(&control) => (split, true),
            () = &mut shutdown => return Ok(Drained::default()),
        },
    };
    let started = Proxy::start(proxy, split.clone()).await?;
    tracing::info!(address = %started.local_addr(), epoch = split.epoch.0, "proxy listening");
    let follower = Follower::new(started, control, state_file, Pace::default(), Some(split.clone()));
    if fresh {
        follower.save(split).await;
    }
    tokio::select! {
        () = follower.run() => {}
        () = &mut shutdown => {}
    }
    let drained = follower.plane().shutdown(GRACE).await;
    if !tokio::time::timeout(LAST_REPORT, follower.report_once()).await.unwrap_or(false) {
        tracing::warn!("the last report was not taken; up to a second of counts is lost");
    }
    Ok(drained)
}

/// Asks until there is a split.
async fn first_split(control: &Control) -> Split {
    let mut backoff = Backoff::default();
    let mut complaint = None;
    loop {
        match ask(control).await {
            Ok(split) => return split,
            Err(error) => {
                let text = with_causes(&error);
                if complaint.as_ref() != Some(&text) {
                    tracing::warn!(error = %text, "no split yet; not listening before there is one");
                    complaint = Some(text);
                }
            }
        }
        tokio::time::sleep(backoff.wait()).await;
    }
}

async fn ask(control: &Control) -> Result<Split, ControlError> {
    let mut splits = control.splits().await?;
    loop {
        if let Some(split) = splits.next().await?.pop() {
            return Ok(split);
        }
    }
}
