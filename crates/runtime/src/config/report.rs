//! The report of a config's faults: `file:line:column: path: message`, the source line and a caret.
//!
//! ```text
//! factory-wager.yaml:9:7: rollout.phases[0].percentge: unknown key
//!     9 |     - { percentge: 5 }
//!       |         ^ did you mean `percentage`?
//! ```
//! Colour is the caller's: each part goes through its `paint`. Nothing that came from the file
//! reaches a terminal with control characters in it.

use std::fmt::{self, Write};

use super::fault::{Fault, Faults};

/// Longest piece of a source line that is shown, characters.
const WINDOW: usize = 100;

/// What a piece of the report is, for colouring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `file:line:column:`
    Place,
    /// The path of the key.
    Path,
    /// What is wrong.
    Message,
    /// The line number and bar before a source line.
    Gutter,
    /// The source line.
    Source,
    /// The caret and the hint.
    Caret,
}

/// The report with each part painted.
pub fn report(faults: &Faults, paint: &dyn Fn(Part, &str) -> String) -> String {
    let mut out = String::new();
    // Writing into a String can't fail.
    let _ = write(faults, paint, &mut out);
    out
}

pub(super) fn write(
    faults: &Faults,
    paint: &dyn Fn(Part, &str) -> String,
    out: &mut dyn Write,
) -> fmt::Result {
    for (i, fault) in faults.list().iter().enumerate() {
        if i > 0 {
            out.write_char('\n')?;
        }
        one(faults, fault, paint, out)?;
    }
    if faults.left_off() > 0 {
        write!(out, "\n… and {} more", faults.left_off())?;
    }
    Ok(())
}

fn one(
    faults: &Faults,
    fault: &Fault,
    paint: &dyn Fn(Part, &str) -> String,
    out: &mut dyn Write,
) -> fmt::Result {
    let place = match fault.place {
        Some(place) => format!("{}:{}:{}:", clean(faults.name()), place.line, place.column),
        None => format!("{}:", clean(faults.name())),
    };
    out.write_str(&paint(Part::Place, &place))?;
    if !fault.path.is_empty() {
        write!(out, " {}", paint(Part::Path, &format!("{}:", clean(&fault.path))))?;
    }
    write!(out, " {}", paint(Part::Message, &clean(&fault.message)))?;
    let hint = fault.hint.as_deref().map(clean);
    let Some((place, line)) = fault.place.and_then(|p| Some((p, faults.line(p.line)?))) else {
        if let Some(hint) = hint {
            write!(out, " ({})", paint(Part::Caret, &hint))?;
        }
        return Ok(());
    };
    let (shown, caret) = window(line, place.column);
    let gutter = paint(Part::Gutter, &format!("{:>5} |", place.line));
    write!(out, "\n{gutter} {}", paint(Part::Source, &shown))?;
    let hint = hint.map(|h| format!(" {h}")).unwrap_or_default();
    let gutter = paint(Part::Gutter, "      |");
    write!(out, "\n{gutter} {}{}", " ".repeat(caret), paint(Part::Caret, &format!("^{hint}")))
}

/// The part of a line around a column (from 1), and where the column is in it (from 0).
fn window(line: &str, column: usize) -> (String, usize) {
    let line: Vec<char> = line.trim_end().chars().collect();
    let at = column.saturating_sub(1);
    if line.len() <= WINDOW {
        return (clean_chars(&line), at);
    }
    let start = at.saturating_sub(WINDOW / 2).min(line.len() - WINDOW);
    let end = (start + WINDOW).min(line.len());
    let (before, after) = (if start > 0 { "…" } else { "" }, if end < line.len() { "…" } else { "" });
    let text = format!("{before}{}{after}", clean_chars(&line[start..end]));
    (text, at - start + before.chars().count())
}

fn clean(text: &str) -> String {
    clean_chars(&text.chars().collect::<Vec<_>>())
}

/// Tabs as one blank, so that the caret stands right; other control characters made visible.
fn clean_chars(chars: &[char]) -> String {
    let visible = |&c: &char| match c {
        '\t' => ' ',
        // Bidirectional overrides would let a file rewrite the line it is shown in.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    chars.iter().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_shown_around_the_caret() {
        let line = format!("{}X{}", "a".repeat(300), "b".repeat(300));
        for column in [1, 50, 301, 600] {
            let (shown, caret) = window(&line, column);
            assert!(shown.chars().count() <= WINDOW + 2);
            let under: char = shown.chars().nth(caret).unwrap();
            assert_eq!(Some(under), line.chars().nth(column - 1));
        }
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert_eq!(clean("a\u{1b}[31m\tb\u{202e}"), "a\u{fffd}[31m b\u{fffd}");
    }
}
