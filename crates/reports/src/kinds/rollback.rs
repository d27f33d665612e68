//! The rollback report: what made it go back, on which evidence, how fast, and who was harmed.

use serde_json::{Value, json};

use super::{
    bands, facts, footer, moments_json, phase_name, phases, replay, rollback_json, timeline, visits_json,
    what,
};
use crate::chart::{Chart, Line};
use crate::document::{Block, Document, Fact, Section, Table, Tone};
use crate::story::{Rollback, Story};
use crate::words::{date_time, or_dash, percent, span, thousands, time};

/// # Errors
/// When it never went back.
pub(super) fn make(story: &Story) -> Result<(Value, Document), String> {
    let Some(last) = story.rollbacks.last() else {
        return Err(format!("{} never went back, so there is nothing to report of a rollback", story.run));
    };
    let harm = harm(story);
    let own = json!({
        "rollbacks": story.rollbacks.iter().map(|one| rollback_json(story, one)).collect::<Vec<_>>(),
        "exposed": harm.1,
        "phases": visits_json(story),
        "timeline": moments_json(story),
    });
    let mut sections = vec![course(story, last), evidence(last)];
    sections.push(Section::new("Evidence over time", vec![Block::Chart(chart(story))]));
    sections.push(harm.0);
    if story.rollbacks.len() > 1 {
        sections.push(earlier(story));
    }
    sections.extend([phases(story), timeline(story), again(story)]);
    let document = Document {
        title: format!(
            "{}: rolled back from {} to {}",
            what(story),
            percent(last.from_share),
            percent(last.to_share)
        ),
        summary: summary(story, last),
        tone: Tone::Bad,
        outcome: if last.actor.is_some() { "rolled back by a person" } else { "rolled back automatically" }
            .into(),
        facts: rollback_facts(story, last),
        sections,
        footer: footer(story),
    };
    Ok((own, document))
}

fn summary(story: &Story, last: &Rollback) -> Vec<String> {
    let why = last.evidence.first().unwrap_or(&last.trigger);
    let canary = story.canary();
    let mut lines = vec![
        format!("Why: {why}."),
        format!(
            "{} requests reached {} in this run, {} of them failed. {} serves {} of traffic.",
            thousands(canary.requests),
            story.canary,
            thousands(canary.errors),
            story.stable,
            percent(100.0 - story.share)
        ),
    ];
    let times = last.times();
    if !times.is_empty() {
        lines.push(format!("It was {times}."));
    }
    lines
}

fn rollback_facts(story: &Story, last: &Rollback) -> Vec<Fact> {
    let mut all = vec![
        Fact::new("Trigger", last.trigger.clone(), last.actor.clone().unwrap_or_else(|| "the engine".into())),
        Fact::new("Detected after", or_dash(last.detection(), span), "from the estimated beginning"),
        Fact::new(
            "Traffic away after",
            or_dash(last.recovery(), span),
            "from the decision, confirmed by data planes",
        ),
    ];
    let shared = facts(story)
        .into_iter()
        .filter(|fact| ["Canary requests", "Failed", "Error rate"].contains(&fact.name.as_str()));
    all.extend(shared);
    all
}

/// First bad moment, decision, traffic away.
fn course(story: &Story, last: &Rollback) -> Section {
    let after = |at: i64| span(super::span_of(at - story.started_at));
    let row = |what: &str, at: Option<i64>, note: String| {
        vec![what.to_owned(), or_dash(at, time), or_dash(at, after), note]
    };
    let began = match last.actor {
        Some(_) => "not estimated: a person decided",
        None => "estimated: from here on the evidence only grew",
    };
    let unconfirmed = match last.unconfirmed.as_slice() {
        [] => "every live data plane sends by the new split".to_owned(),
        some => format!("fell silent and did not confirm: {}", some.join(", ")),
    };
    let rows = vec![
        row("First bad moment", last.began_at, began.into()),
        row(
            "Decided, new split told",
            Some(last.decided_at),
            format!("{} → {}", percent(last.from_share), percent(last.to_share)),
        ),
        row("Traffic away, confirmed", last.confirmed_at, unconfirmed),
    ];
    let table = Table::new("", &["Moment", "Time (UTC)", "#After the start", "Note"], rows);
    let counted = match last.counted_after {
        0 => "No canary request that had been assigned before the decision was counted after it.".to_owned(),
        n => format!(
            "{} canary requests that had been assigned before the decision were counted after it: they were under way or told late.",
            thousands(n)
        ),
    };
    Section::new("Course", vec![Block::Table(table), Block::Text(counted)])
}

fn evidence(last: &Rollback) -> Section {
    let mut lines = last.evidence.clone();
    lines.extend(last.reason.as_ref().map(|reason| format!("reason given: “{reason}”")));
    if lines.is_empty() {
        lines.push("a person decided, and gave no reason".into());
    }
    Section::new("Evidence", vec![Block::List(lines)])
}

fn chart(story: &Story) -> Chart {
    let points = story.series.points.iter().map(|p| (p.at, Some(p.evidence))).collect();
    let marks =
        story.rollbacks.iter().map(|r| (r.decided_at, format!("rolled back at {}", date_time(r.decided_at))));
    Chart {
        title: "Evidence against the canary".into(),
        unit: "x : 1, logarithmic".into(),
        lines: vec![Line { name: "shared evidence of all tests".into(), points }],
        bands: bands(story),
        limit: Some((1.0 / story.alpha, "rolls back".into())),
        marks: marks.collect(),
        top: None,
        is_log: true,
    }
}

/// Who was exposed, phase by phase.
fn harm(story: &Story) -> (Section, Value) {
    let canary = story.canary();
    let rows = story.visits.iter().filter(|visit| visit.share > 0.0).map(|visit| {
        vec![
            phase_name(visit),
            thousands(visit.canary.requests),
            thousands(visit.canary.errors),
            or_dash(visit.canary.error_rate(), percent),
            or_dash(visit.stable.error_rate(), percent),
        ]
    });
    let head = ["Phase", "#Canary requests", "#Failed", "#Error rate", "#Stable's"];
    let table = Table::new("", &head, rows.collect());
    let affected = story.users.canary.map(|users| users.min(canary.errors));
    let users = match (story.users.canary, affected) {
        (Some(users), Some(most)) => format!(
            "About {} different users were served by the canary; at most {} of them can have met a failure.",
            thousands(users),
            thousands(most)
        ),
        _ => "How many different users that were is not known: requests carried no key.".into(),
    };
    let value = json!({
        "requests": canary.requests, "failedRequests": canary.errors,
        "users": story.users.canary, "affectedUsersAtMost": affected,
    });
    (Section::new("Who was exposed", vec![Block::Table(table), Block::Text(users)]), value)
}

fn earlier(story: &Story) -> Section {
    let all = &story.rollbacks[..story.rollbacks.len() - 1];
    let one = |r: &Rollback| {
        let why = r.evidence.first().unwrap_or(&r.trigger);
        format!("{}: {} to {}: {why}", time(r.decided_at), percent(r.from_share), percent(r.to_share))
    };
    Section::new("Earlier rollbacks of this run", vec![Block::List(all.iter().map(one).collect())])
}

fn again(story: &Story) -> Section {
    let text = format!(
        "The same observations under this or another plan, decision by decision: {}. What the log holds is what the engine saw, so it decides the same again.",
        replay(story)
    );
    Section::new("Decide it again", vec![Block::Text(text)])
}
