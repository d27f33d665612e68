//! The one thread that spawns all processes of a test program.
//!
//! A child is told to die with its parent, and Linux means the parent *thread* by that. Test threads
//! and threads of an asynchronous runtime come and go; this one stays until the program ends.

use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};

use crate::sys;

type Order = (Command, SyncSender<io::Result<Child>>);

/// Spawns a command from the thread that stays.
pub(super) fn spawn(mut command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Sender<Order>> = OnceLock::new();
    sys::die_with_parent(&mut command);
    let spawner = SPAWNER.get_or_init(start);
    let (answer, child) = sync_channel(1);
    let gone = |_| io::Error::other("the spawning thread is gone");
    spawner.send((command, answer)).map_err(|e| gone(e.to_string()))?;
    child.recv().map_err(|e| gone(e.to_string()))?
}

fn start() -> Sender<Order> {
    let (sender, orders) = channel::<Order>();
    std::thread::spawn(move || {
        for (mut command, answer) in orders {
            // Whoever asked may have panicked; then the child is dropped by the channel, not killed,
            // and dies with this program.
            let _ = answer.send(command.spawn());
        }
    });
    sender
}
