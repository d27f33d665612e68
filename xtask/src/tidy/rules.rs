//! The rules that a line or a file can break, and what to do instead.
//!
//! Limits are constants here; which crates are pure is one list. Rules look at blanked code (see
//! [`super::source`]) unless they are about the text itself: trailing space, length, left-over notes, machine
//! paths, merge markers.

use super::functions::functions;
use super::items::items;
use super::source::{Source, has_word};

/// Lines of one file without its tests.
pub(crate) const FILE_LINES_MAX: usize = 600;
/// Lines of one file with its tests.
pub(crate) const FILE_LINES_WITH_TESTS_MAX: usize = 1000;
/// Lines of code of one function.
pub(crate) const FUNCTION_LINES_MAX: usize = 70;
/// Lines of a `lib.rs`, which is a table of contents.
pub(crate) const LIB_LINES_MAX: usize = 80;
/// Characters of one line of Rust; one long literal or address may stick out.
pub(crate) const LINE_CHARS_MAX: usize = 130;
/// A literal this long can't be wrapped well, so its line may be longer.
const LITERAL_CHARS_LONG: usize = 40;

/// Crates whose results depend on their arguments alone.
const PURE: [&str; 3] = ["model", "stats", "engine"];

/// What pure crates must not name: the word, why, and what to use.
const PURE_BANS: [(&str, &str); 17] = [
    ("SystemTime", "a pure crate reads no clock: take `now: Timestamp` as an argument"),
    ("Instant", "a pure crate reads no clock: take `now: Timestamp` as an argument"),
    ("HashMap", "its order differs from run to run: use BTreeMap"),
    ("HashSet", "its order differs from run to run: use BTreeSet"),
    ("RandomState", "its seed differs from run to run: use a fixed hash"),
    ("rand", "a pure crate draws no random numbers: take them as arguments"),
    ("fastrand", "a pure crate draws no random numbers: take them as arguments"),
    ("getrandom", "a pure crate draws no random numbers: take them as arguments"),
    ("tokio", "a pure crate is synchronous: the runtime crate waits"),
    ("async", "a pure crate is synchronous: the runtime crate waits"),
    ("serde_json", "a pure crate has no format: records are the store's, wire types the api's"),
    ("std::fs", "a pure crate does no input or output"),
    ("std::net", "a pure crate does no input or output"),
    ("std::env", "a pure crate does not look around: take settings as arguments"),
    ("std::thread", "a pure crate starts no threads"),
    ("std::process", "a pure crate starts no programs"),
    ("println", "a pure crate does no input or output: return a report"),
];

/// Left-over notes, spelt so that this file does not break its own rule.
const NOTES: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
/// Macros that must not be committed.
const MACROS: [&str; 3] = ["dbg!", "todo!", "unimplemented!"];
/// Beginnings of paths that exist on one machine only.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/")];

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fault {
    /// Path inside the repository.
    pub(crate) path: String,
    /// Line from 1; 0 for the file as a whole.
    pub(crate) line: usize,
    /// What is wrong and what to do.
    pub(crate) message: String,
}

impl Fault {
    /// A fault at a place.
    pub(crate) fn new(path: &str, line: usize, message: impl Into<String>) -> Fault {
        Fault { path: path.to_owned(), line, message: message.into() }
    }
}

/// Rules for every text file.
pub(crate) fn text_faults(path: &str, text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let mut fault = |message: String| faults.push(Fault::new(path, number, message));
        if line.ends_with([' ', '\t']) {
            fault("trailing white space".to_owned());
        }
        if line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") {
            fault("merge marker".to_owned());
        }
        if let Some(note) = NOTES.iter().find(|note| has_word(line, note)) {
            fault(format!("{note}: do it, or open an issue and name it"));
        }
        if let Some(found) = MACHINE_PATHS.iter().find(|prefix| is_machine_path(line, prefix)) {
            fault(format!("{found}… exists on one machine only: use a path inside the repository"));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        faults.push(Fault::new(path, text.lines().count(), "no line break at the end of the file"));
    }
    faults
}

fn is_machine_path(line: &str, prefix: &str) -> bool {
    line.match_indices(prefix).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| {
            c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '}' | '*' | '~' | '$')
        })
    })
}

