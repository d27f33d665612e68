//! Durations as people write them: `90s`, `10m`, `1h30m`, `500ms`, or a bare number in the key's unit.

use std::time::Duration;

/// Longest duration that is read: 10 000 days. Longer ones are not durations of a rollout.
const DURATION_MAX_S: f64 = 10_000.0 * 86_400.0;

/// What one of a bare number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Per {
    /// One minute, as in the seed's `duration`.
    Minute,
    /// One second, as in the seed's `monitoringInterval`.
    Second,
}

impl Per {
    /// `minutes` or `seconds`.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Per::Minute => "minutes",
            Per::Second => "seconds",
        }
    }

    fn seconds(self) -> f64 {
        match self {
            Per::Minute => 60.0,
            Per::Second => 1.0,
        }
    }
}

/// The duration of a bare number; none when negative, not finite or beyond 10 000 days. Whole ms.
pub(super) fn from_number(number: f64, per: Per) -> Option<Duration> {
    from_seconds(number * per.seconds())
}

/// A text such as `90s`, `1.5h` or `1h30m`; none when it is not one.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0.0;
    let mut unit_before = f64::INFINITY;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (word, after) = after.split_at(letters);
        let unit = match word {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        // Units must fall, so that `30s1h` and `1m1m` are not guessed at.
        if unit >= unit_before {
            return None;
        }
        unit_before = unit;
        seconds += number.parse::<f64>().ok()? * unit;
        rest = after;
    }
    (unit_before < f64::INFINITY).then(|| from_seconds(seconds)).flatten()
}

/// A text that people write and [`parse`] does not take, such as `2 min`, `90 seconds` or `1 h 30 m`.
///
/// `M` alone is nothing: minutes or months.
pub(super) fn in_words(text: &str) -> Option<Duration> {
    let mut exact = String::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (word, after) = after.split_at(letters);
        let unit = match word.to_ascii_lowercase().as_str() {
            _ if word == "M" => return None,
            "ms" | "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => "ms",
            "s" | "sec" | "secs" | "second" | "seconds" => "s",
            "m" | "min" | "mins" | "minute" | "minutes" => "m",
            "h" | "hr" | "hrs" | "hour" | "hours" => "h",
            "d" | "day" | "days" => "d",
            _ => return None,
        };
        exact.push_str(number);
        exact.push_str(unit);
        rest = after.trim_start();
    }
    parse(&exact)
}

fn from_seconds(seconds: f64) -> Option<Duration> {
    // In range, so the cast can't truncate; whole milliseconds keep what is written and read alike.
    (0.0..=DURATION_MAX_S)
        .contains(&seconds)
        .then(|| Duration::from_millis((seconds * 1000.0).round() as u64))
}

/// The shortest exact text: `90s`, `2m`, `1h`, `1500ms`.
pub(super) fn write(duration: Duration) -> String {
    let ms = duration.as_millis();
    for (unit, word) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")] {
        if ms > 0 && ms.is_multiple_of(unit) {
            return format!("{}{word}", ms / unit);
        }
    }
    format!("{ms}ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let cases = [
            ("90s", 90_000),
            ("10m", 600_000),
            ("1h", 3_600_000),
            ("500ms", 500),
            ("1h30m", 5_400_000),
            ("1.5m", 90_000),
            ("0s", 0),
        ];
        for (text, ms) in cases {
            assert_eq!(parse(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "5", "s", "-5s", "1w", "30s1h", "1m1m", "1..5s", "5 s", "99999999d", "1h30"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(from_number(2.0, Per::Minute), Some(Duration::from_secs(120)));
        assert_eq!(from_number(0.5, Per::Second), Some(Duration::from_millis(500)));
        for bad in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(from_number(bad, Per::Minute), None);
        }
    }

    #[test]
    fn words_are_units_where_they_can_be_one_only() {
        for (text, ms) in [
            ("2 min", 120_000),
            ("90 seconds", 90_000),
            ("1 hour 30 minutes", 5_400_000),
            ("2H", 7_200_000),
            ("500 msec", 500),
            ("5m", 300_000),
        ] {
            assert_eq!(in_words(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in
            ["", "2", "2M", "two minutes", "1 month", "30 s 1 h", "min", "1..5 min", "-5 min", "2 min ago"]
        {
            assert_eq!(in_words(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for ms in [0, 1, 500, 1000, 1500, 60_000, 90_000, 3_600_000, 5_400_000] {
            let duration = Duration::from_millis(ms);
            assert_eq!(parse(&write(duration)), Some(duration), "{ms}");
        }
    }
}
