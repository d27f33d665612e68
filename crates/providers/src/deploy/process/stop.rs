//! Stopping instances in order, and being sure that they are gone.
//!
//! The keeper is asked by a file, so no signal is needed and asking twice is harmless. What has no keeper any more is
//! ended by this
//! process itself: by identity, and by the mark on everything an instance started.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::Told;
use super::place::{self, KeepEnd, Now};
use crate::deploy::folder::{self, EXIT};
use crate::deploy::order::OrderError;
use crate::deploy::os::{self, Identity, Sig};
use crate::deploy::program::MARK;
use crate::deploy::tend::kill_marked;

/// So much longer than its grace a keeper may take before it is killed itself.
const KEEPER_TIME_MAX: Duration = Duration::from_secs(20);
/// How long a killed process may take to vanish.
const VANISH_TIME_MAX: Duration = Duration::from_secs(30);
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Why a version is not stopped.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// The order can't be understood.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// Something does not end, even by SIGKILL.
    #[error("{url} can't be stopped: pid {pid} does not end")]
    StillThere {
        /// The instance.
        url: String,
        /// The process.
        pid: u32,
    },
    /// The system refused something; trying again is harmless.
    #[error("{url} can't be stopped: {source}")]
    System {
        /// The instance.
        url: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Stops all of these, at once; instances are URLs with their folders.
pub(super) async fn all(
    instances: Vec<(String, PathBuf)>,
    grace: Duration,
    told: &Told,
) -> Result<(), StopError> {
    let mut stops = JoinSet::new();
    for (url, dir) in instances {
        let told = Arc::clone(told);
        stops.spawn(async move {
            one(&url, &dir, grace).await?;
            told(&format!("{url} is stopped\n"));
            Ok(())
        });
    }
    let mut result = Ok(());
    // All of them are stopped, whatever one of them says.
    while let Some(one) = stops.join_next().await {
        match one {
            Ok(one) => result = result.and(one),
            Err(e) => std::panic::resume_unwind(e.into_panic()),
        }
    }
    result
}

async fn one(url: &str, dir: &Path, grace: Duration) -> Result<(), StopError> {
    let failed = |source| StopError::System { url: url.to_owned(), source };
    loop {
        match place::now(dir).map_err(failed)? {
            Now::Over => return swept(url, dir).await,
            Now::Unclaimed(life) => folder::ask_to_stop(&life).map_err(failed)?,
            Now::Kept { life, keeper, .. } => {
                folder::ask_to_stop(&life).map_err(failed)?;
                if !is_gone(&keeper, grace + KEEPER_TIME_MAX).await {
                    os::signal(&keeper, Sig::Kill).map_err(failed)?;
                    vanished(url, &keeper).await?;
                }
            }
            Now::Orphaned { life, process } => {
                folder::ask_to_stop(&life).map_err(failed)?;
                if let Some(process) = process {
                    os::signal(&process, Sig::Term).map_err(failed)?;
                    if !is_gone(&process, grace).await {
                        os::signal(&process, Sig::Kill).map_err(failed)?;
                        vanished(url, &process).await?;
                    }
                }
                swept(url, dir).await?;
                let end =
                    KeepEnd { ended_ms: folder::now_ms(), last_end: Some("its keeper was killed".into()) };
                folder::create(&life.join(EXIT), &end).map_err(failed)?;
            }
        }
    }
}

async fn is_gone(who: &Identity, at_most: Duration) -> bool {
    let end = Instant::now() + at_most;
    loop {
        if !who.is_alive() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn vanished(url: &str, who: &Identity) -> Result<(), StopError> {
    if is_gone(who, VANISH_TIME_MAX).await {
        return Ok(());
    }
    Err(StopError::StillThere { url: url.to_owned(), pid: who.pid })
}

/// Ends what got away from its keeper.
async fn swept(url: &str, dir: &Path) -> Result<(), StopError> {
    for who in os::marked(MARK, dir) {
        kill_marked(dir);
        vanished(url, &who).await?;
    }
    Ok(())
}
