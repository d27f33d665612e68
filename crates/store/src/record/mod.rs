//! How engine events and states are written to the log: explicit record types with a format version.
//!
//! The engine knows no serialisation; its types are mirrored here, and every conversion takes a type
//! apart field by field, so that a new field can't be forgotten. Format 1 is JSON, empty fields left
//! out. A change that an older reader would misread gets a new number, and the old one stays readable.

mod event;
mod state;
mod words;

pub use event::{EVENT_FORMAT, decode_event, encode_event};
pub use state::{STATE_FORMAT, decode_state, encode_state};

/// A record can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Written by a newer version.
    #[error("{what} has format {found}, this version reads up to {known}: use a newer version of fw")]
    Format {
        /// Event or state.
        what: &'static str,
        /// In the row.
        found: u16,
        /// Readable.
        known: u16,
    },
    /// The bytes are not such a record.
    #[error("{what} can't be read: {why}")]
    Shape {
        /// Event or state.
        what: &'static str,
        /// What the parser said.
        why: String,
    },
}

fn shape(what: &'static str, why: impl ToString) -> RecordError {
    RecordError::Shape { what, why: why.to_string() }
}

fn check_format(what: &'static str, found: u16, known: u16) -> Result<(), RecordError> {
    if found == known { Ok(()) } else { Err(RecordError::Format { what, found, known }) }
}
