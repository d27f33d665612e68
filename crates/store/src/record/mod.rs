//! How engine events and states are written to the log: explicit record types with a format version.
//!
//! The engine knows no serialisation; its types are mirrored here, and every conversion takes a type
//! apart field by field, so that a new field can't be forgotten. Format 1 is JSON, empty fields left
//! out. A change that an older reader would misread gets a new number, and the old one stays readable.

mod event;
mod history;
mod plain;
mod release;
mod state;
mod words;

#[cfg(test)]
mod tests;

pub use event::{EVENT_FORMAT, decode_event, encode_event};
pub use history::{HISTORY_FORMAT, decode_history, encode_history};
pub use release::{RELEASE_FORMAT, decode_release_event, encode_release_event};
pub use state::{STATE_FORMAT, decode_state, encode_state};

/// A record can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Written by a newer version.
    #[error(
        "{what} in the log has format {found}, this version reads format {known}: start the version of fw that wrote it, or a newer one"
    )]
    Format {
        /// Event or state.
        what: &'static str,
        /// In the row.
        found: u16,
        /// Readable.
        known: u16,
    },
    /// The bytes are not such a record.
    #[error(
        "{what} in the log can't be read: {why}. If a newer fw wrote it, start that one; else restore the store from a backup"
    )]
    Shape {
        /// Event or state.
        what: &'static str,
        /// What the parser said.
        why: String,
    },
}

fn bytes_of(record: &impl serde::Serialize) -> Vec<u8> {
    // Serialising fails for maps whose keys are no texts and for types that refuse; records have neither.
    serde_json::to_vec(record).expect("records are numbers, texts, lists and maps by text")
}

fn shape(what: &'static str, why: impl ToString) -> RecordError {
    RecordError::Shape { what, why: why.to_string() }
}

fn check_format(what: &'static str, found: u16, known: u16) -> Result<(), RecordError> {
    if found == known { Ok(()) } else { Err(RecordError::Format { what, found, known }) }
}
