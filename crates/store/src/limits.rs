//! Every bound of the store, with its unit, in one place.
//!
//! A bound that is reached gives a typed error or a shorter page, never a stall or a panic.

use std::time::Duration;

/// Largest payload of one event, source, service or idempotency row, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// Largest snapshot or summary of one rollout, in bytes.
pub const SNAPSHOT_BYTES_MAX: usize = 16 << 20;
/// Largest published event, in bytes of JSON text.
pub const PUBLISHED_BYTES_MAX: usize = 256 << 10;
/// Longest short text (kind, status, version, scope, key, hash), in bytes.
pub const TEXT_BYTES_MAX: usize = 1 << 10;
/// Most rows in one batch, over all tables.
pub const BATCH_ROWS_MAX: usize = 10_000;
/// Most rows one page of a read returns; a larger `limit` is lowered to this.
pub const PAGE_ROWS_MAX: usize = 10_000;
/// Most rows one call of `compact` removes from one table; call again while `more` is set.
pub const COMPACT_ROWS_MAX: usize = 10_000;
/// Most batches waiting in a [`GroupCommitter`](crate::GroupCommitter).
pub const GROUP_QUEUE_MAX: usize = 1_024;
/// Most batches merged into one transaction.
pub const GROUP_BATCHES_MAX: usize = 256;
/// No further batch is merged once the transaction has this many rows.
pub const GROUP_ROWS_MAX: usize = 20_000;
/// How long a statement waits for a lock another process holds on the database file.
pub const BUSY_WAIT_MAX: Duration = Duration::from_secs(5);
/// Page cache of each SQLite connection, in KiB.
pub const CACHE_KIB_MAX: u32 = 2_048;
/// Connections that only read.
pub const READERS_MAX: usize = 2;
/// The write-ahead log file is cut back to this after a checkpoint, in bytes.
pub const WAL_KEEP_BYTES_MAX: u64 = 16 << 20;
/// Databases up to this size are checked fully at each open (structure, indexes, every row's checksum), in bytes.
pub const CHECK_FULL_BYTES_MAX: u64 = 2 << 20;
/// Databases up to this size have their structure checked at each open, in bytes.
pub const CHECK_QUICK_BYTES_MAX: u64 = 16 << 20;
