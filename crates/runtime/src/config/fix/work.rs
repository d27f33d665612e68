//! A text that is being changed and still knows where each of its pieces stood at first.
//!
//! A change is a list of parts: what is kept, and what is new. Nothing else can be said, so an edit can't touch
//! what it does not name, and every fault of the changed text has a place in the text a person has before them.

use std::ops::Range;

use crate::config::tree::Place;

/// One part of a changed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// These bytes of the text before.
    Keep(Range<usize>),
    /// Something new.
    New(String),
}

/// A piece of the text: how long it is, and where in the first text it began, unless it is new.
#[derive(Debug, Clone, Copy)]
struct Piece {
    bytes: usize,
    from: Option<usize>,
}

/// The text, and where it comes from.
#[derive(Debug, Clone)]
pub(super) struct Work {
    text: String,
    pieces: Vec<Piece>,
}

impl Work {
    /// The first text.
    pub(super) fn new(text: &str) -> Work {
        Work { text: text.to_owned(), pieces: vec![Piece { bytes: text.len(), from: Some(0) }] }
    }

    /// As it is now.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The text made of these parts.
    pub(super) fn made_of(&self, parts: &[Part]) -> Work {
        let mut made = Work { text: String::with_capacity(self.text.len()), pieces: vec![] };
        for part in parts {
            match part {
                Part::New(text) => {
                    made.text.push_str(text);
                    made.pieces.push(Piece { bytes: text.len(), from: None });
                }
                Part::Keep(range) => {
                    made.text.push_str(&self.text[range.clone()]);
                    self.cut(range, &mut made.pieces);
                }
            }
        }
        made
    }

    fn cut(&self, range: &Range<usize>, into: &mut Vec<Piece>) {
        let mut at = 0;
        for piece in &self.pieces {
            let (low, high) = (range.start.max(at), range.end.min(at + piece.bytes));
            if low < high {
                into.push(Piece { bytes: high - low, from: piece.from.map(|from| from + low - at) });
            }
            at += piece.bytes;
        }
    }

    /// Where in the first text a place of this one was; for what is new, where the piece before it ended.
    pub(super) fn origin(&self, offset: usize) -> usize {
        let (mut at, mut before) = (0, 0);
        for piece in &self.pieces {
            if offset < at + piece.bytes {
                return piece.from.map_or(before, |from| from + offset - at);
            }
            before = piece.from.map_or(before, |from| from + piece.bytes);
            at += piece.bytes;
        }
        before
    }
}

/// The parts of a text of this many bytes in which ranges, in order, are replaced.
pub(super) fn replaced(bytes: usize, changes: impl IntoIterator<Item = (Range<usize>, String)>) -> Vec<Part> {
    let mut parts = vec![];
    let mut at = 0;
    for (range, new) in changes {
        parts.push(Part::Keep(at..range.start));
        parts.push(Part::New(new));
        at = range.end;
    }
    parts.push(Part::Keep(at..bytes));
    parts
}

/// The byte a place means; the end of its line where the line is shorter.
pub(super) fn offset_of(text: &str, place: Place) -> usize {
    let mut start = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if number + 1 == place.line {
            let column = place.column.saturating_sub(1);
            return start + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
        }
        start += line.len();
    }
    text.len()
}

/// The place of a byte.
pub(super) fn place_of(text: &str, offset: usize) -> Place {
    let before = &text[..floor(text, offset)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Place { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
}

/// The start of the character a byte belongs to.
fn floor(text: &str, offset: usize) -> usize {
    let offset = offset.min(text.len());
    (0..=offset).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_remember_where_they_stood() {
        let first = Work::new("abcdef");
        // The halves change sides, and something new stands between them.
        let turned = first.made_of(&[Part::Keep(3..6), Part::New("--".into()), Part::Keep(0..3)]);
        assert_eq!(turned.text(), "def--abc");
        let again = turned.made_of(&replaced(8, [(1..2, "E".into())]));
        assert_eq!(again.text(), "dEf--abc");
        let from: Vec<usize> = (0..again.text().len()).map(|at| again.origin(at)).collect();
        assert_eq!(from, [3, 4, 5, 6, 6, 0, 1, 2]);
    }

    #[test]
    fn places_and_bytes_are_the_same_thing() {
        let text = "a: é1\nb:\n";
        for (offset, _) in text.char_indices() {
            assert_eq!(offset_of(text, place_of(text, offset)), offset);
        }
        assert_eq!(place_of(text, 99), Place { line: 3, column: 1 });
    }
}
