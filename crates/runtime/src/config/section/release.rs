//! `release`: what happens around the rollout. Who approves, what is checked, what deploys, how long the old version stays.

use std::time::Duration;

use fw_model::release::{
    ApprovalPolicy, CheckCommand, CheckPolicy, CheckWebhook, Freeze, HealthCheck, ReleasePolicy, Severity,
    StepGates,
};

use super::{Rules, deploy, gate, word};
use crate::config::duration::Per;
use crate::config::format;
use crate::config::table::{Choice, Key, Kind, Range, Section};
use crate::config::tree::View;
use crate::windows;

/// Most checks of a kind.
const CHECKS_MAX: usize = 64;
/// Longest bake, and longest time that the old version is kept.
const KEEP_MAX: Duration = Duration::from_secs(90 * 86_400);
/// Longest time for an answer over HTTP.
const ANSWER_MAX: Duration = Duration::from_secs(300);
/// Time for an answer where none is given.
const ANSWER_DEFAULT: Duration = Duration::from_secs(10);
/// The zone of dates that name none.
const ZONE_DEFAULT: &str = "UTC";

/// What a check that fails weighs.
const SEVERITIES: &[Choice] = &[
    Choice::now("error", "the release stops"),
    Choice::now("warning", "the risk is higher"),
    Choice::now("info", "it is told"),
];

static FREEZE_KIND: Kind = Kind::Section(&FREEZE);
static SERVICE: Kind = Kind::Text(format::SERVICE_KEY);
static CHECK_COMMAND_KIND: Kind = Kind::Section(&CHECK_COMMAND);
static CHECK_WEBHOOK_KIND: Kind = Kind::Section(&CHECK_WEBHOOK);

/// The section.
pub(super) static RELEASE: Section = Section {
    title: "release",
    doc: "The pipeline around the rollout: `fw release`. See the [guide](../guides/releases.md).",
    keys: &[
        Key::optional(
            "strategy",
            Kind::Choice(&[
                Choice::now("canary", "the phases of the plan"),
                Choice::now(
                    "blue-green",
                    "beside the old one, tried with test traffic, then everything at once",
                ),
                Choice::now("rolling", "instance by instance, each proven"),
                Choice::now("all-at-once", "everything at once, as soon as it is healthy"),
            ]),
            r#""canary""#,
            "How traffic gets to the new version, unless `--strategy` says otherwise.",
        ),
        Key::optional(
            "approval",
            Kind::Section(&APPROVAL),
            "= defaults of its keys",
            "Who says yes to the risk.",
        ),
        Key::optional("checks", Kind::Section(&CHECKS), "= none", "What is checked beside what always is."),
        Key::optional(
            "gates",
            Kind::Section(&STEP_GATES),
            "= none",
            "What else must say yes, before which step.",
        ),
        Key::optional(
            "health",
            Kind::Section(&HEALTH),
            "= defaults of its keys",
            "How a version shows that it lives.",
        ),
        Key::optional(
            "deploy",
            Kind::Section(&deploy::DEPLOY),
            "= it is there already",
            "What puts the new version there.",
        ),
        Key::optional(
            "bake",
            Kind::Duration { per: Per::Minute, min: Duration::ZERO, max: KEEP_MAX },
            "= the duration of the last phase",
            "Least time at 100 % before the release counts as done; a bare number is minutes.",
        ),
        Key::optional(
            "keepOld",
            Kind::Duration { per: Per::Minute, min: Duration::ZERO, max: KEEP_MAX },
            r#""1h""#,
            "How long the old version is kept after that, for an instant undo; a bare number is minutes.",
        ),
    ],
    exclusive: &[],
};

static APPROVAL: Section = Section {
    title: "release.approval",
    doc: "Without `--auto-approve` people always approve.",
    keys: &[
        Key::optional(
            "limit",
            Kind::Number(Range::new(0.0, 100.0, "")),
            "50",
            "Highest risk, 0 to 100, that `--auto-approve` approves.",
        ),
        Key::optional(
            "quorum",
            Kind::Integer(Range::new(1.0, 100.0, "people")),
            "1",
            "How many different people must approve above it.",
        ),
        Key::optional(
            "expires",
            Kind::Duration { per: Per::Minute, min: Duration::from_secs(1), max: KEEP_MAX },
            r#""1d""#,
            "How long they may take; a bare number is minutes.",
        ),
        Key::optional(
            "default",
            Kind::Choice(&[
                Choice::now("reject", "silence is a no"),
                Choice::now("approve", "silence is a yes"),
            ]),
            r#""reject""#,
            "What counts when that time is over.",
        ),
    ],
    exclusive: &[],
};

