//! Ending on a signal: gently at the first, at once at the second.

use std::future::Future;
use std::io;

use tokio::signal::unix::{SignalKind, signal};

use crate::output::say;

/// Exit code of a process that was told twice: 128 + SIGINT, as shells have it.
const TOLD_TWICE: i32 = 130;

/// Resolves at the first SIGINT or SIGTERM; the second ends the process.
///
/// # Errors
/// The handlers can't be installed.
pub(crate) fn on_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        say("stopping; once more ends it at once");
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            std::process::exit(TOLD_TWICE);
        });
    })
}
