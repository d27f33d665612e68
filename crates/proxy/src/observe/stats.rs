//! Figures for `/metrics`: connections, bytes, refusals. Single-writer counters, one set a worker.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why the proxy answered by itself. The place in [`Refused::ALL`] is the counter's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Framing,
    UriTooLong,
    HeadTooLarge,
    HeadTimeout,
    BodyTooLarge,
    Method,
    Connections,
    Unreachable,
    Timeout,
    UpstreamClosed,
    NoUpstream,
}

impl Refused {
    pub(crate) const ALL: [(Refused, &'static str); 11] = [
        (Refused::Framing, "ambiguous_request"),
        (Refused::UriTooLong, "uri_too_long"),
        (Refused::HeadTooLarge, "header_too_large"),
        (Refused::HeadTimeout, "request_timeout"),
        (Refused::BodyTooLarge, "body_too_large"),
        (Refused::Method, "method_not_supported"),
        (Refused::Connections, "too_many_connections"),
        (Refused::Unreachable, "upstream_unreachable"),
        (Refused::Timeout, "upstream_timeout"),
        (Refused::UpstreamClosed, "upstream_closed"),
        (Refused::NoUpstream, "no_upstream"),
    ];

    /// The stable word of the answer's `code` and of the metric's label.
    pub(crate) fn code(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// The counters of one worker.
#[derive(Debug, Default)]
pub(crate) struct WorkerStats {
    /// Open client connections; also read by other workers, to spread new ones.
    pub(crate) connections: Gauge,
    pub(crate) accepted: Gauge,
    pub(crate) bytes_in: [Gauge; 2],
    pub(crate) bytes_out: [Gauge; 2],
    pub(crate) refused: [Gauge; Refused::ALL.len()],
    pub(crate) pool_idle: Gauge,
    pub(crate) connects: Gauge,
    pub(crate) forced: Gauge,
}

/// A number only its worker writes.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    pub(crate) fn sub(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).saturating_sub(n), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_counter() {
        for (place, (reason, code)) in Refused::ALL.into_iter().enumerate() {
            assert_eq!((reason as usize, reason.code()), (place, code));
        }
    }
}