static CHECKS: Section = Section {
    title: "release.checks",
    doc: "Checks beside those that are always made.",
    keys: &[
        Key::optional(
            "freeze",
            Kind::List { of: &FREEZE_KIND, min: 0, max: CHECKS_MAX },
            "[]",
            "Days on which nothing is released.",
        ),
        Key::optional(
            "dependsOn",
            Kind::List { of: &SERVICE, min: 0, max: CHECKS_MAX },
            "[]",
            "Services of this server whose rollouts must have come to rest.",
        ),
        Key::optional(
            "commands",
            Kind::List { of: &CHECK_COMMAND_KIND, min: 0, max: CHECKS_MAX },
            "[]",
            "Commands that the server runs; exit status 0 is good.",
        ),
        Key::optional(
            "webhooks",
            Kind::List { of: &CHECK_WEBHOOK_KIND, min: 0, max: CHECKS_MAX },
            "[]",
            "URLs that are asked with a POST; 2xx is good.",
        ),
    ],
    exclusive: &[],
};

pub(super) static FREEZE: Section = Section {
    title: "release.checks.freeze[n]",
    doc: "Days of the calendar, both included.",
    keys: &[
        Key::required("from", Kind::Text(format::DATE), "The first day, such as 2026-12-20."),
        Key::required("to", Kind::Text(format::DATE), "The last day."),
        Key::optional("zone", Kind::Text(format::ZONE), r#""UTC""#, "Their time zone."),
    ],
    exclusive: &[],
};

static CHECK_COMMAND: Section = Section {
    title: "release.checks.commands[n]",
    doc: "A command that says whether the release may go on; with the keys of [a command](#a-command).",
    keys: &[
        Key::required("name", Kind::Text(format::TOKEN_NAME), "What people call it."),
        Key::required("command", Kind::Section(&deploy::COMMAND), "What runs."),
        Key::optional("severity", Kind::Choice(SEVERITIES), r#""error""#, "What a failure weighs."),
    ],
    exclusive: &[],
};

static CHECK_WEBHOOK: Section = Section {
    title: "release.checks.webhooks[n]",
    doc: "A URL that says whether the release may go on.",
    keys: &[
        Key::required("name", Kind::Text(format::TOKEN_NAME), "What people call it."),
        Key::required("url", Kind::Text(format::WEBHOOK_URL), "Where it is asked."),
        Key::optional(
            "timeout",
            Kind::Duration { per: Per::Second, min: Duration::from_secs(1), max: ANSWER_MAX },
            r#""10s""#,
            "Longest time for an answer; a bare number is seconds.",
        ),
        Key::optional("severity", Kind::Choice(SEVERITIES), r#""error""#, "What another answer weighs."),
    ],
    exclusive: &[],
};

static STEP_GATES: Section = Section {
    title: "release.gates",
    doc: "Lists of [gates](#gatesn).",
    keys: &[
        Key::optional("deploy", gate::GATES, "[]", "Before anything is deployed."),
        Key::optional("rollout", gate::GATES, "[]", "Before the first request goes to the new version."),
        Key::optional("finish", gate::GATES, "[]", "Before the release counts as done."),
    ],
    exclusive: &[],
};

static HEALTH: Section = Section {
    title: "release.health",
    doc: "What every instance is asked for.",
    keys: &[
        Key::optional(
            "path",
            Kind::Text(format::URL_PATH),
            r#""/""#,
            "Answers with 2xx when the instance is healthy.",
        ),
        Key::optional(
            "versionPointer",
            Kind::Text(format::POINTER),
            "= not compared",
            "JSON pointer (RFC 6901) into the answer to where its version stands, such as /version.",
        ),
        Key::optional(
            "timeout",
            Kind::Duration { per: Per::Second, min: Duration::from_millis(100), max: ANSWER_MAX },
            r#""5s""#,
            "Longest time for an answer; a bare number is seconds.",
        ),
    ],
    exclusive: &[],
};

/// What the config says, and the defaults for the rest.
pub(super) fn read(release: View<'_>) -> ReleasePolicy {
    let usual = ReleasePolicy::default();
    let (approval, health) = (release.get("approval"), release.get("health"));
    let gates = |step: &str| gate::read(release.get("gates").get(step));
    ReleasePolicy {
        strategy: word(release.get("strategy")).unwrap_or(usual.strategy),
        approval: ApprovalPolicy {
            limit: approval.get("limit").number().unwrap_or(usual.approval.limit),
            quorum: gate::quorum(approval),
            expires: gate::expires(approval).or(usual.approval.expires),
            default: gate::answer(approval),
        },
        checks: checks(release.get("checks")),
        gates: StepGates { deploy: gates("deploy"), rollout: gates("rollout"), finish: gates("finish") },
        health: HealthCheck {
            path: health.get("path").text().map_or(usual.health.path, str::to_owned),
            version_pointer: health.get("versionPointer").text().map(str::to_owned),
            timeout: health.get("timeout").duration(Per::Second).unwrap_or(usual.health.timeout),
        },
        deploy: deploy::read(release.get("deploy")),
        bake: release.get("bake").duration(Per::Minute).unwrap_or(usual.bake),
        keep_old: release.get("keepOld").duration(Per::Minute).unwrap_or(usual.keep_old),
    }
}

fn checks(checks: View<'_>) -> CheckPolicy {
    let severity = |view: View<'_>| word(view.get("severity")).unwrap_or(Severity::Error);
    let freeze = |node| {
        let freeze = View(Some(node));
        Some(Freeze {
            from: freeze.get("from").text()?.to_owned(),
            to: freeze.get("to").text()?.to_owned(),
            zone: freeze.get("zone").text().unwrap_or(ZONE_DEFAULT).to_owned(),
        })
    };
    let command = |node| {
        let check = View(Some(node));
        let command = deploy::command(check.get("command"));
        Some(CheckCommand { name: check.get("name").text()?.to_owned(), command, severity: severity(check) })
    };
    let webhook = |node| {
        let check = View(Some(node));
        Some(CheckWebhook {
            name: check.get("name").text()?.to_owned(),
            url: check.get("url").text()?.to_owned(),
            timeout: check.get("timeout").duration(Per::Second).unwrap_or(ANSWER_DEFAULT),
            severity: severity(check),
        })
    };
    let services = checks.get("dependsOn").items().iter().filter_map(|node| View(Some(node)).text());
    CheckPolicy {
        freeze: checks.get("freeze").items().iter().filter_map(freeze).collect(),
        depends_on: services.map(str::to_owned).collect(),
        commands: checks.get("commands").items().iter().filter_map(command).collect(),
        webhooks: checks.get("webhooks").items().iter().filter_map(webhook).collect(),
    }
}

/// Gates, freezes and names between values.
pub(super) fn check(rules: &mut Rules<'_>) {
    for step in ["deploy", "rollout", "finish"] {
        gate::check(rules, &format!("release.gates.{step}"));
    }
    deploy::check(rules, "release.deploy");
    let checks = rules.view().get("release").get("checks");
    for (i, node) in checks.get("freeze").items().iter().enumerate() {
        let (freeze, at) = (View(Some(node)), format!("release.checks.freeze[{i}]"));
        if let (Some(from), Some(to)) = (freeze.get("from").text(), freeze.get("to").text())
            && from > to
        {
            rules.fault(&at, format!("ends on {to}, before it begins on {from}"));
        }
        if let Some(zone) = freeze.get("zone").text().filter(|zone| !windows::is_zone(zone)) {
            rules.fault(&format!("{at}.zone"), gate::unknown_zone(zone));
        }
    }
    let names = |list: &str| {
        let items = checks.get(list).items().iter();
        items.map(|node| View(Some(node)).get("name").text()).collect::<Vec<_>>()
    };
    let all = [("commands", names("commands")), ("webhooks", names("webhooks"))];
    let mut seen: Vec<&str> = vec![];
    for (list, names) in all {
        for (i, name) in names.into_iter().enumerate() {
            let Some(name) = name else { continue };
            if seen.contains(&name) {
                rules.fault(
                    &format!("release.checks.{list}[{i}].name"),
                    "another check has this name; each needs its own",
                );
            }
            seen.push(name);
        }
    }
}
