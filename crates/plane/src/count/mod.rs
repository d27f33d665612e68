//! Counting what happened to requests: single-writer cells, their pool, and what is known of keys.

mod cell;
mod counter;
mod pool;
mod registry;
mod repeat;
mod units;
mod users;

pub use cell::{BATCH_SIZE, Outcome, Slot};
pub use counter::{Counter, Sum};
pub use pool::Pool;
pub use registry::{Registry, wire_cells};
pub use repeat::FailedKeys;
pub use units::{SeenKeys, key_hash};
pub use users::SeenUsers;

/// New errors since the last report that are worth one at once.
pub const BURST_ERRORS: u64 = 3;
