//! Starting other programs: with their output shown, kept, or both, and always with an end.
//!
//! Every call has a deadline. A program that outlives it is killed and the error says so: a build
//! server that hangs for hours helps nobody. Nothing here goes through a shell, so no argument needs quoting.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The longest any single program may run: far above every step of CI, below what a CI service allows.
pub(crate) const PROGRAM_TIME_MAX: Duration = Duration::from_secs(40 * 60);

/// How often a running program is looked at.
const POLL: Duration = Duration::from_millis(20);

/// The top folder of the repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Where cargo builds to: `target`, or where `CARGO_TARGET_DIR` says.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// The cargo that started us, so that a `+toolchain` given to it stays in force.
///
/// What it told us about our own package is not handed on: build scripts that read such variables (ring's
/// does) would run again, and all above them be compiled again, whenever a build by hand follows one by us.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in names.filter(|name| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|p| name.starts_with(p))) {
        command.env_remove(name);
    }
    if is_ci() {
        // Nothing is built twice there. Every cargo of a run must say the same, or the next builds the workspace anew.
        command.env("CARGO_INCREMENTAL", "0");
    }
    command.current_dir(root());
    command
}

/// Whether this is a CI run, where something missing is a failure and never a skip.
pub(crate) fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true" || value == "1")
}

/// Runs to the end with the terminal's own input and output.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus> {
    let name = shown(command);
    let mut child = command.spawn().with_context(|| format!("cannot start `{name}`"))?;
    wait(&mut child, &name, PROGRAM_TIME_MAX)
}

/// Like [`status`], and an unsuccessful end is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = shown(command);
    let status = status(command)?;
    if !status.success() {
        bail!("`{name}` failed ({status})");
    }
    Ok(())
}

/// Runs to the end within `limit` and returns what it wrote to standard output.
///
/// # Errors
/// When it can't be started, is not done in time, or fails; then with all it wrote.
pub(crate) fn capture(command: &mut Command, limit: Duration) -> Result<String> {
    let (status, out, err) = output(command, limit)?;
    if !status.success() {
        bail!("`{}` failed ({status})\n{out}{err}", shown(command));
    }
    Ok(out)
}

/// Runs to the end within `limit`; returns how it ended and what it wrote to standard output and standard
/// error.
pub(crate) fn output(command: &mut Command, limit: Duration) -> Result<(ExitStatus, String, String)> {
    let name = shown(command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start `{name}`"))?;
    let out = child.stdout.take().map(|pipe| thread::spawn(move || lines(pipe, |_| ())));
    let err = child.stderr.take().map(|pipe| thread::spawn(move || lines(pipe, |_| ())));
    let status = wait(&mut child, &name, limit)?;
    let text =
        |reader: Option<thread::JoinHandle<String>>| reader.and_then(|r| r.join().ok()).unwrap_or_default();
    Ok((status, text(out), text(err)))
}

/// Runs to the end, passing standard error through to ours line by line, and returns that text too.
pub(crate) fn tee(command: &mut Command) -> Result<(ExitStatus, String)> {
    let name = shown(command);
    command.stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start `{name}`"))?;
    let reader = child.stderr.take().map(|pipe| {
        thread::spawn(move || {
            // A closed terminal must not stop the tests: what can't be shown is only kept.
            lines(pipe, |line| drop(std::io::stderr().write_all(line)))
        })
    });
    let status = wait(&mut child, &name, PROGRAM_TIME_MAX)?;
    Ok((status, reader.and_then(|r| r.join().ok()).unwrap_or_default()))
}

/// Reads a pipe to its end, line by line; bytes that are no UTF-8 are replaced.
fn lines(pipe: impl std::io::Read, mut each: impl FnMut(&[u8])) -> String {
    let mut reader = BufReader::new(pipe);
    let (mut text, mut line) = (String::new(), Vec::new());
    while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        each(&line);
        text.push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
    text
}

/// Waits for the end of a child; kills it when `limit` is over.
fn wait(child: &mut Child, name: &str, limit: Duration) -> Result<ExitStatus> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if start.elapsed() > limit {
            child.kill().ok();
            child.wait()?;
            bail!("`{name}` was not done after {} s and was killed", limit.as_secs());
        }
        thread::sleep(POLL);
    }
}

/// A command as a person would type it, for messages.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Where a program is found on PATH (or in cargo's own bin folder), if anywhere.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    // Debian keeps servers in sbin, which is not on every user's PATH.
    let extra = [home.map(|home| home.join("bin")), Some("/usr/sbin".into()), Some("/sbin".into())];
    std::env::split_paths(&path)
        .chain(extra.into_iter().flatten())
        .map(|dir| dir.join(program))
        .find(|p| p.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_end_is_killed_and_named() {
        let error = capture(Command::new("sleep").arg("60"), Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("`sleep 60` was not done"), "{error}");
    }

    #[test]
    fn cargo_is_not_told_about_our_own_package() {
        let command = cargo();
        let removed = |name: &str| command.get_envs().any(|(key, value)| key == name && value.is_none());
        assert!(removed("CARGO_PKG_NAME") && removed("CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn a_failing_program_brings_its_words_along() {
        let error =
            capture(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]), PROGRAM_TIME_MAX);
        let text = error.unwrap_err().to_string();
        assert!(text.contains("out") && text.contains("err") && text.contains('3'), "{text}");
    }

    #[test]
    fn what_is_teed_is_kept_whole() {
        let (status, text) = tee(Command::new("sh").args(["-c", "echo one >&2; printf two >&2"])).unwrap();
        assert!(status.success());
        assert_eq!(text, "one\ntwo");
    }
}
