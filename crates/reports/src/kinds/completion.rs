//! The completion report: the whole rollout, from the first split to the last word.

use serde_json::{Value, json};

use super::{
    exposed, facts, footer, moments_json, outcome, phases, rollback_json, span_of, timeline, verdicts,
    visits_json, what,
};
use crate::document::{Block, Document, Section};
use crate::kinds::performance;
use crate::story::{Rollback, Story};
use crate::words::{percent, span};

pub(super) fn make(story: &Story) -> (Value, Document) {
    let own = json!({
        "phases": visits_json(story),
        "timeline": moments_json(story),
        "rollbacks": story.rollbacks.iter().map(|one| rollback_json(story, one)).collect::<Vec<_>>(),
    });
    let (word, tone) = outcome(story);
    let document = Document {
        title: format!("{}: {word}", what(story)),
        summary: summary(story),
        tone,
        outcome: word,
        facts: facts(story),
        sections: vec![
            phases(story),
            performance::charts(story, "How it went", performance::Which::Overview),
            verdicts(story),
            rollbacks(story),
            timeline(story),
        ],
        footer: footer(story),
    };
    (own, document)
}

fn summary(story: &Story) -> Vec<String> {
    let lasted = span(span_of(story.lasted_ms()));
    let first = match story.status.as_str() {
        "completed" => format!(
            "Version {} took over from {} in {lasted} and is the current version.",
            story.canary, story.stable
        ),
        "rolled_back" => format!(
            "Version {} was taken back to {} of traffic; {} serves the rest.",
            story.canary,
            percent(story.share),
            story.stable
        ),
        "aborted" => format!(
            "The rollout of {} was ended after {lasted}; {} serves all traffic.",
            story.canary, story.stable
        ),
        status => format!(
            "Version {} is at {} of traffic, {lasted} after the start ({status}). This report is of now.",
            story.canary,
            percent(story.share)
        ),
    };
    let mut lines = vec![first, exposed(story)];
    if let Some(last) = story.rollbacks.last().filter(|_| story.status != "completed") {
        lines.push(format!("Why: {}.", last.evidence.first().unwrap_or(&last.trigger)));
    }
    lines
}

fn rollbacks(story: &Story) -> Section {
    let one = |r: &Rollback| {
        let why = r.evidence.first().cloned().unwrap_or_else(|| r.trigger.clone());
        let who = r.actor.as_ref().map_or(String::new(), |actor| format!(" by {actor}"));
        format!("{} to {}{who}: {why}. {}", percent(r.from_share), percent(r.to_share), capital(&r.times()))
    };
    let block = match story.rollbacks.is_empty() {
        true => Block::Text("It never went back.".into()),
        false => Block::List(story.rollbacks.iter().map(one).collect()),
    };
    Section::new("Rollbacks", vec![block])
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect::<String>() + ".",
        None => "Not yet confirmed.".into(),
    }
}
