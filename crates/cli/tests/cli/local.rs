//! The commands that ask no server: configs, tokens, completions, refusals by name.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Watchdog, fw, run};
use expect_test::{expect, expect_file};
use serde_json::Value;

const SOUND: &str = "\
service: checkout
versions:
  stable: { version: \"1.4.2\", url: http://127.0.0.1:8081 }
  canary: { version: \"1.5.0\", url: http://127.0.0.1:8082 }
environments:
  staging: { rollout: { phases: [ { percentage: 50, duration: 1 }, { percentage: 100, duration: 90s } ] } }
";
const FAULTY: &str =
    "service: checkout\nrollout:\n  phases:\n    - { percentge: 5, duration: 2 }\n  port: 3002.5\n";

/// Runs in a folder with these files.
fn run_in(files: &[(&str, &str)], arguments: &[&str]) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    run(fw(arguments).current_dir(folder.path()))
}

#[test]
fn validate_says_what_a_sound_config_means() {
    let (code, stdout, stderr) = run_in(&[("factory-wager.yaml", SOUND)], &["config", "validate"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    expect![[r#"
        factory-wager.yaml: sound. checkout 1.4.2 → 1.5.0, phases 5 → 25 → 50 → 100 %, router proxy, plan a5d98dc4452cccd4
    "#]].assert_eq(&stdout);
    let (code, stdout, _) =
        run_in(&[("a.yaml", SOUND)], &["config", "validate", "-c", "a.yaml", "--env", "staging"]);
    assert_eq!(code, 0);
    assert!(stdout.contains("phases 50 → 100 %"), "{stdout}");
}

#[test]
fn validate_reports_every_fault_of_every_file() {
    let files = [("a.yaml", SOUND), ("b.yaml", FAULTY)];
    let (code, stdout, stderr) =
        run_in(&files, &["config", "validate", "-c", "a.yaml", "-c", "b.yaml", "-c", "c.yaml"]);
    assert_eq!(code, 2);
    assert!(stdout.starts_with("a.yaml: sound.") && stdout.lines().count() == 1, "{stdout}");
    expect![[r#"
        b.yaml:4:9: rollout.phases[0].percentge: unknown key
            4 |     - { percentge: 5, duration: 2 }
              |         ^ did you mean `percentage`?
        b.yaml:5:9: rollout.port: must be a whole number, 1 to 65535 (TCP port), not 3002.5
            5 |   port: 3002.5
              |         ^
        c.yaml: there is no such file; name one with -c, or write it (`fw config schema` lists every key)
    "#]]
    .assert_eq(&stderr);
}

#[test]
fn validate_as_json_is_data_on_stdout() {
    let (code, stdout, stderr) =
        run_in(&[("b.yaml", FAULTY)], &["config", "validate", "-c", "b.yaml", "--output", "json"]);
    assert_eq!((code, stderr.as_str()), (2, ""));
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["valid"], false);
    let fault = &report["configs"][0]["faults"][0];
    assert_eq!((fault["line"].as_u64(), fault["column"].as_u64()), (Some(4), Some(9)));
    assert_eq!(fault["hint"], "did you mean `percentage`?");
}

#[test]
fn show_writes_every_default_out_and_reads_back() {
    let (code, stdout, _) = run_in(&[("factory-wager.yaml", SOUND)], &["config", "show", "--env", "staging"]);
    assert_eq!(code, 0);
    expect_file!["shown.yaml"].assert_eq(&stdout);
    let (again, shown, _) = run_in(&[("factory-wager.yaml", &stdout)], &["config", "show"]);
    assert_eq!((again, shown), (0, stdout));
    let (code, json, _) = run_in(&[("factory-wager.yaml", SOUND)], &["config", "show", "--output", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &json["rollout"]["riskThreshold"]), (0, &Value::from(70)));
    assert_eq!(run_in(&[("factory-wager.yaml", FAULTY)], &["config", "show"]).0, 2);
}

#[test]
fn the_schema_is_json() {
    let (code, stdout, _) = run(&mut fw(&["config", "schema"]));
    let schema: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, schema["$schema"].as_str()), (0, Some("https://json-schema.org/draft/2020-12/schema")));
}

#[test]
fn a_token_and_its_line_for_the_config_belong_together() {
    let (code, stdout, stderr) =
        run(&mut fw(&["token", "new", "--name", "deploy", "--role", "operator", "--role", "viewer"]));
    assert_eq!(code, 0);
    let (token, line) = stdout.trim_end().split_once('\n').unwrap();
    assert!(token.starts_with("fw_") && token.len() == 67, "{token}");
    assert!(!stderr.contains(token), "the token is data, not talk");
    let config = format!("auth:\n  tokens:\n    {line}\n");
    let (code, shown, stderr) =
        run_in(&[("factory-wager.yaml", &config)], &["config", "show", "--output", "json"]);
    assert_eq!(code, 0, "{stderr}");
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let entry = &shown["auth"]["tokens"][0];
    assert_eq!((entry["name"].as_str(), entry["roles"][1].as_str()), (Some("deploy"), Some("viewer")));
    let (_, json, _) = run(&mut fw(&["token", "new", "--output", "json"]));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_ne!(json["token"].as_str(), Some(token));
    assert_eq!(json["sha256"].as_str().map(str::len), Some(64));
}

#[test]
fn every_shell_gets_completions() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, stdout, _) = run(&mut fw(&["completions", shell]));
        assert!(code == 0 && stdout.contains("rollout") && stdout.contains("validate"), "{shell}");
    }
}

#[test]
fn a_store_of_a_later_version_is_refused_by_name() {
    let (code, _, stderr) = run(&mut fw(&["serve", "--store", "postgres://db/fw"]));
    assert!(code == 2 && stderr.contains("PostgreSQL stores come with a later version"), "{stderr}");
}

#[test]
fn a_proxy_without_its_server_waits_and_ends_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = fw(&["proxy", "--control", "http://127.0.0.1:1", "--listen", "127.0.0.1:0"])
        .current_dir(folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let watchdog = Watchdog::over(&child);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("no split yet")), "it says what it waits for");
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(told.success());
    let code = child.wait().unwrap().code();
    drop(watchdog);
    assert_eq!(code, Some(0));
    assert_eq!(run(&mut fw(&["proxy", "--control", "nowhere://x"])).0, 2);
}

#[test]
fn a_wrong_command_is_exit_2_and_help_is_exit_0() {
    assert_eq!(run(&mut fw(&["rolout"])).0, 2);
    assert_eq!(run(&mut fw(&[])).0, 2);
    let (code, stdout, _) = run(&mut fw(&["--help"]));
    assert!(code == 0 && stdout.contains("Exit codes"), "{stdout}");
    assert_eq!(run(&mut fw(&["--version"])).0, 0);
}

#[test]
fn nothing_is_coloured_where_no_terminal_is() {
    let (_, stdout, stderr) = run_in(&[("factory-wager.yaml", FAULTY)], &["config", "validate"]);
    assert!(!stdout.contains('\u{1b}') && !stderr.contains('\u{1b}'), "{stderr}");
    assert!(Path::new(env!("CARGO_BIN_EXE_fw")).exists());
}
