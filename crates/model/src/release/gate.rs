//! Gates: what must say yes beside the measurements. A person, a webhook, a time of the week.
//!
//! A [`Window`] here is minutes of a week in a named zone; which minute it is now is found out by the shell.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;
/// Days as written, Monday first.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Yes.
    Approve,
    /// No.
    Reject,
}

impl Answer {
    /// The word in config, API and log.
    pub fn as_str(self) -> &'static str {
        match self {
            Answer::Approve => "approve",
            Answer::Reject => "reject",
        }
    }
}

/// Something that must say yes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Who is asked.
    pub kind: GateKind,
    /// How long it may stay without an answer, from when it is asked; none = as long as it takes.
    pub expires: Option<Duration>,
    /// What counts when that time is over.
    pub default: Answer,
}

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GateKind {
    /// People: so many different ones must approve; one rejection is a no.
    Approval {
        /// How many, at least 1.
        quorum: u32,
    },
    /// A URL that is asked again and again: 2xx is yes, 403 is no, anything else not yet.
    Webhook {
        /// `http://` or `https://`.
        url: String,
    },
    /// A time of the week; never says no by itself.
    Window(Window),
    /// The release that runs the rollout: it says yes when the next instance stands.
    Release,
}

impl GateKind {
    /// The word in the API.
    pub fn as_str(&self) -> &'static str {
        match self {
            GateKind::Approval { .. } => "approval",
            GateKind::Webhook { .. } => "webhook",
            GateKind::Window(_) => "window",
            GateKind::Release => "release",
        }
    }
}

impl Gate {
    /// In a few words, such as `2 approvals` or `Mon-Thu 09:00-16:00 Europe/Berlin`.
    pub fn text(&self) -> String {
        match &self.kind {
            GateKind::Approval { quorum: 1 } => "an approval".into(),
            GateKind::Approval { quorum } => format!("{quorum} approvals"),
            GateKind::Webhook { url } => format!("the webhook {}", host_of(url)),
            GateKind::Window(window) => format!("the window {window}"),
            GateKind::Release => "the release that runs it".into(),
        }
    }
}

/// Scheme and host of a URL: what may be shown of it.
fn host_of(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    url[start..end].rsplit('@').next().unwrap_or_default()
}

/// Hours of some days of the week, in a zone. A window that ends before it begins reaches into the next day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Window {
    /// Monday first.
    pub days: [bool; 7],
    /// First minute of the day, 0 to 1439.
    pub from: u16,
    /// The minute of the day it ends before, 1 to 1440.
    pub to: u16,
    /// IANA name of the zone, such as `Europe/Berlin`.
    pub zone: String,
}

/// A text is no window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a window is written like \"Mon-Thu 09:00-16:00 Europe/Berlin\": {0}")]
pub struct WindowError(String);

impl Window {
    /// Whether a minute of the week is inside: day from Monday = 0, minute of that day in the window's zone.
    pub fn holds(&self, day: usize, minute: u16) -> bool {
        let on = |day: usize| self.days.get(day % 7).copied().unwrap_or(false);
        if self.from < self.to {
            return on(day) && (self.from..self.to).contains(&minute);
        }
        // Over midnight: the evening of a named day, or the morning after one.
        (on(day) && minute >= self.from) || (on(day + 6) && minute < self.to)
    }

    /// Minutes until it is open, 0 while it is; none for one that never is.
    pub fn opens_in(&self, day: usize, minute: u16) -> Option<u32> {
        (0..u32::from(DAY_MINUTES) * 8).find(|ahead| {
            let at = u32::from(minute) + ahead;
            let day = day + (at / u32::from(DAY_MINUTES)) as usize;
            self.holds(day, (at % u32::from(DAY_MINUTES)) as u16)
        })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = vec![];
        let mut day = 0;
        while day < 7 {
            if !self.days[day] {
                day += 1;
                continue;
            }
            let first = day;
            while day < 7 && self.days[day] {
                day += 1;
            }
            parts.push(match day - first {
                1 => DAYS[first].into(),
                2 => format!("{},{}", DAYS[first], DAYS[day - 1]),
                _ => format!("{}-{}", DAYS[first], DAYS[day - 1]),
            });
        }
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        write!(f, "{} {}-{} {}", parts.join(","), clock(self.from), clock(self.to), self.zone)
    }
}

impl std::str::FromStr for Window {
    type Err = WindowError;

