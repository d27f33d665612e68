//! A status as a card: what it is, how far, how well, what it waits for, canary beside stable.
//!
//! Everything shown comes from the status; only ages and times of day need to know now and the
//! time zone, which are arguments so that the same status always gives the same card.

use fw_api::Status;
use fw_api::status::{PhaseMetrics, WaitingOn};
use jiff::tz::TimeZone;

use super::{
    Align, Detail, Paint, bar, clean, health, milliseconds, percent, plain_number, table, thousands,
};

/// Cells of the bar.
const BAR_CELLS: usize = 40;

/// Now, and where.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    /// Now.
    pub(crate) now: jiff::Timestamp,
    /// For times of day.
    pub(crate) zone: TimeZone,
}

impl Moment {
    /// This machine's clock and zone.
    pub(crate) fn here() -> Moment {
        Moment { now: jiff::Timestamp::now(), zone: TimeZone::system() }
    }

    /// `12:03:04` of an RFC 3339 time; the text itself when it is none.
    pub(crate) fn clock(&self, rfc3339: &str) -> String {
        match rfc3339.parse::<jiff::Timestamp>() {
            Ok(time) => time.to_zoned(self.zone.clone()).strftime("%H:%M:%S").to_string(),
            Err(_) => clean(rfc3339),
        }
    }

    /// The same place at an RFC 3339 time, for ages as they were then; now, when it is none.
    pub(crate) fn at(&self, rfc3339: &str) -> Moment {
        Moment { now: rfc3339.parse().unwrap_or(self.now), zone: self.zone.clone() }
    }

    /// Seconds since an RFC 3339 time; none when it is none, 0 when it is to come.
    fn seconds_since(&self, rfc3339: &str) -> Option<u64> {
        let then = rfc3339.parse::<jiff::Timestamp>().ok()?;
        Some(u64::try_from(self.now.as_second() - then.as_second()).unwrap_or(0))
    }
}

/// The card's lines; `detail` adds the track of phases and the questions.
pub(crate) fn card(status: &Status, detail: &Detail, moment: &Moment, paint: Paint) -> Vec<String> {
    if status.status == "none" {
        return vec!["no rollout yet; `fw rollout start` begins one".into()];
    }
    let mut lines = vec![head(status, detail, paint)];
    let done = status.status == "completed";
    lines.extend(detail.track(status.state.current_phase, done, paint));
    // A rollout over several regions has no phase and no split of its own.
    if status.split.is_some() {
        lines.push(phase(status));
    }
    lines.extend([progress(status, paint), scores(status, detail, paint)]);
    let waiting = waiting_words(status, moment).into_iter().map(|text| paint.yellow(&text)).collect();
    paragraph(&mut lines, waiting);
    paragraph(&mut lines, detail.lines(paint));
    if let Some(phase) = &status.current_phase {
        paragraph(&mut lines, comparison(&phase.metrics, phase.baseline.as_ref()));
    }
    let (requests, errors) = (status.state.total_requests, status.state.total_errors);
    lines.push(paint.dim(&format!(
        "over the rollout: {} canary requests, {} errors",
        thousands(requests),
        thousands(errors)
    )));
    lines
}

/// Adds lines after a blank one, if there are any.
fn paragraph(lines: &mut Vec<String>, more: Vec<String>) {
    if !more.is_empty() {
        lines.push(String::new());
        lines.extend(more);
    }
}

/// `checkout.3 running, phase 1 (25 %), health 92, healthy`: the card in one line.
pub(crate) fn one_line(status: &Status) -> String {
    let name = status.run.as_deref().or(status.rollout.as_deref()).unwrap_or("rollout");
    format!("{} {}", clean(name), state_words(status))
}

/// The same without the name.
pub(crate) fn state_words(status: &Status) -> String {
    let mut text = status_word(&status.status);
    match &status.current_phase {
        Some(phase) => {
            let position = status.state.current_phase.unwrap_or_default();
            text.push_str(&format!(", phase {position} ({})", percent(Some(phase.percentage))));
        }
        None if status.split.is_some() => text.push_str(", at stable"),
        None => {}
    }
    if status.health.is_some() {
        text.push_str(&format!(", health {}", health(status.health)));
    }
    if let Some(verdict) = &status.verdict {
        text.push_str(&format!(", {}", clean(verdict)));
    }
    text
}

