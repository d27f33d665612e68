//! `notifications`: what is read, what is refused, and that no secret is ever shown.

use std::path::PathBuf;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::good::load;
use crate::config::{
    HttpFormat, SecretFrom, SinkConfig, SinkTarget, SmtpTls, effective_yaml, load_file, load_str,
};

const ALL: &str = r#"service: checkout
notifications:
  - { name: ci, kind: webhook, url: https://ci.example.org/hooks?a=1, secretEnv: CI_SECRET, events: [rollback_started, metrics_update], services: [checkout, shop@eu], giveUpAfter: 1h, dashboardUrl: "https://fw.example.org/" }
  - { name: gate, kind: webhook, urlFile: secrets/url, secretFile: secrets/key, ca: ca.pem, headers: [{ name: X-From, value: fw }, { name: Authorization, valueEnv: GATE_TOKEN }] }
  - { name: chat, kind: slack, urlEnv: SLACK_URL }
  - { name: office, kind: teams, urlFile: /run/secrets/teams }
  - { name: games, kind: discord, urlEnv: DISCORD_URL }
  - { name: people, kind: email, smtp: { host: smtp.example.org, tls: starttls, username: fw, passwordEnv: SMTP_PASSWORD }, from: fw@example.org, to: [a@example.org, b@example.org] }
"#;

fn sinks(text: &str) -> Vec<SinkConfig> {
    load(text).notifications
}

#[test]
fn every_kind_is_read() {
    let sinks = sinks(ALL);
    let names: Vec<&str> = sinks.iter().map(|sink| sink.name.as_str()).collect();
    assert_eq!(names, ["ci", "gate", "chat", "office", "games", "people"]);
    assert_eq!(sinks[0].events, ["rollback_started", "metrics_update"]);
    assert_eq!(sinks[0].services, ["checkout".parse().unwrap(), "shop@eu".parse().unwrap()]);
    assert_eq!(sinks[0].give_up_after, Duration::from_secs(3600));
    assert_eq!(sinks[0].dashboard_url.as_deref(), Some("https://fw.example.org"));
    let SinkTarget::Http(ci) = &sinks[0].to else { panic!("{:?}", sinks[0]) };
    assert_eq!(ci.format, HttpFormat::Webhook);
    assert!(matches!(&ci.url, SecretFrom::Inline(url) if url.expose() == "https://ci.example.org/hooks?a=1"));
    assert_eq!(ci.signing, Some(SecretFrom::Env("CI_SECRET".into())));
    let SinkTarget::Http(chat) = &sinks[2].to else { panic!("{:?}", sinks[2]) };
    assert_eq!((chat.format, &chat.url), (HttpFormat::Slack, &SecretFrom::Env("SLACK_URL".into())));
    let SinkTarget::Email(people) = &sinks[5].to else { panic!("{:?}", sinks[5]) };
    assert_eq!((people.tls, people.port, people.to.len()), (SmtpTls::Starttls, 587, 2));
    assert_eq!(people.login, Some(("fw".into(), SecretFrom::Env("SMTP_PASSWORD".into()))));
}

#[test]
fn measurements_are_told_only_when_asked_for() {
    let sinks = sinks(ALL);
    assert!(!sinks[1].events.contains(&"metrics_update".to_owned()));
    assert_eq!(sinks[1].events.len(), 13);
    assert_eq!(sinks[1].give_up_after, Duration::from_secs(86_400));
}

#[test]
fn what_is_shown_reads_back() {
    let config = load(ALL);
    let shown = effective_yaml(&config);
    assert_eq!(load_str("shown.yaml", &shown, None).unwrap(), config, "{shown}");
}

#[test]
fn files_are_taken_from_the_folder_of_the_config() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fw.yaml");
    std::fs::write(&path, ALL).unwrap();
    let sinks = load_file(&path, None).unwrap().notifications;
    let SinkTarget::Http(gate) = &sinks[1].to else { panic!("{:?}", sinks[1]) };
    let at = |name: &str| folder.path().join(name);
    assert_eq!(gate.url, SecretFrom::File(at("secrets/url")));
    assert_eq!(gate.signing, Some(SecretFrom::File(at("secrets/key"))));
    assert_eq!(gate.ca, Some(at("ca.pem")));
    let SinkTarget::Http(office) = &sinks[3].to else { panic!("{:?}", sinks[3]) };
    assert_eq!(office.url, SecretFrom::File(PathBuf::from("/run/secrets/teams")));
}

