//! A source file as the checks see it: raw lines, lines with comments and literals blanked, test lines
//! marked.
//!
//! The intuition: once comments and the insides of strings are spaces, a word found in a line is code, braces
//! match, and simple line rules are right. This is a scanner, not a parser: it knows comments (nested too),
//! strings, raw strings, characters and lifetimes, and nothing else of Rust.

use std::path::Path;

/// One Rust file, prepared.
pub(crate) struct Source {
    /// Path inside the repository, with `/`.
    pub(crate) path: String,
    /// The lines as written.
    pub(crate) raw: Vec<String>,
    /// The same lines with comments and the contents of literals blanked.
    pub(crate) code: Vec<String>,
    /// For each line, whether it is test code.
    pub(crate) test: Vec<bool>,
}

impl Source {
    /// Prepares `text`, which stands at `path`.
    pub(crate) fn new(path: &str, text: &str) -> Source {
        let masked = mask(text);
        let raw: Vec<String> = text.lines().map(str::to_owned).collect();
        let code: Vec<String> = masked.lines().map(str::to_owned).collect();
        let test = if is_test_file(path) { vec![true; raw.len()] } else { test_lines(&masked, raw.len()) };
        Source { path: path.to_owned(), raw, code, test }
    }

    /// Folders or files of the modules that this file declares under `#[cfg(test)]`, without ending:
    /// `crates/a/src/props` for `#[cfg(test)] mod props;` in `crates/a/src/lib.rs`.
    pub(crate) fn test_modules(&self) -> Vec<String> {
        let (folder, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let base = match name {
            "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
            _ => self.path.trim_end_matches(".rs").to_owned(),
        };
        let declared = self.code.iter().zip(&self.test).filter(|(_, test)| **test);
        let names = declared.filter_map(|(line, _)| line.trim().split_once("mod ")?.1.strip_suffix(';'));
        names.map(|name| format!("{base}/{name}")).collect()
    }

    /// Marks the whole file as test code if it is one of these modules or below one.
    pub(crate) fn mark_test_modules(&mut self, modules: &[String]) {
        let path = self.path.trim_end_matches(".rs");
        if modules.iter().any(|module| path == module || path.starts_with(&format!("{module}/"))) {
            self.test.fill(true);
        }
    }

    /// Lines that are not test code.
    pub(crate) fn product_lines(&self) -> usize {
        self.test.iter().filter(|test| !**test).count()
    }

    /// The crate folder the file is in: `model` for `crates/model/src/lib.rs`, `xtask` for the tool itself.
    pub(crate) fn crate_folder(&self) -> &str {
        let path = self.path.strip_prefix("crates/").unwrap_or(&self.path);
        path.split('/').next().unwrap_or_default()
    }

    /// Whether the whole file is test code.
    pub(crate) fn is_test_file(&self) -> bool {
        self.test.iter().all(|test| *test)
    }

    /// Blanked lines that are no test code, with their number from 1.
    pub(crate) fn product_code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.code.iter().zip(&self.test).enumerate();
        lines.filter(|(_, (_, test))| !**test).map(|(i, (line, _))| (i + 1, line.as_str()))
    }
}

/// A file below a `tests` folder, or named `tests.rs` or `…_tests.rs`, holds nothing but tests.
fn is_test_file(path: &str) -> bool {
    let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
    // xtask's own `tests.rs` is the task of that name, not a test.
    path != "xtask/src/tests.rs"
        && (path.split('/').any(|part| part == "tests") || name == "tests.rs" || name.ends_with("_tests.rs"))
}

/// Marks the lines from each `#[cfg(test)]` to the end of the item under it.
fn test_lines(masked: &str, count: usize) -> Vec<bool> {
    let mut test = vec![false; count];
    let mut from = 0;
    while let Some(found) =
        ["#[cfg(test)]", "#[cfg(all(test"].iter().filter_map(|a| masked[from..].find(a)).min()
    {
        let start = from + found;
        let after = start + masked[start..].find(']').unwrap_or(0) + 1;
        let end = item_end(masked, after);
        let (first, last) = (line_of(masked, start), line_of(masked, end));
        test.iter_mut().take(last + 1).skip(first).for_each(|line| *line = true);
        from = end.max(after);
    }
    test
}

/// Where the item that begins at `from` ends: its closing brace, or its semicolon.
fn item_end(masked: &str, from: usize) -> usize {
    match masked[from..].find(['{', ';']).map(|at| from + at) {
        Some(at) if masked.as_bytes()[at] == b'{' => closing_brace(masked, at).unwrap_or(masked.len()),
        Some(at) => at,
        None => masked.len(),
    }
}

