//! Latency against stable: thresholds from stable's past histogram, exceedances of a block's counts.
//!
//! The threshold of a quantile is the top of the bucket where stable's past reaches it; the canary is
//! counted above a threshold that is higher by a margin, so that pool warmth is no regression. The
//! exceedances are then compared as rates (`relative` with r₀ = 1).

/// Memory of the histogram, seconds.
pub const MEMORY_SECONDS: f64 = 600.0;

/// Where a quantile's threshold lies, and how often stable exceeded it in the past.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// Position of the bucket whose top is the threshold.
    pub edge: usize,
    /// Stable's share above it in the past.
    pub base: f64,
}

/// The threshold of quantile `q` over `past` counts (any finite, non-negative weights); none without counts.
///
/// The edge is at most `buckets − 3`, so that a shifted threshold still has a bucket above it.
pub fn threshold(past: &[f64], q: f64) -> Option<Threshold> {
    let total: f64 = past.iter().sum();
    let sound = total > 0.0 && total.is_finite() && past.len() >= 3;
    if !sound {
        return None;
    }
    let mut cumulative = 0.0;
    let (mut edge, mut at_edge) = (0, 0.0);
    for (i, count) in past.iter().enumerate() {
        cumulative += count;
        (edge, at_edge) = (i, cumulative);
        if cumulative >= q * total || i == past.len() - 3 {
            break;
        }
    }
    Some(Threshold { edge, base: (1.0 - at_edge / total).max(0.0) })
}

/// Counts in buckets above `edge`.
pub fn above(counts: &[f64], edge: usize) -> f64 {
    counts.iter().skip(edge + 1).sum()
}

/// How many buckets of growth `gamma` a margin is worth (5 % at gamma 1.044: 2).
pub fn shift(margin: f64, gamma: f64) -> usize {
    if !(margin > 0.0 && gamma > 1.0) {
        return 0;
    }
    // A margin that is a whole number of buckets is not rounded up for an ulp.
    (margin.ln_1p() / gamma.ln() - 1e-12).ceil().max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_where_the_past_reaches_the_quantile() {
        let past = [10.0, 20.0, 30.0, 30.0, 10.0, 0.0, 0.0];
        let t = threshold(&past, 0.5).unwrap();
        assert_eq!(t.edge, 2);
        assert!((t.base - 0.4).abs() < 1e-12);
        assert_eq!(threshold(&past, 0.999).unwrap().edge, 4);
        assert_eq!(threshold(&[0.0; 8], 0.5), None);
        assert_eq!(above(&past, 3), 10.0);
        assert_eq!(above(&past, 99), 0.0);
    }

    #[test]
    fn a_margin_is_a_number_of_buckets() {
        assert_eq!(shift(0.05, 2_f64.powf(1.0 / 16.0)), 2);
        assert_eq!(shift(0.05, 1.05), 1);
        assert_eq!(shift(0.0, 1.05), 0);
    }
}
