//! How much error probability one look may spend, so that looking often stays honest.
//!
//! At the k-th look a test at level α / (k (k + 1)) is made. The levels sum to α over all k, so by
//! the union bound the chance of any false alarm, at any number of looks, is at most α.
//! It pays for that with power; the sequential tests that follow pay less.

/// The level of the `look`-th look (from 1) under a total of `alpha`. Look 0 counts as look 1.
pub fn level(alpha: f64, look: u64) -> f64 {
    let k = look.max(1) as f64;
    alpha / (k * (k + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_levels_together_stay_below_alpha() {
        let sum: f64 = (1..=100_000).map(|k| level(0.01, k)).sum();
        assert!(sum < 0.01 && sum > 0.009_99, "{sum}");
        assert!(level(0.01, u64::MAX) >= 0.0);
    }
}
