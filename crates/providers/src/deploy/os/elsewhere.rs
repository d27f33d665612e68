//! The same questions on a system that is not Linux: each is answered by "not supported here".
//!
//! So everything compiles there, and a deployer says what is the matter instead of guessing.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use super::{Identity, Sig};

fn unsupported<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "deployers that run processes need Linux"))
}

pub(in crate::deploy) fn identity(_pid: u32) -> io::Result<Option<Identity>> {
    unsupported()
}

pub(in crate::deploy) fn signal(_who: &Identity, _sig: Sig) -> io::Result<bool> {
    unsupported()
}

pub(in crate::deploy) fn signal_group(_leader: &Child, _sig: Sig) -> io::Result<()> {
    unsupported()
}

pub(in crate::deploy) fn exit_waits(_child: &Child) -> io::Result<bool> {
    unsupported()
}

pub(in crate::deploy) fn own_session() -> io::Result<()> {
    unsupported()
}

pub(in crate::deploy) fn make_fifo(_path: &Path) -> io::Result<()> {
    unsupported()
}

pub(in crate::deploy) fn nonblocking(_path: &Path) -> io::Result<File> {
    unsupported()
}

pub(in crate::deploy) fn wait_readable(_file: &File, _at_most: Duration) -> io::Result<()> {
    unsupported()
}

pub(in crate::deploy) fn marked(_name: &str, _value: &Path) -> Vec<Identity> {
    Vec::new()
}

pub(in crate::deploy) fn port_owner(_at: SocketAddr) -> Option<(u32, String)> {
    None
}
