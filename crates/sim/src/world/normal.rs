//! The normal distribution, as far as a lognormal law needs it.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// From here on the continued fraction is used; both are exact to about 1e-14.
const FRACTION_FROM: f64 = 2.5;
/// Terms of the series and of the continued fraction.
const TERMS: u32 = 80;

/// P(a < Z ≤ b) without losing a small probability in a large one.
pub(super) fn between(a: f64, b: f64) -> f64 {
    if b <= a {
        0.0
    } else if a > 0.0 {
        upper(a) - upper(b)
    } else {
        upper(-b) - upper(-a)
    }
}

/// P(Z > z).
pub(super) fn upper(z: f64) -> f64 {
    let x = z * FRAC_1_SQRT_2;
    if x >= 0.0 { 0.5 * erfc(x) } else { 1.0 - 0.5 * erfc(-x) }
}

/// The point above which a share `tail` of a standard normal lies; `tail` in (0, 1).
pub(super) fn point(tail: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if upper(middle) > tail { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// erfc(x) for x ≥ 0. Source: Abramowitz & Stegun 7.1.6 (series) and 7.1.14 (continued fraction).
fn erfc(x: f64) -> f64 {
    if x == f64::INFINITY {
        return 0.0;
    }
    let density = (-x * x).exp() / PI.sqrt();
    if x < FRACTION_FROM {
        let (mut term, mut sum) = (x, x);
        for n in 1..TERMS {
            term *= 2.0 * x * x / f64::from(2 * n + 1);
            sum += term;
        }
        return 1.0 - 2.0 * density * sum;
    }
    let rest = (1..TERMS).rev().fold(x, |below, n| x + 0.5 * f64::from(n) / below);
    density / rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_tables() {
        for (z, p) in [
            (0.0, 0.5),
            (1.0, 0.158_655_253_931_457),
            (1.959_963_984_540_054, 0.025),
            (2.326_347_874_040_841, 0.01),
            (4.0, 3.167_124_183_311_99e-5),
            (8.0, 6.220_960_574_271_78e-16),
        ] {
            assert!((upper(z) / p - 1.0).abs() < 1e-9, "{z}: {} {p}", upper(z));
            assert!((upper(-z) + upper(z) - 1.0).abs() < 1e-12);
        }
        assert!((point(0.01) - 2.326_347_874_040_841).abs() < 1e-9);
        assert!((between(-1.0, 1.0) - 0.682_689_492_137_086).abs() < 1e-12);
        assert_eq!(between(f64::NEG_INFINITY, f64::INFINITY), 1.0);
    }
}
