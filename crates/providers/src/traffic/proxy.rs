//! The built-in proxy as a router: splits one way, reports the other.
//!
//! There is nothing to render: the proxy takes a split as it is, and counts by itself. So this is the
//! data-plane protocol without the HTTP, as every data plane inside this process speaks it.

pub use fw_plane::follow::drive;
