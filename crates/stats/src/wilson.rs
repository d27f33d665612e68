//! The interval of a rate from few trials, looked at once. For rates that are looked at again and again: `sequence`.

/// Quantile of the normal distribution for an interval of 90 %.
const Z_90: f64 = 1.644_853_627;

/// The interval of a rate at 90 %, both ends 0 to 1; everything where nothing was seen.
///
/// Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference (1927), equation for p.
pub fn wilson_90(hits: u32, of: u32) -> (f64, f64) {
    if of == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (f64::from(of), f64::from(hits.min(of)) / f64::from(of));
    let z2 = Z_90 * Z_90;
    let middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z_90 / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_wilsons() {
        // 10 of 100 at 90 %: 0.0607 to 0.1601, worked out by hand from the 1927 equation.
        let (low, high) = wilson_90(10, 100);
        assert!((low - 0.0607).abs() < 5e-4 && (high - 0.1601).abs() < 5e-4, "{low} {high}");
        assert_eq!(wilson_90(0, 0), (0.0, 1.0));
        assert_eq!(wilson_90(0, 10).0, 0.0);
        assert_eq!(wilson_90(10, 10).1, 1.0);
        assert_eq!(wilson_90(11, 10), wilson_90(10, 10));
    }
}