    /// Days (`Mon-Thu`, `Sat,Sun`), hours (`09:00-16:00`, up to `24:00`), and a zone, which is UTC where none is given.
    fn from_str(text: &str) -> Result<Window, WindowError> {
        let mut words = text.split_whitespace();
        let (Some(days), Some(hours)) = (words.next(), words.next()) else {
            return Err(WindowError("it needs days and hours".into()));
        };
        let zone = words.next().unwrap_or("UTC").to_owned();
        if let Some(more) = words.next() {
            return Err(WindowError(format!("{more:?} is too much")));
        }
        let (from, to) =
            hours.split_once('-').ok_or_else(|| WindowError(format!("{hours:?} are no hours")))?;
        let (from, to) = (minute_of(from)?, minute_of(to)?);
        if from == to || from == DAY_MINUTES {
            return Err(WindowError(format!("{hours:?} hold no minute")));
        }
        Ok(Window { days: days_of(days)?, from, to: if to == 0 { DAY_MINUTES } else { to }, zone })
    }
}

impl TryFrom<String> for Window {
    type Error = WindowError;
    fn try_from(text: String) -> Result<Window, WindowError> {
        text.parse()
    }
}

impl From<Window> for String {
    fn from(window: Window) -> String {
        window.to_string()
    }
}

fn days_of(text: &str) -> Result<[bool; 7], WindowError> {
    let day = |name: &str| {
        let found = DAYS.iter().position(|day| day.eq_ignore_ascii_case(name));
        found.ok_or_else(|| WindowError(format!("{name:?} is no day: Mon, Tue, Wed, Thu, Fri, Sat, Sun are")))
    };
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (day(first)?, day(last)?),
            None => (day(part)?, day(part)?),
        };
        // `Sat-Mon` goes over the week's end.
        let many = (last + 7 - first) % 7;
        (0..=many).for_each(|ahead| days[(first + ahead) % 7] = true);
    }
    Ok(days)
}

fn minute_of(text: &str) -> Result<u16, WindowError> {
    let bad = || WindowError(format!("{text:?} is no time of day such as 09:00"));
    let (hour, minute) = text.split_once(':').ok_or_else(bad)?;
    let two = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !two(hour) || !two(minute) {
        return Err(bad());
    }
    let (hour, minute): (u16, u16) = (hour.parse().map_err(|_| bad())?, minute.parse().map_err(|_| bad())?);
    let all = hour * 60 + minute;
    if minute < 60 && all <= DAY_MINUTES { Ok(all) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_as_they_are_written() {
        for text in [
            "Mon-Thu 09:00-16:00 Europe/Berlin",
            "Sat,Sun 00:00-24:00 UTC",
            "Mon,Wed-Fri 22:30-06:00 America/New_York",
        ] {
            assert_eq!(text.parse::<Window>().unwrap().to_string(), text);
        }
        assert_eq!(
            "sat-mon 08:00-09:00".parse::<Window>().unwrap().days,
            [true, false, false, false, false, true, true]
        );
        for bad in [
            "",
            "Mon",
            "Mon 9:00-10:00",
            "Mon 10:00-10:00",
            "Mon 24:00-01:00",
            "Foo 09:00-10:00",
            "Mon 09:00-25:00",
            "Mon 09:60-10:00",
            "Mon 09:00-10:00 UTC x",
            "Mon 0900-1000",
        ] {
            assert!(bad.parse::<Window>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_window_holds_its_minutes_and_knows_when_it_opens() {
        let day: Window = "Mon-Thu 09:00-16:00 UTC".parse().unwrap();
        assert!(day.holds(0, 540) && day.holds(3, 959));
        assert!(!day.holds(0, 539) && !day.holds(3, 960) && !day.holds(4, 600));
        assert_eq!((day.opens_in(0, 500), day.opens_in(0, 600)), (Some(40), Some(0)));
        // Friday noon to Monday nine.
        assert_eq!(day.opens_in(4, 720), Some(720 + 2 * 1440 + 540));
        let night: Window = "Fri 22:00-06:00 UTC".parse().unwrap();
        assert!(night.holds(4, 1400) && night.holds(5, 359));
        assert!(!night.holds(4, 100) && !night.holds(5, 360) && !night.holds(5, 1400));
    }

    #[test]
    fn what_is_shown_of_a_webhook_is_its_host() {
        let gate = |url: &str| Gate {
            kind: GateKind::Webhook { url: url.into() },
            expires: None,
            default: Answer::Reject,
        };
        assert_eq!(gate("https://u:p@ci.example/hook?token=x").text(), "the webhook ci.example");
        assert_eq!(gate("http://127.0.0.1:9/x").text(), "the webhook 127.0.0.1:9");
    }
}
