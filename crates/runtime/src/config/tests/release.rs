//! `release` and gates: what is read, and what is refused.

use std::time::Duration;

use fw_model::release::{Answer, DeployPolicy, Gate, GateKind, Severity, Strategy};

use super::good::load;
use crate::config::load_str;

const FULL: &str = r#"
service: shop
traffic: { router: sdk }
rollout:
  phases:
    - percentage: 10
      duration: 1
      gates:
        - approval: { quorum: 2, expires: 4h, default: approve }
        - { webhook: "https://ci.example/ask", expires: 30 }
        - { window: "Mon-Thu 09:00-16:00 Europe/Berlin" }
    - { percentage: 100, duration: 1 }
release:
  strategy: blue-green
  approval: { limit: 30, quorum: 2, expires: 2h }
  bake: 10
  keepOld: 2h
  health: { path: /healthz, versionPointer: /version, timeout: 2 }
  gates: { finish: [ { approval: {} } ] }
  checks:
    freeze: [ { from: 2026-12-20, to: 2027-01-03, zone: Europe/Berlin } ]
    dependsOn: [ payments ]
    commands: [ { name: lint, command: { run: [ make, lint ], timeout: 90 }, severity: warning } ]
    webhooks: [ { name: budget, url: "http://127.0.0.1:9/ok" } ]
  deploy:
    process: { run: [ ./shop, "--port={port}" ], env: [ "LOG=a=b", "EMPTY=" ], pass: [ DB_URL ], readyWithin: 5 }
"#;

#[test]
fn a_release_is_read_whole() {
    let config = load(FULL);
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let gates = &config.plan.phases[0].gates;
    assert_eq!(
        gates[0],
        Gate {
            kind: GateKind::Approval { quorum: 2 },
            expires: Some(minutes(240)),
            default: Answer::Approve
        }
    );
    assert_eq!((gates[1].expires, gates[1].default), (Some(minutes(30)), Answer::Reject));
    assert!(matches!(&gates[2].kind, GateKind::Window(w) if w.zone == "Europe/Berlin"));
    let release = &config.release;
    assert_eq!((release.strategy, release.approval.limit), (Strategy::BlueGreen, 30.0));
    assert_eq!((release.bake, release.keep_old), (minutes(10), minutes(120)));
    assert_eq!(release.gates.finish.len(), 1);
    assert_eq!(release.checks.commands[0].severity, Severity::Warning);
    assert_eq!(release.checks.commands[0].command.timeout, Duration::from_secs(90));
    let Some(DeployPolicy::Process(process)) = &release.deploy else { panic!("{:?}", release.deploy) };
    assert_eq!(process.env, [("LOG".into(), "a=b".into()), ("EMPTY".into(), String::new())]);
    assert_eq!(process.ready_within, Duration::from_secs(5));
}

#[test]
fn what_is_read_reads_back_from_its_effective_form() {
    let config = load(FULL);
    let again = crate::config::load_json(&crate::config::effective_json(&config), None).unwrap();
    assert_eq!(again, config);
    let exec = "service: shop\ntraffic: { router: sdk }\nrelease: { deploy: { exec: { deploy: { run: [a] }, retire: { run: [b, \"\"], cwd: /x, repeatable: true } } } }\n";
    let config = load(exec);
    assert_eq!(load(&crate::config::effective_yaml(&config)), config);
    let systemd = "service: shop\ntraffic: { router: sdk }\nrelease: { deploy: { systemd: { run: [/a], user: web } } }\n";
    let config = load(systemd);
    assert_eq!(load(&crate::config::effective_yaml(&config)), config);
}

