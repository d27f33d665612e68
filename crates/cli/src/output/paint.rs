//! Colour for terminals, and none anywhere else.
//!
//! Colour is used when the stream is a terminal, `NO_COLOR` is unset or empty (no-color.org) and
//! `TERM` is not `dumb`.

use std::io::IsTerminal;

use fw_runtime::config::Part;

/// Puts colour around text, or leaves it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// No colour.
    pub(crate) fn plain() -> Paint {
        Paint { on: false }
    }

    /// As stdout allows.
    pub(crate) fn stdout() -> Paint {
        Paint { on: std::io::stdout().is_terminal() && wanted() }
    }

    /// As stderr allows.
    pub(crate) fn stderr() -> Paint {
        Paint { on: std::io::stderr().is_terminal() && wanted() }
    }

    /// Whether there is colour at all.
    pub(crate) fn is_on(self) -> bool {
        self.on
    }

    fn sgr(self, code: &str, text: &str) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// For what stands out without meaning.
    pub(crate) fn bold(self, text: &str) -> String {
        self.sgr("1", text)
    }

    /// For what may be overlooked.
    pub(crate) fn dim(self, text: &str) -> String {
        self.sgr("2", text)
    }

    /// For bad news.
    pub(crate) fn red(self, text: &str) -> String {
        self.sgr("31", text)
    }

    /// For good news.
    pub(crate) fn green(self, text: &str) -> String {
        self.sgr("32", text)
    }

    /// For what a person should look at.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.sgr("33", text)
    }

    /// For what moves.
    pub(crate) fn cyan(self, text: &str) -> String {
        self.sgr("36", text)
    }

    /// A part of a config report.
    pub(crate) fn config(self, part: Part, text: &str) -> String {
        match part {
            Part::Place | Part::Path => self.bold(text),
            Part::Gutter => self.dim(text),
            Part::Caret => self.red(text),
            Part::Message | Part::Source => text.to_owned(),
        }
    }
}

fn wanted() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    set("NO_COLOR").is_none() && set("TERM").is_none_or(|term| term != "dumb")
}

/// Text from elsewhere without characters that steer a terminal; line breaks stay.
pub(crate) fn clean(text: &str) -> String {
    let harmless = |c: char| match c {
        '\n' => '\n',
        '\t' => ' ',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(harmless).collect()
}
