//! This program as a wrapper, and folders whose processes end with their test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fw_providers::deploy::command::{self, CommandSpec};
use fw_providers::deploy::{Program, Wrapper};
use fw_testkit::{Proc, ProcSpec};
use tempfile::TempDir;

/// Generous: two busy cores are the normal case.
pub(crate) const SOON: Duration = Duration::from_secs(90);

/// The wrapper that [`as_wrapper`] is.
pub(crate) fn wrapper() -> Wrapper {
    let mut wrapper = Wrapper::own("support::as_wrapper");
    wrapper.args.extend(["--exact", "--nocapture"].map(str::to_owned));
    wrapper
}

/// How many processes run that an order started.
pub(crate) fn running(order: &Path) -> usize {
    let mark = format!("FW_ORDER_DIR={}", order.display());
    let is_marked = |pid: &std::fs::DirEntry| {
        let environ = std::fs::read(pid.path().join("environ")).unwrap_or_default();
        environ.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes())
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter(is_marked).count()
}

/// Not a test but the wrapper: it does nothing unless the last argument is the folder of an order.
#[test]
fn as_wrapper() {
    let last = PathBuf::from(std::env::args_os().next_back().unwrap());
    if last.join("spec.json").is_file() {
        command::run(&last).unwrap();
    }
}

/// Names the folder of the order that [`as_server`] begins; its spec is in the file `wanted.json` beside.
const ORDER: &str = "FW_TEST_ORDER";

/// Not a test but a server: it begins an order and waits to be killed.
#[tokio::test]
async fn as_server() {
    let Some(order) = std::env::var_os(ORDER).map(PathBuf::from) else { return };
    let text = std::fs::read_to_string(order.with_file_name("wanted.json")).unwrap();
    let spec: CommandSpec = serde_json::from_str(&text).unwrap();
    command::begin(&order, &spec, &wrapper()).await.unwrap();
    std::fs::write(order.with_file_name("begun"), "").unwrap();
    std::future::pending::<()>().await;
}

/// A server that begins an order, as a process that can be killed.
pub(crate) fn server(order: &Path, spec: &CommandSpec) -> Proc {
    std::fs::create_dir_all(order.parent().unwrap()).unwrap();
    std::fs::write(order.with_file_name("wanted.json"), serde_json::to_string(spec).unwrap()).unwrap();
    let process = ProcSpec::new(std::env::current_exe().unwrap()).unwrap().name("server");
    let process = process.args(["support::as_server", "--exact", "--nocapture"]);
    process.env(ORDER, order).spawn().unwrap()
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
