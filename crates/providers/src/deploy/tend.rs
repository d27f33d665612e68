//! Looking after one running program: its output into the log, its time, its end in order or by force.
//!
//! One loop without threads: it wakes when there is output, or twenty times a second to look at the program and at what is
//! wanted of it. A program is signalled only while nobody else can have its pid: a child is not reaped before its
//! group was signalled, and one that was taken over is signalled by its identity.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use super::folder;
use super::log::Log;
use super::os::{self, Identity, Sig};
use super::program::MARK;

/// Longest pause between two looks.
const TICK: Duration = Duration::from_millis(50);
/// Most bytes taken at one look, so that a flood of output does not keep it from looking at the clock.
const DRAIN_BYTES_MAX: usize = 4 << 20;
/// Bytes read at once.
const CHUNK_BYTES: usize = 64 << 10;
/// The named pipe between a program and its log.
const PIPE: &str = "out";

/// The way of a program's output into its log.
///
/// A named pipe, because it survives the process that reads it: whoever takes over reads on.
#[derive(Debug)]
pub(super) struct Output {
    reader: File,
    writer: File,
    log: Log,
    chunk: Vec<u8>,
}

impl Output {
    /// `outlives`: the program goes on when its reader dies. It then holds the pipe open for reading too, so that a write waits
    /// for the next reader instead of failing; else a write without a reader fails, as with every pipe.
    pub(super) fn open(dir: &Path, outlives: bool) -> io::Result<Output> {
        let pipe = dir.join(PIPE);
        os::make_fifo(&pipe)?;
        let reader = os::nonblocking(&pipe)?;
        // Held here as well, so that the pipe never looks finished between two programs.
        let writer = OpenOptions::new().write(true).read(outlives).open(&pipe)?;
        Ok(Output { reader, writer, log: Log::open(dir)?, chunk: vec![0; CHUNK_BYTES] })
    }

    /// Makes both streams of a command go here.
    pub(super) fn attach(&self, command: &mut Command) -> io::Result<()> {
        command.stdin(std::process::Stdio::null());
        command.stdout(self.writer.try_clone()?).stderr(self.writer.try_clone()?);
        Ok(())
    }

    /// Waits a moment for output and takes what is there.
    pub(super) fn pump(&mut self) -> io::Result<()> {
        os::wait_readable(&self.reader, TICK)?;
        self.drain()
    }

