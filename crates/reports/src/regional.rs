//! The report of a rollout over several regions: a row for each region, what was decided about the whole, and when.
//!
//! Unlike the other reports it is made of how the regions' rollouts stood when last seen, for a region may be another
//! server's; each region's own reports have the rest.

use serde_json::{Value, json};

use crate::document::{Block, Document, Fact, Section, Table, Tone};
use crate::kinds::Rendered;
use crate::moments::millis as span_of;
use crate::words::{date_time, number, odds, or_dash, percent, rfc3339, span, thousands, time};

/// A rollout over several regions, as it is told. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub struct Regional {
    /// Its run, such as `checkout.1`.
    pub run: String,
    /// What is released.
    pub service: String,
    /// The version before.
    pub stable: String,
    /// The version that is rolled out.
    pub canary: String,
    /// Where it is in its life: `completed`, `halted` and so on.
    pub status: String,
    /// Why it was halted, if it is.
    pub halt: Option<String>,
    /// When it began.
    pub started_at: i64,
    /// When it was over for good.
    pub ended_at: Option<i64>,
    /// Up to when this is told.
    pub as_of: i64,
    /// From 1; going on after a halt begins a new one.
    pub attempt: u32,
    /// Evidence of all regions together, and what is needed to stop.
    pub evidence: (f64, f64),
    /// In the order they begin.
    pub regions: Vec<RegionFigures>,
    /// What was decided, oldest first.
    pub moments: Vec<RegionalMoment>,
}

/// One region.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionFigures {
    /// Its name.
    pub region: String,
    /// From 1.
    pub wave: u64,
    /// In a word: `waiting`, `completed`, `rolled_back` and so on.
    pub state: String,
    /// Its run; none before it began.
    pub run: Option<String>,
    /// When it began.
    pub began_at: Option<i64>,
    /// The canary's share, percent.
    pub canary_percent: Option<f64>,
    /// Canary requests.
    pub requests: Option<u64>,
    /// Of them, errors.
    pub errors: Option<u64>,
    /// Mean response time in its phase, ms.
    pub response_ms: Option<f64>,
    /// Health score in its phase, 0 to 100.
    pub health: Option<f64>,
    /// Its own evidence against the canary.
    pub evidence: f64,
    /// What speaks against it, or why it went back; empty when nothing does.
    pub why: String,
}

/// Something that was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionalMoment {
    /// When.
    pub at: i64,
    /// Its word, such as `wave_started`.
    pub kind: String,
    /// In words.
    pub text: String,
}

impl RegionFigures {
    /// Errors, percent of canary requests; none without requests.
    fn error_rate(&self) -> Option<f64> {
        let requests = self.requests.filter(|n| *n > 0)?;
        Some(100.0 * self.errors? as f64 / requests as f64)
    }
}

/// The report.
pub fn regional(told: &Regional) -> Rendered {
    let (word, tone) = outcome(told);
    let document = Document {
        title: format!("{} {} in {} regions: {word}", told.service, told.canary, told.regions.len()),
        summary: summary(told),
        tone,
        outcome: word,
        facts: facts(told),
        sections: vec![regions(told), why(told), timeline(told)],
        footer: vec![
            format!("Run {} · told up to {}.", told.run, date_time(told.as_of)),
            "Figures of a region are those of its own rollout when it was last seen; its own reports have the rest.".into(),
        ],
    };
    let value = json!({
        "schema": "factorywager.report/1",
        "kind": "completion",
        "title": document.title,
        "summary": document.summary,
        "rollout": {
            "run": told.run, "service": told.service, "region": null, "status": told.status,
            "versions": { "stable": told.stable, "canary": told.canary },
            "startedAt": rfc3339(told.started_at), "endedAt": told.ended_at.map(rfc3339),
            "asOf": rfc3339(told.as_of), "durationMs": lasted(told), "attempt": told.attempt,
            "halt": told.halt, "evidence": { "value": told.evidence.0, "limit": told.evidence.1 },
        },
        "regions": told.regions.iter().map(region_json).collect::<Vec<_>>(),
        "timeline": told.moments.iter().map(moment_json).collect::<Vec<_>>(),
    });
    Rendered::new(value, document)
}

fn moment_json(moment: &RegionalMoment) -> Value {
    json!({ "at": rfc3339(moment.at), "type": moment.kind, "text": moment.text })
}

fn region_json(region: &RegionFigures) -> Value {
    json!({
        "region": region.region, "wave": region.wave, "state": region.state, "run": region.run,
        "beganAt": region.began_at.map(rfc3339), "canaryPercent": region.canary_percent,
        "requests": region.requests, "errors": region.errors, "errorRate": region.error_rate(),
        "meanMs": region.response_ms, "health": region.health, "evidence": region.evidence, "why": region.why,
    })
}

fn lasted(told: &Regional) -> i64 {
    (told.ended_at.unwrap_or(told.as_of) - told.started_at).max(0)
}

fn outcome(told: &Regional) -> (String, Tone) {
    let (word, tone) = match told.status.as_str() {
        "completed" => ("completed", Tone::Good),
        "halted" => ("halted", Tone::Bad),
        "rolled_back" => ("rolled back", Tone::Bad),
        "rolling_back" => ("rolling back", Tone::Bad),
        "partial" => ("completed in some", Tone::Neutral),
        "aborted" => ("aborted", Tone::Neutral),
        status => return (format!("{status}, not over yet"), Tone::Neutral),
    };
    (word.into(), tone)
}

