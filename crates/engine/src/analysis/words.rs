//! Numbers in the words people use: counts grouped, percentages short, odds readable.

use super::ratio::Ratio;

/// `3 000` for 3000.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// `2.1 %`, with as many digits as a small rate needs.
pub(super) fn percent(value: f64) -> String {
    let text = if value == 0.0 || value >= 10.0 {
        format!("{value:.1}")
    } else if value >= 0.1 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

/// `2.1 % errors (63/3 000)`, or `no requests`.
pub(super) fn rate(what: &str, bad: f64, requests: f64) -> String {
    if requests < 0.5 {
        return "no requests".into();
    }
    format!("{} {what} ({}/{})", percent(100.0 * bad / requests), count(bad as u64), count(requests as u64))
}

/// `0.3 % (171/57 000)`, or `no requests`.
pub(super) fn share(bad: f64, requests: f64) -> String {
    if requests < 0.5 {
        return "no requests".into();
    }
    format!("{} ({}/{})", percent(100.0 * bad / requests), count(bad as u64), count(requests as u64))
}

/// `140 : 1` for the natural logarithm of evidence.
pub(super) fn ratio(log: f64) -> String {
    let value = log.exp();
    if log > 34.0 {
        "more than 10^14 : 1".into()
    } else if value >= 10.0 {
        format!("{} : 1", count(value.round() as u64))
    } else if value >= 0.1 {
        format!("{value:.1} : 1")
    } else {
        "below 0.1 : 1".into()
    }
}

/// `4.2 %`, `12.30 EUR`, or `unknown`.
pub(super) fn amount(mean: Option<f64>, is_share: bool, unit: &str) -> String {
    match mean {
        None => "unknown".into(),
        Some(mean) if is_share => percent(100.0 * mean),
        Some(mean) if unit.is_empty() => format!("{mean:.3}"),
        Some(mean) => format!("{mean:.3} {unit}"),
    }
}

/// Why a split can't be trusted.
pub(super) fn split(ratio_seen: &Ratio) -> String {
    let ([canary, stable], keyed) = ratio_seen.counts();
    let what = if keyed { "keys" } else { "requests" };
    format!(
        "the split does not match: canary {} of {what} ({}/{}) where {} was asked for; evidence {}, limit {}",
        percent(100.0 * canary / (canary + stable).max(1.0)),
        count(canary as u64),
        count((canary + stable) as u64),
        percent(100.0 * ratio_seen.share()),
        ratio(ratio_seen.log_evidence()),
        ratio(-super::ratio::ALPHA.ln()),
    )
}

/// `40 s`, `30 min` or `26 h`.
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.0} h", s / 3600.0),
    }
}

/// `145 ms` or `1.2 s`.
pub(super) fn millis(ms: f64) -> String {
    if ms >= 10_000.0 {
        format!("{:.1} s", ms / 1000.0)
    } else if ms >= 10.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{ms:.1} ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(count(1_234_567), "1 234 567");
        assert_eq!(count(12), "12");
        assert_eq!(percent(0.3), "0.3 %");
        assert_eq!(percent(20.0), "20 %");
        assert_eq!(percent(0.024), "0.024 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(100.0), "100 %");
        assert_eq!(rate("errors", 63.0, 3000.0), "2.1 % errors (63/3 000)");
        assert_eq!(rate("errors", 0.0, 0.0), "no requests");
        assert_eq!(share(171.0, 57_000.0), "0.3 % (171/57 000)");
        assert_eq!(ratio(140_f64.ln()), "140 : 1");
        assert_eq!((ratio(0.0), ratio(100.0)), ("1.0 : 1".into(), "more than 10^14 : 1".into()));
        assert_eq!(millis(145.2), "145 ms");
        assert_eq!([40.0, 1800.0, 90_000.0].map(time), ["40 s", "30 min", "25 h"]);
    }
}