#[test]
fn every_fault_is_named() {
    let text = r#"service: shop
traffic: { router: sdk }
rollout:
  phases:
    - { percentage: 100, duration: 1, gates: [ {}, { window: "Mon 9-10" }, { window: "Mon 09:00-10:00 Mars/Base" }, { approval: { quorum: 0 }, expires: 5 } ] }
release:
  strategy: yolo
  checks:
    freeze: [ { from: 2026-12-20, to: 2026-12-19 }, { from: 2026-13-01, to: soon, zone: Nowhere } ]
    commands: [ { name: a, command: { run: [] } }, { name: a, command: { run: [x], env: [ "1=2" ] } } ]
  health: { path: healthz, versionPointer: version }
  deploy: {}
"#;
    expect_test::expect![[r#"
        fw.yaml:5:48: rollout.phases[0].gates[0]: a gate needs one of `approval`, `webhook` and `window`
            5 |     - { percentage: 100, duration: 1, gates: [ {}, { window: "Mon 9-10" }, { window: "Mon 09:00-10:0…
              |                                                ^
        fw.yaml:5:62: rollout.phases[0].gates[1].window: a window is written like "Mon-Thu 09:00-16:00 Europe/Berlin": "9" is no time of day such as 09:00
            5 | …centage: 100, duration: 1, gates: [ {}, { window: "Mon 9-10" }, { window: "Mon 09:00-10:00 Mars/Base…
              |                                                    ^
        fw.yaml:5:86: rollout.phases[0].gates[2].window: there is no time zone "Mars/Base"; names are those of IANA, such as Europe/Berlin or UTC
            5 | …1, gates: [ {}, { window: "Mon 9-10" }, { window: "Mon 09:00-10:00 Mars/Base" }, { approval: { quoru…
              |                                                    ^
        fw.yaml:5:139: rollout.phases[0].gates[3].approval.quorum: must be a whole number, 1 to 100 (people), not 0
            5 | …: "Mon 9-10" }, { window: "Mon 09:00-10:00 Mars/Base" }, { approval: { quorum: 0 }, expires: 5 } ] }
              |                                                                                 ^
        fw.yaml:5:153: rollout.phases[0].gates[3].expires: `expires` of an approval stands inside `approval`
            5 | …: "Mon 9-10" }, { window: "Mon 09:00-10:00 Mars/Base" }, { approval: { quorum: 0 }, expires: 5 } ] }
              |                                                                                               ^
        fw.yaml:7:13: release.strategy: must be canary, blue-green, rolling or all-at-once, not "yolo"
            7 |   strategy: yolo
              |             ^
        fw.yaml:9:15: release.checks.freeze[0]: ends on 2026-12-19, before it begins on 2026-12-20
            9 |     freeze: [ { from: 2026-12-20, to: 2026-12-19 }, { from: 2026-13-01, to: soon, zone: Nowhere } ]
              |               ^
        fw.yaml:9:61: release.checks.freeze[1].from: must be a day such as 2026-12-20, not "2026-13-01"
            9 |     freeze: [ { from: 2026-12-20, to: 2026-12-19 }, { from: 2026-13-01, to: soon, zone: Nowhere } ]
              |                                                             ^
        fw.yaml:9:77: release.checks.freeze[1].to: must be a day such as 2026-12-20, not "soon"
            9 |     freeze: [ { from: 2026-12-20, to: 2026-12-19 }, { from: 2026-13-01, to: soon, zone: Nowhere } ]
              |                                                                             ^
        fw.yaml:9:89: release.checks.freeze[1].zone: there is no time zone "Nowhere"; names are those of IANA, such as Europe/Berlin or UTC
            9 |     freeze: [ { from: 2026-12-20, to: 2026-12-19 }, { from: 2026-13-01, to: soon, zone: Nowhere } ]
              |                                                                                         ^
        fw.yaml:10:44: release.checks.commands[0].command.run: needs at least 1 of these, has 0
           10 |     commands: [ { name: a, command: { run: [] } }, { name: a, command: { run: [x], env: [ "1=2" ] } …
              |                                            ^
        fw.yaml:10:60: release.checks.commands[1].name: another check has this name; each needs its own
           10 | … commands: [ { name: a, command: { run: [] } }, { name: a, command: { run: [x], env: [ "1=2" ] } } ]
              |                                                          ^
        fw.yaml:10:91: release.checks.commands[1].command.env[0]: must be NAME=value; a name is of letters, digits and _
           10 | … commands: [ { name: a, command: { run: [] } }, { name: a, command: { run: [x], env: [ "1=2" ] } } ]
              |                                                                                         ^
        fw.yaml:11:19: release.health.path: must be a path such as /healthz, not "healthz"
           11 |   health: { path: healthz, versionPointer: version }
              |                   ^
        fw.yaml:11:44: release.health.versionPointer: must be a JSON pointer such as /version, not "version"
           11 |   health: { path: healthz, versionPointer: version }
              |                                            ^
        fw.yaml:12:11: release.deploy: needs one of `process`, `exec` and `systemd`
           12 |   deploy: {}
              |           ^"#]].assert_eq(&load_str("fw.yaml", text, None).unwrap_err().to_string());
}
