//! Composition root: opens the store, starts core, proxies and the HTTP API, and stops them in order.
//!
//! Start at `serve.rs`. `http/` is the API over `fw_runtime::Handle`; nothing in it decides anything. `notify/` tells
//! receivers outside of what was published.

mod auth;
mod gates;
pub mod http;
pub mod notify;
pub mod releases;
mod serve;
mod stories;
mod waves;

pub use auth::{BindError, check_bind};
pub use serve::{ServeError, ServeOptions, Server, StoreChoice};
pub use stories::{ShelfError, Stories};
pub use waves::{StartAll, Waves, WavesError};
