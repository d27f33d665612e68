//! `fw config check`: what a release can look at without a server, in a checkout and outside of one.

use std::path::Path;
use std::process::Command;

use crate::support::{Tree, fw, run};
use serde_json::Value;

const SOUND: &str = "\
service: checkout
versions:
  stable: { version: \"1.4.2\", url: http://127.0.0.1:8081 }
  canary: { version: \"1.5.0\", url: http://127.0.0.1:8082 }
";

fn folder_with(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("factory-wager.yaml"), text).unwrap();
    folder
}

/// Exit code, report, and `check severity` of each finding that is more than information.
fn check_in(folder: &Path, arguments: &[&str]) -> (i32, Value, Vec<String>) {
    let (code, stdout, stderr) =
        run(fw(&["config", "check", "--output", "json"]).args(arguments).current_dir(folder));
    assert_eq!(stderr, "");
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let serious = report["findings"].as_array().unwrap().iter().filter(|f| f["severity"] != "info");
    let said =
        serious.map(|f| format!("{} {}", f["check"].as_str().unwrap(), f["severity"].as_str().unwrap()));
    let said = said.collect();
    (code, report, said)
}

fn git(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "T").env(format!("GIT_{role}_EMAIL"), "t@example.org");
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    assert!(command.args(arguments).current_dir(folder).status().unwrap().success(), "{arguments:?}");
}

#[test]
fn outside_of_a_checkout_that_is_said_and_nothing_fails() {
    let folder = folder_with(SOUND);
    let before = Tree::of(folder.path());
    let (code, report, serious) = check_in(folder.path(), &[]);
    assert_eq!((code, serious), (0, vec![]), "{report}");
    assert_eq!((&report["passed"], &report["change"]), (&Value::from(true), &Value::Null));
    let said = report["findings"].to_string();
    for words in ["in no git checkout", "no changelog", "no rate of requests"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(Tree::of(folder.path()), before);
}

#[test]
fn in_a_checkout_commits_tags_and_changelog_are_looked_at() {
    let folder = folder_with(SOUND);
    std::fs::write(folder.path().join("CHANGELOG.md"), "## 1.4.2\n").unwrap();
    git(folder.path(), &["init", "--quiet"]);
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "--quiet", "--no-gpg-sign", "-m", "one"]);
    git(folder.path(), &["tag", "v1.4.2"]);
    std::fs::write(folder.path().join("new.txt"), "x\n").unwrap();
    let (code, _, serious) = check_in(folder.path(), &[]);
    assert_eq!(
        (code, serious),
        (0, ["working-tree warning", "tag warning", "changelog warning"].map(String::from).to_vec())
    );
    std::fs::write(folder.path().join("CHANGELOG.md"), "## 1.5.0\n\n## 1.4.2\n").unwrap();
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "--quiet", "--no-gpg-sign", "-m", "two"]);
    git(folder.path(), &["tag", "v1.5.0"]);
    let (code, report, serious) = check_in(folder.path(), &[]);
    assert_eq!((code, serious), (0, vec![]), "{report}");
    let change = serde_json::json!({"commits": 1, "files": 2, "insertions": 3, "deletions": 0});
    assert_eq!(report["change"], change);
}

#[test]
fn a_secret_is_an_error_and_is_never_shown() {
    let secret = format!("xoxb{}1234567890-abcdefghij", "-");
    let text = format!("{SOUND}# {secret}\nrollout: {{ riskTreshold: 70 }}\n");
    let folder = folder_with(&text);
    let (code, report, _) = check_in(folder.path(), &[]);
    assert_eq!(code, 2, "the config has a fault too");
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(
        (&findings[0]["check"], &findings[0]["fixable"]),
        (&Value::from("config"), &Value::from(true))
    );
    assert_eq!(findings[0]["place"], "factory-wager.yaml:6:12");
    assert_eq!(
        (&findings[1]["check"], &findings[1]["severity"]),
        (&Value::from("secrets"), &Value::from("error"))
    );
    assert_eq!(findings[1]["place"], "factory-wager.yaml:5:3");
    let (code, stdout, stderr) = run(fw(&["config", "fix"]).current_dir(folder.path()));
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("•••"), "{stdout}");
    for shown in [report.to_string(), stdout, stderr] {
        assert!(!shown.contains(&secret), "{shown}");
    }
    // It is hidden where it is shown, not where it stands.
    let fixed = std::fs::read_to_string(folder.path().join("factory-wager.yaml")).unwrap();
    assert!(fixed.contains(&secret) && fixed.contains("riskThreshold: 70"), "{fixed}");
    let (code, _, serious) = check_in(folder.path(), &[]);
    assert_eq!((code, serious), (1, vec!["secrets error".to_owned()]));
}

#[test]
fn too_little_traffic_is_a_warning_with_numbers_that_a_fix_can_mend() {
    let text = format!(
        "{SOUND}rollout:\n  phases:\n    - {{ percentage: 5, duration: 2, successCriteria: {{ errorRate: 3 }} }}\n    - {{ percentage: 100, duration: 2 }}\n"
    );
    let folder = folder_with(&text);
    let (code, report, _) = check_in(folder.path(), &["--requests-per-second", "20"]);
    assert_eq!(code, 0);
    let findings = report["findings"].as_array().unwrap();
    let short = findings.iter().find(|f| f["check"] == "plan" && f["fixable"] == true).unwrap();
    assert_eq!(
        (&short["severity"], &short["place"]),
        (&Value::from("warning"), &Value::from("factory-wager.yaml:7:34"))
    );
    assert!(short["message"].as_str().unwrap().contains("it needs"), "{short}");
    // Three percent may pass, one percent rolls back.
    let odd = findings.iter().find(|f| f["check"] == "config").unwrap();
    assert_eq!(
        (&odd["severity"], &odd["place"]),
        (&Value::from("warning"), &Value::from("factory-wager.yaml:7:67"))
    );
}
