//! Microsoft Teams: an adaptive card, as the workflow "post to a channel when a webhook request is received" takes it.
//!
//! Source: learn.microsoft.com, "Create incoming webhooks with Workflows" (28 KB a message); adaptivecards.io schema 1.4.

use serde_json::{Value, json};

use super::words::{Tone, Words, backslashed, cut};

/// Longest title, characters.
const TITLE_CHARS_MAX: usize = 250;
/// Characters that Teams reads as Markdown.
const MARKDOWN: &str = "\\*_[]`#~";

/// The body.
pub(super) fn render(words: &Words) -> Value {
    let color = match words.tone {
        Tone::Good => "Good",
        Tone::Plain => "Default",
        Tone::Warning => "Warning",
        Tone::Bad => "Attention",
    };
    let escape = |text: &str| backslashed(text, MARKDOWN);
    let title = cut(&format!("{} {}", words.tone.sign(), words.title), TITLE_CHARS_MAX);
    let mut body = vec![json!({
        "type": "TextBlock", "text": escape(&title), "weight": "Bolder", "size": "Medium", "color": color, "wrap": true,
    })];
    let fact = |(name, value): &(&str, String)| json!({ "title": name, "value": escape(value) });
    if !words.facts.is_empty() {
        body.push(json!({ "type": "FactSet", "facts": words.facts.iter().map(fact).collect::<Vec<_>>() }));
    }
    body.extend(words.why.iter().map(|line| {
        json!({ "type": "TextBlock", "text": format!("• {}", escape(line)), "wrap": true, "spacing": "Small" })
    }));
    body.push(json!({ "type": "TextBlock", "text": words.time, "isSubtle": true, "size": "Small" }));
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "msteams": { "width": "Full" },
    });
    if let Some(url) = &words.link {
        card["actions"] = json!([{ "type": "Action.OpenUrl", "title": "Open the dashboard", "url": url }]);
    }
    let attachment = json!({ "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card });
    json!({ "type": "message", "attachments": [attachment] })
}
