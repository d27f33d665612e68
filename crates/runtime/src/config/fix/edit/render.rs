//! Single values and keys as they are written, in quotes where those around them are.

use crate::config::effective::is_bare_text;
use crate::config::fix::outline::{Shape, Twig};
use crate::config::tree::{Resolved, Scalar};

/// A value in the place of another: in the same quotes, where it is a text.
pub(super) fn instead_of(old: &Twig, to: &Scalar) -> String {
    match (to.resolved, &old.shape) {
        (Resolved::Text, Shape::Quoted('\'')) if !to.text.contains(['\'', '\n']) => format!("'{}'", to.text),
        (Resolved::Text, Shape::Quoted(_)) => quoted(&to.text),
        (Resolved::Text, _) => bare_or_quoted(&to.text),
        _ => to.text.clone(),
    }
}

/// A new value; `json` puts every text in quotes.
pub(super) fn fresh(to: &Scalar, json: bool) -> String {
    match to.resolved {
        Resolved::Text if json => quoted(&to.text),
        Resolved::Text => bare_or_quoted(&to.text),
        _ => to.text.clone(),
    }
}

/// A key in the quotes another key has.
pub(super) fn key_like(old: &Twig, word: &str) -> String {
    match old.shape {
        Shape::Quoted(mark) => format!("{mark}{word}{mark}"),
        _ => word.to_owned(),
    }
}

fn bare_or_quoted(text: &str) -> String {
    if is_bare_text(text) { text.to_owned() } else { quoted(text) }
}

/// As JSON, which YAML reads alike.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
