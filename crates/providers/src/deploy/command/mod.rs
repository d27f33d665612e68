//! A command that runs at most once, whatever happens to the server: a folder for each order.
//!
//! The server writes what to run (`spec.json`) and starts a wrapper. The wrapper claims the order (`claim.json`, which only
//! one process can make) before it runs the command, and writes its end (`exit.json`). So the files tell, at any time and to any
//! server, which of four things is true: not begun (starting a wrapper is harmless), running, ended, or claimed by
//! somebody who is gone without an end. That last one is unknown, and nothing here ever runs it again.
//!
//! What was begun is not remembered anywhere else. Whether an order is to be given at all is the caller's question.

mod run;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::folder::{self, CLAIM, Claim, EXIT, SPEC};
use super::log;
use super::program::{Program, ProgramError};
use super::wrapper::Wrapper;

pub use run::{RunError, run};

/// Longest time a command may run.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 3600);

/// What is ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandSpec {
    /// What runs.
    #[serde(flatten)]
    pub program: Program,
    /// Longest time it may run, milliseconds; at most [`TIMEOUT_MAX`].
    pub timeout_ms: u64,
    /// Time between SIGTERM and SIGKILL when it must end, milliseconds.
    pub grace_ms: u64,
}

/// How an order ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "camelCase")]
pub enum How {
    /// It ended by itself; 0 is success.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// A signal ended it that was not ours.
    Killed {
        /// The signal's number.
        signal: i32,
    },
    /// Its time was over, and it was ended.
    TimedOut,
    /// Somebody cancelled it, before or while it ran.
    Cancelled,
    /// It could not be started: nothing ran.
    NotStarted {
        /// What the system said.
        why: String,
    },
}

/// The end of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// How.
    #[serde(flatten)]
    pub how: How,
    /// When it was claimed, milliseconds since 1970.
    pub began_ms: u64,
    /// When it had ended, milliseconds since 1970.
    pub ended_ms: u64,
}

impl Ended {
    /// Whether it did what it should: ended by itself with 0.
    pub fn is_success(&self) -> bool {
        self.how == How::Exited { code: 0 }
    }
}

/// What is true of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// Nothing has run. [`begin`] is harmless.
    NotBegun,
    /// It runs.
    Running {
        /// Since when, milliseconds since 1970.
        since_ms: u64,
    },
    /// It has ended.
    Ended(Ended),
    /// It was begun, and nobody knows how it ended. It may have done all, some or nothing.
    Unknown {
        /// What is known.
        why: String,
    },
}

/// Why an order could not be begun. Nothing has run.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The command can't be run as it is written.
    #[error("the command can't be run: {0}")]
    Program(#[from] ProgramError),
    /// The folder holds another order.
    #[error("{} holds another command already: an order has its own folder", .0.display())]
    Different(PathBuf),
    /// The folder or the wrapper failed; trying again is harmless.
    #[error("the command in {} could not be begun: {source}", dir.display())]
    System {
        /// The order's folder.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Begins an order, unless it was begun already. Returns when a wrapper has claimed it.
///
/// Doing it twice, also at once and also from two servers, runs the command once at most. A second call with another
/// command is refused.
///
/// # Errors
/// All of [`BeginError`].
pub async fn begin(dir: &Path, spec: &CommandSpec, wrapper: &Wrapper) -> Result<(), BeginError> {
    let (dir, spec, wrapper) = (dir.to_owned(), spec.clone(), wrapper.clone());
    let work = move || begin_now(&dir, &spec, &wrapper);
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => std::panic::resume_unwind(e.into_panic()),
    }
}

fn begin_now(dir: &Path, spec: &CommandSpec, wrapper: &Wrapper) -> Result<(), BeginError> {
    let failed = |source| BeginError::System { dir: dir.to_owned(), source };
    let path = dir.join(SPEC);
    // What is there first: an order that was begun stays begun, even when its command could not be begun today.
    let mut found: Option<CommandSpec> = folder::read(&path).map_err(failed)?;
    if found.is_none() {
        spec.program.check()?;
        if Duration::from_millis(spec.timeout_ms) > TIMEOUT_MAX {
            let text = format!("a timeout of {} ms; at most 24 hours are allowed", spec.timeout_ms);
            return Err(ProgramError::Unfit(text).into());
        }
        folder::make(dir).map_err(failed)?;
        if !folder::create(&path, spec).map_err(failed)? {
            found = folder::read(&path).map_err(failed)?;
        }
    }
    if found.is_some_and(|found| found != *spec) {
        return Err(BeginError::Different(dir.to_owned()));
    }
    if dir.join(CLAIM).exists() {
        return Ok(());
    }
    spec.program.check()?;
    wrapper.start(dir, &spec.program).map_err(failed)
}

/// Says what is true of an order.
///
/// # Errors
/// When its folder can't be read, or holds something else.
pub fn look(dir: &Path) -> io::Result<Look> {
    let ended = || folder::read::<Ended>(&dir.join(EXIT)).map(|ended| ended.map(Look::Ended));
    if let Some(ended) = ended()? {
        return Ok(ended);
    }
    let Some(claim) = folder::read::<Claim>(&dir.join(CLAIM))? else { return Ok(Look::NotBegun) };
    if claim.by.is_alive() {
        return Ok(Look::Running { since_ms: claim.at_ms });
    }
    // It may have written its end between the two looks.
    if let Some(ended) = ended()? {
        return Ok(ended);
    }
    let why = match super::os::Identity::own() {
        Ok(own) if own.boot_id != claim.by.boot_id => "the machine was restarted while it ran".to_owned(),
        _ => format!("its wrapper (pid {}) was killed while it ran", claim.by.pid),
    };
    Ok(Look::Unknown { why })
}

/// Looks again and again until it no longer runs; each new piece of its output goes to `told`.
///
/// An order that is not begun is the answer at once. Dropping the future changes nothing for the command.
///
/// # Errors
/// As [`look`].
pub async fn wait(dir: &Path, poll: Duration, told: &(dyn Fn(&str) + Send + Sync)) -> io::Result<Look> {
    let mut reader = log::Follower::new(dir);
    loop {
        // Looked at before the log is read: so all it wrote before its end is told.
        let now = look(dir)?;
        reader.tell(told)?;
        if !matches!(now, Look::Running { .. }) {
            return Ok(now);
        }
        tokio::time::sleep(poll).await;
    }
}

/// The last bytes of its output as text.
///
/// # Errors
/// What the system said.
pub fn tail(dir: &Path, bytes: u64) -> io::Result<String> {
    log::tail(dir, bytes)
}

/// Asks for its end: SIGTERM to its group, then SIGKILL. One that is not begun will not run any more. Doing it twice is harmless.
///
/// # Errors
/// When the request can't be written.
pub fn cancel(dir: &Path) -> io::Result<()> {
    folder::make(dir)?;
    folder::ask_to_stop(dir)
}
