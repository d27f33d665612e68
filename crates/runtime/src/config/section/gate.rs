//! `gates`: what must say yes beside the measurements, on phases and on steps of a release.

use std::time::Duration;

use fw_model::plan::GATES_MAX;
use fw_model::release::{Answer, Gate, GateKind, Window};

use super::{Rules, word};
use crate::config::duration::Per;
use crate::config::format;
use crate::config::table::{Choice, Key, Kind, Range, Section};
use crate::config::tree::View;
use crate::windows;

/// Most approvals that may be asked for.
const QUORUM_MAX: f64 = 100.0;
/// Longest time for an answer.
const EXPIRES_MAX: Duration = Duration::from_secs(90 * 86_400);
/// What a silent gate comes to.
const ANSWERS: &[Choice] =
    &[Choice::now("reject", "silence is a no"), Choice::now("approve", "silence is a yes")];

static GATE_KIND: Kind = Kind::Section(&GATE);

/// A list of gates.
pub(super) const GATES: Kind = Kind::List { of: &GATE_KIND, min: 0, max: GATES_MAX };

/// One gate.
pub(super) static GATE: Section = Section {
    title: "gates[n]",
    doc: "What must say yes: one of `approval`, `webhook` and `window`. A gate keeps a step from being taken; it never keeps traffic from going back.",
    keys: &[
        Key::optional(
            "approval",
            Kind::Section(&APPROVAL),
            "= one of the three must stand",
            "People must approve. One rejection is a no.",
        ),
        Key::optional(
            "webhook",
            Kind::Text(format::WEBHOOK_URL),
            "= none",
            "A URL that is asked every 10 s with a POST: 2xx is yes, 403 is no, anything else not yet.",
        ),
        Key::optional(
            "window",
            Kind::Text(format::WINDOW),
            "= none",
            "Hours in which it is open, such as `Mon-Thu 09:00-16:00 Europe/Berlin`.",
        ),
        Key::optional(
            "expires",
            Kind::Duration { per: Per::Minute, min: Duration::from_secs(1), max: EXPIRES_MAX },
            "= never",
            "How long a webhook or a window may stay without a yes; a bare number is minutes. Approvals have their own.",
        ),
        Key::optional(
            "default",
            Kind::Choice(ANSWERS),
            r#""reject""#,
            "What counts then for a webhook or a window.",
        ),
    ],
    exclusive: &[&["approval", "webhook", "window"]],
};

/// An approval.
pub(super) static APPROVAL: Section = Section {
    title: "gates[n].approval",
    doc: "Who approves has the role `approver`. Everybody counts once.",
    keys: &[
        Key::optional(
            "quorum",
            Kind::Integer(Range::new(1.0, QUORUM_MAX, "people")),
            "1",
            "How many different people must approve.",
        ),
        Key::optional(
            "expires",
            Kind::Duration { per: Per::Minute, min: Duration::from_secs(1), max: EXPIRES_MAX },
            "= never",
            "How long they may take, from when they are asked; a bare number is minutes.",
        ),
        Key::optional("default", Kind::Choice(ANSWERS), r#""reject""#, "What counts when that time is over."),
    ],
    exclusive: &[],
};

/// The gates of a list. What is wrong was reported and is left out.
pub(super) fn read(list: View<'_>) -> Vec<Gate> {
    list.items().iter().filter_map(|node| one(View(Some(node)))).collect()
}

fn one(gate: View<'_>) -> Option<Gate> {
    let approval = gate.get("approval");
    let (kind, times) = if approval.exists() {
        (GateKind::Approval { quorum: quorum(approval) }, approval)
    } else if let Some(url) = gate.get("webhook").text() {
        (GateKind::Webhook { url: url.to_owned() }, gate)
    } else {
        (GateKind::Window(gate.get("window").text()?.parse::<Window>().ok()?), gate)
    };
    Some(Gate { kind, expires: expires(times), default: answer(times) })
}

/// How many must approve.
pub(super) fn quorum(approval: View<'_>) -> u32 {
    // The range was checked by the table.
    approval.get("quorum").number().filter(|n| (1.0..=QUORUM_MAX).contains(n)).map_or(1, |n| n as u32)
}

/// How long an answer may take.
pub(super) fn expires(view: View<'_>) -> Option<Duration> {
    view.get("expires").duration(Per::Minute)
}

/// What silence is.
pub(super) fn answer(view: View<'_>) -> Answer {
    word(view.get("default")).unwrap_or(Answer::Reject)
}

/// One of the three must stand, in a zone that is known.
pub(super) fn check(rules: &mut Rules<'_>, path: &str) {
    let list = at(rules.view(), path).items();
    for (i, node) in list.iter().enumerate() {
        let (gate, here) = (View(Some(node)), format!("{path}[{i}]"));
        if !["approval", "webhook", "window"].iter().any(|key| gate.get(key).exists()) {
            rules.fault(&here, "a gate needs one of `approval`, `webhook` and `window`");
        }
        let window = gate.get("window").text().and_then(|text| text.parse::<Window>().ok());
        if let Some(window) = window.filter(|window| !windows::is_zone(&window.zone)) {
            rules.fault(&format!("{here}.window"), unknown_zone(&window.zone));
        }
        for key in ["expires", "default"]
            .iter()
            .filter(|key| gate.get("approval").exists() && gate.get(key).exists())
        {
            rules.fault(&format!("{here}.{key}"), format!("`{key}` of an approval stands inside `approval`"));
        }
    }
}

/// What is said of a zone that nobody knows.
pub(super) fn unknown_zone(zone: &str) -> String {
    format!("there is no time zone {zone:?}; names are those of IANA, such as Europe/Berlin or UTC")
}

fn at<'a>(root: View<'a>, path: &str) -> View<'a> {
    path.split(['.', '[']).fold(root, |view, step| match step.strip_suffix(']') {
        Some(index) => View(index.parse::<usize>().ok().and_then(|i| view.items().get(i))),
        None => view.get(step),
    })
}
