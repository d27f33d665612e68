//! The thread that follows a server: splits in, reports out, ages ticking, the last split on disk.
//!
//! It has an event loop of its own, so that a synchronous application needs none and a busy one does not
//! delay it. It never touches the threads that serve.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use fw_plane::DataPlane;
use fw_plane::follow::{Control, Follower, Pace, state};
use tokio::sync::watch;

use crate::core::Core;
use crate::in_flight::TICK;

/// How long the last report may take when nobody waits for it.
pub(crate) const LAST_REPORT: Duration = Duration::from_secs(2);

/// The way to a background thread: to stop it, and to hear whether its last report was taken.
#[derive(Debug)]
pub(crate) struct Background {
    stop: watch::Sender<Duration>,
    done: Option<mpsc::Receiver<bool>>,
    flushed: bool,
}

impl Background {
    pub(crate) fn new(stop: watch::Sender<Duration>, done: mpsc::Receiver<bool>) -> Background {
        Background { stop, done: Some(done), flushed: false }
    }

    /// Stops it, waits for at most `within`; whether the last report was taken.
    pub(crate) fn stop(&mut self, within: Duration) -> bool {
        if let Some(done) = self.done.take() {
            self.stop.send_replace(within);
            self.flushed = done.recv_timeout(within).unwrap_or(false);
        }
        self.flushed
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // The thread reports once more by itself; dropping the sender would tell it too.
        self.stop.send_replace(LAST_REPORT);
    }
}

/// How long the last report may take, once somebody asks to stop.
pub(crate) async fn stopped(mut stop: watch::Receiver<Duration>) -> Duration {
    match stop.changed().await {
        Ok(()) => *stop.borrow(),
        Err(_) => LAST_REPORT,
    }
}

/// Ticks the ages for ever.
pub(crate) async fn tick(core: &Core) {
    loop {
        core.in_flight.tick(Instant::now());
        tokio::time::sleep(TICK).await;
    }
}

/// Starts the thread. A split that was kept is in force when this returns.
///
/// # Errors
/// What the system said.
pub(crate) fn start(
    core: Arc<Core>,
    control: Control,
    state_dir: Option<PathBuf>,
    pace: Pace,
) -> io::Result<Background> {
    let file = state_dir.map(|dir| state::file(&dir, control.key()));
    let kept = file.as_deref().and_then(|file| state::kept(file, control.key()));
    if let Some(split) = &kept {
        core.apply(split.clone());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (stop, stopping) = watch::channel(LAST_REPORT);
    let (told, done) = mpsc::sync_channel(1);
    let name = format!("fw-sdk-{}", core.id);
    std::thread::Builder::new().name(name).spawn(move || {
        let flushed = runtime.block_on(async {
            let follower = Follower::new(Arc::clone(&core), control, file, pace, kept);
            let within = tokio::select! {
                () = follower.run() => LAST_REPORT,
                () = tick(&core) => LAST_REPORT,
                within = stopped(stopping) => within,
            };
            tokio::time::timeout(within, follower.report_once()).await.unwrap_or(false)
        });
        if !flushed {
            tracing::warn!("the last report was not taken; what was counted since the one before is lost");
        }
        // Nobody may be waiting; then nobody minds.
        let _ = told.send(flushed);
    })?;
    Ok(Background::new(stop, done))
}
