//! `notifications[n]`: who is told of what happens to rollouts, and how.
//!
//! Secrets are never written here, only where they are: an environment variable or a file. What is wrong is said
//! without the value, because what was pasted into the wrong key may be one.

use std::time::Duration;

use fw_model::{Secret, ServiceKey};

use super::Rules;
use crate::config::duration::Per;
use crate::config::format;
use crate::config::notification::{
    EmailTarget, HttpFormat, HttpTarget, SecretFrom, SinkConfig, SinkTarget, SmtpTls,
};
use crate::config::table::{Choice, Key, Kind, Range, Section};
use crate::config::tree::View;

/// Most receivers.
const SINKS_MAX: usize = 32;
/// Most services of a filter, receivers of e-mail and header fields.
const NAMES_MAX: usize = 32;
/// Until an event is given up, where nothing is said.
const GIVE_UP_DEFAULT: Duration = Duration::from_secs(24 * 3600);
/// The longest: as long as events are kept for a receiver that does not answer.
const GIVE_UP_MAX: Duration = Duration::from_secs(7 * 86_400);
/// What is told only when it is asked for: it comes every `monitoringInterval`.
const QUIET: &str = "metrics_update";

static SINK_KIND: Kind = Kind::Section(&SINK);
static HEADER_KIND: Kind = Kind::Section(&HEADER);
static SERVICE: Kind = Kind::Text(format::SERVICE_KEY);
static MAILBOX: Kind = Kind::Text(format::MAILBOX);
static EVENT: Kind = Kind::Choice(EVENTS);

/// Every type of event that is kept in the log.
const EVENTS: &[Choice] = &[
    Choice::now("rollout_started", "a rollout began"),
    Choice::now("phase_advanced", "the next phase began"),
    Choice::now(QUIET, "the measurements, every `monitoringInterval`"),
    Choice::now("phase_held", "the phase can't end, or can't be judged"),
    Choice::now("phase_released", "a hold is over"),
    Choice::now("rollout_paused", "a person paused it"),
    Choice::now("rollout_resumed", "a person resumed it"),
    Choice::now("risk_alert", "a rollback is being considered"),
    Choice::now("rollback_started", "traffic is being moved back"),
    Choice::now("rollback_completed", "all data planes confirmed it, or are named"),
    Choice::now("rollout_completed", "the canary is the current version now"),
    Choice::now("rollout_aborted", "a person ended it"),
    Choice::now("gate_answered", "a gate of a phase was answered"),
    Choice::now("report_ready", "a report can be read"),
];

/// The list.
pub(super) const NOTIFICATIONS: Key = Key::optional(
    "notifications",
    Kind::List { of: &SINK_KIND, min: 0, max: SINKS_MAX },
    "[]",
    "Who is told of what happens: webhooks, chats, e-mail. They are of the server, so one list serves all its services.",
);

/// One receiver.
pub(super) static SINK: Section = Section {
    title: "notifications[n]",
    doc: "A receiver. Secrets stand in environment variables of the server, or in files. The [guide](../guides/notifications.md) has an example of each kind.",
    keys: &[
        Key::required(
            "name",
            Kind::Text(format::TOKEN_NAME),
            "What people call it. How far it was told is kept under this name.",
        ),
        Key::required(
            "kind",
            Kind::Choice(&[
                Choice::now("webhook", "a CloudEvent, signed by the rules of Standard Webhooks"),
                Choice::now("slack", "an incoming webhook of Slack"),
                Choice::now("teams", "a workflow of Microsoft Teams that takes adaptive cards"),
                Choice::now("discord", "a webhook of Discord"),
                Choice::now("email", "e-mail through a mail server"),
            ]),
            "What it understands.",
        ),
        Key::optional(
            "url",
            Kind::Text(format::WEBHOOK_URL),
            "= one of the three must stand, but for e-mail",
            "Where a plain webhook is posted. URLs of chats are secrets, and stand elsewhere.",
        ),
        Key::optional(
            "urlEnv",
            Kind::Text(format::ENV),
            "= none",
            "The environment variable that has the URL.",
        ),
        Key::optional("urlFile", Kind::Text(format::SECRET_FILE), "= none", "The file that has the URL."),
        Key::optional(
            "secretEnv",
            Kind::Text(format::ENV),
            "= none: not signed",
            "The environment variable that has a webhook's signing secret, `whsec_` and 24 to 64 bytes in base64.",
        ),
        Key::optional(
            "secretFile",
            Kind::Text(format::SECRET_FILE),
            "= none: not signed",
            "The file that has a webhook's signing secret.",
        ),
        Key::optional(
            "headers",
            Kind::List { of: &HEADER_KIND, min: 0, max: NAMES_MAX },
            "[]",
            "Further header fields of a webhook.",
        ),
        Key::optional(
            "events",
            Kind::List { of: &EVENT, min: 1, max: EVENTS.len() },
            "= all but metrics_update",
            "What it is told of.",
        ),
        Key::optional(
            "services",
            Kind::List { of: &SERVICE, min: 1, max: NAMES_MAX },
            "= all of the server",
            "Of whom it is told: SERVICE or SERVICE@REGION.",
        ),
        Key::optional(
            "giveUpAfter",
            Kind::Duration { per: Per::Minute, min: Duration::from_secs(1), max: GIVE_UP_MAX },
            r#""1d""#,
            "An event of this age that can't be delivered is given up, and the next one tried; a bare number is minutes.",
        ),
        Key::optional(
            "dashboardUrl",
            Kind::Text(format::WEBHOOK_URL),
            "= no links",
            "Under which people reach this server's page.",
        ),
        Key::optional(
            "ca",
            Kind::Text(format::FILE),
            "= the web's public roots",
            "PEM file of the certificate authorities that the receiver's certificate is checked against.",
        ),
        Key::optional("smtp", Kind::Section(&SMTP), "= needed for e-mail", "The mail server."),
        Key::optional("from", Kind::Text(format::MAILBOX), "= needed for e-mail", "The sender's address."),
        Key::optional(
            "to",
            Kind::List { of: &MAILBOX, min: 1, max: NAMES_MAX },
            "= needed for e-mail",
            "The receivers' addresses.",
        ),
    ],
    exclusive: &[&["url", "urlEnv", "urlFile"], &["secretEnv", "secretFile"]],
};

