//! What an operator may set: where to listen, limits, time-outs, the forced-variant header.
//!
//! Plain comparable values, read once at start; everything that changes while the proxy runs is in
//! the split instead. Defaults are sensible for a service behind one proxy on one machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use fw_model::Region;

/// Everything a proxy is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxySettings {
    /// Where to listen; port 0 picks a free one. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// Serve TLS (HTTP/1.1 and HTTP/2 by ALPN) instead of plain text.
    pub tls: Option<TlsSettings>,
    /// PEM file of certificate authorities for `https://` upstreams; none = the web's public roots.
    pub upstream_ca: Option<PathBuf>,
    /// Worker threads, each with its own event loop; none = as many as the machine has cores.
    pub workers: Option<usize>,
    /// Sizes beyond which a request or connection is refused.
    pub limits: Limits,
    /// Times after which waiting ends.
    pub timeouts: Timeouts,
    /// A request header that picks the variant by hand; none = no such header.
    pub forced_variant: Option<ForcedVariant>,
    /// Where this data plane runs; stands in its reports.
    pub region: Option<Region>,
    /// Name the variant in a response header `X-FW-Variant`. Off: clients need not know they are tested on.
    pub expose_variant: bool,
}

impl Default for ProxySettings {
    fn default() -> Self {
        ProxySettings {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            tls: None,
            upstream_ca: None,
            workers: None,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            forced_variant: None,
            region: None,
            expose_variant: false,
        }
    }
}

/// Certificate chain and key the proxy serves with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// PEM file, the proxy's certificate first.
    pub cert: PathBuf,
    /// PEM file with the private key (PKCS #8, PKCS #1 or SEC 1).
    pub key: PathBuf,
}

/// Sizes beyond which a request or connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Request line and header section together, bytes; beyond is 431. Default 64 KiB.
    pub header_bytes_max: usize,
    /// Header fields of a request; beyond is 431. Default 100.
    pub header_count_max: usize,
    /// Request target, bytes; beyond is 414. Default 8 KiB.
    pub uri_bytes_max: usize,
    /// Request body, bytes; beyond is 413. Default 0 = unlimited.
    pub body_bytes_max: u64,
    /// Client connections at once, over all workers; beyond gets 503 and is closed. Default 10 000.
    pub connections_max: usize,
    /// Idle connections kept to one upstream instance, each worker. Default 256.
    pub idle_upstream_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            header_bytes_max: 64 * 1024,
            header_count_max: 100,
            uri_bytes_max: 8 * 1024,
            body_bytes_max: 0,
            connections_max: 10_000,
            idle_upstream_max: 256,
        }
    }
}

/// Times after which waiting ends. Kept to about a tenth of a second; zero means never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// First byte of a request head until its last; beyond is 408. Default 30 s.
    pub header_read: Duration,
    /// TLS handshake and TCP connect to an upstream; beyond counts as unreachable. Default 3 s.
    pub connect: Duration,
    /// Request sent until its response head; beyond is 504 and an error of the variant. Default 60 s.
    pub response_head: Duration,
    /// A client connection between requests. Default 75 s.
    pub idle_keep_alive: Duration,
    /// An unused upstream connection in the pool. Default 30 s.
    pub idle_upstream: Duration,
    /// An upgraded connection on which neither side speaks. Default 1 h.
    pub upgrade_idle: Duration,
    /// A body, either way, that stands still. Default 5 min.
    pub body_idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            header_read: Duration::from_secs(30),
            connect: Duration::from_secs(3),
            response_head: Duration::from_secs(60),
            idle_keep_alive: Duration::from_secs(75),
            idle_upstream: Duration::from_secs(30),
            upgrade_idle: Duration::from_secs(3600),
            body_idle: Duration::from_secs(300),
        }
    }
}

/// A request header that picks the variant by hand, for people who try the canary.
///
/// `X-FW-Variant: canary` is honoured from loopback peers; from elsewhere only as
/// `X-FW-Variant: canary; token=SECRET`. Such requests are not counted in the analysis, and the header
/// never reaches an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForcedVariant {
    /// The header's name.
    pub header: String,
    /// The secret that peers other than loopback must send; none = loopback only.
    pub token: Option<String>,
}
