//! The JSON Schema (draft 2020-12) for editors, made from the table.
//!
//! It says what a single value may be; rules between values (growing phases, two versions with one
//! URL) are beyond it and stay with `fw config validate`.

use serde_json::{Map, Value, json};

use super::{Choice, Format, Key, Kind, Range, Section};
use crate::config::section::{ROLLOUT, ROOT};

/// The schema of a config: the whole, or the rollout mapping alone.
pub(crate) fn schema() -> Value {
    let mut whole = section(&ROOT, false);
    whole["title"] = json!("FactoryWager config");
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "factory-wager.yaml",
        "description": ROOT.doc,
        "type": "object",
        "anyOf": [whole, section(&ROLLOUT, false)],
    })
}

/// `partial`: part of an environment, where keys that must stand may come from the document.
fn section(section: &Section, partial: bool) -> Value {
    let properties: Map<String, Value> =
        section.keys.iter().map(|key| (key.name.to_owned(), property(key, partial))).collect();
    let mut object = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    object["description"] = json!(section.doc);
    let required: Vec<&str> = section.keys.iter().filter(|k| k.required).map(|k| k.name).collect();
    if !required.is_empty() && !partial {
        object["required"] = json!(required);
    }
    let apart: Vec<Value> =
        section.exclusive.iter().map(|group| json!({ "not": { "required": group } })).collect();
    if !apart.is_empty() {
        object["allOf"] = json!(apart);
    }
    object
}

fn property(key: &Key, partial: bool) -> Value {
    let mut value = kind(&key.kind, partial);
    value["description"] = json!(key.doc);
    // A default in words is said in the description only.
    if let Some(default) = key.default.and_then(|d| serde_json::from_str::<Value>(d).ok()) {
        value["default"] = default;
    }
    value
}

fn kind(kind_: &Kind, partial: bool) -> Value {
    match kind_ {
        Kind::Text(format) => text(format),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Number(range) => number("number", range),
        Kind::Integer(range) => number("integer", range),
        Kind::Duration { .. } => json!({
            "type": ["number", "string"],
            "minimum": 0,
            "pattern": "^([0-9]+(\\.[0-9]+)?(ms|s|m|h|d))+$",
            "examples": ["90s", "10m", "1h"],
        }),
        Kind::Choice(choices) => words(choices),
        Kind::Section(below) => section(below, partial),
        // Lists are replaced as a whole, so their items are never partial.
        Kind::List { of, min, max } => {
            json!({ "type": "array", "items": kind(of, false), "minItems": min, "maxItems": max })
        }
        Kind::Overlays { of, max } => {
            json!({ "type": "object", "maxProperties": max, "additionalProperties": section(of, true) })
        }
        Kind::Or(kinds) => json!({ "anyOf": kinds.iter().map(|k| kind(k, partial)).collect::<Vec<_>>() }),
        Kind::Any => json!({ "type": ["boolean", "number", "string", "object"] }),
        Kind::Null => json!({ "type": "null" }),
    }
}

fn text(format: &Format) -> Value {
    let mut value = match format.numbers {
        true => json!({ "type": ["string", "number"] }),
        false => json!({ "type": "string" }),
    };
    if let Some(pattern) = format.pattern {
        value["pattern"] = json!(pattern);
    }
    value
}

fn number(name: &str, range: &Range) -> Value {
    let least = if range.above { "exclusiveMinimum" } else { "minimum" };
    let mut value = json!({ "type": name, "maximum": range.max });
    value[least] = json!(range.min);
    value
}

fn words(choices: &[Choice]) -> Value {
    let now = choices.iter().filter(|c| !c.later);
    json!({ "type": "string", "enum": now.map(|c| c.word).collect::<Vec<_>>() })
}
