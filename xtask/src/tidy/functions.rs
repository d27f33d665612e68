//! Finds functions and counts their lines of code.
//!
//! Counted as clippy's `too_many_lines` does it, plus the signature: lines that hold code, from `fn` to the
//! closing brace; blank lines and comments are free. Unlike clippy this also sees functions inside macros
//! such as `proptest!`.

use super::source::{Source, closing_brace, is_word, line_of};

/// A function and its size.
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// The line of its `fn`, from 1.
    pub(crate) line: usize,
    /// Lines of code.
    pub(crate) length: usize,
}

/// Every function with a body, in order.
pub(crate) fn functions(source: &Source) -> Vec<Function> {
    let text = source.code.join("\n");
    let mut found = Vec::new();
    for (at, _) in text.match_indices("fn ") {
        if at > 0 && is_word(text.as_bytes()[at - 1]) {
            continue;
        }
        let name: String = text[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let Some(open) = body(&text, at) else { continue };
        if name.is_empty() {
            continue;
        }
        let (first, last) =
            (line_of(&text, at), line_of(&text, closing_brace(&text, open).unwrap_or(text.len())));
        let lines = source.code.iter().take(last + 1).skip(first);
        let length = lines.filter(|line| !line.trim().is_empty()).count();
        found.push(Function { name, line: first + 1, length });
    }
    found
}

/// The brace that opens the body; none for a declaration that ends with a semicolon.
fn body(text: &str, from: usize) -> Option<usize> {
    let mut depth = 0i32;
    for (at, byte) in text.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some(at),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(text: &str) -> Vec<(String, usize, usize)> {
        let all = functions(&Source::new("x.rs", text));
        all.into_iter().map(|f| (f.name, f.line, f.length)).collect()
    }

    #[test]
    fn blank_lines_and_comments_are_free() {
        let text = "fn a() {\n    // why\n\n    b();\n}\n";
        assert_eq!(lengths(text), [("a".to_owned(), 1, 3)]);
    }

    #[test]
    fn declarations_and_pointers_are_no_functions() {
        assert_eq!(lengths("trait T { fn a(&self) -> [u8; 4]; }\ntype F = fn (u8) -> u8;\n"), []);
    }

    #[test]
    fn functions_in_macros_are_seen() {
        let text = "proptest! {\n    fn p(x in 0..4) {\n        assert!(x < 4);\n    }\n}\n";
        assert_eq!(lengths(text), [("p".to_owned(), 2, 3)]);
    }

    #[test]
    fn braces_in_strings_do_not_end_a_body() {
        assert_eq!(lengths("fn a() {\n    b(\"}\");\n    c();\n}\n"), [("a".to_owned(), 1, 4)]);
    }
}
