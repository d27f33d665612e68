//! `traffic.limits` and `traffic.timeouts`: sizes and times of the built-in proxy.
//!
//! The defaults are the proxy's own; a test of the binary, which knows both crates, holds them equal.

use std::time::Duration;

use crate::config::duration::Per;
use crate::config::service::{TrafficLimits, TrafficTimeouts};
use crate::config::table::{EXACT_MAX, Key, Kind, Range, Section};
use crate::config::tree::View;

/// Longest time-out: a day.
const TIMEOUT_MAX: Duration = Duration::from_secs(86_400);
/// Largest header section or target: 1 MiB.
const HEAD_BYTES: Range = Range::new(1024.0, 1_048_576.0, "bytes");
const TIMEOUT: Kind = Kind::Duration { per: Per::Second, min: Duration::ZERO, max: TIMEOUT_MAX };

/// Sizes.
pub(super) static LIMITS: Section = Section {
    title: "traffic.limits",
    doc: "Sizes beyond which the proxy refuses a request or connection.",
    keys: &[
        Key::optional(
            "headerBytes",
            Kind::Integer(HEAD_BYTES),
            "65536",
            "Request line and header section together; beyond is 431.",
        ),
        Key::optional(
            "headerCount",
            Kind::Integer(Range::new(1.0, 10_000.0, "")),
            "100",
            "Header fields of a request; beyond is 431.",
        ),
        Key::optional("uriBytes", Kind::Integer(HEAD_BYTES), "8192", "Request target; beyond is 414."),
        Key::optional(
            "bodyBytes",
            Kind::Integer(Range::new(0.0, EXACT_MAX, "")),
            "0",
            "Request body in bytes; beyond is 413. 0 = unlimited.",
        ),
        Key::optional(
            "connections",
            Kind::Integer(Range::new(1.0, 1_000_000.0, "")),
            "10000",
            "Client connections at once; beyond gets 503.",
        ),
        Key::optional(
            "idleUpstream",
            Kind::Integer(Range::new(0.0, 65_536.0, "")),
            "256",
            "Idle connections kept to one upstream instance by each worker.",
        ),
    ],
    exclusive: &[],
};

/// Times.
pub(super) static TIMEOUTS: Section = Section {
    title: "traffic.timeouts",
    doc: "Times after which the proxy stops waiting; a bare number is seconds, 0 is never.",
    keys: &[
        Key::optional(
            "headerRead",
            TIMEOUT,
            r#""30s""#,
            "First byte of a request head until its last; beyond is 408.",
        ),
        Key::optional(
            "connect",
            TIMEOUT,
            r#""3s""#,
            "TCP connect and TLS handshake to an upstream; beyond counts as unreachable.",
        ),
        Key::optional(
            "responseHead",
            TIMEOUT,
            r#""60s""#,
            "Request sent until its response head; beyond is 504 and an error of the version.",
        ),
        Key::optional("idleKeepAlive", TIMEOUT, r#""75s""#, "A client connection between requests."),
        Key::optional("idleUpstream", TIMEOUT, r#""30s""#, "An unused connection to an upstream."),
        Key::optional(
            "upgradeIdle",
            TIMEOUT,
            r#""1h""#,
            "An upgraded connection (WebSocket) on which neither side speaks.",
        ),
        Key::optional("bodyIdle", TIMEOUT, r#""5m""#, "A body, either way, that stands still."),
    ],
    exclusive: &[],
};

/// The sizes, with defaults.
pub(super) fn limits(view: View<'_>) -> TrafficLimits {
    let default = TrafficLimits::default();
    // Ranges were checked by the table; whatever is outside one is read as its default here.
    let whole =
        |key: &str, max: f64| view.get(key).number().filter(|n| (0.0..=max).contains(n)).map(|n| n as u64);
    let size = |key: &str, default: usize| whole(key, 1_048_576.0).map_or(default, |n| n as usize);
    TrafficLimits {
        header_bytes_max: size("headerBytes", default.header_bytes_max),
        header_count_max: size("headerCount", default.header_count_max),
        uri_bytes_max: size("uriBytes", default.uri_bytes_max),
        body_bytes_max: whole("bodyBytes", EXACT_MAX).unwrap_or(default.body_bytes_max),
        connections_max: size("connections", default.connections_max),
        idle_upstream_max: size("idleUpstream", default.idle_upstream_max),
    }
}

/// The times, with defaults.
pub(super) fn timeouts(view: View<'_>) -> TrafficTimeouts {
    let default = TrafficTimeouts::default();
    let time = |key: &str, default: Duration| view.get(key).duration(Per::Second).unwrap_or(default);
    TrafficTimeouts {
        header_read: time("headerRead", default.header_read),
        connect: time("connect", default.connect),
        response_head: time("responseHead", default.response_head),
        idle_keep_alive: time("idleKeepAlive", default.idle_keep_alive),
        idle_upstream: time("idleUpstream", default.idle_upstream),
        upgrade_idle: time("upgradeIdle", default.upgrade_idle),
        body_idle: time("bodyIdle", default.body_idle),
    }
}
