//! What the wrapper does: claim, run, write down the end. It runs in a process of its own, without the server.
//!
//! The claim is on the disk before the command starts, the end is on the disk before the wrapper is gone. A wrapper that
//! is killed in between leaves a claim without an end, and that is what "unknown" means.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use super::{CommandSpec, Ended, How};
use crate::deploy::folder::{self, EXIT, SPEC};
use crate::deploy::os;
use crate::deploy::tend::{Cause, Output, Stopper, Tended, Terms, tend};

/// How often the end is written when the disk refuses, a second apart.
const EXIT_TRIES_MAX: u32 = 60;

/// Why a wrapper could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The folder holds no order.
    #[error("{0} holds no order")]
    NoOrder(String),
    /// The system refused something.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

pub(crate) fn failed(what: &'static str) -> impl FnOnce(io::Error) -> RunError {
    move |source| RunError::System { what, source }
}

/// Runs the order of a folder, unless another process has claimed it: the body of the hidden subcommand.
///
/// # Errors
/// [`RunError`]; before the claim nothing has run.
pub fn run(dir: &Path) -> Result<(), RunError> {
    let spec: CommandSpec = folder::read(&dir.join(SPEC))
        .map_err(failed("the order can't be read"))?
        .ok_or_else(|| RunError::NoOrder(dir.display().to_string()))?;
    os::own_session().map_err(failed("the session can't be left"))?;
    if !folder::claim(dir).map_err(failed("the order can't be claimed"))? {
        return Ok(());
    }
    let began_ms = folder::now_ms();
    let how = run_claimed(dir, &spec);
    let ended = Ended { how, began_ms, ended_ms: folder::now_ms() };
    let mut tries = 0;
    loop {
        tries += 1;
        match folder::write(&dir.join(EXIT), &ended) {
            Ok(()) => return Ok(()),
            Err(e) if tries >= EXIT_TRIES_MAX => return Err(failed("the end can't be written")(e)),
            Err(_) => thread::sleep(Duration::from_secs(1)),
        }
    }
}

fn run_claimed(dir: &Path, spec: &CommandSpec) -> How {
    let not_started = |e: io::Error| How::NotStarted { why: e.to_string() };
    let ready = Stopper::listen(dir).and_then(|stopper| Ok((stopper, Output::open(dir, false)?)));
    let (stopper, mut output) = match ready {
        Ok(ready) => ready,
        Err(e) => return not_started(e),
    };
    if stopper.is_asked() {
        return How::Cancelled;
    }
    let mut command = spec.program.command(dir);
    let child = match output.attach(&mut command).and_then(|()| command.spawn()) {
        Ok(child) => child,
        Err(e) => return not_started(e),
    };
    let terms = Terms {
        timeout: Some(Duration::from_millis(spec.timeout_ms)),
        grace: Duration::from_millis(spec.grace_ms),
        // What a command leaves running on purpose stays.
        whole_group: false,
    };
    // The command keeps the ends it was given; ours would hold the pipe open for nothing.
    drop(command);
    match tend(&mut Tended::Own(child), &mut output, &stopper, terms) {
        Ok((Cause::TimedOut, _)) => How::TimedOut,
        Ok((Cause::Asked, _)) => How::Cancelled,
        Ok((Cause::Itself, status)) => how(status),
        // It was killed because it could not be looked after any longer.
        Err(e) => {
            output.say(&format!("the command was killed: it can't be looked after: {e}"));
            How::Killed { signal: 9 }
        }
    }
}

fn how(status: Option<ExitStatus>) -> How {
    match status.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => How::Exited { code },
        Some((None, Some(signal))) => How::Killed { signal },
        _ => How::NotStarted { why: "the system gave no exit status".into() },
    }
}
