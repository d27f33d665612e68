//! Connections: where a server is, TCP or TLS to it, one type for both.

mod connect;
mod origin;
mod stream;

pub use connect::{connect, tls_config};
pub use origin::{Origin, OriginError, Scheme};
pub use stream::Stream;
