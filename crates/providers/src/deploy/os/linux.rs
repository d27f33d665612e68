//! Linux: `/proc` for who is who, a pidfd for a signal that can't hit a reused pid.
//!
//! Needs Linux 5.3 (`pidfd_open`, `pidfd_send_signal`). Only processes of the same user are looked into.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, pidfd_send_signal,
    setsid, waitid,
};

use super::{Identity, Sig};

pub(in crate::deploy) use super::sockets::port_owner;

impl From<Sig> for Signal {
    fn from(sig: Sig) -> Signal {
        match sig {
            Sig::Term => Signal::TERM,
            Sig::Kill => Signal::KILL,
        }
    }
}

/// Who has this pid now; none when nobody, or when it has ended and only waits to be reaped.
pub(in crate::deploy) fn identity(pid: u32) -> io::Result<Option<Identity>> {
    let stat = match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat,
        // ESRCH: it ended while its file was read.
        Err(e) if e.kind() == io::ErrorKind::NotFound || e.raw_os_error() == Some(3) => return Ok(None),
        Err(e) => return Err(e),
    };
    let Some((state, start_ticks)) = state_and_start(&stat) else {
        return Err(io::Error::other(format!("/proc/{pid}/stat has an unknown form")));
    };
    if matches!(state, 'Z' | 'X' | 'x') {
        return Ok(None);
    }
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
    Ok(Some(Identity { pid, start_ticks, boot_id }))
}

/// Fields 3 and 22. The name before them may hold blanks and brackets, so the fields begin after the last bracket.
fn state_and_start(stat: &str) -> Option<(char, u64)> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some((fields.first()?.chars().next()?, fields.get(19)?.parse().ok()?))
}

/// Signals exactly this process; false when it is gone.
///
/// The descriptor is taken first and the identity looked at after: from then on the descriptor means that process.
pub(in crate::deploy) fn signal(who: &Identity, sig: Sig) -> io::Result<bool> {
    let Some(pid) = i32::try_from(who.pid).ok().and_then(Pid::from_raw) else { return Ok(false) };
    let held = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(held) => held,
        Err(Errno::SRCH) => return Ok(false),
        Err(e) => return Err(e.into()),
    };
    if !who.is_alive() {
        return Ok(false);
    }
    match pidfd_send_signal(&held, sig.into()) {
        Ok(()) => Ok(true),
        Err(Errno::SRCH) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// Signals the group that this child leads. Only for a child of ours that was not waited for: till then nobody gets its pid.
pub(in crate::deploy) fn signal_group(leader: &Child, sig: Sig) -> io::Result<()> {
    match kill_process_group(Pid::from_child(leader), sig.into()) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// Whether the child has ended. It is not reaped by this, so its pid and group stay its own.
pub(in crate::deploy) fn exit_waits(child: &Child) -> io::Result<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    Ok(waitid(WaitId::Pid(Pid::from_child(child)), options)?.is_some())
}

/// Leaves the session of whoever started this process, with its terminal and its process group.
pub(in crate::deploy) fn own_session() -> io::Result<()> {
    match setsid() {
        // EPERM: it leads its group already, so it is in nobody's way.
        Ok(_) | Err(Errno::PERM) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// A named pipe, if there is none.
pub(in crate::deploy) fn make_fifo(path: &Path) -> io::Result<()> {
    match mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// The reading end of a named pipe, which never waits.
pub(in crate::deploy) fn nonblocking(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Waits until there is something to read, at most so long.
pub(in crate::deploy) fn wait_readable(file: &File, at_most: Duration) -> io::Result<()> {
    let time = Timespec::try_from(at_most).map_err(io::Error::other)?;
    match poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&time)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// The processes of this user that were started with this variable, their descendants among them.
///
/// Who replaced its environment is not found; so this is for what got away, not the first means.
pub(in crate::deploy) fn marked(name: &str, value: &Path) -> Vec<Identity> {
    let wanted = [name.as_bytes(), b"=", value.as_os_str().as_bytes()].concat();
    let Ok(all) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = all.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let own = std::process::id();
    pids.filter(|pid| *pid != own)
        .filter(|pid| {
            let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environ.split(|byte| *byte == 0).any(|entry| entry == wanted)
        })
        .filter_map(|pid| identity(pid).ok().flatten())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_name_with_brackets_and_blanks_hides_no_field() {
        let fields = (4..=21).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        let stat = format!("7 (a) Z (b) S {fields} 4711 0 0");
        assert_eq!(state_and_start(&stat), Some(('S', 4711)));
        assert_eq!(state_and_start("7 (a"), None);
        assert_eq!(state_and_start("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_lives_and_one_with_another_start_or_boot_does_not() {
        let own = Identity::own().unwrap();
        assert!(own.is_alive());
        assert!(!Identity { start_ticks: own.start_ticks + 1, ..own.clone() }.is_alive());
        assert!(!Identity { boot_id: "another".into(), ..own.clone() }.is_alive());
        assert!(!Identity { pid: u32::MAX, ..own }.is_alive());
    }

    #[test]
    fn a_signal_never_hits_who_has_the_pid_now() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let real = identity(child.id()).unwrap().unwrap();
        let former = Identity { start_ticks: real.start_ticks - 1, ..real.clone() };
        assert!(!signal(&former, Sig::Kill).unwrap());
        assert!(real.is_alive() && !exit_waits(&child).unwrap());
        assert!(signal(&real, Sig::Kill).unwrap());
        child.wait().unwrap();
        assert!(!real.is_alive());
        assert!(!signal(&real, Sig::Kill).unwrap());
    }

    #[test]
    fn a_marked_process_is_found_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & wait"]).env("FW_TEST_MARK", dir.path());
        let mut child = std::os::unix::process::CommandExt::process_group(&mut command, 0).spawn().unwrap();
        let deadline = Duration::from_secs(60);
        assert!(fw_testkit::wait_until(deadline, || marked("FW_TEST_MARK", dir.path()).len() == 2));
        assert!(!exit_waits(&child).unwrap());
        signal_group(&child, Sig::Kill).unwrap();
        assert!(fw_testkit::wait_until(deadline, || exit_waits(&child).unwrap()));
        child.wait().unwrap();
        assert!(fw_testkit::wait_until(deadline, || marked("FW_TEST_MARK", dir.path()).is_empty()));
    }
}
