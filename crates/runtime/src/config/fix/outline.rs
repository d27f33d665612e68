//! Where each value of a document begins and ends, and how it is written: what an edit of the text needs.
//!
//! The tree beside this one has the values; this has bytes. It is made by the same reader, of a text that was
//! read before, so it reports nothing: a text it can't follow has no outline and is not edited.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};

use super::path::{Path, Step};
use crate::config::tree::{NESTING_MAX, plain_surrogates};

/// A value in the text.
#[derive(Debug, Clone)]
pub(super) struct Twig {
    /// Its bytes, without anchor and tag; of a block mapping or list only the start counts.
    pub(super) span: Range<usize>,
    /// How it is written.
    pub(super) shape: Shape,
    /// Whether it has an anchor or a tag before it.
    pub(super) decorated: bool,
}

/// How a value is written.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// Without quotes.
    Plain,
    /// In quotes: `'` or `"`.
    Quoted(char),
    /// As a block of lines (`|` or `>`).
    Lines,
    /// `*name`, which repeats a value that stands elsewhere.
    Alias,
    /// A list; `flow` is `[ … ]`.
    List { flow: bool, items: Vec<Twig> },
    /// A mapping; `flow` is `{ … }`.
    Map { flow: bool, entries: Vec<(Twig, Twig)> },
}

impl Twig {
    /// The outline of a document; none where it can't be followed.
    pub(super) fn of(text: &str) -> Option<Twig> {
        let same_length = plain_surrogates(text);
        let bytes: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let mut reader = Reader { text, bytes, open: vec![], root: None };
        let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str(&same_length);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.ok()?;
            reader.event(&event, span.start.index(), span.end.index())?;
        }
        reader.root
    }

    /// The value at the end of a way; none through an alias, which has no text of its own.
    pub(super) fn find(&self, path: &Path, text: &str) -> Option<&Twig> {
        path.0.iter().try_fold(self, |twig, step| match step {
            Step::Key(key) => twig.entry(key, text).map(|(_, value)| value),
            Step::Item(position) => twig.items()?.get(*position),
        })
    }

    /// Key and value of an entry of a mapping; none when the key is not there exactly once.
    pub(super) fn entry(&self, key: &str, text: &str) -> Option<&(Twig, Twig)> {
        let mut found = self.entries()?.iter().filter(|(k, _)| k.word(text) == key);
        found.next().filter(|_| found.next().is_none())
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Option<&[Twig]> {
        match &self.shape {
            Shape::List { items, .. } => Some(items),
            _ => None,
        }
    }

    /// The entries of a mapping.
    pub(super) fn entries(&self) -> Option<&[(Twig, Twig)]> {
        match &self.shape {
            Shape::Map { entries, .. } => Some(entries),
            _ => None,
        }
    }

    /// A key's word, without its quotes. One with an escape in it is none of ours.
    pub(super) fn word<'t>(&self, text: &'t str) -> &'t str {
        let written = text.get(self.span.clone()).unwrap_or_default();
        match self.shape {
            Shape::Quoted(_) => written.get(1..written.len().saturating_sub(1)).unwrap_or_default(),
            _ => written,
        }
    }

    /// Whether it is between brackets, or a single value.
    pub(super) fn is_inline(&self) -> bool {
        match &self.shape {
            Shape::List { flow, .. } | Shape::Map { flow, .. } => *flow,
            Shape::Plain | Shape::Quoted(_) | Shape::Alias => true,
            Shape::Lines => false,
        }
    }

    /// Just after its last byte that is not white space.
    pub(super) fn end(&self, text: &str) -> usize {
        let end = match &self.shape {
            Shape::List { flow: false, items } => items.iter().map(|item| item.end(text)).max(),
            Shape::Map { flow: false, entries } => entries.iter().map(|entry| entry_end(entry, text)).max(),
            _ => None,
        };
        let end = end.unwrap_or(self.span.end);
        text.get(..end).map_or(end, |before| before.trim_end().len()).max(self.span.start)
    }
}

/// Just after an entry of a mapping: its value, or its key where there is no value.
pub(super) fn entry_end((key, value): &(Twig, Twig), text: &str) -> usize {
    let is_empty = matches!(value.shape, Shape::Plain) && value.span.is_empty();
    if is_empty { key.span.end } else { value.end(text).max(key.span.end) }
}

