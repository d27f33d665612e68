//! An event in words: what a person should see in five seconds, for every receiver that people read.
//!
//! Pure. The order is the order of reading: what happened to which service, how it stands, why, who and where to look.

use serde_json::Value;

use super::Event;

/// Most lines of evidence that are shown; the rest is on the dashboard.
const WHY_LINES_MAX: usize = 5;
/// Longest line of evidence, characters.
const WHY_CHARS_MAX: usize = 400;
/// Longest value of a fact, characters.
const FACT_CHARS_MAX: usize = 300;

/// How it should look. Words say the same: colour is never the only sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Plain,
    Warning,
    Bad,
}

impl Tone {
    /// A sign before the title.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Tone::Good => "✅",
            Tone::Plain => "ℹ️",
            Tone::Warning => "⚠️",
            Tone::Bad => "🔴",
        }
    }
}

/// An event in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) tone: Tone,
    /// Service and what happened.
    pub(super) title: String,
    /// Names and values, in order.
    pub(super) facts: Vec<(&'static str, String)>,
    /// Why, a line each.
    pub(super) why: Vec<String>,
    /// When, RFC 3339.
    pub(super) time: String,
    /// Where to look.
    pub(super) link: Option<String>,
}

impl Words {
    /// Puts an event into words; `dashboard` is where people look.
    pub(super) fn of(event: &Event, dashboard: Option<&str>) -> Words {
        let (tone, what) = what(event);
        let title = if event.kind == "test" { what } else { format!("{}: {what}", event.service) };
        Words {
            tone,
            title: clean(&title),
            facts: facts(event),
            why: why(&event.data),
            time: clean(event.time()),
            link: dashboard.map(|url| format!("{url}/")),
        }
    }

    /// All in plain lines, for mail and for previews.
    pub(super) fn plain(&self) -> String {
        let mut lines = vec![self.title.clone(), String::new()];
        lines.extend(self.facts.iter().map(|(name, value)| format!("{name}: {value}")));
        if !self.why.is_empty() {
            lines.extend([String::new(), "Why:".to_owned()]);
            lines.extend(self.why.iter().map(|line| format!("- {line}")));
        }
        lines.extend(self.link.iter().flat_map(|url| [String::new(), format!("Dashboard: {url}")]));
        lines.join("\n")
    }
}

fn what(event: &Event) -> (Tone, String) {
    let data = &event.data;
    let share = percent(&data["percentage"]).or_else(|| share(data)).unwrap_or_else(|| "no".into());
    let by = data["actor"].as_str().map(|actor| format!(" by {actor}")).unwrap_or_default();
    match event.kind.as_str() {
        "rollout_started" => (Tone::Plain, "rollout began".into()),
        "phase_advanced" => (Tone::Plain, format!("the canary gets {share} now{by}")),
        "metrics_update" => (Tone::Plain, "measurements".into()),
        "phase_held" => (Tone::Warning, format!("stands still at {share}")),
        "phase_released" => (Tone::Plain, "goes on".into()),
        "rollout_paused" => (Tone::Warning, format!("paused{by}")),
        "rollout_resumed" => (Tone::Plain, format!("resumed{by}")),
        "risk_alert" => (Tone::Bad, "alert: a rollback is being considered".into()),
        "rollback_started" => (Tone::Bad, format!("rollback has begun, the canary gets {share}")),
        "rollback_completed" => (Tone::Bad, format!("rolled back, the canary gets {share}")),
        "rollout_completed" => (Tone::Good, "completed: the canary is the current version".into()),
        "rollout_aborted" => (Tone::Warning, format!("aborted{by}; the canary gets nothing")),
        "gate_answered" => {
            let gate = data["gate"].as_str().unwrap_or("a gate");
            match data["answer"].as_str() {
                Some("reject") => (Tone::Bad, format!("{gate}: no{by}")),
                _ => (Tone::Good, format!("{gate}: yes{by}")),
            }
        }
        "report_ready" => {
            (Tone::Plain, format!("the {} report can be read", data["kind"].as_str().unwrap_or("new")))
        }
        "test" => (Tone::Plain, "Test of FactoryWager's notifications: nothing happened".into()),
        other => (Tone::Plain, other.replace('_', " ")),
    }
}

fn facts(event: &Event) -> Vec<(&'static str, String)> {
    let data = &event.data;
    let text = |key: &str| data[key].as_str().map(str::to_owned);
    let milliseconds = |key: &str| data[key].as_u64().map(lasted);
    let health = data["health"].as_f64().map(|health| format!("{} of 100", number(health)));
    let alert = match (data["value"].as_f64(), data["limit"].as_f64()) {
        (Some(value), Some(limit)) => Some(format!("{} (limit {})", number(value), number(limit))),
        _ => None,
    };
    let unconfirmed = list(&data["unconfirmed"]);
    let all = [
        ("Run", Some(event.run.clone()).filter(|run| !run.is_empty())),
        ("Canary's share", share(data)),
        ("Health", health),
        ("Verdict", text("verdict")),
        ("Trigger", text("trigger")),
        ("Measured", alert),
        ("Took", milliseconds("totalDurationMs").or_else(|| milliseconds("recoveryMs"))),
        ("Not confirmed", (!unconfirmed.is_empty()).then(|| unconfirmed.join(", "))),
        ("By", text("actor")),
        ("Reason", text("reason")),
    ];
    let fact =
        |(name, value): (&'static str, Option<String>)| Some((name, cut(&clean(&value?), FACT_CHARS_MAX)));
    all.into_iter().filter_map(fact).filter(|(_, value)| !value.is_empty()).collect()
}

/// Evidence, what is waited for, what was overridden, the alert's text: whatever the event has.
fn why(data: &Value) -> Vec<String> {
    let mut lines = list(&data["evidence"]);
    lines.extend(data["text"].as_str().map(str::to_owned));
    lines.extend(list(&data["overrode"]).into_iter().map(|what| format!("overridden: {what}")));
    let waiting = |key: &str| -> Vec<String> {
        let items = data[key].as_array().map_or(&[][..], Vec::as_slice);
        items.iter().filter_map(|item| item["text"].as_str().map(str::to_owned)).collect()
    };
    if data["type"] == "phase_held" {
        lines.extend(waiting("waitingOn").into_iter().map(|text| format!("waits for: {text}")));
    }
    lines.extend(waiting("waitedFor").into_iter().map(|text| format!("waited for: {text}")));
    let more = lines.len().saturating_sub(WHY_LINES_MAX);
    let mut shown: Vec<String> =
        lines.iter().take(WHY_LINES_MAX).map(|line| cut(&clean(line), WHY_CHARS_MAX)).collect();
    if more > 0 {
        shown.push(format!("… and {more} more"));
    }
    shown
}

fn list(value: &Value) -> Vec<String> {
    let items = value.as_array().map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// The share of the split, in percent.
fn share(data: &Value) -> Option<String> {
    let weight = data["split"]["canary"].as_f64()?;
    Some(format!("{} %", number(weight / 1000.0)))
}

fn percent(value: &Value) -> Option<String> {
    value.as_f64().map(|percent| format!("{} %", number(percent)))
}

/// At most three decimals, none that say nothing.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A length of time for people: `850 ms`, `42 s`, `3 min 20 s`, `2 h 5 min`.
fn lasted(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// One line without control characters and without what turns the direction of writing.
pub(super) fn clean(text: &str) -> String {
    let bad = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if bad(c) { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// At most so many characters, the last one an ellipsis when something was cut.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// Puts a backslash before each of these characters.
pub(super) fn backslashed(text: &str, special: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
