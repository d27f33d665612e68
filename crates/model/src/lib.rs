//! The words of FactoryWager as types: ids, units, plans, splits, observations.
//!
//! Everything other crates talk about is named here, once. There is no async, no I/O, no clock and
//! no randomness in this crate: a value goes in, a value comes out, the same each time.
//! The glossary in `docs/reference/glossary.md` says what each word means.

pub mod flag;
mod histogram;
mod ids;
mod observation;
pub mod plan;
pub mod release;
mod secret;
pub mod split;
mod time;
mod units;
mod users;

pub use histogram::{
    HISTOGRAM_SCALE, Histogram, INDEX_MAX, INDEX_MIN, bucket_of_nanos, bucket_upper_ms, nanos_to_f64,
};
pub use ids::{IdError, LogId, NAME_BYTES_MAX, Region, RunId, ServiceKey, ServiceName, SourceId};
pub use observation::{Apdex, Batches, CellKey, Counts, DurationStats, MetricSums};
pub use plan::{Phase, Plan};
pub use secret::Secret;
pub use split::{Salt, Split, Variant};
pub use time::Timestamp;
pub use units::{Epoch, Percent, UnitError, Weight};
pub use users::{USER_REGISTERS, Users, user_register};
