//! Lists: items in another order, one less, one more. In block style whole lines move, with their comments.

use std::ops::Range;

use super::{indent, line_end, line_start, render, with_comments_above, with_own_comments};
use crate::config::fix::outline::{Shape, Twig, entry_end};
use crate::config::fix::work::{Part, replaced};
use crate::config::tree::Scalar;

/// The items in another order.
pub(super) fn order(list: &Twig, order: &[usize], text: &str) -> Option<Vec<Part>> {
    let slots = slots(list, text)?;
    let mut parts = vec![];
    let mut at = 0;
    for (slot, from) in slots.iter().zip(order) {
        parts.push(Part::Keep(at..slot.start));
        parts.push(Part::Keep(slots.get(*from)?.clone()));
        at = slot.end;
    }
    parts.push(Part::Keep(at..text.len()));
    Some(parts)
}

/// One item less.
pub(super) fn drop(list: &Twig, position: usize, text: &str) -> Option<Vec<Part>> {
    let slots = slots(list, text)?;
    let slot = slots.get(position)?;
    if slots.len() < 2 {
        return None;
    }
    let range = match (list.is_inline(), position) {
        (false, _) => slot.clone(),
        (true, 0) => slot.start..slots.get(1)?.start,
        (true, _) => slots.get(position - 1)?.end..slot.end,
    };
    Some(replaced(text.len(), [(range, String::new())]))
}

/// One item more, in the style of the last one.
pub(super) fn append(list: &Twig, entries: &[(String, Scalar)], text: &str) -> Option<Vec<Part>> {
    let items = list.items()?;
    let last = items.last()?;
    let slots = slots(list, text)?;
    let slot = slots.last()?;
    let item = like(last, entries, text)?;
    if list.is_inline() {
        let separator = match items {
            [.., before, last] => text.get(before.span.end..last.span.start)?.to_owned(),
            [only] => {
                format!(", {}", text.get(list.span.start + 1..only.span.start)?.trim_start_matches(' '))
            }
            [] => return None,
        };
        let at = slot.end;
        let tail = text.get(at..list.span.end)?;
        if separator.contains('#') || tail.contains('#') {
            return None;
        }
        return Some(replaced(text.len(), [(at..at, separator + &item)]));
    }
    let dash = first_dash(list, text)?;
    let column = dash - line_start(text, dash);
    let gap = text.get(dash + 1..items.first()?.span.start)?;
    let gap = if !gap.is_empty() && gap.chars().all(|c| c == ' ') { gap } else { " " };
    let line = format!("{}-{gap}{item}\n", " ".repeat(column));
    Some(replaced(text.len(), [(slot.end..slot.end, line)]))
}

/// What each item takes up: in brackets itself, in block style its lines and the comments that go with it.
fn slots(list: &Twig, text: &str) -> Option<Vec<Range<usize>>> {
    let items = list.items()?;
    if items.iter().any(|item| item.decorated) {
        return None;
    }
    if !list.is_inline() {
        return lines(list, items, text);
    }
    let gaps = items.windows(2).map(|pair| pair[0].span.end..pair[1].span.start);
    let is_plain = gaps.into_iter().all(|gap| text.get(gap).is_some_and(|gap| !gap.contains('#')));
    is_plain.then(|| items.iter().map(|item| item.span.clone()).collect())
}

fn lines(list: &Twig, items: &[Twig], text: &str) -> Option<Vec<Range<usize>>> {
    let dash = first_dash(list, text)?;
    let top = line_start(text, dash);
    let column = dash - top;
    let mut slots: Vec<Range<usize>> = vec![];
    let mut limit = top;
    for item in items {
        let dash = dash_line(text, limit, item.span.start, column)?;
        let end = item.end(text);
        let end = line_end(text, end.max(item.span.start + 1) - 1);
        let end = with_own_comments(text, end, column, text.len());
        let start = if slots.is_empty() { dash } else { with_comments_above(text, dash, column, limit) };
        // The item before must have ended; else two items share a line.
        if start < limit || !text[..end].ends_with('\n') {
            return None;
        }
        slots.push(start..end);
        limit = end;
    }
    // A comment above the first item is the list's, unless the others have theirs too.
    let first = slots.first()?.start;
    let has_own = slots.iter().skip(1).any(|slot| text[slot.clone()].trim_start().starts_with('#'));
    if has_own {
        slots[0].start = with_comments_above(text, first, column, 0);
    }
    Some(slots)
}

/// The dash of the first item. The reader begins a list that stands no deeper than its key only after it.
fn first_dash(list: &Twig, text: &str) -> Option<usize> {
    let start = list.span.start;
    let is_dash = |at: usize| text[at..].starts_with("- ") || text[at..].starts_with("-\n");
    let line = line_start(text, start);
    let first = line + indent(&text[line..]);
    [start, first].into_iter().find(|at| is_dash(*at))
}

/// The one line between two places that begins with a dash in this column.
fn dash_line(text: &str, from: usize, until: usize, column: usize) -> Option<usize> {
    let mut found = None;
    let mut at = from;
    while at <= until && at < text.len() {
        let end = line_end(text, at);
        let line = &text[at..end];
        if indent(line) == column && line[column..].starts_with('-') {
            if found.is_some() {
                return None;
            }
            found = Some(at);
        }
        at = end;
    }
    found
}

/// A mapping written as another one is.
fn like(model: &Twig, entries: &[(String, Scalar)], text: &str) -> Option<String> {
    let written = model.entries()?;
    let (first_key, first) = written.first()?;
    let json = matches!(first_key.shape, Shape::Quoted('"'));
    let pair = |(key, value): &(String, Scalar)| {
        format!("{}: {}", render::key_like(first_key, key), render::fresh(value, json))
    };
    let pairs: Vec<String> = entries.iter().map(pair).collect();
    if !model.is_inline() {
        let column = model.span.start - line_start(text, model.span.start);
        return Some(pairs.join(&format!("\n{}", " ".repeat(column))));
    }
    let between = |range: Range<usize>, usual: &str| {
        let written = text.get(range).unwrap_or_default();
        if written.contains('#') { usual.to_owned() } else { written.to_owned() }
    };
    let open = between(model.span.start..first_key.span.start, "{ ");
    let separator = match written {
        [_, (second, _), ..] => single_blank(between(first.span.end..second.span.start, ", ")),
        _ => ", ".to_owned(),
    };
    let end = entry_end(written.last()?, text);
    let close = between(end..model.span.end, " }");
    Some(format!("{open}{}{close}", pairs.join(&separator)))
}

/// Columns that were lined up by hand are not continued.
fn single_blank(separator: String) -> String {
    if separator.contains('\n') || !separator.starts_with(',') { separator } else { ", ".to_owned() }
}