/// Rules for Rust files. `unsafe_files` may hold `unsafe`.
pub(crate) fn rust_faults(source: &Source, unsafe_files: &[String]) -> Vec<Fault> {
    let mut faults = size_faults(source);
    faults.extend(line_faults(source, unsafe_files));
    if PURE.contains(&source.crate_folder()) && source.path.contains("/src/") {
        faults.extend(pure_faults(source));
    }
    for item in items(source).into_iter().filter(|item| !item.documented) {
        faults.push(Fault::new(&source.path, item.line, format!("undocumented: {}", item.text)));
    }
    faults
}

fn size_faults(source: &Source) -> Vec<Fault> {
    let path = &source.path;
    let mut faults = Vec::new();
    let (product, all) = (source.product_lines(), source.raw.len());
    let (lines, limit) =
        if source.is_test_file() { (all, FILE_LINES_MAX) } else { (product, FILE_LINES_MAX) };
    if lines > limit {
        faults.push(Fault::new(path, 0, format!("{lines} lines, {limit} allowed: split it")));
    }
    if all > FILE_LINES_WITH_TESTS_MAX {
        let text = format!(
            "{all} lines with tests, {FILE_LINES_WITH_TESTS_MAX} allowed: move tests to their own file"
        );
        faults.push(Fault::new(path, 0, text));
    }
    if path.ends_with("/src/lib.rs") && product > LIB_LINES_MAX {
        let text = format!("{product} lines, {LIB_LINES_MAX} allowed: a lib.rs is a table of contents");
        faults.push(Fault::new(path, 0, text));
    }
    if !has_module_docs(source) {
        faults.push(Fault::new(
            path,
            1,
            "no `//!` at the top: say what it is, the intuition, what it does not do",
        ));
    }
    for function in functions(source).into_iter().filter(|f| f.length > FUNCTION_LINES_MAX) {
        let text =
            format!("fn {} has {} lines, {FUNCTION_LINES_MAX} allowed", function.name, function.length);
        faults.push(Fault::new(path, function.line, text));
    }
    faults
}

/// Whether the file opens with `//!` (after attributes and plain comments such as a licence line).
pub(crate) fn has_module_docs(source: &Source) -> bool {
    let mut lines = source.raw.iter().map(|line| line.trim());
    lines
        .find(|line| {
            !(line.is_empty()
                || line.starts_with("#!")
                || (line.starts_with("//") && !line.starts_with("//!")))
        })
        .is_some_and(|line| line.starts_with("//!"))
}

fn line_faults(source: &Source, unsafe_files: &[String]) -> Vec<Fault> {
    let path = &source.path;
    let mut faults = Vec::new();
    for (number, (raw, code)) in (1..).zip(source.raw.iter().zip(&source.code)) {
        let mut fault = |message: String| faults.push(Fault::new(path, number, message));
        if raw.chars().count() > LINE_CHARS_MAX && !has_long_literal(raw, code) {
            fault(format!("{} characters, {LINE_CHARS_MAX} allowed", raw.chars().count()));
        }
        if let Some(found) = MACROS.iter().find(|found| is_macro(code, found)) {
            fault(format!("{found} is for the desk, not for the repository"));
        }
        if code.contains("#[ignore") {
            fault("an ignored test tests nothing: run it or remove it".to_owned());
        }
        if has_word(code, "unsafe") && !unsafe_files.contains(path) {
            fault("`unsafe` outside the files that ARCHITECTURE.md lists for it".to_owned());
        }
    }
    faults
}

/// Whether the line sticks out because of something that can't be wrapped: an address, a link, a long
/// literal, or a line inside a literal.
fn has_long_literal(raw: &str, code: &str) -> bool {
    let shown = |line: &str| line.chars().filter(|c| *c != ' ').count();
    let inside = code.trim().is_empty() && !raw.trim_start().starts_with("//");
    inside
        || raw.contains("://")
        || raw.contains("](")
        || (raw.contains('"') && shown(raw) > shown(code) + LITERAL_CHARS_LONG)
}

fn is_macro(code: &str, name: &str) -> bool {
    code.match_indices(name)
        .any(|(at, _)| !code[..at].bytes().next_back().is_some_and(super::source::is_word))
}

fn pure_faults(source: &Source) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (number, line) in source.product_code() {
        for (word, why) in PURE_BANS.iter().filter(|(word, _)| has_word(line, word)) {
            faults.push(Fault::new(&source.path, number, format!("`{word}`: {why}")));
        }
    }
    faults
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