static HEADER: Section = Section {
    title: "notifications[n].headers[n]",
    doc: "A header field that every POST carries.",
    keys: &[
        Key::required("name", Kind::Text(format::HEADER), "Its name."),
        Key::optional(
            "value",
            Kind::Text(format::HEADER_VALUE),
            "= one of the three must stand",
            "Its value, where it is no secret.",
        ),
        Key::optional(
            "valueEnv",
            Kind::Text(format::ENV),
            "= none",
            "The environment variable that has its value.",
        ),
        Key::optional("valueFile", Kind::Text(format::SECRET_FILE), "= none", "The file that has its value."),
    ],
    exclusive: &[&["value", "valueEnv", "valueFile"]],
};

static SMTP: Section = Section {
    title: "notifications[n].smtp",
    doc: "A mail server that takes our messages.",
    keys: &[
        Key::required("host", Kind::Text(format::MAIL_HOST), "Its name or address."),
        Key::optional(
            "port",
            Kind::Integer(Range::new(1.0, 65_535.0, "TCP port")),
            "= 465, 587 or 25, by `tls`",
            "Its port.",
        ),
        Key::optional(
            "tls",
            Kind::Choice(&[
                Choice::now("required", "TLS from the first byte"),
                Choice::now("starttls", "TLS after STARTTLS; nothing is sent without it"),
                Choice::now("none", "in the clear; loopback only"),
            ]),
            r#""required""#,
            "How the connection is protected.",
        ),
        Key::optional("username", Kind::Text(format::DESCRIPTION), "= no login", "Who we are to it."),
        Key::optional(
            "passwordEnv",
            Kind::Text(format::ENV),
            "= none",
            "The environment variable that has the password.",
        ),
        Key::optional(
            "passwordFile",
            Kind::Text(format::SECRET_FILE),
            "= none",
            "The file that has the password.",
        ),
    ],
    exclusive: &[&["passwordEnv", "passwordFile"]],
};

/// The receivers, in order. One whose faults were reported may be missing.
pub(super) fn read(list: View<'_>) -> Vec<SinkConfig> {
    list.items().iter().filter_map(|node| one(View(Some(node)))).collect()
}

fn one(sink: View<'_>) -> Option<SinkConfig> {
    let texts = |key: &str| sink.get(key).items().iter().filter_map(|node| View(Some(node)).text());
    let mut events: Vec<String> = texts("events").map(str::to_owned).collect();
    if events.is_empty() {
        events = EVENTS.iter().map(|c| c.word).filter(|word| *word != QUIET).map(str::to_owned).collect();
    }
    let to = match format_of(sink) {
        Some(format) => SinkTarget::Http(http(sink, format)?),
        None => SinkTarget::Email(email(sink, texts("to").map(str::to_owned).collect())?),
    };
    Some(SinkConfig {
        name: sink.get("name").text()?.to_owned(),
        to,
        events,
        services: texts("services").filter_map(|text| text.parse::<ServiceKey>().ok()).collect(),
        give_up_after: sink.get("giveUpAfter").duration(Per::Minute).unwrap_or(GIVE_UP_DEFAULT),
        dashboard_url: sink.get("dashboardUrl").text().map(|url| url.trim_end_matches('/').to_owned()),
    })
}

/// None for e-mail, and for what is no kind.
fn format_of(sink: View<'_>) -> Option<HttpFormat> {
    let all = [HttpFormat::Webhook, HttpFormat::Slack, HttpFormat::Teams, HttpFormat::Discord];
    let word = sink.get("kind").text()?;
    all.into_iter().find(|format| format.as_str() == word)
}

