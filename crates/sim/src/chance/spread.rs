//! Numbers of continuous and of waiting-time laws: exponential, geometric, gamma and beta.

use super::Chance;

/// An exponential number with this mean.
pub(crate) fn exponential(chance: &mut Chance, mean: f64) -> f64 {
    -mean * (1.0 - chance.unit()).ln()
}

/// How often something happens again before it stops, with this mean (above 0): geometric, from 0.
pub(crate) fn geometric(chance: &mut Chance, mean: f64) -> u64 {
    let again = mean / (1.0 + mean);
    // The logarithm of at most 53 bits is above −37, so the quotient is a small number.
    ((1.0 - chance.unit()).ln() / again.ln()) as u64
}

/// A beta number with this mean and the correlation 1 / (a + b + 1) of draws that share it, 0..1.
///
/// Without correlation it is the mean. The logarithms keep their precision where a is far below 1.
pub(crate) fn beta(chance: &mut Chance, mean: f64, correlation: f64) -> f64 {
    if mean <= 0.0 || mean >= 1.0 || correlation <= 0.0 {
        return mean;
    }
    let both = 1.0 / correlation - 1.0;
    let (a, b) = (ln_gamma_number(chance, mean * both), ln_gamma_number(chance, (1.0 - mean) * both));
    1.0 / (1.0 + (b - a).exp())
}

/// The logarithm of a gamma number of this shape, above 0.
///
/// Source: Marsaglia & Tsang (2000), "A simple method for generating gamma variables"; a shape below 1 by G(a + 1) U^(1/a).
fn ln_gamma_number(chance: &mut Chance, shape: f64) -> f64 {
    if shape < 1.0 {
        return ln_gamma_number(chance, shape + 1.0) + (1.0 - chance.unit()).ln() / shape;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let z = chance.normal();
        let v = (1.0 + c * z).powi(3);
        if v > 0.0 && (1.0 - chance.unit()).ln() < 0.5 * z * z + d * (1.0 - v + v.ln()) {
            return (d * v).ln();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 100_000;

    fn mean_variance(mut draw: impl FnMut() -> f64) -> (f64, f64) {
        let draws: Vec<f64> = (0..DRAWS).map(|_| draw()).collect();
        let mean = draws.iter().sum::<f64>() / DRAWS as f64;
        (mean, draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / DRAWS as f64)
    }

    #[test]
    fn beta_numbers_have_their_mean_and_variance() {
        let mut chance = Chance::of(21, 1);
        for (p, correlation) in [(0.3, 0.1), (0.01, 0.05), (0.05, 0.4), (0.5, 0.9)] {
            let (mean, variance) = mean_variance(|| beta(&mut chance, p, correlation));
            assert!((mean / p - 1.0).abs() < 0.06, "{p} {correlation}: {mean}");
            let wanted = p * (1.0 - p) * correlation;
            assert!((variance / wanted - 1.0).abs() < 0.1, "{p} {correlation}: {variance} {wanted}");
        }
        assert_eq!((beta(&mut chance, 0.2, 0.0), beta(&mut chance, 0.0, 0.5)), (0.2, 0.0));
    }

    #[test]
    fn waiting_times_have_their_means_and_variances() {
        let mut chance = Chance::of(22, 1);
        let (mean, variance) = mean_variance(|| exponential(&mut chance, 4.0));
        assert!((mean - 4.0).abs() < 0.06 && (variance / 16.0 - 1.0).abs() < 0.05, "{mean} {variance}");
        let (mean, variance) = mean_variance(|| geometric(&mut chance, 3.0) as f64);
        assert!((mean - 3.0).abs() < 0.06 && (variance / 12.0 - 1.0).abs() < 0.05, "{mean} {variance}");
    }
}
