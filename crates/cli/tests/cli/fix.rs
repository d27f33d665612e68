//! `fw config fix`: six faults at once, one that has no remedy, and a look that touches nothing.

use std::path::Path;

use crate::support::{Tree, fw, run};
use expect_test::expect;
use serde_json::Value;

/// Six things a fix knows a remedy for: a slip in a key, a percent sign, phases out of order, one twice, none at 100 %,
/// a duration in words. And comments, which must stay with what they are about.
const SIX: &str = "\
# The shop's checkout.
service: checkout
versions:
  stable: { version: \"1.4.2\", url: http://127.0.0.1:8081 }   # since May
  canary: { version: \"1.5.0\", url: http://127.0.0.1:8082 }
rollout:
  riskTreshold: 80            # stricter than usual
  phases:
    # a first look
    - { id: 0, percentage: 5%, duration: 2 min }
    # half of everybody
    - { id: 1, percentage: 50, duration: 10m }
    # a quarter
    - { id: 2, percentage: 25, duration: 5m }
    # half again
    - { id: 3, percentage: 50, duration: 10m }
";

fn folder_with(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("factory-wager.yaml"), text).unwrap();
    folder
}

fn fix_in(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    run(fw(&["config", "fix"]).args(arguments).current_dir(folder))
}

#[test]
fn six_faults_are_shown_fixed_and_gone() {
    let folder = folder_with(SIX);
    let (code, stdout, stderr) = fix_in(folder.path(), &[]);
    expect![[r#"
        --- factory-wager.yaml
        +++ factory-wager.yaml
        @@ -4,13 +4,12 @@
           stable: { version: "1.4.2", url: http://127.0.0.1:8081 }   # since May
           canary: { version: "1.5.0", url: http://127.0.0.1:8082 }
         rollout:
        -  riskTreshold: 80            # stricter than usual
        +  riskThreshold: 80            # stricter than usual
           phases:
             # a first look
        -    - { id: 0, percentage: 5%, duration: 2 min }
        -    # half of everybody
        -    - { id: 1, percentage: 50, duration: 10m }
        +    - { id: 0, percentage: 5, duration: 2m }
             # a quarter
        -    - { id: 2, percentage: 25, duration: 5m }
        -    # half again
        -    - { id: 3, percentage: 50, duration: 10m }
        +    - { id: 1, percentage: 25, duration: 5m }
        +    # half of everybody
        +    - { id: 2, percentage: 50, duration: 10m }
        +    - { id: 3, percentage: 100, duration: 10m }
    "#]]
    .assert_eq(&stdout);
    expect![[r#"
        factory-wager.yaml:7:3: rollout.riskTreshold: `riskTreshold` is written `riskThreshold` [misspelt-key]
        factory-wager.yaml:10:16: rollout.phases[0].percentage: the text "5%" is written as the number 5 [number-as-text]
        factory-wager.yaml:10:32: rollout.phases[0].duration: the text "2 min" is written 2m [duration-in-words]
        factory-wager.yaml:14:7: rollout.phases[2]: phases must grow: they stand in the order 5, 25, 50, 50 % now [phase-order]
        factory-wager.yaml:16:7: rollout.phases[3]: a second phase at 50 %: the later one goes [doubled-phase]
        factory-wager.yaml:12:7: rollout.phases[1]: the last phase has 50 %: one at 100 % is added, for 10m as the one before [full-phase]
        factory-wager.yaml: 6 faults fixed; the file before is factory-wager.yaml.bak
    "#]].assert_eq(&stderr);
    assert_eq!(code, 0);
    let file = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(file("factory-wager.yaml.bak"), SIX);
    let (code, stdout, _) = run(fw(&["config", "validate"]).current_dir(folder.path()));
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.contains("phases 5 → 25 → 50 → 100 %"), "{stdout}");
    // Once fixed it stays as it is.
    let before = Tree::of(folder.path());
    let (code, stdout, stderr) = fix_in(folder.path(), &[]);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "", "factory-wager.yaml: nothing to fix\n"));
    assert_eq!(Tree::of(folder.path()), before);
}

#[test]
fn the_diff_is_a_patch() {
    let folder = folder_with(SIX);
    let (_, patch, _) = fix_in(folder.path(), &["--dry-run"]);
    assert_eq!(fix_in(folder.path(), &[]).0, 0);
    let fixed = std::fs::read_to_string(folder.path().join("factory-wager.yaml")).unwrap();
    // Applied by hand: what is not removed, and what is added, in the order of the diff, is in the fixed text.
    let kept = patch.lines().skip(2).filter(|line| line.starts_with([' ', '+'])).map(|line| &line[1..]);
    let lines: Vec<&str> = fixed.lines().collect();
    let mut at = 0;
    for line in kept {
        let found = lines[at..].iter().position(|l| *l == line);
        at += found.unwrap_or_else(|| panic!("{line:?} is not in its place:\n{fixed}")) + 1;
    }
}

#[test]
fn a_dry_run_touches_nothing() {
    let folder = folder_with(SIX);
    let before = Tree::of(folder.path());
    let (code, stdout, stderr) = fix_in(folder.path(), &["--dry-run"]);
    assert_eq!(code, 0);
    assert!(stdout.contains("+  riskThreshold: 80"), "{stdout}");
    assert!(stderr.ends_with("6 faults can be fixed; nothing was written (--dry-run)\n"), "{stderr}");
    assert_eq!(Tree::of(folder.path()), before);
}

#[test]
fn a_fault_without_a_remedy_is_refused_with_its_place_and_nothing_is_written() {
    let text = SIX.replace("percentage: 25,", "percentage: 0,").replace("8082", "8081");
    let folder = folder_with(&text);
    let before = Tree::of(folder.path());
    let (code, stdout, stderr) = fix_in(folder.path(), &[]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    expect![[r#"
        factory-wager.yaml:5:36: versions.canary.url: both versions have the URL http://127.0.0.1:8081: one is not the other
            5 |   canary: { version: "1.5.0", url: http://127.0.0.1:8081 }
              |                                    ^
        factory-wager.yaml:14:28: rollout.phases[2].percentage: must be 0.001 to 100 (percent of traffic), not 0
           14 |     - { id: 2, percentage: 0, duration: 5m }
              |                            ^
        factory-wager.yaml:16:28: rollout.phases[3].percentage: phases must grow: 50 % does not exceed the 50.001 % of the phase before
           16 |     - { id: 3, percentage: 50, duration: 10m }
              |                            ^
        factory-wager.yaml:16:28: rollout.phases[3].percentage: the last phase must be 100, not 50: a rollout ends with all traffic
           16 |     - { id: 3, percentage: 50, duration: 10m }
              |                            ^
        factory-wager.yaml: nothing was written; mend what stands above, then 3 faults can be fixed
    "#]].assert_eq(&stderr);
    assert_eq!(Tree::of(folder.path()), before);
    let (code, stdout, stderr) = fix_in(folder.path(), &["--output", "json"]);
    assert_eq!((code, stderr.as_str()), (2, ""));
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&report["valid"], &report["written"]), (&Value::from(false), &Value::from(false)));
    assert_eq!(report["faults"][0]["path"], "versions.canary.url");
    assert_eq!(report["fixable"][0]["rule"], "misspelt-key");
    assert_eq!(Tree::of(folder.path()), before);
}

#[test]
fn as_json_each_fix_has_its_rule_and_place() {
    let folder = folder_with(SIX);
    let (code, stdout, stderr) = fix_in(folder.path(), &["--output", "json"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&report["valid"], &report["written"]), (&Value::from(true), &Value::from(true)));
    let rules: Vec<&str> =
        report["applied"].as_array().unwrap().iter().filter_map(|a| a["rule"].as_str()).collect();
    let want =
        ["misspelt-key", "number-as-text", "duration-in-words", "phase-order", "doubled-phase", "full-phase"];
    assert_eq!(rules, want);
    assert_eq!(
        (report["applied"][0]["line"].as_u64(), report["applied"][0]["column"].as_u64()),
        (Some(7), Some(3))
    );
    assert!(report["backup"].as_str().unwrap().ends_with("factory-wager.yaml.bak"));
}

#[test]
fn phases_grow_for_the_traffic_there_is() {
    let text = "\
service: checkout
versions:
  stable: { version: \"1.4.2\", url: http://127.0.0.1:8081 }
  canary: { version: \"1.5.0\", url: http://127.0.0.1:8082 }
rollout:
  phases:
    - { percentage: 5, duration: 2, successCriteria: { errorRate: 1 } }
    - { percentage: 100, duration: 2, successCriteria: { errorRate: 1 } }
";
    let folder = folder_with(text);
    let warned = |rps: &str| {
        let arguments = ["plan", "check", "--rps", rps, "--strict"];
        run(fw(&arguments).current_dir(folder.path())).0
    };
    assert_eq!(warned("60"), 1, "the plan is too short for 60 requests a second");
    let (code, stdout, stderr) = fix_in(folder.path(), &["--requests-per-second", "60"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("[short-phase]"), "{stderr}");
    assert!(stdout.contains("+    - { percentage: 5, duration: "), "{stdout}");
    assert_eq!(warned("60"), 0, "the fixed plan has time enough");
}

#[test]
fn a_file_that_is_not_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, stderr) = fix_in(folder.path(), &["-c", "none.yaml"]);
    assert!(code == 2 && stderr.starts_with("none.yaml: there is no such file"), "{stderr}");
}