fn check(text: &str, want: Expect) {
    let report = load_str("fw.yaml", text, None).expect_err("a bad config").to_string();
    want.assert_eq(&report);
}

#[test]
fn what_a_kind_needs_and_does_not_take_is_said_all_at_once() {
    check(
        r#"notifications:
  - { name: a, kind: webhook }
  - { name: a, kind: slack, url: https://hooks.slack.com/services/T0/B0/hidden }
  - { name: b, kind: email, smtp: { host: mail.example.org, tls: none, username: fw } }
  - { name: c, kind: teams, urlEnv: TEAMS_URL, secretEnv: X, from: a@b }
  - { name: d, kind: pager, urlEnv: X, events: [rollback_begun] }
  - { name: e, kind: webhook, urlEnv: X, headers: [{ name: X-A }], services: ["@"] }
"#,
        expect![[r#"
            fw.yaml:2:5: notifications[0]: needs `urlEnv` (an environment variable of the server) or `urlFile`, or, where it is no secret, `url`
            fw.yaml:3:13: notifications[1].name: another receiver has this name; each needs its own
            fw.yaml:3:34: notifications[1].url: who has this URL can post: put it into an environment variable and name that with `urlEnv`, or into a file (`urlFile`)
            fw.yaml:4:5: notifications[2]: `kind: email` needs `from`
            fw.yaml:4:5: notifications[2]: `kind: email` needs `to`
            fw.yaml:4:35: notifications[2].smtp: `username` and the password (`passwordEnv`, `passwordFile`) go together
            fw.yaml:4:66: notifications[2].smtp.tls: `none` is for a mail server on loopback; others need `required` or `starttls`
            fw.yaml:5:59: notifications[3].secretEnv: `secretEnv` goes with `kind: webhook`
            fw.yaml:5:68: notifications[3].from: `from` goes with `kind: email`
            fw.yaml:6:22: notifications[4].kind: must be webhook, slack, teams, discord or email, not "pager"
            fw.yaml:6:49: notifications[4].events[0]: must be rollout_started, phase_advanced, metrics_update, phase_held, phase_released, rollout_paused, rollout_resumed, risk_alert, rollback_started, rollback_completed, rollout_completed, rollout_aborted, gate_answered or report_ready, not "rollback_begun"
            fw.yaml:7:52: notifications[5].headers[0]: needs `valueEnv` (an environment variable of the server) or `valueFile`, or, where it is no secret, `value`
            fw.yaml:7:79: notifications[5].services[0]: must be a service such as checkout, or checkout@eu-west-1, not "@""#]],
    );
}

#[test]
fn a_secret_in_the_wrong_place_is_refused_and_not_repeated() {
    for line in [
        "{ name: a, kind: slack, url: https://hooks.slack.com/services/T0/hidden }",
        "{ name: a, kind: slack, urlEnv: https://hooks.slack.com/services/T0/hidden }",
        "{ name: a, kind: slack, urlFile: https://hooks.slack.com/services/T0/hidden }",
        "{ name: a, kind: webhook, url: http://me:hidden@a, secretEnv: whsec_hidden/ }",
        "{ name: a, kind: webhook, url: ftp://hidden, secret: whsec_hidden }",
        "{ name: a, kind: webhook, url: http://a, secretEnv: whsec_hidden+ }",
        "{ name: a, kind: email, password: hidden, from: f@x, to: [t@x], smtp: { host: localhost, password: hidden } }",
        "{ name: a, kind: webhook, url: http://a, headers: [{ name: A, valueEnv: 'Bearer hidden' }] }",
    ] {
        for text in [
            format!("notifications:\n  - {line}\n"),
            format!("environments:\n  x:\n    notifications:\n    - {line}\n"),
        ] {
            let faults = load_str("fw.yaml", &text, Some("x")).map(drop);
            let faults = faults.or_else(|_| load_str("fw.yaml", &text, None).map(drop)).expect_err(line);
            let report = format!("{faults}{:?}{:?}", faults.to_problem_errors(), faults.list());
            assert!(!report.contains("hidden"), "{line}: {report}");
        }
    }
}

#[test]
fn a_config_does_not_show_the_url_it_holds() {
    let config = load("notifications: [{ name: a, kind: webhook, url: https://a/hidden }]\n");
    assert!(!format!("{config:?} {config:#?}").contains("hidden"));
}
