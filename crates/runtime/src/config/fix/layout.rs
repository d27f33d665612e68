//! The layout of a text: line ends, blanks nobody sees, tabs that YAML does not take.
//!
//! These come first, because a text with tabs in its indentation can't be read at all. What a text says stays as
//! it is: the tree before and after is the same, and blanks inside of texts of several lines are left alone.

use std::ops::Range;

use super::outline::{Shape, Twig};
use super::work::{Part, replaced};

/// What is wrong with a layout, and the text without it.
pub(super) struct Layout {
    /// The rule's name.
    pub(super) rule: &'static str,
    /// What it does, for people.
    pub(super) message: String,
    /// The first byte that it is about.
    pub(super) at: usize,
    /// The text.
    pub(super) parts: Vec<Part>,
}

/// The blanks a tab of indentation becomes.
const TAB: &str = "  ";

/// Every rule of layout; each is asked once, in this order.
pub(super) const RULES: &[fn(&str) -> Option<Layout>] =
    &[byte_order_mark, line_ends, tabs, blanks, last_line];

/// A byte-order mark: UTF-8 has only one order.
fn byte_order_mark(text: &str) -> Option<Layout> {
    let mark = '\u{feff}'.len_utf8();
    text.starts_with('\u{feff}').then(|| {
        layout("byte-order-mark", "the byte-order mark is gone", text, vec![(0..mark, String::new())])
    })?
}

/// `\r\n` at the end of lines.
fn line_ends(text: &str) -> Option<Layout> {
    let changes: Vec<_> = text.match_indices("\r\n").map(|(at, _)| (at..at + 1, String::new())).collect();
    let message = format!("{} end as on Unix now", lines(changes.len()));
    layout("line-ends", &message, text, changes)
}

/// Tabs of indentation, in a text whose indentation is all tabs: where both are used, what a tab stands for is not clear.
fn tabs(text: &str) -> Option<Layout> {
    let is_indented = |mark: char| move |line: &str| line.starts_with(mark) && !line.trim().is_empty();
    if !text.lines().any(is_indented('\t')) || text.lines().any(is_indented(' ')) || Twig::of(text).is_some()
    {
        return None;
    }
    let mut changes = vec![];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let tabs = line.len() - line.trim_start_matches('\t').len();
        if tabs > 0 {
            changes.push((at..at + tabs, TAB.repeat(tabs)));
        }
        at += line.len();
    }
    let message = format!("{} are indented with blanks now; YAML takes no tabs", lines(changes.len()));
    layout("tabs", &message, text, changes)
}

/// Blanks at the end of lines.
fn blanks(text: &str) -> Option<Layout> {
    let outline = Twig::of(text)?;
    let mut kept = vec![];
    several_lines(&outline, text, &mut kept);
    let mut changes = vec![];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.strip_suffix('\n').unwrap_or(line);
        let range = at + bare.trim_end_matches([' ', '\t']).len()..at + bare.len();
        // After such a text the last line's own end may stand on its last byte.
        let is_inside = kept.iter().any(|kept| range.start < kept.end && range.end >= kept.start);
        if !range.is_empty() && !is_inside {
            changes.push((range, String::new()));
        }
        at += line.len();
    }
    let message = format!("{} had blanks at the end", lines(changes.len()));
    layout("trailing-blanks", &message, text, changes)
}

/// A last line without an end.
fn last_line(text: &str) -> Option<Layout> {
    if text.is_empty() || text.ends_with('\n') {
        return None;
    }
    let end = text.len();
    layout("last-line", "the last line ends with a line break now", text, vec![(end..end, "\n".to_owned())])
}

fn layout(
    rule: &'static str,
    message: &str,
    text: &str,
    changes: Vec<(Range<usize>, String)>,
) -> Option<Layout> {
    let at = changes.first()?.0.start;
    Some(Layout { rule, message: message.to_owned(), at, parts: replaced(text.len(), changes) })
}

/// Every text of several lines: blanks in it belong to it.
fn several_lines(twig: &Twig, text: &str, found: &mut Vec<Range<usize>>) {
    match &twig.shape {
        Shape::List { items, .. } => items.iter().for_each(|item| several_lines(item, text, found)),
        Shape::Map { entries, .. } => entries.iter().for_each(|(key, value)| {
            several_lines(key, text, found);
            several_lines(value, text, found);
        }),
        // How far such a block reaches is only sure from where it begins to the end of what may be in it.
        Shape::Lines => found.push(twig.span.start..twig.span.end.max(twig.span.start + 1)),
        Shape::Plain | Shape::Quoted(_) | Shape::Alias => {
            let written = text.get(twig.span.clone()).unwrap_or_default();
            if written.contains('\n') {
                found.push(twig.span.clone());
            }
        }
    }
}

fn lines(n: usize) -> String {
    if n == 1 { "1 line".to_owned() } else { format!("{n} lines") }
}
