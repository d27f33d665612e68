//! Times and shares in the tables of `fw plan`.

use crate::output::plain_number;

/// `4.6 s`, `15 min`, `2 h`, `12 days`.
pub(super) fn span(seconds: f64) -> String {
    let short = |n: f64| plain_number((10.0 * n).round() / 10.0);
    match seconds {
        s if s < 120.0 => format!("{} s", short(s)),
        s if s < 7200.0 => format!("{} min", short(s / 60.0)),
        s if s < 48.0 * 3600.0 => format!("{} h", short(s / 3600.0)),
        s => format!("{} days", short(s / 86_400.0)),
    }
}

/// As [`span`], without decimals where they mean nothing: `33 s`, `4.4 min`.
pub(super) fn about(seconds: f64) -> String {
    let unit = match seconds {
        s if s < 120.0 => 1.0,
        s if s < 7200.0 => 60.0,
        s if s < 48.0 * 3600.0 => 3600.0,
        _ => 86_400.0,
    };
    span(if seconds >= 10.0 * unit { (seconds / unit).round() * unit } else { seconds })
}

/// A share as percent with as many digits as it needs; `–` for none.
pub(super) fn share(share: Option<f64>) -> String {
    share.map_or("–".into(), |share| {
        let percent = 100.0 * share;
        let digits = if percent == 0.0 || percent >= 10.0 { 10.0 } else { 100.0 };
        format!("{} %", plain_number((digits * percent).round() / digits))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_shares_are_short() {
        assert_eq!(
            [4.62, 119.0, 900.0, 7200.0, 400_000.0].map(span),
            ["4.6 s", "119 s", "15 min", "2 h", "4.6 days"]
        );
        assert_eq!([0.0, 0.0012, 0.5, 0.98765].map(|s| share(Some(s))), ["0 %", "0.12 %", "50 %", "98.8 %"]);
        assert_eq!([4.62, 33.3, 264.0, 6441.0].map(about), ["4.6 s", "33 s", "4.4 min", "107 min"]);
        assert_eq!(share(None), "–");
    }
}
