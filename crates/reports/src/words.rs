//! Numbers and times as people read them in reports. Times are UTC.

use std::time::Duration;

/// `12 345`: groups of three, a thin gap between.
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A number with three significant digits at most, no trailing zeros.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".into() } else { "–".into() };
    }
    let size = value.abs();
    let decimals = match size {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => (2 - size.log10().floor() as i32).clamp(2, 6) as usize,
    };
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if size >= 10_000.0 {
        let sign = if value < 0.0 { "−" } else { "" };
        return format!("{sign}{}", thousands(size.round() as u64));
    }
    text.replace('-', "−")
}

/// `0.24 %`.
pub(crate) fn percent(value: f64) -> String {
    format!("{} %", number(value))
}

/// `145 ms`, or `2.4 s` from ten seconds on.
pub(crate) fn millis(ms: f64) -> String {
    if ms >= 10_000.0 { format!("{} s", number(ms / 1e3)) } else { format!("{} ms", number(ms)) }
}

/// What is known, or a dash.
pub(crate) fn or_dash<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "–".into(), show)
}

/// `350 ms`, `6.9 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let pair = |high: u64, one: &str, low: u64, other: &str| match low {
        0 => format!("{high} {one}"),
        low => format!("{high} {one} {low} {other}"),
    };
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{} s", number((time.as_secs_f64() * 10.0).round() / 10.0)),
        60..3600 => pair(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => pair(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => pair(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// Evidence as odds: `8 373 : 1`.
pub(crate) fn odds(evidence: f64) -> String {
    match evidence {
        e if e >= 1e6 => format!("10^{:.0} : 1", e.log10().floor()),
        e if e >= 10.0 => format!("{} : 1", thousands(e.round() as u64)),
        e => format!("{} : 1", number(e)),
    }
}

fn moment(at: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// RFC 3339, for machines.
pub(crate) fn rfc3339(at: i64) -> String {
    moment(at).to_string()
}

/// `28 Nov 2026, 01:02:03 UTC`.
pub(crate) fn date_time(at: i64) -> String {
    moment(at).strftime("%-d %b %Y, %H:%M:%S UTC").to_string()
}

/// `01:02:03`, UTC.
pub(crate) fn time(at: i64) -> String {
    moment(at).strftime("%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well_at_every_size() {
        let shown = [0.0, 0.24, 0.0012, 1.5, 12.34, 145.2, 999.9, 12_345.6, -3.21, 1e-9].map(number);
        let want = ["0", "0.24", "0.0012", "1.5", "12.3", "145", "1000", "12\u{202f}346", "−3.21", "0"];
        assert_eq!(shown, want);
        assert_eq!([7, 1234, 1_234_567].map(thousands), ["7", "1\u{202f}234", "1\u{202f}234\u{202f}567"]);
    }

    #[test]
    fn spans_have_two_units_at_most() {
        let shown =
            [350, 6_900, 60_000, 250_000, 7_500_000, 273_600_000].map(|ms| span(Duration::from_millis(ms)));
        assert_eq!(shown, ["350 ms", "6.9 s", "1 min", "4 min 10 s", "2 h 5 min", "3 d 4 h"]);
    }

    #[test]
    fn odds_and_moments() {
        assert_eq!(
            [0.5, 3.0, 8373.2, 2.5e18].map(odds),
            ["0.5 : 1", "3 : 1", "8\u{202f}373 : 1", "10^18 : 1"]
        );
        assert_eq!(rfc3339(1_767_281_100_123), "2026-01-01T15:25:00.123Z");
        assert_eq!(date_time(1_767_281_100_123), "1 Jan 2026, 15:25:00 UTC");
    }
}
