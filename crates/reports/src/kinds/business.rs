//! The business report: what the canary earned and cost beside stable. Without data it says so.

use serde_json::{Value, json};

use super::{exposed, facts, footer, outcome, phase_name, what};
use crate::business::{Estimate, Impact, impacts};
use crate::document::{Block, Document, Fact, Section, Table};
use crate::story::Story;
use crate::words::{number, or_dash, thousands};

pub(super) fn make(story: &Story) -> (Value, Document) {
    let all = impacts(story);
    let (word, tone) = outcome(story);
    let mut sections: Vec<Section> = all.measures.iter().map(|impact| section(story, impact)).collect();
    sections.push(Section::new("How to read this", vec![Block::Text(READ.into())]));
    let mut top = all.measures.iter().map(fact).collect::<Vec<_>>();
    top.extend(facts(story).into_iter().filter(|fact| fact.name == "Canary requests"));
    let document = Document {
        title: format!("{}: revenue, conversion, satisfaction", what(story)),
        summary: summary(story, &all.measures),
        tone,
        outcome: word,
        facts: top,
        sections,
        footer: footer(story),
    };
    (json!({ "business": all }), document)
}

const READ: &str = "Differences are canary minus stable in the same phase, because chance alone decides which version a request \
gets. An interval contains the true difference with 95 %, whenever and however often you look; one that contains 0 shows nothing yet. \
Intervals of amounts are approximate and given from 100 units a version on. At 100 % there is no stable traffic, so \
nothing is compared there. What things would have cost without the rollout is not claimed.";

fn title(impact: &Impact) -> String {
    match impact.measure.as_str() {
        "revenue" => "Revenue".into(),
        "conversion" => "Conversion".into(),
        "satisfaction" => "Satisfaction".into(),
        "errorCost" => "Cost of errors".into(),
        name => format!("Metric {name}"),
    }
}

fn with_unit(value: f64, unit: &str) -> String {
    if unit.is_empty() { number(value) } else { format!("{} {unit}", number(value)) }
}

fn signed(value: f64, unit: &str) -> String {
    let sign = if value > 0.0 { "+" } else { "" };
    format!("{sign}{}", with_unit(value, unit))
}

fn interval(estimate: &Estimate, unit: &str) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("{} to {}", signed(low, ""), signed(high, unit)),
        _ => "too few for an interval".into(),
    }
}

/// What the interval shows, in a word.
fn shown(estimate: &Estimate, higher_is_better: bool) -> &'static str {
    match (estimate.low, estimate.high) {
        (Some(low), _) if low > 0.0 => {
            if higher_is_better {
                "better"
            } else {
                "worse"
            }
        }
        (_, Some(high)) if high < 0.0 => {
            if higher_is_better {
                "worse"
            } else {
                "better"
            }
        }
        _ => "nothing shown",
    }
}

fn fact(impact: &Impact) -> Fact {
    let name = title(impact);
    if let Some(cost) = impact.canary_cost {
        let note = impact.total.map_or_else(
            || "of the canary's failed requests; nothing to compare with".to_owned(),
            |t| {
                format!(
                    "of the canary's failed requests; beside stable {} ({})",
                    signed(t.value, &impact.unit),
                    interval(&t, &impact.unit)
                )
            },
        );
        return Fact::new(&name, with_unit(cost, &impact.unit), note);
    }
    if let Some(total) = &impact.total {
        let note = format!("{}; {}", interval(total, &impact.unit), shown(total, impact.higher_is_better));
        return Fact::new(&name, signed(total.value, &impact.unit), note);
    }
    let last = impact.visits.iter().rev().find_map(|visit| visit.difference.as_ref());
    match (last, &impact.missing) {
        (Some(difference), _) => Fact::new(
            &name,
            signed(difference.value, &impact.unit),
            format!("last phase with both; {}", interval(difference, &impact.unit)),
        ),
        (None, Some(_)) => Fact::new(&name, "no data".into(), "see below"),
        (None, None) => Fact::new(&name, "–".into(), "nothing to compare with"),
    }
}

fn summary(story: &Story, measures: &[Impact]) -> Vec<String> {
    let line = |impact: &Impact| {
        let total = impact.total.as_ref()?;
        Some(format!(
            "{}: {} over the canary's requests beside stable ({}): {}.",
            title(impact),
            signed(total.value, &impact.unit),
            interval(total, &impact.unit),
            shown(total, impact.higher_is_better)
        ))
    };
    let mut lines: Vec<String> = measures.iter().filter_map(line).collect();
    if lines.is_empty() {
        lines.push(
            "No amount was reported that could be compared; see each measure for what is missing.".into(),
        );
    }
    lines.push(exposed(story));
    lines
}

fn section(story: &Story, impact: &Impact) -> Section {
    if let Some(why) = &impact.missing {
        return Section::new(&title(impact), vec![Block::Text(format!("No data: {why}."))]);
    }
    let unit = &impact.unit;
    let rows = impact.visits.iter().filter_map(|one| {
        let visit = story.visits.get(one.visit)?;
        Some(vec![
            phase_name(visit),
            thousands(one.canary_units),
            or_dash(one.canary, |v| with_unit(v, unit)),
            or_dash(one.stable, |v| with_unit(v, unit)),
            or_dash(one.difference.as_ref(), |d| signed(d.value, unit)),
            or_dash(one.difference.as_ref(), |d| interval(d, unit)),
            or_dash(one.effect.as_ref(), |e| signed(e.value, unit)),
            one.difference.as_ref().map_or("–", |d| shown(d, impact.higher_is_better)).into(),
        ])
    });
    let units = if impact.per == "value" { "#Values of the canary" } else { "#Requests of the canary" };
    let head = ["Phase", units, "#Canary", "#Stable", "#Difference", "#95 % interval", "#Over all", "Shown"];
    let caption = format!("Means a {}; a difference over all is that times the canary's.", impact.per);
    Section::new(&title(impact), vec![Block::Table(Table::new(&caption, &head, rows.collect()))])
}
