//! Exact binomial tails: how surprising a count is under a limit.
//!
//! The probability of one count comes from Loader's saddle-point expansion, which keeps full
//! precision where factorials would lose it; tails are summed outwards from the count until the
//! rest can't matter, and a rest that is cut off is bounded from above, so a tail is never reported
//! too small. Source: C. Loader, "Fast and Accurate Computation of Binomial Probabilities" (2000).

/// Longest tail summed term by term; the rest is bounded by a geometric series.
const TERMS_MAX: u32 = 100_000;

/// P(X ≥ `successes`) for X ~ Bin(`trials`, `p`). `p` is clamped to 0..=1; NaN counts as 0.
pub fn at_least(trials: u64, successes: u64, p: f64) -> f64 {
    let p = if p.is_nan() { 0.0 } else { p.clamp(0.0, 1.0) };
    if successes == 0 {
        return 1.0;
    }
    if successes > trials || p == 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return 1.0;
    }
    if successes as f64 > trials as f64 * p {
        let (sum, rest) = upward(trials, successes, p);
        (sum + rest).min(1.0)
    } else {
        // The lower tail is the small one here; what was cut off of it is left out, so that one
        // minus it is never too small.
        let (sum, _) = upward(trials, trials - successes + 1, 1.0 - p);
        (1.0 - sum).clamp(0.0, 1.0)
    }
}

/// P(X ≤ `successes`) for X ~ Bin(`trials`, `p`).
pub fn at_most(trials: u64, successes: u64, p: f64) -> f64 {
    if successes >= trials {
        return 1.0;
    }
    at_least(trials, trials - successes, 1.0 - p)
}

/// Sums from a count above the mean outwards; the second number bounds what was cut off.
fn upward(trials: u64, from: u64, p: f64) -> (f64, f64) {
    if from > trials {
        return (0.0, 0.0);
    }
    let (n, odds) = (trials as f64, p / (1.0 - p));
    let mut term = probability(trials, from, p);
    let (mut sum, mut k) = (0.0, from as f64);
    for _ in 0..TERMS_MAX {
        sum += term;
        let ratio = (n - k) / (k + 1.0) * odds;
        term *= ratio;
        k += 1.0;
        if k > n || term <= sum * 1e-17 {
            return (sum, 0.0);
        }
    }
    let ratio = (n - k) / (k + 1.0) * odds;
    let rest = if ratio < 1.0 { term / (1.0 - ratio) } else { 1.0 };
    (sum, rest)
}

/// P(X = `successes`), 0 < p < 1.
fn probability(trials: u64, successes: u64, p: f64) -> f64 {
    let (n, x, q) = (trials as f64, successes as f64, 1.0 - p);
    if successes == 0 {
        return (n * (-p).ln_1p()).exp();
    }
    if successes == trials {
        return (n * p.ln()).exp();
    }
    let log = stirling_error(n)
        - stirling_error(x)
        - stirling_error(n - x)
        - deviance(x, n * p)
        - deviance(n - x, n * q);
    let scale = n / (std::f64::consts::TAU * x * (n - x));
    log.exp() * scale.sqrt()
}

/// ln n! − Stirling's formula, n ≥ 1.
fn stirling_error(n: f64) -> f64 {
    const EXACT: [f64; 16] = [
        0.0,
        0.081_061_466_795_327_26,
        0.041_340_695_955_409_29,
        0.027_677_925_684_998_34,
        0.020_790_672_103_765_093,
        0.016_644_691_189_821_193,
        0.013_876_128_823_070_748,
        0.011_896_709_945_891_77,
        0.010_411_265_261_972_096,
        0.009_255_462_182_712_733,
        0.008_330_563_433_362_87,
        0.007_573_675_487_951_841,
        0.006_942_840_107_209_53,
        0.006_408_994_188_004_207,
        0.005_951_370_112_758_848,
        0.005_554_733_551_962_801,
    ];
    if n < 16.0 {
        return EXACT[n as usize];
    }
    let square = n * n;
    (1.0 / 12.0
        - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / square) / square) / square) / square)
        / n
}

/// x ln(x/mean) + mean − x without cancellation.
fn deviance(x: f64, mean: f64) -> f64 {
    if (x - mean).abs() < 0.1 * (x + mean) {
        let v = (x - mean) / (x + mean);
        let mut sum = (x - mean) * v;
        let mut power = 2.0 * x * v;
        for j in 1..1000 {
            power *= v * v;
            let next = sum + power / f64::from(2 * j + 1);
            if next == sum {
                return next;
            }
            sum = next;
        }
    }
    x * (x / mean).ln() + mean - x
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(got: f64, want: f64) {
        assert!((got - want).abs() <= 1e-11 * want.abs(), "{got} {want}");
    }

    #[test]
    fn small_tails_are_the_sums_of_their_terms() {
        let by_hand: f64 = [(5, 252.0), (6, 210.0), (7, 120.0), (8, 45.0), (9, 10.0), (10, 1.0)]
            .iter()
            .map(|&(k, c)| c * 0.01_f64.powi(k) * 0.99_f64.powi(10 - k))
            .sum();
        close(at_least(10, 5, 0.01), by_hand);
        close(at_most(362, 0, 0.01), 0.99_f64.powi(362));
        close(at_least(3, 2, 0.5), 0.5);
    }

    #[test]
    fn edges_are_certain_or_impossible() {
        assert_eq!(at_least(10, 0, 0.3), 1.0);
        assert_eq!(at_least(10, 11, 0.3), 0.0);
        assert_eq!(at_least(0, 0, 0.3), 1.0);
        assert_eq!(at_most(0, 0, 0.3), 1.0);
        assert_eq!(at_least(5, 1, 0.0), 0.0);
        assert_eq!(at_least(5, 5, 1.0), 1.0);
        assert!(at_least(10, 5, f64::NAN).is_finite());
    }

    #[test]
    fn a_huge_sample_is_answered_at_once() {
        let n = 1_u64 << 53;
        let p = at_least(n, n / 100 + 1_000_000_000, 0.01);
        assert!((0.0..1e-6).contains(&p), "{p}");
        assert!(at_least(n, n / 100, 0.01) >= 0.5, "a sum cut short is never reported too small");
    }

    proptest! {
        #[test]
        fn the_two_tails_sum_to_one(n in 1_u64..5000, s in 1_u64..5000, p in 0.0_f64..=1.0) {
            let s = s.min(n);
            let sum = at_least(n, s, p) + at_most(n, s - 1, p);
            prop_assert!((sum - 1.0).abs() < 1e-9, "{} {} {} {}", n, s, p, sum);
        }

        #[test]
        fn more_failures_are_never_less_surprising(n in 1_u64..100_000, s in 0_u64..100_000, p in 0.0_f64..=1.0) {
            let s = s.min(n);
            prop_assert!(at_least(n, s + 1, p) <= at_least(n, s, p) + 1e-12);
        }

        #[test]
        fn any_input_gives_a_probability(n: u64, s: u64, p: f64) {
            let t = at_least(n >> 11, s >> 11, p);
            prop_assert!((0.0..=1.0).contains(&t));
        }
    }
}
