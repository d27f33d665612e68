//! The four reports, and what they share: headline, phases, timeline, and the JSON of both.
//!
//! A report is a [`Document`] for people and a JSON value for machines, both from the same story; its schema is named in it.

mod business;
mod completion;
mod performance;
mod rollback;

use serde_json::{Value, json};

use crate::document::{Block, Document, Fact, Section, Table, Tone};
use crate::figures::Figures;
use crate::moments::millis as span_of;
use crate::story::{Moment, Rollback, Story, Visit};
use crate::words::{date_time, millis, number, odds, or_dash, percent, rfc3339, span, thousands, time};
use crate::{html, markdown};

/// Which report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The whole rollout.
    Completion,
    /// Why it went back, how fast, and who was harmed.
    Rollback,
    /// Response times and errors over time.
    Performance,
    /// Revenue, conversion, satisfaction and the cost of errors.
    Business,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 4] = [Kind::Completion, Kind::Rollback, Kind::Performance, Kind::Business];

    /// The word in URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Completion => "completion",
            Kind::Rollback => "rollback",
            Kind::Performance => "performance",
            Kind::Business => "business",
        }
    }

    /// The kind of a word.
    pub fn from_word(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A report in all its forms.
pub struct Rendered {
    value: Value,
    document: Document,
}

impl Rendered {
    pub(crate) fn new(value: Value, document: Document) -> Rendered {
        Rendered { value, document }
    }

    /// For machines; `schema` says which.
    pub fn json(&self) -> &Value {
        &self.value
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        markdown::render(&self.document)
    }

    /// As a self-contained page.
    pub fn html(&self) -> String {
        html::render(&self.document)
    }
}

/// Makes a report of a story.
///
/// # Errors
/// A text where there is nothing of that kind to tell: a rollback report of a rollout that never went back.
pub fn report(story: &Story, kind: Kind) -> Result<Rendered, String> {
    let (own, document) = match kind {
        Kind::Completion => completion::make(story),
        Kind::Rollback => rollback::make(story)?,
        Kind::Performance => performance::make(story),
        Kind::Business => business::make(story),
    };
    let mut value = json!({
        "schema": "factorywager.report/1",
        "kind": kind.as_str(),
        "title": document.title,
        "summary": document.summary,
        "rollout": rollout_json(story),
    });
    if let (Value::Object(all), Value::Object(own)) = (&mut value, own) {
        all.extend(own);
    }
    Ok(Rendered { value, document })
}

fn rollout_json(story: &Story) -> Value {
    json!({
        "run": story.run, "service": story.service, "region": story.region, "status": story.status,
        "versions": { "stable": story.stable, "canary": story.canary }, "planHash": story.plan_hash,
        "startedAt": rfc3339(story.started_at), "startedBy": story.actor, "reason": story.reason,
        "endedAt": story.ended_at.map(rfc3339), "asOf": rfc3339(story.as_of),
        "durationMs": story.lasted_ms(), "timeTo100Ms": story.full_at.map(|at| at - story.started_at),
        "canaryPercent": story.share, "health": story.health.map(|h| (h * 10.0).round() / 10.0),
        "totals": { "canary": figures_json(&story.canary()), "stable": figures_json(&story.stable()) },
        "users": { "canary": story.users.canary, "stable": story.users.stable },
    })
}

/// Counts and what follows from them; rates in percent, times in ms.
fn figures_json(figures: &Figures) -> Value {
    let interval = figures.error_interval();
    json!({
        "requests": figures.requests, "errors": figures.errors, "clientErrors": figures.client_errors,
        "clientAborts": figures.client_aborts, "abandoned": figures.abandoned,
        "errorRate": figures.error_rate(),
        "errorRateInterval": interval.map(|(low, high)| json!({ "low": low, "high": high, "level": 0.95 })),
        "meanMs": figures.mean_ms(), "p50Ms": figures.quantile_ms(0.5), "p95Ms": figures.quantile_ms(0.95),
        "p99Ms": figures.quantile_ms(0.99), "apdex": figures.apdex(), "health": figures.health(),
        "satisfaction": figures.satisfaction(), "metrics": figures.metrics,
    })
}

fn visits_json(story: &Story) -> Vec<Value> {
    let one = |visit: &Visit| {
        json!({
            "phase": visit.phase, "description": visit.description, "canaryPercent": visit.share,
            "epoch": visit.epoch, "attempt": visit.attempt, "enteredAt": rfc3339(visit.entered_at),
            "leftAt": visit.left_at.map(rfc3339), "watchedSeconds": visit.watched_seconds,
            "canary": figures_json(&visit.canary), "stable": figures_json(&visit.stable),
            "verdict": visit.verdict, "findings": visit.findings, "questions": visit.questions,
            "ended": visit.ended,
        })
    };
    story.visits.iter().map(one).collect()
}

fn moments_json(story: &Story) -> Vec<Value> {
    let one = |m: &Moment| {
        json!({
            "at": rfc3339(m.at), "type": m.kind, "text": m.text, "actor": m.actor, "reason": m.reason,
            "canaryPercent": m.share,
        })
    };
    story.moments.iter().map(one).collect()
}

fn rollback_json(story: &Story, rollback: &Rollback) -> Value {
    json!({
        "trigger": rollback.trigger, "evidence": rollback.evidence,
        "fromPhase": rollback.from, "fromPercent": rollback.from_share,
        "toPhase": rollback.to, "toPercent": rollback.to_share,
        "beganAtEstimated": rollback.began_at.map(rfc3339), "decidedAt": rfc3339(rollback.decided_at),
        "detectionMs": rollback.detection().map(ms), "trafficAwayAt": rollback.confirmed_at.map(rfc3339),
        "recoveryMs": rollback.recovery().map(ms), "unconfirmed": rollback.unconfirmed,
        "canaryRequestsCountedAfterDecision": rollback.counted_after,
        "actor": rollback.actor, "reason": rollback.reason,
        "replay": replay(story),
    })
}

fn ms(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The command that makes its decisions again.
fn replay(story: &Story) -> String {
    format!("fw plan simulate --replay {}", story.run)
}

/// `checkout 1.5.0`, with the region where there is one.
fn what(story: &Story) -> String {
    let region = story.region.as_ref().map_or(String::new(), |region| format!(" in {region}"));
    format!("{} {}{region}", story.service, story.canary)
}

/// How it stands: word and colour.
fn outcome(story: &Story) -> (String, Tone) {
    match (story.status.as_str(), story.rollbacks.len()) {
        ("completed", 0) => ("completed".into(), Tone::Good),
        ("completed", 1) => ("completed, after one rollback".into(), Tone::Good),
        ("completed", n) => (format!("completed, after {n} rollbacks"), Tone::Good),
        ("rolled_back", _) => ("rolled back".into(), Tone::Bad),
        ("rolling_back", _) => ("rolling back".into(), Tone::Bad),
        ("aborted", 0) => ("aborted".into(), Tone::Neutral),
        ("aborted", _) => ("rolled back, then aborted".into(), Tone::Bad),
        (status, _) => (format!("{status}, not over yet"), Tone::Neutral),
    }
}

/// Numbers that stand on top of every report.
fn facts(story: &Story) -> Vec<Fact> {
    let canary = story.canary();
    let rate = or_dash(canary.error_rate(), percent);
    let interval = canary.error_interval().map(|(low, high)| {
        format!("95 % interval {} to {}, valid at every look", percent(low), percent(high))
    });
    let users = story.users.canary.map_or_else(
        || "different users are not known".to_owned(),
        |users| format!("about {} different users", thousands(users)),
    );
    let full = story.full_at.map_or_else(
        || "never at 100 %".to_owned(),
        |at| format!("100 % after {}", span(span_of(at - story.started_at))),
    );
    vec![
        Fact::new("Duration", span(span_of(story.lasted_ms())), full),
        Fact::new("Canary requests", thousands(canary.requests), users),
        Fact::new("Failed", thousands(canary.errors), format!("{rate} of them")),
        Fact::new("Error rate", rate, interval.unwrap_or_else(|| "no requests".into())),
        Fact::new("Health", or_dash(story.health, number), "0 to 100, last phase with requests"),
        Fact::new("Rollbacks", story.rollbacks.len().to_string(), rollback_note(story)),
    ]
}

fn rollback_note(story: &Story) -> String {
    story.rollbacks.last().map_or_else(|| "none was needed".into(), Rollback::times)
}

fn phase_name(visit: &Visit) -> String {
    match visit.phase {
        Some(_) => format!("{} – {}", percent(visit.share), visit.description),
        None => "0 % – at stable".into(),
    }
}

/// One row a visit: traffic and verdicts.
fn phases(story: &Story) -> Section {
    let row = |visit: &Visit| {
        let both = |of: fn(&Figures) -> Option<f64>, show: fn(f64) -> String| {
            format!("{} / {}", or_dash(of(&visit.canary), show), or_dash(of(&visit.stable), show))
        };
        vec![
            phase_name(visit),
            span(span_of(visit.left_at.unwrap_or(story.as_of) - visit.entered_at)),
            format!("{} / {}", thousands(visit.canary.requests), thousands(visit.stable.requests)),
            both(Figures::error_rate, percent),
            both(|f| f.quantile_ms(0.95), millis),
            or_dash(visit.canary.health(), number),
            visit.verdict.clone(),
            visit.ended.clone().unwrap_or_else(|| "lasts".into()),
        ]
    };
    let head = [
        "Phase",
        "#Time",
        "#Requests, canary / stable",
        "#Errors",
        "#p95",
        "#Health",
        "Verdict",
        "How it ended",
    ];
    let table = Table::new(
        "Every stay at a share; figures are canary / stable.",
        &head,
        story.visits.iter().map(row).collect(),
    );
    Section::new("Phases", vec![Block::Table(table)])
}

/// For each visit what was shown, from which numbers.
fn verdicts(story: &Story) -> Section {
    let mut blocks = vec![Block::Text(format!(
        "Evidence is an e-value: how many times likelier the observations are under harm than without it. It may be read at \
         any moment; from {} on the engine rolls back, and falsely so in at most {} of attempts.",
        odds(1.0 / story.alpha),
        percent(100.0 * story.alpha)
    ))];
    for visit in story.visits.iter().filter(|visit| !visit.questions.is_empty() || !visit.findings.is_empty())
    {
        let mut lines: Vec<String> = visit
            .questions
            .iter()
            .map(|q| format!("{} {}", if q.answered { "✓ shown:" } else { "… open:" }, q.text))
            .collect();
        let loud = visit.findings.iter().filter(|f| f.strength != "quiet");
        lines.extend(loud.map(|f| format!("✗ {}: {} ({})", f.strength, f.text, odds(f.evidence))));
        if !lines.iter().any(|line| line.starts_with('✗')) {
            let most = visit.findings.iter().map(|f| f.evidence).fold(0.0, f64::max);
            lines.push(format!(
                "✓ no test warned; the strongest evidence against the canary was {}",
                odds(most)
            ));
        }
        blocks.push(Block::Text(format!("{}:", phase_name(visit))));
        blocks.push(Block::List(lines));
    }
    Section::new("What was shown", blocks)
}

fn timeline(story: &Story) -> Section {
    let row = |m: &Moment| {
        let who = m.actor.clone().unwrap_or_else(|| "engine".into());
        let what = match &m.reason {
            Some(reason) => format!("{} – “{reason}”", m.text),
            None => m.text.clone(),
        };
        vec![time(m.at), percent(m.share), who, what]
    };
    let caption = format!("From {}; times are UTC.", date_time(story.started_at));
    let table =
        Table::new(&caption, &["Time", "#Canary", "Who", "What"], story.moments.iter().map(row).collect());
    let mut blocks = vec![Block::Table(table)];
    if story.moments_left_off > 0 {
        blocks.push(Block::Text(format!(
            "{} more in the middle are left out.",
            thousands(story.moments_left_off)
        )));
    }
    Section::new("Timeline", blocks)
}

fn footer(story: &Story) -> Vec<String> {
    vec![
        format!("Run {} · plan {} · told up to {}.", story.run, story.plan_hash, date_time(story.as_of)),
        format!(
            "Every number is counted from the event log of the run; it can be decided again with: {}",
            replay(story)
        ),
        "What would have happened without the rollout is not claimed.".into(),
    ]
}

/// Bands of a chart: the stays.
fn bands(story: &Story) -> Vec<(i64, i64, String)> {
    let end = |visit: &Visit| visit.left_at.unwrap_or(story.as_of);
    story.visits.iter().map(|visit| (visit.entered_at, end(visit), percent(visit.share))).collect()
}

/// A visit's count of requests as part of all.
fn exposed(story: &Story) -> String {
    let (canary, stable) = (story.canary(), story.stable());
    let all = canary.requests + stable.requests;
    let share = (all > 0).then(|| 100.0 * canary.requests as f64 / all as f64);
    let users =
        story.users.canary.map_or(String::new(), |users| format!(", about {} users", thousands(users)));
    format!(
        "{} requests went to the canary{users} ({} of all while it lasted); {} failed.",
        thousands(canary.requests),
        or_dash(share, percent),
        thousands(canary.errors)
    )
}
