//! JSON writes characters beyond the basic plane as two escapes (`\ud83d\ude80`); YAML has `\U0001f680`.
//!
//! A config that is JSON goes through the YAML reader, which knows the one form only. Pairs are
//! rewritten before reading; [`Shifts`] gives the columns of the original text back.

/// How much shorter the rewritten escape is, characters.
const SHORTER: usize = 2;
/// Length of `\uXXXX` in bytes.
const ESCAPE: usize = 6;

/// Where pairs were rewritten: line and column after the pair, in the rewritten text.
#[derive(Debug, Default)]
pub(super) struct Shifts(Vec<(usize, usize)>);

impl Shifts {
    /// The column in the original text of a column in the rewritten one. Both from 1.
    pub(super) fn column(&self, line: usize, column: usize) -> usize {
        column + SHORTER * self.0.iter().filter(|&&(l, c)| l == line && c <= column).count()
    }
}

/// The text with surrogate pairs rewritten.
pub(super) fn fold(text: &str) -> (String, Shifts) {
    let mut out = String::with_capacity(text.len());
    let mut shifts = Shifts::default();
    let (mut line, mut column) = (1, 1);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = if let Some(character) = pair(rest) {
            out.push_str(&format!("\\U{:08x}", u32::from(character)));
            column += 2 * ESCAPE - SHORTER;
            shifts.0.push((line, column));
            2 * ESCAPE
        } else {
            // A backslash and what it escapes go together, so that `\\ud83d` is not taken for an escape.
            let taken = match first {
                '\\' => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
                _ => first.len_utf8(),
            };
            for c in rest[..taken].chars() {
                (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
            }
            out.push_str(&rest[..taken]);
            taken
        };
        rest = &rest[taken..];
    }
    (out, shifts)
}

/// The text with a text of the same length in place of each pair: nothing in it moves.
pub(crate) fn plain_surrogates(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            _ if pair(rest).is_some() => {
                out.push_str(&"x".repeat(2 * ESCAPE));
                rest = &rest[2 * ESCAPE..];
                continue;
            }
            '\\' => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            _ => first.len_utf8(),
        };
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    out
}

fn pair(text: &str) -> Option<char> {
    let high = unit(text)?;
    let low = unit(text.get(ESCAPE..)?)?;
    char::decode_utf16([high, low]).next()?.ok().filter(|_| (0xD800..0xDC00).contains(&high))
}

fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_rewritten_and_columns_come_back() {
        let (text, shifts) = fold("{\"a\": \"\\ud83d\\ude80\", \"b\": 1}");
        assert_eq!(text, "{\"a\": \"\\U0001f680\", \"b\": 1}");
        assert_eq!(shifts.column(1, 7), 7);
        assert_eq!(shifts.column(1, 20), 22);
        assert_eq!(shifts.column(2, 20), 20);
    }

    #[test]
    fn single_surrogates_and_escaped_backslashes_stay() {
        for text in ["\\ud83d", "\\ud83d\\u0041", "\\\\ud83d\\ude80", "\\u", "\\", "é\\ué", "\\u00e9\\u00e9"]
        {
            assert_eq!(fold(text).0, text);
        }
    }
}