struct Reader<'t> {
    text: &'t str,
    /// The byte of each character, and the end.
    bytes: Vec<usize>,
    open: Vec<(Twig, Option<Twig>)>,
    root: Option<Twig>,
}

impl Reader<'_> {
    fn event(&mut self, event: &Event<'_>, start: usize, end: usize) -> Option<()> {
        let span = *self.bytes.get(start)?..*self.bytes.get(end)?;
        let starts_with = |mark: char| self.text[span.start..].starts_with(mark);
        match event {
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Some(()),
            Event::Alias(_) => self.finish(Twig { span, shape: Shape::Alias, decorated: false }),
            Event::Scalar(_, style, anchor, tag) => {
                let shape = match style {
                    ScalarStyle::Plain => Shape::Plain,
                    ScalarStyle::SingleQuoted => Shape::Quoted('\''),
                    ScalarStyle::DoubleQuoted => Shape::Quoted('"'),
                    ScalarStyle::Literal | ScalarStyle::Folded => Shape::Lines,
                };
                let mut span = span;
                match shape {
                    Shape::Plain => span.end = span.start + self.text[span.clone()].trim_end().len(),
                    // The reader goes on to the end of the line, over a comment too.
                    Shape::Quoted(mark) => span.end = closing(self.text, span.start, mark)?,
                    _ => {}
                }
                self.finish(Twig { span, shape, decorated: *anchor != 0 || tag.is_some() })
            }
            Event::SequenceStart(anchor, tag) => {
                let shape = Shape::List { flow: starts_with('['), items: vec![] };
                self.begin(Twig { span, shape, decorated: *anchor != 0 || tag.is_some() })
            }
            Event::MappingStart(anchor, tag) => {
                let shape = Shape::Map { flow: starts_with('{'), entries: vec![] };
                self.begin(Twig { span, shape, decorated: *anchor != 0 || tag.is_some() })
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (mut twig, _) = self.open.pop()?;
                if twig.is_inline() {
                    let is_closed = self.text[span.start..].starts_with([']', '}']);
                    twig.span.end = is_closed.then_some(span.start + 1)?;
                }
                self.finish(twig)
            }
        }
    }

    fn begin(&mut self, twig: Twig) -> Option<()> {
        (self.open.len() < NESTING_MAX).then(|| self.open.push((twig, None)))
    }

    fn finish(&mut self, twig: Twig) -> Option<()> {
        let Some((open, key)) = self.open.last_mut() else {
            self.root = Some(twig);
            return Some(());
        };
        match &mut open.shape {
            Shape::List { items, .. } => items.push(twig),
            Shape::Map { entries, .. } => match key.take() {
                None => *key = Some(twig),
                Some(key) => entries.push((key, twig)),
            },
            _ => return None,
        }
        Some(())
    }
}

/// Just after the quote that closes a text that begins with one.
fn closing(text: &str, start: usize, mark: char) -> Option<usize> {
    let mut rest = text[start..].char_indices().skip(1).peekable();
    text[start..].starts_with(mark).then_some(())?;
    while let Some((at, c)) = rest.next() {
        let is_doubled = |next: Option<&(usize, char)>| next.is_some_and(|(_, next)| *next == '\'');
        match c {
            '\\' if mark == '"' => drop(rest.next()),
            '\'' if mark == '\'' && is_doubled(rest.peek()) => drop(rest.next()),
            c if c == mark => return Some(start + at + c.len_utf8()),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_it_ends() {
        let text = "a: \"x\\\"y\"   # c\nb: 'it''s'  # c\nc: { d: 1 }  # c\ne: [ \"f\" ]\ng: h i   # c\n\"k\"  : 1\n";
        let twig = Twig::of(text).unwrap();
        let written = |(key, value): &(Twig, Twig)| (&text[key.span.clone()], &text[value.span.clone()]);
        let seen: Vec<_> = twig.entries().unwrap().iter().map(written).collect();
        let want = [
            ("a", "\"x\\\"y\""),
            ("b", "'it''s'"),
            ("c", "{ d: 1 }"),
            ("e", "[ \"f\" ]"),
            ("g", "h i"),
            ("\"k\"", "1"),
        ];
        assert_eq!(seen, want);
    }
}
