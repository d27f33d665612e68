//! `ofrep`: how much the server evaluates for one client.
//!
//! Flags themselves are in `flags`; this is about who asks for them.

use crate::config::service::EvaluationRate;
use crate::config::table::{Key, Kind, Range, Section};
use crate::config::tree::View;

/// Highest rate and largest burst.
const RATE_MAX: f64 = 1_000_000.0;

/// The section.
pub(super) static OFREP: Section = Section {
    title: "ofrep",
    doc: "A bound on requests that evaluate flags, for each token; without tokens, for all of this machine together. Beyond is 429, with the seconds to wait in `Retry-After`.",
    keys: &[
        Key::optional(
            "ratePerSecond",
            Kind::Integer(Range::new(0.0, RATE_MAX, "requests per second")),
            "0",
            "How many a client may send on average; one request for all flags counts as one. 0 = unlimited.",
        ),
        Key::optional(
            "burst",
            Kind::Integer(Range::new(1.0, RATE_MAX, "requests")),
            "= ratePerSecond",
            "How many may come at once after a silence.",
        ),
    ],
    exclusive: &[],
};

/// The bound, if there is one.
pub(super) fn read(ofrep: View<'_>) -> Option<EvaluationRate> {
    // Ranges were checked by the table; whatever is outside one is read as its default here.
    let whole = |key: &str| {
        let number = ofrep.get(key).number().filter(|n| (1.0..=RATE_MAX).contains(n));
        number.map(|n| n as u32)
    };
    let per_second = whole("ratePerSecond")?;
    Some(EvaluationRate { per_second, burst: whole("burst").unwrap_or(per_second) })
}
