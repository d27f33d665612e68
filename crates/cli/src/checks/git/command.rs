//! Asking git: one command that reads, with an end in sight, without questions to a person and without locks.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Longest time for an answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);
/// Most of an answer that is read, bytes. A working tree with more changes than that is not clean, whatever they are.
const ANSWER_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Most of a complaint that is read, bytes.
const COMPLAINT_BYTES_MAX: u64 = 4 * 1024;
/// Between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(5);

/// Why git gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum GitError {
    /// There is no git.
    #[error("git is not there to ask about the checkout")]
    Absent,
    /// The folder is in no checkout.
    #[error("the config is in no git checkout")]
    NoCheckout,
    /// It took too long and was ended.
    #[error("git gave no answer within {} s", ANSWER_TIME_MAX.as_secs())]
    TooLong,
    /// It ended with an error.
    #[error("git {what} failed: {said}")]
    Refused {
        /// The command.
        what: String,
        /// What it said, its first line; may be empty.
        said: String,
    },
    /// It could not be run.
    #[error("git can't be run: {0}")]
    Io(#[source] io::Error),
}

/// What git prints for these arguments in a folder.
pub(super) fn git(folder: &Path, arguments: &[&str]) -> Result<String, GitError> {
    let mut command = Command::new("git");
    // A checkout's own settings may name programs to run; none of them is needed to read.
    command.args(["-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "--no-pager"]);
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    // Inside a hook these name another checkout than the folder's.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_EXTERNAL_DIFF"] {
        command.env_remove(name);
    }
    let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => GitError::Absent,
        _ => GitError::Io(e),
    })?;
    let answer = reader(child.stdout.take(), ANSWER_BYTES_MAX);
    let complaint = reader(child.stderr.take(), COMPLAINT_BYTES_MAX);
    let status = wait(&mut child)?;
    let (answer, complaint) = (answer.join().unwrap_or_default(), complaint.join().unwrap_or_default());
    if status {
        return Ok(answer);
    }
    if complaint.contains("not a git repository") {
        return Err(GitError::NoCheckout);
    }
    let said = complaint.lines().next().unwrap_or_default().to_owned();
    Err(GitError::Refused { what: arguments.first().copied().unwrap_or_default().to_owned(), said })
}

/// Whether it ended well; ended by us when it takes too long.
fn wait(child: &mut Child) -> Result<bool, GitError> {
    let until = Instant::now() + ANSWER_TIME_MAX;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.success()),
            Ok(None) if Instant::now() < until => thread::sleep(PAUSE),
            other => {
                // It may have ended in this moment; then there is nothing to end.
                let _ = child.kill();
                let _ = child.wait();
                return Err(other.err().map_or(GitError::TooLong, GitError::Io));
            }
        }
    }
}

/// Reads a stream to its end beside us, so that a full pipe holds nobody up; keeps only so much of it.
fn reader(stream: Option<impl Read + Send + 'static>, bytes_max: u64) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let Some(mut stream) = stream else { return String::new() };
        let mut bytes = vec![];
        // What can't be read any more is not there.
        let _ = stream.by_ref().take(bytes_max).read_to_end(&mut bytes);
        let _ = io::copy(&mut stream, &mut io::sink());
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
