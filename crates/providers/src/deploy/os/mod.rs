//! What the system is asked about processes: who is who, who is gone, a signal that hits nobody else.
//!
//! A pid alone names nobody: it is given to another process soon after its owner ended. So a process is an [`Identity`]:
//! pid, start time and boot. Linux only; elsewhere each call answers that it is not supported.

use std::io;

use serde::{Deserialize, Serialize};

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod sockets;

#[cfg(not(target_os = "linux"))]
use elsewhere as system;
#[cfg(target_os = "linux")]
use linux as system;

pub(super) use system::{
    exit_waits, identity, make_fifo, marked, nonblocking, own_session, port_owner, signal, signal_group,
    wait_readable,
};

/// A process that is never mistaken for another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Its process id.
    pub pid: u32,
    /// When it started, in clock ticks since the boot. Source: proc(5), field 22 of `/proc/PID/stat`.
    pub start_ticks: u64,
    /// The boot it lives in. Source: `/proc/sys/kernel/random/boot_id`, random(4).
    pub boot_id: String,
}

impl Identity {
    /// Of this process.
    ///
    /// # Errors
    /// What the system said.
    pub fn own() -> io::Result<Identity> {
        identity(std::process::id())?.ok_or_else(|| io::Error::other("this process is not in /proc"))
    }

    /// Whether it still runs: a zombie has ended, and so has everything of another boot.
    pub fn is_alive(&self) -> bool {
        identity(self.pid).ok().flatten().is_some_and(|now| now == *self)
    }
}

/// A signal that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sig {
    /// SIGTERM: end in order.
    Term,
    /// SIGKILL: end now.
    Kill,
}
