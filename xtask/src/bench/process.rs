//! A server that is measured: started, awaited, watched through `/proc`, stopped.
//!
//! Its log goes to a file and is shown when it does not become ready. It is stopped by process id when the
//! value is dropped: asked first, so that a master takes its workers along, then killed. Figures are of the
//! process and its direct children (nginx has a worker).

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a server may take until it answers.
const READY_TIME_MAX: Duration = Duration::from_secs(15);
/// How long a server may take to end when asked.
const STOP_TIME_MAX: Duration = Duration::from_secs(3);
/// How often readiness is asked for; it bounds how exactly a start is timed.
const READY_POLL: Duration = Duration::from_millis(1);
/// Clock ticks a second in `/proc/PID/stat`: fixed at 100 by Linux for every user-space reader.
const TICKS_PER_SECOND: f64 = 100.0;
/// Lines of its log shown for a server that failed.
const LOG_LINES_SHOWN_MAX: usize = 20;

/// A running server.
pub(crate) struct Server {
    name: String,
    child: Child,
    log: PathBuf,
    started: Instant,
}

/// CPU time used since the start, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct CpuTime {
    /// In the program itself.
    pub(crate) user: f64,
    /// In the kernel, on its behalf.
    pub(crate) system: f64,
}

impl Server {
    /// Starts a program; its output goes to `name.log` in `dir`.
    pub(crate) fn start(name: &str, mut command: Command, dir: &Path) -> Result<Server> {
        let log = dir.join(format!("{name}.log"));
        let out = File::create(&log)?;
        // An open input that says nothing: some programs end when theirs does, ours among them.
        command.stdin(Stdio::piped()).stdout(out.try_clone()?).stderr(out);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Server { name: name.to_owned(), child, log, started })
    }

    /// Waits until `ready` says yes; returns the time since the start.
    ///
    /// # Errors
    /// When the program ends, or is not ready in time; with the end of its log.
    pub(crate) fn wait_ready(&mut self, mut ready: impl FnMut() -> bool) -> Result<Duration> {
        loop {
            if ready() {
                return Ok(self.started.elapsed());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at once ({status})\n{}", self.name, self.log_end());
            }
            if self.started.elapsed() > READY_TIME_MAX {
                bail!("{} is not ready after {} s\n{}", self.name, READY_TIME_MAX.as_secs(), self.log_end());
            }
            thread::sleep(READY_POLL);
        }
    }

    /// CPU time so far, of all threads.
    pub(crate) fn cpu_time(&self) -> Result<CpuTime> {
        let mut sum = CpuTime::default();
        for pid in self.pids() {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
            let (user, system) = ticks(&stat).context("this /proc/PID/stat is new to xtask")?;
            sum.user += user as f64 / TICKS_PER_SECOND;
            sum.system += system as f64 / TICKS_PER_SECOND;
        }
        Ok(sum)
    }

    /// Resident memory now, in KiB.
    pub(crate) fn resident_kib(&self) -> Result<u64> {
        let mut sum = 0;
        for pid in self.pids() {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
            sum += line.trim().trim_end_matches(" kB").parse::<u64>()?;
        }
        Ok(sum)
    }

    /// The process and its direct children.
    fn pids(&self) -> Vec<u32> {
        let own = self.child.id();
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let children = numbers.filter(|pid| {
            // A process that ended meanwhile is nobody's child.
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            fields(&stat).nth(1).and_then(|parent| parent.parse().ok()) == Some(own)
        });
        std::iter::once(own).chain(children).collect()
    }

    fn log_end(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_SHOWN_MAX)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pids: Vec<String> = self.pids().iter().map(u32::to_string).collect();
        signal("TERM", &pids[..1]);
        let asked = Instant::now();
        while asked.elapsed() < STOP_TIME_MAX {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        // Children first: nobody would stop them after their parent.
        signal("KILL", &pids[1..]);
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Sends a signal through the shell's own `kill`, which every system has.
fn signal(name: &str, pids: &[String]) {
    if pids.is_empty() {
        return;
    }
    let mut command = Command::new("sh");
    command.args(["-c", "kill -s \"$0\" \"$@\" 2>/dev/null", name]).args(pids);
    // A process that is gone already needs no signal.
    command.status().ok();
}

/// Fields of `/proc/PID/stat` from the third (state) on; the second, the name, may hold anything.
fn fields(stat: &str) -> impl Iterator<Item = &str> {
    stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace()
}

/// `utime` and `stime`: fields 14 and 15 of proc(5).
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let mut from_user = fields(stat).skip(11);
    Some((from_user.next()?.parse().ok()?, from_user.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn stat_lines_with_odd_names_are_read() {
        let stat = "12 (a) b) S 7 1 1 0 -1 4194560 1 2 3 4 250 31 0 0 20 0 1";
        assert_eq!(ticks(stat), Some((250, 31)));
        assert_eq!(fields(stat).nth(1), Some("7"));
    }

    #[test]
    fn a_server_that_ends_is_told_with_its_words() {
        let dir = tempfile::tempdir().unwrap();
        let mut server = Server::start("broken", shell("echo no such key; exit 2"), dir.path()).unwrap();
        let error = server.wait_ready(|| false).unwrap_err().to_string();
        assert!(error.contains("ended at once") && error.contains("no such key"), "{error}");
    }

    #[test]
    fn children_count_and_end_with_their_parent() {
        let dir = tempfile::tempdir().unwrap();
        // Ignores the request to end, as a hanging server would; so does its child.
        let script = "trap '' TERM; sleep 600 & echo $! > child; : > up; wait";
        let mut command = shell(script);
        command.current_dir(dir.path());
        let mut server = Server::start("stubborn", command, dir.path()).unwrap();
        server.wait_ready(|| dir.path().join("up").exists()).unwrap();
        assert_eq!(server.pids().len(), 2);
        assert!(server.resident_kib().unwrap() > 0);
        server.cpu_time().unwrap();
        let child = fs::read_to_string(dir.path().join("child")).unwrap();
        drop(server);
        let gone = || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
            // Without a parent that waits for it, the rest of a killed process may stay for a moment.
            stat.is_empty() || fields(&stat).next() == Some("Z")
        };
        let start = Instant::now();
        while !gone() && start.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(5));
        }
        assert!(gone());
    }
}
