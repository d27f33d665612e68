//! Numbers in the words people use: counts grouped, percentages short, odds readable.

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
pub(super) fn rate(what: &str, bad: u64, requests: u64) -> String {
    if requests == 0 {
        return "no requests".into();
    }
    format!("{} {what} ({}/{})", percent(100.0 * bad as f64 / requests as f64), count(bad), count(requests))
}

/// `1 in 3 000 000` for a small probability.
pub(super) fn odds(p: f64) -> String {
    if p <= 1e-15 {
        "less than 1 in 10^15".into()
    } else if p >= 0.5 {
        "no surprise".into()
    } else {
        let inverse = 1.0 / p;
        let digits = 10_f64.powf(inverse.log10().floor() - 1.0).max(1.0);
        format!("1 in {}", count(((inverse / digits).round() * digits) as u64))
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
        assert_eq!(rate("errors", 63, 3000), "2.1 % errors (63/3 000)");
        assert_eq!(rate("errors", 0, 0), "no requests");
        assert_eq!(odds(1.0 / 3_141_592.0), "1 in 3 100 000");
        assert_eq!(odds(0.9), "no surprise");
        assert_eq!(millis(145.2), "145 ms");
    }
}
