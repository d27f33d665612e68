//! Slack's incoming webhooks: blocks, and a text for previews.
//!
//! Source: docs.slack.dev, "Block Kit" (lengths of header, field and section) and "Formatting text" (`&`, `<`, `>`).

use serde_json::{Value, json};

use super::words::{Words, cut};

/// Longest text of a header, characters.
const HEADER_CHARS_MAX: usize = 150;
/// Longest field of a section, characters, with room for what escaping adds.
const FIELD_CHARS_MAX: usize = 2000;
/// Most fields of a section.
const FIELDS_MAX: usize = 10;
/// Longest text of a section, characters.
const SECTION_CHARS_MAX: usize = 3000;

/// The body.
pub(super) fn render(words: &Words) -> Value {
    let title = format!("{} {}", words.tone.sign(), words.title);
    let mut blocks = vec![
        json!({ "type": "header", "text": { "type": "plain_text", "text": cut(&title, HEADER_CHARS_MAX), "emoji": true } }),
    ];
    let field = |(name, value): &(&str, String)| {
        let value = fitted(value, FIELD_CHARS_MAX - name.len() - 3);
        json!({ "type": "mrkdwn", "text": format!("*{name}*\n{value}") })
    };
    let fields: Vec<Value> = words.facts.iter().take(FIELDS_MAX).map(field).collect();
    if !fields.is_empty() {
        blocks.push(json!({ "type": "section", "fields": fields }));
    }
    if !words.why.is_empty() {
        let lines: Vec<String> = words.why.iter().map(|line| format!("• {line}")).collect();
        let text = fitted(&lines.join("\n"), SECTION_CHARS_MAX);
        blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } }));
    }
    let mut context = escape(&words.time);
    if let Some(url) = &words.link {
        context = format!("{context} · <{}|Open the dashboard>", escape(url).replace('|', "%7C"));
    }
    blocks.push(json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": context }] }));
    json!({ "text": fitted(&title, SECTION_CHARS_MAX), "blocks": blocks })
}

/// What Slack reads as links and mentions.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Escaped and at most so many characters, cut before escaping so that no escape is cut in two.
fn fitted(text: &str, chars_max: usize) -> String {
    let mut keep = chars_max;
    loop {
        let escaped = escape(&cut(text, keep));
        let over = escaped.chars().count().saturating_sub(chars_max);
        if over == 0 || keep == 0 {
            return escaped;
        }
        keep = keep.saturating_sub(over.div_ceil(5).max(1));
    }
}
