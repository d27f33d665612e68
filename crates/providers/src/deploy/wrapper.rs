//! Starting the small process that stands between the server and what it orders, and goes on without the server.
//!
//! The wrapper is this same binary with a hidden subcommand. It leaves the server's session, so neither the end of the
//! server nor a key on its terminal reaches it, and claims its order's folder before it does anything. Here is only how
//! it is started.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::folder::{CLAIM, COMPLAINTS};
use super::program::Program;

/// How long a wrapper may take to claim its order, on the busiest machine.
const CLAIM_TIME_MAX: Duration = Duration::from_secs(30);
/// Pause between two looks whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// So much of a wrapper's complaint is repeated, bytes.
const COMPLAINT_BYTES_MAX: usize = 2 << 10;

/// The program that runs as a wrapper; the order's folder is appended as its last argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapper {
    /// The program.
    pub program: PathBuf,
    /// Arguments before the folder.
    pub args: Vec<String>,
}

impl Wrapper {
    /// This very program with a subcommand, also after its file was replaced by a newer one.
    pub fn own(subcommand: &str) -> Wrapper {
        Wrapper { program: "/proc/self/exe".into(), args: vec![subcommand.to_owned()] }
    }

    fn spawn(&self, dir: &Path, program: &Program) -> io::Result<Child> {
        let complaints =
            OpenOptions::new().create(true).append(true).mode(0o600).open(dir.join(COMPLAINTS))?;
        let mut command = Command::new(&self.program);
        command.arg0("fw").args(&self.args).arg(dir).current_dir("/");
        command.env_clear().envs(program.inherited());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(complaints).spawn()
    }

    /// Starts a wrapper for a folder and waits until somebody has claimed it.
    ///
    /// # Errors
    /// When the wrapper could not be started or ended without a claim, with what it said. The order is not begun then.
    pub(super) fn start(&self, dir: &Path, program: &Program) -> io::Result<()> {
        let mut child = self.spawn(dir, program).map_err(|e| {
            io::Error::new(e.kind(), format!("{} can't be started: {e}", self.program.display()))
        })?;
        let claim = dir.join(CLAIM);
        let begun = Instant::now();
        loop {
            let ended = child.try_wait()?;
            // Looked at after the end: a claim made just before it counts.
            if claim.exists() {
                if ended.is_none() {
                    reap_later(child);
                }
                return Ok(());
            }
            if let Some(status) = ended {
                return Err(io::Error::other(format!("its wrapper ended ({status}): {}", complaint(dir))));
            }
            if begun.elapsed() > CLAIM_TIME_MAX {
                // Not reaped yet, so this can hit nobody else.
                child.kill()?;
                child.wait()?;
                if claim.exists() {
                    return Ok(());
                }
                let seconds = CLAIM_TIME_MAX.as_secs();
                return Err(io::Error::other(format!("its wrapper did nothing for {seconds} s")));
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// Waits for a wrapper in the background: it must not stay a zombie while this server lives.
fn reap_later(mut child: Child) {
    let reaper = thread::Builder::new().name("reaper".into()).stack_size(64 << 10);
    // Without a thread it stays a zombie, which counts as ended everywhere; nothing is lost.
    let _ = reaper.spawn(move || child.wait());
}

/// What a wrapper said before it ended, if anything.
pub(super) fn complaint(dir: &Path) -> String {
    let text = fs::read(dir.join(COMPLAINTS)).unwrap_or_default();
    let text =
        String::from_utf8_lossy(&text[text.len().saturating_sub(COMPLAINT_BYTES_MAX)..]).trim().to_owned();
    if text.is_empty() { "it said nothing".to_owned() } else { text }
}
