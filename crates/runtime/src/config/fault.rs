//! What is wrong with a config: all of it, each with its place and what would be right.
//!
//! `Display` writes the report people read; other renderings (JSON, colour) use the parts. Faults
//! are sorted by place, so that a reader can go through the file once.

use std::fmt;

use super::tree::Place;

/// Most faults that are kept; a file with more is better fixed from the top.
pub const FAULTS_MAX: usize = 100;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where in the config's own words, such as `rollout.phases[1].percentage`; empty for the text as a whole.
    pub path: String,
    /// Line and column, both from 1; none for JSON that came as a value.
    pub place: Option<Place>,
    /// What is wrong and what would be right, without the path.
    pub message: String,
    /// What was probably meant, such as ``did you mean `percentage`?``.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault with or without a place.
    pub(super) fn new(place: Option<Place>, path: impl Into<String>, message: impl Into<String>) -> Fault {
        Fault { path: path.into(), place, message: message.into(), hint: None }
    }

    /// A fault at a place.
    pub(super) fn at(place: Place, path: impl Into<String>, message: impl Into<String>) -> Fault {
        Fault::new(Some(place), path, message)
    }

    /// The same with a hint.
    pub(super) fn hint(mut self, hint: Option<String>) -> Fault {
        self.hint = hint;
        self
    }

    /// `path: message (hint)`, for reports without a source text.
    pub fn text(&self) -> String {
        let path = if self.path.is_empty() { String::new() } else { format!("{}: ", self.path) };
        let hint = self.hint.as_ref().map(|h| format!(" ({h})")).unwrap_or_default();
        format!("{path}{}{hint}", self.message)
    }
}

/// Every fault of one config. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    name: String,
    list: Vec<Fault>,
    /// How many more there were than [`FAULTS_MAX`].
    left_off: usize,
    /// The lines that faults point at, by line number; none of the section `notifications`.
    lines: Vec<(usize, String)>,
}

impl Faults {
    /// Sorts the faults by place and keeps the lines they point at.
    pub(super) fn new(name: &str, text: &str, mut list: Vec<Fault>) -> Faults {
        list.sort_by_key(|f| f.place);
        let left_off = list.len().saturating_sub(FAULTS_MAX);
        list.truncate(FAULTS_MAX);
        let mut lines: Vec<(usize, String)> = vec![];
        // What was pasted into the wrong key there may be a secret, and reports end up in logs.
        let hidden = |f: &Fault| f.path.contains("notifications[");
        let of = |number: usize| move |f: &&Fault| f.place.is_some_and(|p| p.line == number);
        let wanted =
            |n: usize| list.iter().any(|f| of(n)(&f)) && !list.iter().any(|f| of(n)(&f) && hidden(f));
        for (index, line) in text.lines().enumerate() {
            if wanted(index + 1) {
                lines.push((index + 1, without_logins(line)));
            }
        }
        Faults { name: name.into(), list, left_off, lines }
    }

    /// A single fault.
    pub(super) fn one(name: &str, text: &str, fault: Fault) -> Faults {
        Faults::new(name, text, vec![fault])
    }

    /// The faults, sorted by place; at most [`FAULTS_MAX`].
    pub fn list(&self) -> &[Fault] {
        &self.list
    }

    /// The file's name, as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many faults were left off.
    pub fn left_off(&self) -> usize {
        self.left_off
    }

    /// The source line with this number, if a fault points at it.
    pub fn line(&self, number: usize) -> Option<&str> {
        self.lines.iter().find(|(n, _)| *n == number).map(|(_, line)| line.as_str())
    }

    /// The faults as the API lists them.
    pub fn to_problem_errors(&self) -> Vec<fw_api::problem::Fault> {
        let entry = |f: &Fault| {
            let hint = f.hint.as_ref().map(|h| format!(" ({h})")).unwrap_or_default();
            fw_api::problem::Fault { path: f.path.clone(), message: format!("{}{hint}", f.message) }
        };
        self.list.iter().map(entry).collect()
    }
}

/// The line with every `user:password@` of a URL hidden, letter for letter: the columns stay.
fn without_logins(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        out.push_str(before);
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | ',' | '}' | ']');
        let authority = &after[..after.find(ends).unwrap_or(after.len())];
        let login = authority.rfind('@').unwrap_or(0);
        out.extend(authority[..login].chars().map(|_| '•'));
        rest = &after[login..];
    }
    out + rest
}

impl std::error::Error for Faults {}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::report::write(self, &|_, text| text.to_owned(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_in_a_url_is_not_repeated_and_nothing_moves() {
        let cases = [
            ("url: http://me:pässword@a:1/x@y", "url: http://•••••••••••@a:1/x@y"),
            ("[ http://a:1, https://t@b ]", "[ http://a:1, https://•@b ]"),
            ("mail: a@b # see http://c", "mail: a@b # see http://c"),
        ];
        for (line, want) in cases {
            assert_eq!(without_logins(line), want);
        }
    }
}
