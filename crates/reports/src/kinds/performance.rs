//! The performance report: response times and errors of both versions, over time and phase by phase.

use serde_json::{Value, json};

use super::{bands, exposed, facts, footer, outcome, phase_name, visits_json, what};
use crate::chart::{Chart, Line};
use crate::document::{Block, Document, Section, Table};
use crate::series::{Point, PointArm};
use crate::story::{Story, Visit};
use crate::words::{millis, number, or_dash, percent, time};

/// Which charts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Errors, one response time, health.
    Overview,
    /// All of them.
    All,
}

pub(super) fn make(story: &Story) -> (Value, Document) {
    let own = json!({ "phases": visits_json(story), "series": story.series });
    let (word, tone) = outcome(story);
    let document = Document {
        title: format!("{}: errors and response times", what(story)),
        summary: vec![compared(story), exposed(story)],
        tone,
        outcome: word,
        facts: facts(story),
        sections: vec![charts(story, "Over time", Which::All), errors(story), times(story)],
        footer: footer(story),
    };
    (own, document)
}

/// Both versions in one sentence, over all stays that had both.
fn compared(story: &Story) -> String {
    let both: Vec<&Visit> =
        story.visits.iter().filter(|v| v.canary.requests > 0 && v.stable.requests > 0).collect();
    if both.is_empty() {
        return "There is no stay in which both versions served requests.".into();
    }
    let canary = crate::Figures::sum(both.iter().map(|v| &v.canary));
    let stable = crate::Figures::sum(both.iter().map(|v| &v.stable));
    let pair = |of: fn(&crate::Figures) -> Option<f64>, show: fn(f64) -> String| {
        format!("{} against stable's {}", or_dash(of(&canary), show), or_dash(of(&stable), show))
    };
    format!(
        "Where both versions served, the canary failed {} of requests, and its 95th percentile was {}.",
        pair(crate::Figures::error_rate, percent),
        pair(|f| f.quantile_ms(0.95), millis)
    )
}

pub(super) fn charts(story: &Story, title: &str, which: Which) -> Section {
    let versions = |of: fn(&PointArm) -> Option<f64>| {
        let line = |name: &str, arm: fn(&Point) -> &PointArm| Line {
            name: name.into(),
            points: story.series.points.iter().map(|p| (p.at, of(arm(p)))).collect(),
        };
        vec![line("canary", |p| &p.canary), line("stable", |p| &p.stable)]
    };
    let marks = || {
        let words = |at: i64| format!("rolled back at {}", time(at));
        story.rollbacks.iter().map(|r| (r.decided_at, words(r.decided_at))).collect()
    };
    let chart = |title: &str, unit: &str, top: Option<f64>, lines: Vec<Line>| {
        let chart = Chart {
            title: title.into(),
            unit: unit.into(),
            lines,
            bands: bands(story),
            limit: None,
            marks: marks(),
            top,
            is_log: false,
        };
        Block::Chart(chart)
    };
    let mut blocks = vec![
        chart("Errors", "% of requests", None, versions(|arm| arm.error_rate)),
        chart("Response time, 95th percentile", "ms", None, versions(|arm| arm.p95_ms)),
    ];
    if which == Which::All {
        blocks.push(chart("Response time, median", "ms", None, versions(|arm| arm.p50_ms)));
        blocks.push(chart("Response time, 99th percentile", "ms", None, versions(|arm| arm.p99_ms)));
        blocks.push(chart("Apdex", "0 to 1", Some(1.0), versions(|arm| arm.apdex)));
    }
    let health = story.series.points.iter().map(|p| (p.at, p.health)).collect();
    blocks.push(chart(
        "Health of the canary",
        "0 to 100",
        Some(100.0),
        vec![Line { name: "canary".into(), points: health }],
    ));
    let step = format!(
        "Each point is of {} s. Bands are stays at a share of traffic; red lines across time are rollbacks.",
        number(story.series.step_seconds)
    );
    blocks.push(Block::Text(step));
    Section::new(title, blocks)
}

fn errors(story: &Story) -> Section {
    let row = |visit: &Visit| {
        let interval = |f: &crate::Figures| {
            f.error_interval()
                .map_or_else(|| "–".into(), |(low, high)| format!("{} to {}", percent(low), percent(high)))
        };
        vec![
            phase_name(visit),
            or_dash(visit.canary.error_rate(), percent),
            interval(&visit.canary),
            or_dash(visit.stable.error_rate(), percent),
            interval(&visit.stable),
            format!("{} / {}", visit.canary.client_errors, visit.stable.client_errors),
        ]
    };
    let head = ["Phase", "#Canary", "#95 % interval", "#Stable", "#95 % interval", "#4xx, canary / stable"];
    let table =
        Table::new("Intervals hold at every look at once.", &head, story.visits.iter().map(row).collect());
    Section::new("Errors", vec![Block::Table(table)])
}

fn times(story: &Story) -> Section {
    let row = |visit: &Visit| {
        let pair = |of: fn(&crate::Figures) -> Option<f64>, show: fn(f64) -> String| {
            format!("{} / {}", or_dash(of(&visit.canary), show), or_dash(of(&visit.stable), show))
        };
        vec![
            phase_name(visit),
            pair(crate::Figures::mean_ms, millis),
            pair(|f| f.quantile_ms(0.5), millis),
            pair(|f| f.quantile_ms(0.95), millis),
            pair(|f| f.quantile_ms(0.99), millis),
            pair(crate::Figures::apdex, number),
        ]
    };
    let head = ["Phase", "#Mean", "#p50", "#p95", "#p99", "#Apdex"];
    let caption = "Canary / stable; quantiles are within 4.4 %, as the histogram's buckets are.";
    let table = Table::new(caption, &head, story.visits.iter().map(row).collect());
    Section::new("Response times", vec![Block::Table(table)])
}