/// The status in a person's words.
pub(crate) fn status_word(status: &str) -> String {
    match status {
        "rolling_back" => "rolling back".into(),
        "rolled_back" => "rolled back".into(),
        other => clean(other),
    }
}

fn head(status: &Status, detail: &Detail, paint: Paint) -> String {
    let name = clean(status.rollout.as_deref().unwrap_or("rollout"));
    let run = status.run.as_deref().map(|run| format!("  {}", paint.dim(&clean(run)))).unwrap_or_default();
    let word = status_word(&status.status).to_uppercase();
    let word = match status.status.as_str() {
        "completed" => paint.green(&word),
        "rolling_back" | "rolled_back" | "aborted" => paint.red(&word),
        "paused" | "pending" => paint.yellow(&word),
        _ => paint.cyan(&word),
    };
    let versions = detail.versions().map(|versions| format!("  {versions}")).unwrap_or_default();
    format!("{}  {word}{run}{versions}", paint.bold(&name))
}

fn phase(status: &Status) -> String {
    let share = status.split.map(|split| f64::from(split.canary) / 1000.0);
    match (&status.current_phase, status.state.current_phase) {
        (Some(phase), Some(position)) => {
            let share = share.unwrap_or(phase.percentage);
            format!(
                "phase {position}: {}  ({} of traffic to the canary)",
                clean(&phase.description),
                percent(Some(share))
            )
        }
        _ => format!("at stable  ({} of traffic to the canary)", percent(Some(share.unwrap_or(0.0)))),
    }
}

fn progress(status: &Status, paint: Paint) -> String {
    let mut text = format!(
        "{} {}",
        paint.cyan(&bar(status.progress, BAR_CELLS)),
        percent(Some(status.progress.round()))
    );
    if let Some(at) = &status.estimated_completion {
        text.push_str(&format!("  done about {}", clean(at)));
    }
    text
}

fn scores(status: &Status, detail: &Detail, paint: Paint) -> String {
    let verdict = status.verdict.as_deref().unwrap_or("–");
    let verdict = match verdict {
        "healthy" => paint.green(verdict),
        "degraded" => paint.red(verdict),
        other => paint.yellow(&clean(other)),
    };
    let score = match status.health {
        Some(n) => format!("{}{}", health(Some(n)), detail.interval()),
        None => "– (no canary requests)".into(),
    };
    let risk = status.risk.map(|n| format!("   risk {}", plain_number(n))).unwrap_or_default();
    format!("health {score}   verdict {verdict}{risk}")
}

/// Why it stands still, a line each.
pub(crate) fn waiting_words(status: &Status, moment: &Moment) -> Vec<String> {
    let line = |reason: &WaitingOn| {
        let mut text = format!("waiting on {}: {}", kind_words(&reason.kind), clean(&reason.text));
        let since = moment.seconds_since(&reason.since).map(|s| format!("for {}", seconds(s)));
        let eta = reason.eta_seconds.map(|s| format!("about {} to go", seconds(s)));
        let times: Vec<String> = since.into_iter().chain(eta).collect();
        if !times.is_empty() {
            text.push_str(&format!(" ({})", times.join(", ")));
        }
        text
    };
    status.waiting_on.iter().map(line).collect()
}

fn kind_words(kind: &str) -> String {
    match kind {
        "duration" => "time".into(),
        "srm" => "the split (sample ratio mismatch)".into(),
        "source" => "a silent source".into(),
        "concentrated" => "a look: failures are concentrated".into(),
        "person" => "a person".into(),
        "router" => "the router".into(),
        other => clean(other),
    }
}

