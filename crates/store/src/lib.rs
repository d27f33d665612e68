//! The durable event log: what happened, kept so that a crash loses nothing that was acknowledged.
//!
//! One trait, [`RolloutLog`], and two implementations: [`MemoryLog`] for tests and simulation,
//! [`SqliteLog`] for servers. Payloads are opaque bytes with a format version; what they mean is
//! the business of the crates that write them. What the store does know are the numbers that must
//! never have a hole: event sequences, published ids, epochs, the fencing token. It checks them
//! inside the transaction that writes them, and refuses the whole batch if one is wrong.
//!
//! Start at `log.rs` (the trait), then `rows.rs` (what is stored), then `admit.rs` (what is refused).

mod admit;
mod batch;
mod beside;
mod error;
mod group;
mod journal;
pub mod limits;
mod log;
mod memory;
pub mod record;
mod rows;
mod sqlite;
mod sum;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use batch::Batch;
pub use beside::{BesideError, open_beside};
pub use error::{Error, Fault};
pub use group::{GroupCommitter, Ticket};
pub use journal::{
    JOURNAL_PAYLOAD_BYTES_MAX, Journal, JournalError, JournalRow, MemoryJournal, SUBJECT_BYTES_MAX,
    SUBJECT_EVENTS_MAX, SqliteJournal, Subject,
};
pub use log::{
    Compacted, Loaded, LoadedRollout, LogInfo, PublishedRange, Retention, RolloutFilter, RolloutLog,
};
pub use memory::MemoryLog;
pub use rows::{
    EventRow, IdempotencyRow, Published, RolloutRow, ServiceRow, SinkRow, SnapshotRow, SourceRow,
    StoredRollout,
};
pub use sqlite::{SqliteLog, SqliteOptions};
