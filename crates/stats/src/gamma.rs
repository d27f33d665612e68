//! Gamma and beta functions to the precision the intervals need.
//!
//! Differences of large terms are never formed: what cancels is cancelled on paper.

/// ln Γ(x) − ((x − ½) ln x − x + ½ ln 2π): what Stirling's formula leaves over. For x > 0.
pub fn stirling_rest(x: f64) -> f64 {
    if x < 15.0 {
        return ln_gamma_shifted(x) - ((x - 0.5) * x.ln() - x + half_ln_tau());
    }
    stirling_series(x)
}

fn half_ln_tau() -> f64 {
    0.5 * std::f64::consts::TAU.ln()
}

fn stirling_series(x: f64) -> f64 {
    let s = 1.0 / (x * x);
    (1.0 / 12.0
        - s * (1.0 / 360.0
            - s * (1.0 / 1260.0 - s * (1.0 / 1680.0 - s * (1.0 / 1188.0 - s * 691.0 / 360_360.0)))))
        / x
}

/// ln Γ(x) for 0 < x < 15 by shifting up.
fn ln_gamma_shifted(x: f64) -> f64 {
    let (mut y, mut product) = (x, 1.0);
    while y < 15.0 {
        product *= y;
        y += 1.0;
    }
    (y - 0.5) * y.ln() - y + half_ln_tau() + stirling_series(y) - product.ln()
}

/// ln Γ(x) for x > 0.
pub fn ln_gamma(x: f64) -> f64 {
    if x < 15.0 { ln_gamma_shifted(x) } else { (x - 0.5) * x.ln() - x + half_ln_tau() + stirling_series(x) }
}

/// ln B(a, b) for a, b > 0.
pub fn ln_beta(a: f64, b: f64) -> f64 {
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    if small < 15.0 {
        return ln_gamma(small) - ln_rising(large, small);
    }
    let sum = a + b;
    half_ln_tau() - 0.5 * b.ln() + (a - 0.5) * (a / sum).ln() - b * (a / b).ln_1p()
        + stirling_series(a)
        + stirling_series(b)
        - stirling_series(sum)
}

/// ln Γ(x + d) − ln Γ(x) for x > 0, d ≥ 0.
pub fn ln_rising(x: f64, d: f64) -> f64 {
    if x < 15.0 {
        return ln_gamma(x + d) - ln_gamma(x);
    }
    let y = x + d;
    -(x - 0.5) * (-(d / y)).ln_1p() + d * y.ln() - d + stirling_rest(y) - stirling_rest(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_agree_with_closed_forms() {
        assert!(ln_beta(1.0, 1.0).abs() < 1e-13);
        assert!((ln_beta(0.5, 0.5) - std::f64::consts::PI.ln()).abs() < 1e-13);
        assert!((ln_beta(2.0, 3.0) - (1.0_f64 / 12.0).ln()).abs() < 1e-13);
        assert!((ln_beta(1.0, 1e9) + 1e9_f64.ln()).abs() < 1e-10);
        let factorial = |n: u32| (2..=n).map(|k| f64::from(k).ln()).sum::<f64>();
        assert!((ln_beta(20.0, 30.0) - (factorial(19) + factorial(29) - factorial(49))).abs() < 1e-11);
        assert!((ln_gamma(0.5) - 0.5 * std::f64::consts::PI.ln()).abs() < 1e-14);
        assert!((ln_rising(20.0, 5.0) - (20.0_f64 * 21.0 * 22.0 * 23.0 * 24.0).ln()).abs() < 1e-12);
    }
}
