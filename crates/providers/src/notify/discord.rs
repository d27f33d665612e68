//! Discord's webhooks: one embed, and nobody is pinged.
//!
//! Source: discord.com/developers, "Embed limits" (256, 4096, 25 fields of 256 and 1024, 6000 in all) and "Allowed mentions".

use serde_json::{Value, json};

use super::words::{Tone, Words, backslashed, cut};

/// Longest title, characters.
const TITLE_CHARS_MAX: usize = 256;
/// Longest description, characters: with it and the facts an embed stays below 6000.
const DESCRIPTION_CHARS_MAX: usize = 2500;
/// Longest value of a field, characters.
const VALUE_CHARS_MAX: usize = 300;
/// Longest value of a field that others may stand beside, characters.
const INLINE_CHARS_MAX: usize = 40;
/// Most fields.
const FIELDS_MAX: usize = 10;
/// Characters that Discord reads as Markdown.
const MARKDOWN: &str = "\\*_~`|>[]()#-@<";

/// The body.
pub(super) fn render(words: &Words) -> Value {
    let color = match words.tone {
        Tone::Good => 0x2e_7d32,
        Tone::Plain => 0x54_6e7a,
        Tone::Warning => 0xf9_a825,
        Tone::Bad => 0xc6_2828,
    };
    let field = |(name, value): &(&str, String)| {
        let inline = value.chars().count() <= INLINE_CHARS_MAX;
        json!({ "name": name, "value": fitted(value, VALUE_CHARS_MAX), "inline": inline })
    };
    let lines: Vec<String> = words.why.iter().map(|line| format!("• {line}")).collect();
    let title = format!("{} {}", words.tone.sign(), words.title);
    let mut embed = json!({
        "title": fitted(&title, TITLE_CHARS_MAX),
        "color": color,
        "fields": words.facts.iter().take(FIELDS_MAX).map(field).collect::<Vec<_>>(),
        "timestamp": words.time,
        "footer": { "text": "FactoryWager" },
    });
    if !lines.is_empty() {
        embed["description"] = fitted(&lines.join("\n"), DESCRIPTION_CHARS_MAX).into();
    }
    if let Some(url) = &words.link {
        embed["url"] = url.as_str().into();
    }
    json!({ "embeds": [embed], "allowed_mentions": { "parse": [] } })
}

/// Escaped and at most so many characters, cut before escaping so that no backslash is left alone.
fn fitted(text: &str, chars_max: usize) -> String {
    let mut keep = chars_max;
    loop {
        let escaped = backslashed(&cut(text, keep), MARKDOWN);
        let over = escaped.chars().count().saturating_sub(chars_max);
        if over == 0 || keep == 0 {
            return escaped;
        }
        keep = keep.saturating_sub(over.div_ceil(2).max(1));
    }
}