/// `45 s`, `3 min 20 s`, `2 h 5 min`.
fn seconds(s: u64) -> String {
    match (s / 3600, s / 60 % 60, s % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, 0) => format!("{m} min"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, 0, _) => format!("{h} h"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

fn comparison(canary: &PhaseMetrics, stable: Option<&PhaseMetrics>) -> Vec<String> {
    let row = |name: &str, metrics: &PhaseMetrics| {
        vec![
            name.to_owned(),
            thousands(metrics.requests_served),
            percent(metrics.error_rate),
            milliseconds(metrics.response_time),
            health(metrics.user_satisfaction),
        ]
    };
    let rows: Vec<Vec<String>> =
        std::iter::once(row("canary", canary)).chain(stable.map(|stable| row("stable", stable))).collect();
    let head = [
        ("", Align::Left),
        ("requests", Align::Right),
        ("error rate", Align::Right),
        ("response time", Align::Right),
        ("satisfaction", Align::Right),
    ];
    table(&head, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    pub(crate) fn moment() -> Moment {
        Moment { now: "2026-01-01T15:41:00Z".parse().unwrap(), zone: TimeZone::UTC }
    }

    fn status(text: &str) -> Status {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_running_rollout() {
        let status = status(include_str!("../../tests/data/running.json"));
        let lines = card(&status, &Detail::default(), &moment(), Paint::plain()).join("\n");
        expect![[r#"
            checkout  RUNNING  checkout.3
            phase 1: Limited rollout  (25 % of traffic to the canary)
            ██████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░ 25 %  done about 3:45 PM
            health 92   verdict healthy   risk 41

            waiting on evidence: error rate at most 0.5 %: not shown yet (for 1 min 40 s, about 40 s to go)
            waiting on time: 2 of 3 minutes watched (for 2 min, about 1 min to go)

                     requests   error rate   response time   satisfaction
            canary      1 250       0.24 %          145 ms           96.2
            stable      3 810       0.21 %         98.2 ms             97
            over the rollout: 1 250 canary requests, 3 errors"#]]
        .assert_eq(&lines);
        expect!["checkout.3 running, phase 1 (25 %), health 92, healthy"].assert_eq(&one_line(&status));
    }

    #[test]
    fn with_the_full_state_there_are_phases_and_questions() {
        let status = status(include_str!("../../tests/data/running.json"));
        let detail = Detail::read(&serde_json::json!({
            "phases": [{"percentage": 5.0}, {"percentage": 25.0}, {"percentage": 50.0}, {"percentage": 100.0}],
            "questions": [
                {"name": "errorRate", "answered": true, "text": "error rate at most 0.5 %: 3 of 1 250; shown"},
                {"name": "healthScore", "answered": false, "text": "health at least 85: about 200 more requests"},
            ],
            "findings": [
                {"strength": "quiet", "text": "nothing to see"},
                {"strength": "warning", "text": "response time rises"},
            ],
            "versions": {"stable": {"version": "1.4.2"}, "canary": {"version": "1.5.0"}},
            "healthInterval": {"low": 86.4, "high": 98.52, "level": 0.95},
        }));
        let lines = card(&status, &detail, &moment(), Paint::plain());
        expect![[r#"
            checkout  RUNNING  checkout.3  1.4.2 → 1.5.0
            5 % ✓ ── 25 % ● ── 50 % ── 100 %
            phase 1: Limited rollout  (25 % of traffic to the canary)
            ██████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░ 25 %  done about 3:45 PM
            health 92 (86.4 to 98.5)   verdict healthy   risk 41

            waiting on evidence: error rate at most 0.5 %: not shown yet (for 1 min 40 s, about 40 s to go)
            waiting on time: 2 of 3 minutes watched (for 2 min, about 1 min to go)

            ✓ error rate at most 0.5 %: 3 of 1 250; shown
            … health at least 85: about 200 more requests
            ! response time rises

                     requests   error rate   response time   satisfaction
            canary      1 250       0.24 %          145 ms           96.2
            stable      3 810       0.21 %         98.2 ms             97
            over the rollout: 1 250 canary requests, 3 errors"#]]
        .assert_eq(&lines.join("\n"));
        // A server that says nothing of all that gives the short card.
        let nothing = Detail::read(&serde_json::json!({"phases": 5, "questions": [{}], "versions": null}));
        assert_eq!(
            card(&status, &nothing, &moment(), Paint::plain()),
            card(&status, &Detail::default(), &moment(), Paint::plain())
        );
    }

    #[test]
    fn a_rollback_to_stable() {
        let status = status(include_str!("../../tests/data/rolled_back.json"));
        expect![[r#"
            checkout@eu-west-1  ROLLED BACK  checkout@eu-west-1.3
            at stable  (0 % of traffic to the canary)
            ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░ 0 %
            health – (no canary requests)   verdict degraded   risk 90.5
            over the rollout: 1 250 000 canary requests, 250 000 errors"#]]
        .assert_eq(&card(&status, &Detail::default(), &moment(), Paint::plain()).join("\n"));
        expect!["checkout@eu-west-1.3 rolled back, at stable, degraded"].assert_eq(&one_line(&status));
    }

    #[test]
    fn before_any_rollout() {
        expect!["no rollout yet; `fw rollout start` begins one"]
            .assert_eq(&card(&Status::none(), &Detail::default(), &moment(), Paint::plain()).join("\n"));
    }
}