fn summary(told: &Regional) -> Vec<String> {
    let in_state = |state: &str| told.regions.iter().filter(|r| r.state == state).count();
    let begun = told.regions.iter().filter(|r| r.run.is_some()).count();
    let first = format!(
        "{} of {} regions began within {}; {} complete, {} at stable again, {} never began.",
        begun,
        told.regions.len(),
        span(span_of(lasted(told))),
        in_state("completed"),
        in_state("rolled_back") + in_state("aborted"),
        told.regions.len() - begun,
    );
    let halt = told.halt.iter().map(|why| format!("Why it stands: {why}."));
    std::iter::once(first).chain(halt).collect()
}

fn facts(told: &Regional) -> Vec<Fact> {
    let sum = |of: fn(&RegionFigures) -> Option<u64>| told.regions.iter().filter_map(of).sum::<u64>();
    let (requests, errors) = (sum(|r| r.requests), sum(|r| r.errors));
    let rate = (requests > 0).then(|| 100.0 * errors as f64 / requests as f64);
    let (value, limit) = told.evidence;
    let completed = told.regions.iter().filter(|r| r.state == "completed").count();
    let waves = told.regions.iter().map(|r| r.wave).max().unwrap_or(0);
    vec![
        Fact::new("Duration", span(span_of(lasted(told))), format!("attempt {}", told.attempt)),
        Fact::new("Regions", told.regions.len().to_string(), format!("in {waves} waves")),
        Fact::new("Complete", completed.to_string(), "have the canary for good"),
        Fact::new("Canary requests", thousands(requests), "all regions"),
        Fact::new("Failed", thousands(errors), or_dash(rate, |rate| format!("{} of them", percent(rate)))),
        Fact::new("Evidence of all", odds(value), format!("stops at {}", odds(limit))),
    ]
}

fn regions(told: &Regional) -> Section {
    let row = |r: &RegionFigures| {
        vec![
            r.region.clone(),
            r.wave.to_string(),
            r.state.replace('_', " "),
            or_dash(r.began_at, time),
            or_dash(r.canary_percent, percent),
            or_dash(r.requests, thousands),
            or_dash(r.errors, thousands),
            or_dash(r.error_rate(), percent),
            or_dash(r.response_ms, |ms| format!("{} ms", number(ms))),
            or_dash(r.health, number),
            odds(r.evidence),
        ]
    };
    let head = [
        "Region",
        "#Wave",
        "State",
        "#Began",
        "#Canary",
        "#Requests",
        "#Errors",
        "#Error rate",
        "#Mean",
        "#Health",
        "#Evidence",
    ];
    let caption = "Figures are the canary's. Evidence against it is an e-value; of a region that went back, that of the last look that was kept before.";
    Section::new(
        "Regions",
        vec![Block::Table(Table::new(caption, &head, told.regions.iter().map(row).collect()))],
    )
}

fn why(told: &Regional) -> Section {
    let said: Vec<String> = told
        .regions
        .iter()
        .filter(|region| !region.why.is_empty())
        .map(|region| format!("{}: {}", region.region, region.why))
        .collect();
    let block = match said.is_empty() {
        true => Block::Text("Nothing spoke against any region when it was last seen.".into()),
        false => Block::List(said),
    };
    Section::new("What spoke against regions", vec![block])
}

fn timeline(told: &Regional) -> Section {
    let row = |m: &RegionalMoment| vec![time(m.at), m.text.clone()];
    let caption = format!("From {}; times are UTC.", date_time(told.started_at));
    let rows = told.moments.iter().map(row).collect();
    Section::new("Timeline", vec![Block::Table(Table::new(&caption, &["Time", "What"], rows))])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> Regional {
        let region = |name: &str, wave: u64, state: &str, requests: Option<u64>| RegionFigures {
            region: name.into(),
            wave,
            state: state.into(),
            run: requests.map(|_| format!("shop@{name}.1")),
            began_at: requests.map(|_| 1_767_281_100_000),
            canary_percent: requests.map(|_| 5.0),
            requests,
            errors: requests.map(|n| n / 100),
            response_ms: None,
            health: None,
            evidence: 1.0,
            why: if state == "rolled_back" { "errors <b>".into() } else { String::new() },
        };
        Regional {
            run: "shop.1".into(),
            service: "shop".into(),
            stable: "1".into(),
            canary: "2".into(),
            status: "halted".into(),
            halt: Some("eu went back".into()),
            started_at: 1_767_281_100_000,
            ended_at: None,
            as_of: 1_767_281_160_000,
            attempt: 1,
            evidence: (3.0, 100.0),
            regions: vec![
                region("us", 1, "paused", Some(1000)),
                region("eu", 2, "rolled_back", Some(200)),
                region("ap", 3, "waiting", None),
            ],
            moments: vec![RegionalMoment {
                at: 1_767_281_100_000,
                kind: "wave_started".into(),
                text: "wave 1 begins: us".into(),
            }],
        }
    }

    #[test]
    fn each_region_has_a_row_with_its_own_numbers() {
        let report = regional(&told());
        let markdown = report.markdown();
        assert!(markdown.contains("| eu | 2 | rolled back |"), "{markdown}");
        assert!(
            markdown
                .contains("2 of 3 regions began within 1 min; 0 complete, 1 at stable again, 1 never began.")
        );
        assert!(markdown.contains("Why it stands: eu went back."));
        let json = report.json();
        assert_eq!(json["regions"][1]["errorRate"], 1.0);
        assert_eq!(json["regions"][2]["requests"], Value::Null);
        assert!(report.html().contains("errors &lt;b&gt;"));
    }
}
