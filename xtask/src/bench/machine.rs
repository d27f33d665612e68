//! What machine the numbers belong to, and how programs are bound to its CPUs.
//!
//! A number without its machine is gossip: every report opens with the line made here.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::sh;

/// Asking a program for its version takes moments.
const QUESTION_TIME_MAX: Duration = Duration::from_secs(20);

/// Where programs run: the one that is measured alone on a CPU, all others on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// CPU 0, for what is measured.
    Measured,
    /// CPU 1, for load and upstreams.
    Others,
    /// Anywhere.
    Free,
}

/// CPUs of this machine.
pub(crate) fn cpus() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A command that runs `program` at `place`, ends when we end, and may open as many files as this user is
/// allowed.
///
/// The helpers replace themselves by the program, so the child's process id is the program's.
pub(crate) fn command(place: Place, program: &str) -> Result<Command> {
    let cpu = match place {
        _ if cpus() < 2 => None,
        Place::Measured => Some("0"),
        Place::Others => Some("1"),
        Place::Free => None,
    };
    let files = open_files_max()?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "prlimit", &format!("--nofile={files}:{files}")]);
    if let Some(cpu) = cpu {
        command.args(["taskset", "-c", cpu]);
    }
    let path = sh::which(program).map_or_else(|| program.into(), std::path::PathBuf::into_os_string);
    command.arg(path);
    Ok(command)
}

/// The hard limit of open files.
fn open_files_max() -> Result<u64> {
    let limits = fs::read_to_string("/proc/self/limits").context("benchmarks need Linux")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let hard = line.and_then(|line| line.split_whitespace().nth(1));
    // "unlimited" is no number a process can use.
    Ok(hard.and_then(|hard| hard.parse().ok()).unwrap_or(1 << 20))
}

/// One paragraph about this machine, this moment and this checkout.
pub(crate) fn describe() -> String {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown CPU".to_owned());
    let memory =
        field("/proc/meminfo", "MemTotal").and_then(|kib| kib.split(' ').next()?.parse::<u64>().ok());
    let memory = memory.map_or_else(|| "?".to_owned(), |kib| (kib >> 20).to_string());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    let revision =
        said(Command::new("git").current_dir(sh::root()).args(["describe", "--always", "--dirty"]));
    let rustc = said(Command::new("rustc").arg("--version"));
    format!(
        "machine: {} x {cpu}, {memory} GiB, Linux {}; load average before {load}\nbuild: {revision}, {rustc}",
        cpus(),
        kernel.trim(),
    )
}

/// The first line a program says when asked, on either stream; `?` if it says nothing.
pub(crate) fn said(command: &mut Command) -> String {
    let text = sh::output(command, QUESTION_TIME_MAX).map(|(_, out, err)| out + &err).unwrap_or_default();
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or("?").trim().to_owned()
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_a_description() {
        let text = describe();
        assert!(text.contains("Linux") && text.contains("rustc 1."), "{text}");
    }

    #[test]
    fn a_measured_program_is_bound_to_its_cpu() {
        let mut command = command(Place::Measured, "grep").unwrap();
        let text =
            sh::capture(command.args(["Cpus_allowed_list", "/proc/self/status"]), QUESTION_TIME_MAX).unwrap();
        let want = if cpus() < 2 { text.clone() } else { "Cpus_allowed_list:\t0\n".to_owned() };
        assert_eq!(text, want);
    }
}
