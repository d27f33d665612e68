//! What commands print: lines, tables, JSON; colour only where a person looks at it.

mod bar;
mod card;
mod detail;
mod diff;
mod event;
mod number;
mod paint;
mod table;

use std::io::{self, Write};

use serde::Serialize;

pub(crate) use bar::bar;
pub(crate) use card::{Moment, card, one_line, state_words, status_word, waiting_words};
pub(crate) use detail::Detail;
pub(crate) use diff::unified;
pub(crate) use event::{StreamedEvent, event_line};
pub(crate) use number::{health, milliseconds, percent, plain_number, thousands};
pub(crate) use paint::{Paint, clean};
pub(crate) use table::{Align, table};

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON value, or one a line for streams.
    Json,
}

/// Where data goes: stdout, and how.
pub(crate) struct Out {
    /// Text or JSON.
    pub(crate) format: Format,
    /// Colour, if stdout is a terminal.
    pub(crate) paint: Paint,
    sink: Box<dyn Write>,
}

impl Out {
    /// Standard output.
    pub(crate) fn stdout(format: Format) -> Out {
        Out { format, paint: Paint::stdout(), sink: Box::new(io::stdout()) }
    }

    /// Whether JSON was asked for.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// A line, at once: streams are read while they run.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.sink, "{text}")?;
        self.sink.flush()
    }

    /// A JSON value over several lines.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value).map_err(io::Error::other)?;
        self.line(&text)
    }

    /// A JSON value in one line, for streams.
    pub(crate) fn json_line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string(value).map_err(io::Error::other)?;
        self.line(&text)
    }
}

/// Talk: a line on stderr. When stderr is gone there is nobody to talk to.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
