//! The L7 splitting proxy: every request to stable or canary, every outcome counted.
//!
//! Folders follow a request: `accept` takes the connection, `h1` refuses ambiguous framing, `route`
//! holds what the split means here, `assign` picks the variant, `upstream` sends the request on,
//! `observe` counts what happened, in the cells of `fw_plane`. `remote` runs all of it without a control plane in the process.
//! Worker threads share nothing on the request path; a split change is a message to each.

mod accept;
mod answer;
mod assign;
mod clock;
mod date;
mod exchange;
mod h1;
mod observe;
mod proxy;
pub mod remote;
mod route;
mod settings;
mod shared;
mod start;
mod upstream;
mod worker;

pub use fw_plane::Applied;
pub use proxy::{Drained, Proxy, ProxyStats, StartError};
pub use remote::{RemoteError, RemoteSettings};
pub use settings::{ForcedVariant, Limits, ProxySettings, Timeouts, TlsSettings};
