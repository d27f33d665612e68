//! Making systemd's state that of the units: a file written in one step, and `systemctl` told.
//!
//! Thin: what a unit says is decided by its `render`. Every call to `systemctl` has an end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::UnitError;

/// Longest time one call may take, beyond the time that a unit has to stop.
const CALL_TIME_MAX: Duration = Duration::from_secs(60);
/// So much of what a call wrote is read, bytes.
const OUTPUT_BYTES_MAX: u64 = 32 << 10;
/// Pause between two looks at a call.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The way to systemd.
#[derive(Debug, Clone)]
pub(super) struct Host {
    pub(super) unit_dir: PathBuf,
    pub(super) systemctl: PathBuf,
    pub(super) stop_grace: Duration,
}

/// What a call said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) is_success: bool,
    pub(super) text: String,
}

impl Host {
    /// The text of a unit's file; none when it is not there.
    pub(super) fn read(&self, name: &str) -> Result<Option<String>, UnitError> {
        match fs::read_to_string(self.unit_dir.join(name)) {
            Ok(text) => Ok(Some(text)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.file_error(name, source)),
        }
    }

    /// Writes a unit's file whole, in place of what is there.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), UnitError> {
        let write = || {
            let aside = self.unit_dir.join(format!(".{name}.{}.tmp", std::process::id()));
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&aside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&aside, self.unit_dir.join(name)).inspect_err(|_| drop(fs::remove_file(&aside)))?;
            File::open(&self.unit_dir)?.sync_all()
        };
        write().map_err(|source| self.file_error(name, source))
    }

    /// Removes a unit's file; false when it is not there.
    pub(super) fn remove(&self, name: &str) -> Result<bool, UnitError> {
        match fs::remove_file(self.unit_dir.join(name)) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(self.file_error(name, source)),
        }
    }

    fn file_error(&self, name: &str, source: io::Error) -> UnitError {
        UnitError::File { path: self.unit_dir.join(name), source }
    }

    /// Tells systemd something that must succeed.
    pub(super) fn tell(&self, args: &[&str]) -> Result<(), UnitError> {
        let said = self.ask(args)?;
        if said.is_success {
            return Ok(());
        }
        Err(UnitError::Refused { call: format!("systemctl {}", args.join(" ")), said: said.text })
    }

    /// Asks systemd something; its answer may be no.
    pub(super) fn ask(&self, args: &[&str]) -> Result<Said, UnitError> {
        self.run(args).map_err(|source| UnitError::Call {
            call: format!("{} {}", self.systemctl.display(), args.join(" ")),
            source,
        })
    }

    fn run(&self, args: &[&str]) -> io::Result<Said> {
        let mut command = Command::new(&self.systemctl);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let end = Instant::now() + CALL_TIME_MAX + self.stop_grace;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if Instant::now() >= end {
                child.kill()?;
                child.wait()?;
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it did not end"));
            }
            std::thread::sleep(LOOK_EVERY);
        };
        let mut bytes = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            stdout.take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes)?;
        }
        if let Some(stderr) = child.stderr.take() {
            stderr.take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes)?;
        }
        Ok(Said { is_success: status.success(), text: String::from_utf8_lossy(&bytes).trim().to_owned() })
    }

    /// Whether a unit runs, or is about to.
    pub(super) fn is_up(&self, name: &str) -> Result<bool, UnitError> {
        let said = self.ask(&["is-active", name])?;
        Ok(said.is_success || matches!(said.text.as_str(), "activating" | "reloading" | "deactivating"))
    }

    /// What systemd shows of a unit, with the last lines of its log.
    pub(super) fn shown(&self, name: &str) -> String {
        match self.ask(&["status", "--no-pager", "--full", "--lines=20", name]) {
            Ok(said) => said.text,
            Err(e) => e.to_string(),
        }
    }
}

/// Whether the folder is there, with what to do when it is not.
pub(super) fn check_folder(unit_dir: &Path) -> Result<(), UnitError> {
    if unit_dir.is_dir() {
        return Ok(());
    }
    Err(UnitError::Unfit(format!("{} is no folder: systemd reads its units from one", unit_dir.display())))
}
