//! This program as a wrapper, and folders whose processes end with their test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fw_providers::deploy::command::{self, CommandSpec};
use fw_providers::deploy::{Program, Wrapper};
use tempfile::TempDir;

/// Generous: two busy cores are the normal case.
pub(crate) const SOON: Duration = Duration::from_secs(90);

/// The wrapper that [`as_wrapper`] is.
pub(crate) fn wrapper() -> Wrapper {
    let args = ["support::as_wrapper", "--exact", "--nocapture"].map(str::to_owned).to_vec();
    Wrapper { program: std::env::current_exe().unwrap(), args }
}

/// Not a test but the wrapper: it does nothing unless the last argument is the folder of an order.
#[test]
fn as_wrapper() {
    let last = PathBuf::from(std::env::args_os().next_back().unwrap());
    if last.join("spec.json").is_file() {
        command::run(&last).unwrap();
    }
}

/// A folder for orders and for what they do. What still runs when it is dropped is cancelled.
pub(crate) struct Place {
    dir: TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place { dir: tempfile::Builder::new().prefix("fw-orders-").tempdir().unwrap() }
    }

    pub(crate) fn order(&self, name: &str) -> PathBuf {
        self.dir.path().join("orders").join(name)
    }

    /// A file of the test.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Its lines, none when it is not there.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.file(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// A shell script as an order; it runs in the folder of the test.
    pub(crate) fn script(&self, text: &str) -> CommandSpec {
        let argv = ["sh", "-c", text].map(str::to_owned).to_vec();
        let program =
            Program { argv, env: BTreeMap::new(), pass: Vec::new(), cwd: self.dir.path().to_owned() };
        CommandSpec { program, timeout_ms: 300_000, grace_ms: 10_000 }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // An order is a folder with a spec; those of the exec deployer are one folder deeper.
        let below = |dir: &Path| -> Vec<PathBuf> {
            std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
        };
        let first = below(&self.dir.path().join("orders"));
        let all = first.iter().flat_map(|dir| below(dir)).chain(first.clone());
        for order in all.filter(|order| order.join("spec.json").is_file()) {
            let _ = command::cancel(&order);
            end_of(&order);
        }
    }
}

/// Waits until nothing of an order runs.
fn end_of(order: &Path) {
    let over = || !matches!(command::look(order), Ok(command::Look::Running { .. }));
    if !fw_testkit::wait_until(SOON, over) {
        eprintln!("{} still runs", order.display());
    }
}
