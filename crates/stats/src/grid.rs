//! The effects a test looks for, fixed once, so that nothing has to be tuned to the traffic.
//!
//! A harm test asks for rates 1.25 to 513 times the acceptable one; a safe test asks whether the rate is
//! below the unacceptable one by the same kind of factors. Weights sum to one.

/// Points of a harm or down grid.
pub const EFFECTS: usize = 12;
/// Points of a safe grid.
pub const SAFE_EFFECTS: usize = 6;
/// Points of a grid of mean effects or bets.
pub const MEAN_EFFECTS: usize = 9;

/// Rate ratios of a harm test: 1 + 2^k, k = −2..=9.
pub const HARM: [f64; EFFECTS] = [1.25, 1.5, 2.0, 3.0, 5.0, 9.0, 17.0, 33.0, 65.0, 129.0, 257.0, 513.0];
/// Rate ratios where lower is worse: the reciprocals of [`HARM`].
pub const DOWN: [f64; EFFECTS] = [
    1.0 / 1.25,
    1.0 / 1.5,
    1.0 / 2.0,
    1.0 / 3.0,
    1.0 / 5.0,
    1.0 / 9.0,
    1.0 / 17.0,
    1.0 / 33.0,
    1.0 / 65.0,
    1.0 / 129.0,
    1.0 / 257.0,
    1.0 / 513.0,
];
/// Weights of [`HARM`] and [`DOWN`].
pub const HARM_WEIGHTS: [f64; EFFECTS] =
    [0.08, 0.12, 0.18, 0.18, 0.14, 0.10, 0.08, 0.05, 0.03, 0.02, 0.01, 0.01];
/// Rate ratios of a safe test: 2^−½, ½, ¼, ⅛, 2^−5, 2^−10; equal weights.
pub const SAFE: [f64; SAFE_EFFECTS] =
    [std::f64::consts::FRAC_1_SQRT_2, 0.5, 0.25, 0.125, 1.0 / 32.0, 1.0 / 1024.0];
/// Relative mean effects: 0.025 · 2^k, k = 0..=8; equal weights.
pub const MEAN: [f64; MEAN_EFFECTS] = [0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4];
/// Bets of a one-sample mean: 2^−k, k = 1..=9; equal weights.
pub const BETS: [f64; MEAN_EFFECTS] =
    [0.5, 0.25, 0.125, 0.0625, 0.031_25, 0.015_625, 0.007_812_5, 0.003_906_25, 0.001_953_125];

/// ln Σ exp(xᵢ), without overflow; −∞ for nothing.
pub fn log_sum_exp(logs: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = logs.clone().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return largest;
    }
    largest + logs.map(|log| (log - largest).exp()).sum::<f64>().ln()
}

/// ln of the equally weighted mean of e-values given by their logs; 0 for none.
pub fn log_mean_exp(logs: &[f64]) -> f64 {
    if logs.is_empty() { 0.0 } else { log_sum_exp(logs.iter().copied()) - (logs.len() as f64).ln() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one_and_grids_are_what_they_say() {
        assert!((HARM_WEIGHTS.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        for (k, psi) in (-2..=9).zip(HARM) {
            assert_eq!(psi, 1.0 + 2_f64.powi(k));
        }
        for (down, harm) in DOWN.iter().zip(HARM) {
            assert!((down * harm - 1.0).abs() < 1e-15);
        }
    }

    #[test]
    fn sums_of_exponentials_neither_overflow_nor_lose_the_small() {
        assert!((log_sum_exp([1000.0, 1000.0].into_iter()) - (1000.0 + 2_f64.ln())).abs() < 1e-12);
        assert_eq!(log_sum_exp(std::iter::empty()), f64::NEG_INFINITY);
        assert_eq!(log_mean_exp(&[0.0; 6]), 0.0);
    }
}
