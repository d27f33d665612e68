//! Finds `pub` items and asks whether each has documentation.
//!
//! The compiler's `missing_docs` only looks at what a library exports; this looks at every `pub` item and
//! field outside tests. `pub(crate)`, `pub use` and `pub mod x;` do not count: a module's text is the `//!`
//! of its file.

use super::source::Source;

/// Keywords that follow `pub` in an item.
const KEYWORDS: [&str; 11] =
    ["fn", "struct", "enum", "trait", "const", "static", "type", "mod", "union", "unsafe", "async"];

/// A `pub` item or field.
pub(crate) struct Item {
    /// Its line, from 1.
    pub(crate) line: usize,
    /// The line's text, without indentation.
    pub(crate) text: String,
    /// Whether a doc comment stands above it.
    pub(crate) documented: bool,
}

/// Every `pub` item outside tests, in order.
pub(crate) fn items(source: &Source) -> Vec<Item> {
    let mut found = Vec::new();
    for (number, line) in source.product_code() {
        let text = line.trim();
        if is_item(text) {
            let text = text.trim_end_matches(['{', ' ']).to_owned();
            found.push(Item { line: number, text, documented: documented(source, number - 1) });
        }
    }
    found
}

fn is_item(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("pub ") else { return false };
    let first = rest.split([' ', ':', '<', '(']).next().unwrap_or_default();
    if first == "use" || (first == "mod" && rest.ends_with(';')) || first == "extern" {
        return false;
    }
    // A `$` is a macro's pattern: its documentation comes with what is filled in.
    !rest.contains('$') && (KEYWORDS.contains(&first) || is_field(rest))
}

/// `name: Type`, as in a struct; not `name::path`.
fn is_field(rest: &str) -> bool {
    rest.split_once(':').is_some_and(|(name, tail)| {
        !tail.starts_with(':') && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '#')
    })
}

/// Walks up over attributes to what stands above the item on line `at` (from 0).
fn documented(source: &Source, mut at: usize) -> bool {
    while at > 0 {
        at -= 1;
        let (raw, code) = (source.raw[at].trim(), source.code[at].trim());
        if raw.starts_with("///") || raw.starts_with("/**") || raw.ends_with("*/") || raw.starts_with("#[doc")
        {
            return true;
        }
        if code.starts_with("#[") || (code.is_empty() && raw.starts_with("//")) {
            continue;
        }
        if !code.ends_with(']') {
            return false;
        }
        // The last line of an attribute written over several.
        while at > 0 && !source.code[at].trim().starts_with("#[") {
            at -= 1;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undocumented(text: &str) -> Vec<usize> {
        let all = items(&Source::new("x.rs", text));
        all.into_iter().filter(|item| !item.documented).map(|item| item.line).collect()
    }

    #[test]
    fn items_and_fields_need_a_comment() {
        let text =
            "/// Yes.\npub struct A {\n    pub x: u8,\n    /// Yes.\n    pub y: u8,\n}\npub fn f() {}\n";
        assert_eq!(undocumented(text), [3, 7]);
    }

    #[test]
    fn attributes_may_stand_between() {
        let text = "/// Yes.\n#[derive(\n    Debug,\n)]\n#[serde(rename = \"x\")]\npub enum A {}\n";
        assert_eq!(undocumented(text), [0; 0]);
    }

    #[test]
    fn reexports_modules_and_inner_items_do_not_count() {
        let text =
            "pub use a::B;\npub mod c;\npub(crate) fn d() {}\n#[cfg(test)]\nmod t {\n    pub fn e() {}\n}\n";
        assert_eq!(items(&Source::new("x.rs", text)).len(), 0);
    }

    #[test]
    fn a_plain_comment_is_no_documentation() {
        assert_eq!(undocumented("// no\npub fn f() {}\n"), [2]);
    }
}
