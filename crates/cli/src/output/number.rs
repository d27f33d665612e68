//! Numbers as people read them; `–` where there is none.

/// What stands for a missing number.
const NONE: &str = "–";

/// Without superfluous digits: at most three decimals, no trailing zeros.
pub(crate) fn plain_number(n: f64) -> String {
    let text = format!("{n:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `0.24 %`.
pub(crate) fn percent(n: Option<f64>) -> String {
    n.map_or(NONE.into(), |n| format!("{} %", plain_number(n)))
}

/// `145 ms`, `12.3 ms`, `2.50 s`.
pub(crate) fn milliseconds(n: Option<f64>) -> String {
    match n {
        None => NONE.into(),
        Some(n) if n >= 10_000.0 => format!("{:.1} s", n / 1000.0),
        Some(n) if n >= 100.0 => format!("{n:.0} ms"),
        Some(n) => format!("{n:.1} ms"),
    }
}

/// A score 0 to 100 with at most one decimal.
pub(crate) fn health(n: Option<f64>) -> String {
    n.map_or(NONE.into(), |n| format!("{n:.1}").trim_end_matches(".0").to_owned())
}

/// `1 250 000`, with thin gaps for the eye.
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_exact_enough() {
        assert_eq!(percent(Some(0.24)), "0.24 %");
        assert_eq!(percent(Some(25.0)), "25 %");
        assert_eq!(percent(Some(0.001)), "0.001 %");
        assert_eq!(percent(None), "–");
        assert_eq!(milliseconds(Some(145.4)), "145 ms");
        assert_eq!(milliseconds(Some(12.34)), "12.3 ms");
        assert_eq!(milliseconds(Some(25_000.0)), "25.0 s");
        assert_eq!(health(Some(92.0)), "92");
        assert_eq!(health(Some(91.25)), "91.2");
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(1_250_000), "1 250 000");
    }
}
