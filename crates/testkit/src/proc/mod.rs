//! A program run by a test: its folder, its logs, its readiness, its end.
//!
//! A [`ProcSpec`] says what to run and may be spawned again and again in the same folder (a restart). A
//! [`Proc`] is one life. Standard output and error go to files, so a full pipe never blocks the
//! program; on a failure the last lines are shown. The process leads a group of its own, which is
//! killed as a whole when the `Proc` is dropped. (What a program leaves behind when it ends by itself is
//! not looked for.)

mod error;
mod spawner;

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::sys;
pub use error::ProcError;

/// How many lines of a log are shown with a failure.
pub const LOG_LINES_SHOWN: usize = 40;
/// Most bytes of a log that are read to find them.
const LOG_BYTES_MAX: u64 = 1 << 20;
/// Pause between two looks at a process.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long a killed process may take to vanish.
const KILL_DEADLINE: Duration = Duration::from_secs(30);

/// What to run. Cloning shares the folder.
#[derive(Debug, Clone)]
pub struct ProcSpec {
    name: String,
    program: OsString,
    args: Vec<OsString>,
    envs: Vec<(OsString, OsString)>,
    dir: Arc<TempDir>,
}

impl ProcSpec {
    /// A program, by path or by name on the PATH, with a fresh folder (mode 0700) to run in.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(program: impl AsRef<OsStr>) -> io::Result<ProcSpec> {
        let program = program.as_ref().to_owned();
        let name = Path::new(&program).file_name().unwrap_or(&program).to_string_lossy().into_owned();
        let dir = Arc::new(tempfile::Builder::new().prefix("fw-test-").tempdir()?);
        Ok(ProcSpec { name, program, args: Vec::new(), envs: Vec::new(), dir })
    }

    /// Calls it something else in logs and errors.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Appends an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Appends arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.envs.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Runs in the folder of another spec, for programs that share files.
    pub fn beside(mut self, other: &ProcSpec) -> Self {
        self.dir = Arc::clone(&other.dir);
        self
    }

    /// The folder it runs in; it is removed with the last clone of this spec and the last process.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Starts it. Logs of an earlier life in this folder are continued.
    ///
    /// # Errors
    /// [`ProcError::Spawn`].
    pub fn spawn(&self) -> Result<Proc, ProcError> {
        let fail = |source| ProcError::Spawn { program: self.program.to_string_lossy().into_owned(), source };
        let (stdout, stderr) = (self.log("stdout"), self.log("stderr"));
        let append = |path: &Path| OpenOptions::new().create(true).append(true).open(path);
        let mut command = Command::new(&self.program);
        command.args(&self.args).envs(self.envs.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.dir()).process_group(0).stdin(Stdio::null());
        command.stdout(append(&stdout).map_err(fail)?).stderr(append(&stderr).map_err(fail)?);
        let child = spawner::spawn(command).map_err(fail)?;
        Ok(Proc { spec: self.clone(), child, ended: None })
    }

    fn log(&self, stream: &str) -> PathBuf {
        self.dir().join(format!("{}.{stream}", self.name))
    }
}

/// One life of a program. Dropping it kills it, with all processes it started in its group; while a test
/// is failing, the end of its log is printed too.
#[derive(Debug)]
pub struct Proc {
    spec: ProcSpec,
    child: Child,
    ended: Option<ExitStatus>,
}

impl Proc {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The folder it runs in.
    pub fn dir(&self) -> &Path {
        self.spec.dir()
    }

    /// What it (and its earlier lives in this folder) wrote to standard output.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn stdout(&self) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.spec.log("stdout"))?).into_owned())
    }

    /// What it (and its earlier lives in this folder) wrote to standard error.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn stderr(&self) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.spec.log("stderr"))?).into_owned())
    }

    /// The last [`LOG_LINES_SHOWN`] lines of both streams.
    pub fn last_lines(&self) -> String {
        let streams = ["stdout", "stderr"].map(|stream| {
            let text = tail(&self.spec.log(stream)).unwrap_or_else(|e| format!("(cannot be read: {e})"));
            format!("--- {stream} of {}\n{text}", self.spec.name)
        });
        streams.join("\n")
    }

    /// Its exit status, once it has ended.
    ///
    /// # Errors
    /// [`ProcError::System`].
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, ProcError> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().map_err(|source| self.system(source))?;
        }
        Ok(self.ended)
    }

    /// Waits until `ready` says yes.
    ///
    /// # Errors
    /// [`ProcError::Exited`] as soon as the process ends, [`ProcError::Late`] after the deadline.
    pub fn ready(&mut self, deadline: Duration, mut ready: impl FnMut() -> bool) -> Result<(), ProcError> {
        let end = Instant::now() + deadline;
        loop {
            // First the exit: a port that answers may belong to someone else.
            if let Some(status) = self.ended()? {
                return Err(ProcError::Exited {
                    name: self.spec.name.clone(),
                    status,
                    log: self.last_lines(),
                });
            }
            if ready() {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(self.late(deadline));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Waits until the program accepts TCP connections at this address.
    ///
    /// # Errors
    /// As [`ready`](Proc::ready).
    pub fn listening(&mut self, at: std::net::SocketAddr, deadline: Duration) -> Result<(), ProcError> {
        self.ready(deadline, || std::net::TcpStream::connect_timeout(&at, Duration::from_secs(1)).is_ok())
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// [`ProcError::Late`], [`ProcError::System`].
    pub fn wait(&mut self, deadline: Duration) -> Result<ExitStatus, ProcError> {
        let end = Instant::now() + deadline;
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if Instant::now() >= end {
                return Err(self.late(deadline));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Sends a signal, such as `libc::SIGTERM` (15) or SIGSTOP (19), to the process and its group. Nothing
    /// happens when it has ended.
    ///
    /// # Errors
    /// [`ProcError::System`].
    pub fn signal(&mut self, signal: i32) -> Result<(), ProcError> {
        if self.ended()?.is_some() {
            return Ok(());
        }
        // Not reaped: `ended` would have seen it, and only this value can.
        sys::signal_group(self.pid(), signal).map_err(|source| self.system(source))
    }

    /// Asks it to end (SIGTERM) and waits.
    ///
    /// # Errors
    /// [`ProcError::Late`], [`ProcError::System`].
    pub fn terminate(&mut self, deadline: Duration) -> Result<ExitStatus, ProcError> {
        self.signal(libc::SIGTERM)?;
        self.wait(deadline)
    }

    /// Ends it as `kill -9` does, with its whole group, and waits until it is gone.
    ///
    /// # Errors
    /// [`ProcError::Late`], [`ProcError::System`].
    pub fn kill(&mut self) -> Result<ExitStatus, ProcError> {
        self.signal(libc::SIGKILL)?;
        self.wait(KILL_DEADLINE)
    }

    fn late(&self, deadline: Duration) -> ProcError {
        ProcError::Late { name: self.spec.name.clone(), deadline, log: self.last_lines() }
    }

    fn system(&self, source: io::Error) -> ProcError {
        ProcError::System { name: self.spec.name.clone(), source }
    }
}

impl Drop for Proc {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.last_lines());
        }
        if let Err(error) = self.kill() {
            eprintln!("{error}");
        }
    }
}

/// The last lines of a file.
fn tail(path: &Path) -> io::Result<String> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES_MAX)))?;
    let mut bytes = Vec::new();
    file.take(LOG_BYTES_MAX).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n"))
}
