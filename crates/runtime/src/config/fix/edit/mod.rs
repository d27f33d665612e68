//! Operations as changes of the text: only the bytes that are meant, in the style that is there.
//!
//! An edit may say no (an alias, a comment in the way, a style it does not know): the fault is then left to a
//! person. It need not be sure that it is right: what it writes is read again and compared with what was meant.

mod entry;
mod list;
mod render;
mod single;

use super::op::Op;
use super::outline::Twig;
use super::path::Step;
use super::work::Part;

/// The parts of the text after an operation; none when it can't be done in this text.
pub(super) fn parts(op: &Op, text: &str, outline: &Twig) -> Option<Vec<Part>> {
    match op {
        Op::Set { at, to } => single::set(outline.find(at, text)?, to, text),
        Op::Wrap { at } => single::wrap(outline.find(at, text)?, text),
        Op::Rename { at, to } => {
            let (mapping, Step::Key(key)) = at.split()? else { return None };
            let (key, _) = outline.find(&mapping, text)?.entry(key, text)?;
            single::rename(key, to, text)
        }
        Op::Move { at, to } => entry::relocate(outline, at, to, text),
        Op::Drop { at } => match at.split()? {
            (list, Step::Item(position)) => list::drop(outline.find(&list, text)?, *position, text),
            (mapping, Step::Key(key)) => entry::drop(outline.find(&mapping, text)?, key, text),
        },
        Op::Order { at, order } => list::order(outline.find(at, text)?, order, text),
        Op::Append { at, entries } => list::append(outline.find(at, text)?, entries, text),
    }
}

/// The first byte of the line a byte is in.
fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |line| line + 1)
}

/// Just after the line break of the line a byte is in.
fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |line| at + line + 1)
}

/// Blanks before the first other character of a line.
fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Whether nothing but a comment stands in a line.
fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// Just after the comments that belong to what ended before a line: those that stand deeper than its column.
fn with_own_comments(text: &str, mut at: usize, column: usize, limit: usize) -> usize {
    while at < limit {
        let end = line_end(text, at);
        let line = &text[at..end];
        if !is_comment(line) || indent(line) <= column {
            break;
        }
        at = end;
    }
    at
}

/// The first byte of the comments that stand directly above a line and in its column, but not before `limit`.
fn with_comments_above(text: &str, mut at: usize, column: usize, limit: usize) -> usize {
    while at > limit {
        let start = line_start(text, at - 1);
        let line = &text[start..at];
        if start < limit || !is_comment(line) || indent(line) != column {
            break;
        }
        at = start;
    }
    at
}
