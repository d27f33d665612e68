//! `fw release` as far as it goes without a server: fixes, refusals, dry runs.

use super::support::{Tree, fw, run};

/// Eight faults, each with one obvious remedy.
const FAULTY: &str = "\
service: checkout
versions:
  stable: { version: \"1.4.2\", url: http://127.0.0.1:8081 }
  canary: { version: \"1.5.0\", url: http://127.0.0.1:8082 }
rollout:
  riskTreshold: 70
  phases:
    - { percentage: 50, duration: 1 }
    - { percentage: \"5%\", duration: 2 min }
    - { percentage: 50, duration: 1 }\t
  monitoringInterval: \"30\"
";

/// Runs `fw release` with these arguments on a config, against a server that is not there.
fn release(text: &str, args: &[&str]) -> (i32, String, String, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("factory-wager.yaml"), text).unwrap();
    let all = [&["release", "--server", "http://127.0.0.1:9"], args].concat();
    let mut command = fw(&all);
    let (code, out, err) = run(command.current_dir(folder.path()));
    (code, out, err, folder)
}

#[test]
fn every_fault_with_a_remedy_is_fixed_and_shown_before_the_server_is_asked() {
    let (code, _, err, folder) = release(FAULTY, &["--auto-fix", "--auto-approve"]);
    assert_eq!(code, 3, "the server is not there, and that is all: {err}");
    for part in ["-  riskTreshold: 70", "+  riskThreshold: 70", "8 faults fixed", "factory-wager.yaml.bak"] {
        assert!(err.contains(part), "{part} is not in\n{err}");
    }
    let kept = std::fs::read_to_string(folder.path().join("factory-wager.yaml.bak")).unwrap();
    assert_eq!(kept, FAULTY, "the file before is kept");
    let mut command = fw(&["config", "validate"]);
    let (code, out, err) = run(command.current_dir(folder.path()));
    assert_eq!(code, 0, "{out}{err}");
}

#[test]
fn a_fault_without_a_remedy_is_refused_with_its_place_and_nothing_is_written() {
    let text = FAULTY.replace("8082", "8081");
    let before = tempfile::tempdir().unwrap();
    std::fs::write(before.path().join("factory-wager.yaml"), &text).unwrap();
    let (code, _, err, folder) = release(&text, &["--auto-fix"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("factory-wager.yaml:4:"), "{err}");
    assert_eq!(Tree::of(folder.path()), Tree::of(before.path()));
}

#[test]
fn a_dry_run_changes_no_file() {
    let before = tempfile::tempdir().unwrap();
    std::fs::write(before.path().join("factory-wager.yaml"), FAULTY).unwrap();
    let (code, _, err, folder) = release(FAULTY, &["--auto-fix", "--dry-run"]);
    assert_eq!(code, 3, "what it would be is asked of the server, which is not there: {err}");
    assert!(err.contains("+  riskThreshold: 70") && err.contains("nothing was written"), "{err}");
    assert_eq!(Tree::of(folder.path()), Tree::of(before.path()));
}

#[test]
fn the_seeds_flags_are_known_and_an_odd_strategy_is_not() {
    let sound = FAULTY.lines().take(4).map(|line| format!("{line}\n")).collect::<String>();
    let seed = ["--env=production", "--strategy=canary", "--auto-approve", "--auto-fix"];
    let (code, _, err, _folder) = release(&sound, &seed);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("production"), "the environment is not in the config: {err}");
    let (code, _, err, _folder) = release(&sound, &["--strategy=yolo"]);
    assert!(code == 2 && err.contains("blue-green"), "{err}");
    for action in ["show", "approve", "cancel", "undo", "list"] {
        assert_eq!(release(&sound, &[]).0, 3);
        let (code, _, err) = run(&mut fw(&["release", action, "--server", "http://127.0.0.1:9"]));
        assert_eq!(code, 3, "{action}: {err}");
    }
}
