//! The table of the config: every key once, with its type, unit, range, default and words.
//!
//! Three things are made from it and so can't disagree: the check of what people write, the JSON
//! Schema for editors, and the reference page. The sections (`../section`) hold their part of the
//! table beside the code that reads it.

mod check;
mod reference;
mod schema;

use std::time::Duration;

use super::duration::Per;

#[cfg(test)]
pub(super) use check::table_faults;
pub(super) use check::{Checker, child_path, has_shape, missing_in, rivals};
pub(super) use reference::reference_markdown;
pub(super) use schema::schema;

/// Largest whole number that every reader of JSON keeps exactly: 2^53 - 1 (RFC 8259, section 6).
pub(super) const EXACT_MAX: f64 = 9_007_199_254_740_991.0;

/// What `environments` takes, in words.
const OVERLAYS_EXPECTED: &str = "a mapping from environment names to keys of this config";

/// A mapping of the config.
pub(super) struct Section {
    /// The heading in the reference.
    pub(super) title: &'static str,
    /// What it is for, in a sentence.
    pub(super) doc: &'static str,
    /// Its keys, in the order people write them.
    pub(super) keys: &'static [Key],
    /// Groups of keys of which one at most may stand.
    pub(super) exclusive: &'static [&'static [&'static str]],
}

/// One key of a mapping.
pub(super) struct Key {
    /// As written.
    pub(super) name: &'static str,
    /// What it takes.
    pub(super) kind: Kind,
    /// Whether it must stand there.
    pub(super) required: bool,
    /// What holds without it, as JSON; or in words, beginning with `=`.
    pub(super) default: Option<&'static str>,
    /// What it does, with its unit.
    pub(super) doc: &'static str,
}

/// What a key takes.
pub(super) enum Kind {
    /// A text of a format.
    Text(Format),
    /// `true` or `false`.
    Bool,
    /// A number.
    Number(Range),
    /// A whole number.
    Integer(Range),
    /// A duration: a number in a unit, or a text such as `90s`.
    Duration { per: Per, min: Duration, max: Duration },
    /// One of several words.
    Choice(&'static [Choice]),
    /// A mapping.
    Section(&'static Section),
    /// A list.
    List { of: &'static Kind, min: usize, max: usize },
    /// A mapping from names people choose to sections, each laid over the root.
    Overlays { of: &'static Section, max: usize },
    /// The first of several kinds whose shape fits.
    Or(&'static [Kind]),
    /// Any value but `null`.
    Any,
    /// No value (`null`).
    Null,
}

/// A range of numbers with its unit.
pub(super) struct Range {
    /// Smallest, itself allowed unless `above`.
    pub(super) min: f64,
    /// Largest, itself allowed.
    pub(super) max: f64,
    /// Whether `min` itself is too small.
    pub(super) above: bool,
    /// In words, such as `percent`; may be empty.
    pub(super) unit: &'static str,
}

/// What a text must look like.
pub(super) struct Format {
    /// What is expected, for messages and the reference, such as `an address such as 127.0.0.1:8080`.
    pub(super) expected: &'static str,
    /// Whether an unquoted number is taken as it is written (`version: 1.10`).
    pub(super) numbers: bool,
    /// For the schema.
    pub(super) pattern: Option<&'static str>,
    /// Says what is wrong with a text.
    pub(super) check: fn(&str) -> Result<(), String>,
}

/// A word a key may be set to.
pub(super) struct Choice {
    /// As written.
    pub(super) word: &'static str,
    /// What it means.
    pub(super) doc: &'static str,
    /// Known, but of a later version: refused by name.
    pub(super) later: bool,
}

impl Range {
    /// From `min` to `max`, both allowed.
    pub(super) const fn new(min: f64, max: f64, unit: &'static str) -> Range {
        Range { min, max, above: false, unit }
    }

    /// Whether a number is in it.
    pub(super) fn holds(&self, n: f64) -> bool {
        n.is_finite() && n <= self.max && if self.above { n > self.min } else { n >= self.min }
    }

    /// `0 to 100 (percent)` or `above 0 and at most 0.5`.
    pub(super) fn words(&self) -> String {
        if self.max >= EXACT_MAX {
            return "within ±2^53".into();
        }
        let unit = if self.unit.is_empty() { String::new() } else { format!(" ({})", self.unit) };
        if self.above {
            format!("above {} and at most {}{unit}", self.min, self.max)
        } else {
            format!("{} to {}{unit}", self.min, self.max)
        }
    }
}

impl Choice {
    /// A word of this version.
    pub(super) const fn now(word: &'static str, doc: &'static str) -> Choice {
        Choice { word, doc, later: false }
    }

    /// A word of a later version.
    pub(super) const fn later(word: &'static str, doc: &'static str) -> Choice {
        Choice { word, doc, later: true }
    }
}

impl Key {
    /// A key that may be left out; `default` is JSON, or words after `=`.
    pub(super) const fn optional(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        doc: &'static str,
    ) -> Key {
        Key { name, kind, required: false, default: Some(default), doc }
    }

    /// A key without which its mapping means nothing.
    pub(super) const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Key {
        Key { name, kind, required: true, default: None, doc }
    }
}

impl Section {
    /// The key of this name.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|k| k.name == name)
    }

    /// The names of its keys.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|k| k.name)
    }
}

impl Kind {
    /// What is expected, in words that follow "expected".
    pub(super) fn expected(&self) -> String {
        match self {
            Kind::Text(format) => format.expected.into(),
            Kind::Bool => "true or false".into(),
            Kind::Number(range) => format!("a number, {}", range.words()),
            Kind::Integer(range) => format!("a whole number, {}", range.words()),
            Kind::Duration { per, .. } => {
                format!("a number of {} or a text such as 90s, 10m or 1h", per.unit())
            }
            Kind::Choice(choices) => list_words(choices.iter().filter(|c| !c.later).map(|c| c.word)),
            Kind::Section(section) => {
                format!("a mapping with {}", list_words(section.names().take(4)))
            }
            Kind::List { of, .. } => match of {
                Kind::Section(_) => "a list of mappings".into(),
                _ => format!("a list; each item {}", of.expected()),
            },
            Kind::Overlays { .. } => OVERLAYS_EXPECTED.into(),
            Kind::Or(kinds) => kinds.iter().map(Kind::expected).collect::<Vec<_>>().join("; or "),
            Kind::Any => "any value".into(),
            Kind::Null => "null".into(),
        }
    }
}

/// `a`, `a or b`, `a, b or c`.
pub(super) fn list_words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<&str> = words.collect();
    match words.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, before)) => format!("{} or {last}", before.join(", ")),
    }
}
