//! Secrets that stand in a config in clear text: found by the name of their key, or by what they look like.
//!
//! A config is committed, copied and shown; a secret in it is known to everybody who ever saw it. What was found is said
//! with its place and never repeated, and [`masked`] hides it wherever lines of the file are shown.

mod shape;

use std::ops::Range;

use fw_model::release::{Finding, Severity};
use fw_runtime::config::{self as reader, WrittenValue};

use super::Source;

/// The check's name.
const CHECK: &str = "secrets";
/// What a hidden secret is shown as.
const HIDDEN: &str = "•••";
/// Parts of keys whose text is a secret, in lower case and without `-` and `_`.
const SECRET_KEYS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "privatekey",
    "accesskey",
    "credential",
    "authorization",
];
/// Ends of keys that say where a secret is, and are none.
const POINTER_ENDS: &[&str] = &["env", "file", "path", "name", "header", "url", "id", "ref", "key id"];
/// Bits a character from which on a text under such a key is taken for random, and how long it must be for that.
const RANDOM_BITS: f64 = 3.0;
const RANDOM_CHARS: usize = 12;

/// A secret in a text.
#[derive(Debug, Clone, PartialEq)]
struct Hit {
    /// Its bytes.
    span: Range<usize>,
    /// Where it stands: the way to its value, or none in a comment.
    path: Option<String>,
    /// What it is.
    what: String,
    /// How sure that is.
    severity: Severity,
}

/// A finding for each secret.
pub(super) fn check(source: &Source) -> Vec<Finding> {
    let lines = Lines::of(&source.text);
    let one = |hit: Hit| {
        let place = match &hit.path {
            Some(path) => format!("{path}: "),
            None => String::new(),
        };
        let message = format!(
            "{place}{} stands here in clear text: change it, for whoever saw this file knows it, and name an environment \
             variable or a file instead (`…Env`, `…File`)",
            hit.what
        );
        let (line, column) = lines.place(&source.text, hit.span.start);
        Finding::new(CHECK, hit.severity, message).at(format!("{}:{line}:{column}", source.name))
    };
    hits(&source.text).into_iter().map(one).collect()
}

/// The text with every secret hidden, line for line.
pub(crate) fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for hit in hits(text) {
        if hit.span.start < at {
            continue;
        }
        out.push_str(&text[at..hit.span.start]);
        // A secret of several lines keeps its line breaks, so that a diff still fits.
        let lines = text[hit.span.clone()].matches('\n').count();
        out.push_str(HIDDEN);
        out.push_str(&"\n".repeat(lines));
        at = hit.span.end;
    }
    out.push_str(&text[at..]);
    out
}

/// Every secret of a text, by place; none inside another.
fn hits(text: &str) -> Vec<Hit> {
    let values = reader::values(text);
    let named = values.iter().filter_map(by_name);
    let shaped = shape::find(text).into_iter().map(|(span, what, severity)| {
        let path = values
            .iter()
            .find(|v| v.span.start <= span.start && span.end <= v.span.end)
            .map(|v| v.path.clone());
        Hit { span, path, what: what.to_owned(), severity }
    });
    // Where two overlap, the first counts, and what it looks like says more than the name of its key.
    let mut all: Vec<(bool, Hit)> =
        shaped.map(|hit| (false, hit)).chain(named.map(|hit| (true, hit))).collect();
    all.sort_by_key(|(by_name, hit)| (hit.span.start, *by_name));
    let mut hits: Vec<Hit> = vec![];
    for (_, hit) in all {
        if hits.last().is_none_or(|last| last.span.end <= hit.span.start) {
            hits.push(hit);
        }
    }
    hits
}

/// A text under a key that says it is a secret.
fn by_name(value: &WrittenValue) -> Option<Hit> {
    let key: String = value.key.to_ascii_lowercase().chars().filter(|c| !matches!(c, '-' | '_')).collect();
    let word = SECRET_KEYS.iter().find(|word| key.contains(*word))?;
    let is_pointer = POINTER_ENDS.iter().any(|end| key.ends_with(end));
    let text = value.text.trim();
    let is_word = matches!(text, "" | "~" | "null" | "true" | "false" | "none" | "off");
    // `${NAME}` and `<name>` stand for something else.
    let is_stand_in = text.starts_with("${") || text.starts_with('<') || text.bytes().all(|b| b == b'*');
    let is_number = text.parse::<f64>().is_ok() && !word.starts_with("pass");
    if is_pointer || is_word || is_stand_in || is_number {
        return None;
    }
    let sure =
        word.starts_with("pass") || (text.chars().count() >= RANDOM_CHARS && bits(text) >= RANDOM_BITS);
    let severity = if sure { Severity::Error } else { Severity::Warning };
    let what = if sure { "a secret" } else { "what its key calls a secret" };
    Some(Hit { span: value.span.clone(), path: Some(value.path.clone()), what: what.to_owned(), severity })
}

/// Shannon's entropy of the characters of a text, bits a character (A Mathematical Theory of Communication, 1948, section 6).
fn bits(text: &str) -> f64 {
    let mut counts = std::collections::BTreeMap::new();
    for c in text.chars() {
        *counts.entry(c).or_insert(0_u32) += 1;
    }
    let all = f64::from(counts.values().sum::<u32>().max(1));
    counts.values().map(|n| f64::from(*n) / all).map(|p| -p * p.log2()).sum()
}

/// Where lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        Lines(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// Line and column of a byte, both from 1.
    fn place(&self, text: &str, at: usize) -> (usize, usize) {
        let line = self.0.partition_point(|start| *start <= at);
        let start = self.0.get(line.saturating_sub(1)).copied().unwrap_or(0);
        (line, text.get(start..at).map_or(0, |before| before.chars().count()) + 1)
    }
}

#[cfg(test)]
mod tests;