/// The position of the brace that closes the one at `open`.
pub(crate) fn closing_brace(masked: &str, open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in masked.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// The line (from 0) of a byte position.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

/// Replaces comments and the insides of literals by spaces; line breaks stay where they are.
pub(crate) fn mask(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match token(bytes, at) {
            Token::Code(len) => {
                at += len;
                continue;
            }
            Token::Blank(end) => end,
        };
        for byte in out.iter_mut().take(end.min(bytes.len())).skip(at) {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What stands at a position.
enum Token {
    /// So many bytes of code.
    Code(usize),
    /// A comment or literal that ends before this position.
    Blank(usize),
}

fn token(bytes: &[u8], at: usize) -> Token {
    let rest = &bytes[at..];
    match rest[0] {
        b'/' if rest.starts_with(b"//") => Token::Blank(find(bytes, at, b"\n")),
        b'/' if rest.starts_with(b"/*") => Token::Blank(block_comment_end(bytes, at)),
        b'"' => Token::Blank(string_end(bytes, at + 1, b'"')),
        b'\'' => character(bytes, at),
        byte if is_word(byte) => word(bytes, at),
        _ => Token::Code(1),
    }
}

/// A word; or, when it is the `r`, `br` or `cr` before a raw string, that whole string.
fn word(bytes: &[u8], at: usize) -> Token {
    let len = bytes[at..].iter().take_while(|byte| is_word(**byte)).count();
    if !matches!(&bytes[at..at + len], b"r" | b"br" | b"cr") {
        return Token::Code(len);
    }
    let hashes = bytes[at + len..].iter().take_while(|byte| **byte == b'#').count();
    let quote = at + len + hashes;
    if bytes.get(quote) != Some(&b'"') {
        return Token::Code(len); // a raw identifier such as `r#type`
    }
    let close = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    Token::Blank(find(bytes, quote + 1, &close) + close.len())
}

/// A character literal, or the quote of a lifetime.
fn character(bytes: &[u8], at: usize) -> Token {
    match bytes.get(at + 1) {
        Some(b'\\') => Token::Blank(string_end(bytes, at + 1, b'\'')),
        Some(first) => {
            let width = match first {
                0xF0.. => 4,
                0xE0.. => 3,
                0xC0.. => 2,
                _ => 1,
            };
            if bytes.get(at + 1 + width) == Some(&b'\'') {
                Token::Blank(at + width + 2)
            } else {
                Token::Code(1)
            }
        }
        None => Token::Code(1),
    }
}

/// The position after the quote that ends a literal with escapes.
fn string_end(bytes: &[u8], mut at: usize, quote: u8) -> usize {
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0usize);
    while at < bytes.len() {
        let step = match &bytes[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                2
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

fn find(bytes: &[u8], from: usize, needle: &[u8]) -> usize {
    let tail = bytes.get(from..).unwrap_or_default();
    tail.windows(needle.len()).position(|window| window == needle).map_or(bytes.len(), |at| from + at)
}

/// Part of an identifier.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Every place in `line` where `word` stands alone, not inside a longer identifier.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = at.checked_sub(1).map(|i| line.as_bytes()[i]);
        let after = line.as_bytes().get(at + word.len()).copied();
        let edge = |byte: Option<u8>| !byte.is_some_and(is_word);
        edge(before) && edge(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_become_spaces() {
        for (text, want) in [
            ("a // fn b() {", "a"),
            ("a /* { /* } */ { */ b", "a                   b"),
            (r#"a "{\"}" b"#, "a        b"),
            (r##"a r#"{"}"# b"##, "a          b"),
            ("r#type", "r#type"),
            ("'{' + '\\'' + 'ä'", "    +      +"),
            ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
            ("b'}' br\"}\" x", "b          x"),
        ] {
            assert_eq!(mask(text).trim_end(), want, "{text}");
        }
    }

    #[test]
    fn a_string_over_lines_keeps_its_lines() {
        assert_eq!(mask("a \"x\n}\" b").lines().count(), 2);
    }

    #[test]
    fn test_modules_are_marked_and_what_follows_is_not() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
        assert_eq!(Source::new("x.rs", text).test, [false, true, true, true, true, false]);
        let text = "#[cfg(test)]\nmod tests;\nfn c() {}\n";
        assert_eq!(Source::new("x.rs", text).test, [true, true, false]);
    }

    #[test]
    fn files_of_tests_are_known_by_their_place() {
        for (path, want) in [
            ("crates/a/tests/x.rs", true),
            ("crates/a/src/tests/x.rs", true),
            ("crates/a/src/b/tests.rs", true),
            ("crates/a/src/tests_of_faith.rs", false),
        ] {
            assert_eq!(Source::new(path, "fn f() {}\n").is_test_file(), want, "{path}");
        }
    }

    #[test]
    fn modules_declared_for_tests_are_tests() {
        let modules = Source::new("crates/a/src/lib.rs", "mod b;\n#[cfg(test)]\nmod props;\n").test_modules();
        assert_eq!(modules, ["crates/a/src/props"]);
        assert_eq!(
            Source::new("crates/a/src/b.rs", "#[cfg(test)]\nmod c;\n").test_modules(),
            ["crates/a/src/b/c"]
        );
        for (path, want) in [
            ("crates/a/src/props/mod.rs", true),
            ("crates/a/src/props.rs", true),
            ("crates/a/src/propsy.rs", false),
            ("crates/a/src/b.rs", false),
        ] {
            let mut source = Source::new(path, "fn f() {}\n");
            source.mark_test_modules(&modules);
            assert_eq!(source.is_test_file(), want, "{path}");
        }
    }

    #[test]
    fn words_end_where_identifiers_end() {
        assert!(has_word("x = unsafe { y }", "unsafe"));
        assert!(!has_word("allow(unsafe_code)", "unsafe"));
        assert!(has_word("std::fs::read", "std::fs"));
    }
}
