//! Keys of a mapping: one goes, or goes elsewhere with its value and its comment.

use std::ops::Range;

use super::{indent, line_end, line_start, with_comments_above, with_own_comments};
use crate::config::fix::outline::{Shape, Twig, entry_end};
use crate::config::fix::path::{Path, Step};
use crate::config::fix::work::Part::{self, Keep, New};
use crate::config::fix::work::replaced;

/// How much deeper a mapping that is made stands.
const STEP: usize = 2;

/// One key less.
pub(super) fn drop(mapping: &Twig, key: &str, text: &str) -> Option<Vec<Part>> {
    let range = taken(mapping, key, text)?;
    Some(replaced(text.len(), [(range, String::new())]))
}

/// The key, with its value, at the end of another mapping.
pub(super) fn relocate(root: &Twig, at: &Path, to: &Path, text: &str) -> Option<Vec<Part>> {
    let (home, Step::Key(key)) = at.split()? else { return None };
    let mapping = root.find(&home, text)?;
    let taken = taken(mapping, key, text)?;
    let entry = mapping.entry(key, text)?;
    if entry.1.decorated {
        return None;
    }
    let (deepest, missing) = deepest(root, to, text)?;
    let (at, new) = if deepest.is_inline() {
        into_flow(deepest, &missing, entry, text)?
    } else {
        into_block(deepest, &missing, entry, &taken, mapping.is_inline(), text)?
    };
    // What is taken and where it goes must not overlap; the earlier change comes first.
    let end = text.len();
    match at {
        at if at <= taken.start => {
            Some([vec![Keep(0..at)], new, vec![Keep(at..taken.start), Keep(taken.end..end)]].concat())
        }
        at if at >= taken.end => {
            Some([vec![Keep(0..taken.start), Keep(taken.end..at)], new, vec![Keep(at..end)]].concat())
        }
        _ => None,
    }
}

/// What goes with a key: in braces itself and one comma, in block style its lines and its comments.
fn taken(mapping: &Twig, key: &str, text: &str) -> Option<Range<usize>> {
    let entries = mapping.entries()?;
    let entry = mapping.entry(key, text)?;
    let position = entries.iter().position(|other| other.0.span == entry.0.span)?;
    if entries.len() < 2 {
        return None;
    }
    if mapping.is_inline() {
        let range = match position {
            0 => entry.0.span.start..entries.get(1)?.0.span.start,
            _ => entry_end(entries.get(position - 1)?, text)..entry_end(entry, text),
        };
        return text.get(range.clone()).filter(|gone| !gone.contains('#')).map(|_| range);
    }
    let start = line_start(text, entry.0.span.start);
    let column = entry.0.span.start - start;
    // A key that shares its line with a dash stays: the dash would lose its first key.
    if !text[start..entry.0.span.start].chars().all(|c| c == ' ') {
        return None;
    }
    let limit = match position {
        0 => start,
        _ => line_end(text, entry_end(entries.get(position - 1)?, text).max(1) - 1),
    };
    let end = line_end(text, entry_end(entry, text).max(1) - 1);
    let end = with_own_comments(text, end, column, text.len());
    let top = with_comments_above(text, start, column, limit);
    (top >= limit.min(start)).then_some(top..end)
}

/// The last mapping on a way that is there, and the keys that are not.
fn deepest<'t>(root: &'t Twig, to: &Path, text: &str) -> Option<(&'t Twig, Vec<String>)> {
    let mut twig = root;
    let mut missing = vec![];
    for step in &to.0 {
        let Step::Key(key) = step else { return None };
        match twig.entry(key, text) {
            Some((_, below)) if missing.is_empty() => twig = below,
            _ => missing.push(key.clone()),
        }
    }
    let is_usable = twig.entries().is_some_and(|entries| !entries.is_empty());
    is_usable.then_some((twig, missing))
}

/// Where in a mapping in braces the entry goes, and how it is written there.
fn into_flow(
    mapping: &Twig,
    missing: &[String],
    entry: &(Twig, Twig),
    text: &str,
) -> Option<(usize, Vec<Part>)> {
    let last = mapping.entries()?.last()?;
    let at = entry_end(last, text);
    let written = entry.0.span.start..entry_end(entry, text);
    let is_line = entry.1.is_inline() && !text.get(written.clone())?.contains('\n');
    // In JSON keys are in quotes.
    let mark = if matches!(last.0.shape, Shape::Quoted('"')) { "\"" } else { "" };
    let open: String = missing.iter().map(|key| format!("{mark}{key}{mark}: {{ ")).collect();
    let parts = vec![New(format!(", {open}")), Keep(written), New(" }".repeat(missing.len()))];
    is_line.then_some((at, parts))
}

/// Where in a mapping in block style the entry goes, and how it is written there.
fn into_block(
    mapping: &Twig,
    missing: &[String],
    entry: &(Twig, Twig),
    taken: &Range<usize>,
    was_flow: bool,
    text: &str,
) -> Option<(usize, Vec<Part>)> {
    let entries = mapping.entries()?;
    let first = entries.first()?;
    let column = first.0.span.start - line_start(text, first.0.span.start);
    let end = entry_end(entries.last()?, text);
    let at = line_end(text, end.max(1) - 1);
    if !text[..at].ends_with('\n') {
        return None;
    }
    let open = |(depth, key): (usize, &String)| New(format!("{}{key}:\n", " ".repeat(column + STEP * depth)));
    let mut new: Vec<Part> = missing.iter().enumerate().map(open).collect();
    let column = column + STEP * missing.len();
    if was_flow {
        let written = entry.0.span.start..entry_end(entry, text);
        let is_line = !text.get(written.clone())?.contains('\n');
        new.extend([New(" ".repeat(column)), Keep(written), New("\n".to_owned())]);
        return is_line.then_some((at, new));
    }
    let own = entry.0.span.start - line_start(text, entry.0.span.start);
    let mut start = taken.start;
    while start < taken.end {
        let end = line_end(text, start);
        let line = &text[start..end];
        let blanks = indent(line);
        if !line.trim().is_empty() {
            new.push(New(" ".repeat(column + blanks.saturating_sub(own))));
        }
        new.push(Keep(start + blanks..end));
        start = end;
    }
    Some((at, new))
}
