//! The two system calls std has no safe way to make. The only unsafe code of this crate.
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Makes the child of this command get SIGKILL when the thread that spawns it ends, so that no test
/// leaves a process behind even when it is itself killed.
///
/// Linux looks at the *thread*, not the process: spawn from a thread that lives as long as the test
/// program (`proc/spawner.rs` does).
///
/// Source: prctl(2), PR_SET_PDEATHSIG.
pub(crate) fn die_with_parent(command: &mut Command) {
    let parent = std::process::id();
    let in_child = move || {
        // SAFETY: prctl with these arguments and getppid touch no memory of ours.
        let (set, ppid) =
            unsafe { (libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0), libc::getppid()) };
        if set != 0 {
            return Err(io::Error::last_os_error());
        }
        // The parent may have died before the call; then nobody would ever kill this process.
        if ppid.unsigned_abs() == parent { Ok(()) } else { Err(io::ErrorKind::NotConnected.into()) }
    };
    // SAFETY: between fork and exec the closure only makes async-signal-safe calls and does not allocate.
    unsafe { command.pre_exec(in_child) };
}

/// Sends a signal to the process group of a child that was made a group leader and not yet waited for.
pub(crate) fn signal_group(leader: u32, signal: i32) -> io::Result<()> {
    let Ok(leader) = i32::try_from(leader) else { return Err(io::ErrorKind::InvalidInput.into()) };
    // SAFETY: kill takes plain integers. The caller has not reaped the leader, so its pid is not reused.
    if unsafe { libc::kill(-leader, signal) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