    /// Takes what is there.
    fn drain(&mut self) -> io::Result<()> {
        let mut taken = 0;
        while taken < DRAIN_BYTES_MAX {
            match self.reader.read(&mut self.chunk) {
                Ok(0) => return Ok(()),
                Ok(bytes) => {
                    taken += bytes;
                    // A full disk must not end what is looked after: this output is lost, the rest goes on.
                    let _ = self.log.write(&self.chunk[..bytes]);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Adds a line of our own.
    pub(super) fn say(&mut self, text: &str) {
        let _ = self.log.write(format!("[fw] {text}\n").as_bytes());
    }
}

/// When a program is to end before it does so itself.
#[derive(Debug, Clone)]
pub(super) struct Stopper {
    dir: PathBuf,
    told: Arc<AtomicBool>,
}

impl Stopper {
    /// Listens for SIGTERM and SIGINT to this process from now on, and watches for the file that asks for the end.
    pub(super) fn listen(dir: &Path) -> io::Result<Stopper> {
        let told = Arc::new(AtomicBool::new(false));
        let (flag, ready) = (Arc::clone(&told), std::sync::mpsc::sync_channel(1));
        let (installed, is_installed) = ready;
        let listening = move || -> io::Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
            runtime.block_on(async {
                let mut terminate = signal(SignalKind::terminate())?;
                let mut interrupt = signal(SignalKind::interrupt())?;
                let _ = installed.send(());
                tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
                flag.store(true, Ordering::Relaxed);
                Ok(())
            })
        };
        let thread = thread::Builder::new().name("signals".into()).spawn(listening)?;
        match is_installed.recv() {
            Ok(()) => Ok(Stopper { dir: dir.to_owned(), told }),
            // The sender is gone: the thread ended with an error.
            Err(_) => Err(match thread.join() {
                Ok(Err(error)) => error,
                _ => io::Error::other("signals can't be had"),
            }),
        }
    }

    /// Whether the end is asked for.
    pub(super) fn is_asked(&self) -> bool {
        self.told.load(Ordering::Relaxed) || folder::is_asked_to_stop(&self.dir)
    }
}

/// The program that is looked after.
#[derive(Debug)]
pub(super) enum Tended {
    /// Started by this process: it leads a group.
    Own(Child),
    /// Started by an earlier keeper that is gone; the path marks what it started.
    TakenOver(Identity, PathBuf),
}

impl Tended {
    fn has_ended(&self) -> io::Result<bool> {
        match self {
            Tended::Own(child) => os::exit_waits(child),
            Tended::TakenOver(who, _) => Ok(!who.is_alive()),
        }
    }

    fn signal(&self, sig: Sig) -> io::Result<()> {
        match self {
            Tended::Own(child) => os::signal_group(child, sig),
            Tended::TakenOver(who, _) => os::signal(who, sig).map(drop),
        }
    }

    /// Takes its end, once it has ended; with `all`, what it left in its group ends too.
    fn finish(&mut self, all: bool) -> io::Result<Option<ExitStatus>> {
        match self {
            Tended::Own(child) => {
                if all {
                    os::signal_group(child, Sig::Kill)?;
                }
                child.wait().map(Some)
            }
            Tended::TakenOver(_, mark) => {
                if all {
                    kill_marked(mark);
                }
                Ok(None)
            }
        }
    }
}

/// Kills whatever carries this mark; what it can't signal is left.
pub(super) fn kill_marked(mark: &Path) {
    for who in os::marked(MARK, mark) {
        let _ = os::signal(&who, Sig::Kill);
    }
}

/// Why a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// By itself, or by somebody else's signal.
    Itself,
    /// Its time was over.
    TimedOut,
    /// The end was asked for.
    Asked,
}

/// How long it may run, and how it is ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// Longest time; none for a service.
    pub(super) timeout: Option<Duration>,
    /// Time between SIGTERM and SIGKILL.
    pub(super) grace: Duration,
    /// Whether what it leaves in its group ends with it also when it ends by itself.
    pub(super) whole_group: bool,
}

/// Looks after a program until it has ended.
///
/// # Errors
/// What the system said; the program is then killed first.
pub(super) fn tend(
    tended: &mut Tended,
    output: &mut Output,
    stopper: &Stopper,
    terms: Terms,
) -> io::Result<(Cause, Option<ExitStatus>)> {
    let result = follow(tended, output, stopper, terms);
    if result.is_err() {
        let _ = tended.signal(Sig::Kill);
        let _ = tended.finish(true);
    }
    result
}

fn follow(
    tended: &mut Tended,
    output: &mut Output,
    stopper: &Stopper,
    terms: Terms,
) -> io::Result<(Cause, Option<ExitStatus>)> {
    let begun = Instant::now();
    let mut cause = Cause::Itself;
    let mut kill_at = None;
    loop {
        output.pump()?;
        if tended.has_ended()? {
            let status = tended.finish(terms.whole_group || cause != Cause::Itself)?;
            output.drain()?;
            return Ok((cause, status));
        }
        match kill_at {
            None => {
                let late = terms.timeout.is_some_and(|most| begun.elapsed() >= most);
                if stopper.is_asked() {
                    cause = Cause::Asked;
                } else if late {
                    cause = Cause::TimedOut;
                } else {
                    continue;
                }
                tended.signal(Sig::Term)?;
                kill_at = Some(Instant::now() + terms.grace);
            }
            Some(time) if Instant::now() >= time => tended.signal(Sig::Kill)?,
            Some(_) => {}
        }
    }
}
