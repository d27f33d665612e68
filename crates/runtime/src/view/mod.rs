//! From engine state to what people and clients see: status, detail, stream events.
//!
//! Pure: state, report and the moment in; wire values out. The same words everywhere.

mod detail;
mod event;
mod status;
mod time;

pub use detail::{detail_of, run_summary};
pub use event::{event_body, report_of, stream_event};
pub use status::status_of;
pub use time::{rfc3339, time_of_day};
