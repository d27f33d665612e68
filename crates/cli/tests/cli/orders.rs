//! The hidden subcommands of the real binary: what the server starts in order to outlive itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fw_providers::deploy::command::{CommandSpec, How, Look, begin, wait};
use fw_providers::deploy::{Program, Wrapper};
use fw_testkit::wait_until;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(90);

fn fw() -> Command {
    Command::new(env!("CARGO_BIN_EXE_fw"))
}

#[tokio::test]
async fn a_command_runs_once_under_the_binary_itself() {
    let dir = tempfile::tempdir().unwrap();
    let argv = ["sh", "-c", "echo $FW_GREETING >> effect"].map(str::to_owned).to_vec();
    let env = BTreeMap::from([("FW_GREETING".to_owned(), "hello".to_owned())]);
    let program = Program { argv, env, pass: Vec::new(), cwd: dir.path().to_owned() };
    let spec = CommandSpec { program, timeout_ms: 60_000, grace_ms: 1000 };
    let wrapper = Wrapper { program: env!("CARGO_BIN_EXE_fw").into(), args: vec!["__run".into()] };
    let order = dir.path().join("order");
    for _ in 0..2 {
        begin(&order, &spec, &wrapper).await.unwrap();
        let waiting = wait(&order, Duration::from_millis(10), &|_| ());
        let look = tokio::time::timeout(SOON, waiting).await.expect("it ends").unwrap();
        assert!(matches!(look, Look::Ended(ended) if ended.how == How::Exited { code: 0 }));
    }
    assert_eq!(std::fs::read_to_string(dir.path().join("effect")).unwrap(), "hello\n");
}

#[test]
fn an_instance_is_kept_until_it_is_to_stop() {
    let dir = tempfile::tempdir().unwrap();
    let life = dir.path().join("life-000001");
    std::fs::create_dir(&life).unwrap();
    let spec = json!({ "argv": ["sleep", "600"], "cwd": "/", "graceMs": 5000, "pauseFirstMs": 10, "pauseMaxMs": 10,
        "steadyMs": 60000 });
    std::fs::write(life.join("spec.json"), spec.to_string()).unwrap();
    let mut keeper = fw().arg("__keep").arg(&life).spawn().unwrap();
    let pid = || process(&life)?["pid"].as_u64();
    let ended = wait_until(SOON, || pid().is_some());
    std::fs::write(life.join("stop"), "").unwrap();
    assert!(ended, "no process was started");
    let pid = pid().unwrap();
    assert!(wait_until(SOON, || keeper.try_wait().unwrap().is_some()));
    assert!(life.join("exit.json").exists());
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

fn process(life: &Path) -> Option<Value> {
    let state: Value = serde_json::from_str(&std::fs::read_to_string(life.join("state.json")).ok()?).ok()?;
    state.get("process").cloned()
}

#[test]
fn a_folder_without_an_order_is_a_failure_and_people_see_nothing_of_this() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["__run", "__keep"] {
        let output = fw().arg(name).arg(dir.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("holds no order"), "{said}");
    }
    let help = String::from_utf8(fw().arg("--help").output().unwrap().stdout).unwrap();
    assert!(help.contains("rollout") && !help.contains("__"), "{help}");
}