fn http(sink: View<'_>, format: HttpFormat) -> Option<HttpTarget> {
    let header = |node| {
        let header = View(Some(node));
        Some((header.get("name").text()?.to_owned(), secret(header, "value")?))
    };
    Some(HttpTarget {
        format,
        url: secret(sink, "url")?,
        signing: secret(sink, "secret"),
        headers: sink.get("headers").items().iter().filter_map(header).collect(),
        ca: sink.get("ca").text().map(Into::into),
    })
}

fn email(sink: View<'_>, to: Vec<String>) -> Option<EmailTarget> {
    let smtp = sink.get("smtp");
    let tls = match smtp.get("tls").text() {
        Some("starttls") => SmtpTls::Starttls,
        Some("none") => SmtpTls::None,
        _ => SmtpTls::Required,
    };
    // The range was checked by the table.
    let port = smtp.get("port").number().filter(|n| (1.0..=65_535.0).contains(n)).map(|n| n as u16);
    let username = smtp.get("username").text().map(str::to_owned);
    Some(EmailTarget {
        host: smtp.get("host").text()?.to_owned(),
        port: port.unwrap_or(tls.port()),
        tls,
        login: username.and_then(|name| Some((name, secret(smtp, "password")?))),
        ca: sink.get("ca").text().map(Into::into),
        from: sink.get("from").text()?.to_owned(),
        to,
    })
}

/// Where the secret of a key is: `key`, `keyEnv` or `keyFile`.
fn secret(view: View<'_>, key: &str) -> Option<SecretFrom> {
    let at = |suffix: &str| view.get(&format!("{key}{suffix}")).text();
    let inline = at("").map(|text| SecretFrom::Inline(Secret::new(text)));
    let env = || at("Env").map(|name| SecretFrom::Env(name.to_owned()));
    inline.or_else(env).or_else(|| at("File").map(|path| SecretFrom::File(path.into())))
}

/// What a kind needs and what it does not take; names are apart.
pub(super) fn check(rules: &mut Rules<'_>) {
    let sinks = rules.view().get("notifications").items();
    for (i, node) in sinks.iter().enumerate() {
        let (at, sink) = (format!("notifications[{i}]"), View(Some(node)));
        let name = |node| View(Some(node)).get("name").text();
        if name(node).is_some() && sinks[..i].iter().any(|other| name(other) == name(node)) {
            rules.fault(&format!("{at}.name"), "another receiver has this name; each needs its own");
        }
        for (n, header) in sink.get("headers").items().iter().enumerate() {
            needs_one(rules, &format!("{at}.headers[{n}]"), View(Some(header)), "value");
        }
        match sink.get("kind").text() {
            Some("email") => check_email(rules, &at, sink),
            Some("webhook") => {
                needs_one(rules, &at, sink, "url");
                takes_not(rules, &at, sink, &["smtp", "from", "to"], "goes with `kind: email`");
            }
            Some("slack" | "teams" | "discord") => check_chat(rules, &at, sink),
            _ => {}
        }
    }
}

fn check_chat(rules: &mut Rules<'_>, at: &str, sink: View<'_>) {
    let secret = "who has this URL can post: put it into an environment variable and name that with `urlEnv`, or into a file (`urlFile`)";
    if sink.get("url").exists() {
        rules.fault(&format!("{at}.url"), secret);
    } else {
        needs_one(rules, at, sink, "url");
    }
    takes_not(rules, at, sink, &["secretEnv", "secretFile", "headers"], "goes with `kind: webhook`");
    takes_not(rules, at, sink, &["smtp", "from", "to"], "goes with `kind: email`");
}

fn check_email(rules: &mut Rules<'_>, at: &str, sink: View<'_>) {
    let foreign = ["url", "urlEnv", "urlFile", "secretEnv", "secretFile", "headers"];
    takes_not(rules, at, sink, &foreign, "does not go with `kind: email`");
    for key in ["smtp", "from", "to"] {
        if !sink.get(key).exists() {
            rules.fault(at, format!("`kind: email` needs `{key}`"));
        }
    }
    let smtp = sink.get("smtp");
    let loopback = |host: &str| {
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    };
    if smtp.get("tls").text() == Some("none") && !smtp.get("host").text().is_some_and(loopback) {
        let text = "`none` is for a mail server on loopback; others need `required` or `starttls`";
        rules.fault(&format!("{at}.smtp.tls"), text);
    }
    let has_password = secret(smtp, "password").is_some();
    if smtp.get("username").exists() != has_password {
        rules.fault(
            &format!("{at}.smtp"),
            "`username` and the password (`passwordEnv`, `passwordFile`) go together",
        );
    }
}

fn needs_one(rules: &mut Rules<'_>, at: &str, view: View<'_>, key: &str) {
    if secret(view, key).is_none() {
        rules.fault(at, format!("needs `{key}Env` (an environment variable of the server) or `{key}File`, or, where it is no secret, `{key}`"));
    }
}

fn takes_not(rules: &mut Rules<'_>, at: &str, view: View<'_>, keys: &[&str], why: &str) {
    for key in keys.iter().filter(|key| view.get(key).exists()) {
        rules.fault(&format!("{at}.{key}"), format!("`{key}` {why}"));
    }
}
