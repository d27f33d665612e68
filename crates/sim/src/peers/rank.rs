//! The Mann-Whitney interval as Kayenta takes it from R's `wilcox.test`: normal approximation, ties, continuity.

/// z of a two-sided 98 % interval.
const Z: f64 = 2.326_347_874_040_841;
/// Halvings of a root search.
const HALVINGS: u32 = 60;

/// Interval and estimate of how much larger `x` is than `y`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shift {
    pub(super) low: f64,
    pub(super) high: f64,
    /// Hodges-Lehmann estimate.
    pub(super) estimate: f64,
}

/// The shift of `x` against `y`, both not empty. Source: R `stats::wilcox.test`, asymptotic interval; Hodges & Lehmann (1963).
pub(super) fn shift(x: &[f64], y: &[f64]) -> Shift {
    let edges = |side: &[f64]| {
        side.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)))
    };
    let ((x_low, x_high), (y_low, y_high)) = (edges(x), edges(y));
    let range = (x_low - y_high, x_high - y_low);
    let root = |z: f64, corrects: bool| root(range, |d| statistic(x, y, d, corrects) - z);
    Shift { low: root(Z, true), high: root(-Z, true), estimate: root(0.0, false) }
}

/// Where a falling function crosses zero, held inside the range.
fn root((mut low, mut high): (f64, f64), f: impl Fn(f64) -> f64) -> f64 {
    if f(low) <= 0.0 {
        return low;
    }
    if f(high) >= 0.0 {
        return high;
    }
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if f(middle) > 0.0 { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// The standardised rank sum of x − d against y.
fn statistic(x: &[f64], y: &[f64], d: f64, corrects: bool) -> f64 {
    let mut all: Vec<(f64, bool)> = x.iter().map(|v| (v - d, true)).collect();
    all.extend(y.iter().map(|v| (*v, false)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (n_x, n_y) = (x.len() as f64, y.len() as f64);
    let total = n_x + n_y;
    let (mut ranks, mut ties, mut at) = (0.0, 0.0, 0);
    while at < all.len() {
        let end = at + all[at..].iter().take_while(|v| v.0 == all[at].0).count();
        let count = (end - at) as f64;
        let mean_rank = 0.5 * (at + 1 + end) as f64;
        ranks += mean_rank * all[at..end].iter().filter(|v| v.1).count() as f64;
        ties += count.powi(3) - count;
        at = end;
    }
    let dz = ranks - 0.5 * n_x * (n_x + 1.0) - 0.5 * n_x * n_y;
    let correction = if corrects { 0.5 * dz.signum() * f64::from(u8::from(dz != 0.0)) } else { 0.0 };
    let sigma = (n_x * n_y / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)))).sqrt();
    // All values equal: nothing is known about the order.
    if sigma > 0.0 { (dz - correction) / sigma } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_r() {
        // wilcox.test(1:10 + 0.01 * (1:10)^2, 3:12 + 0.5, conf.int = TRUE, conf.level = 0.98, exact = FALSE)
        let x: Vec<f64> = (1..=10).map(f64::from).map(|v| v + 0.01 * v * v).collect();
        let y: Vec<f64> = (3..=12).map(|v| f64::from(v) + 0.5).collect();
        let Shift { low, high, estimate } = shift(&x, &y);
        assert!(low < estimate && estimate < high && low < -5.0 && high > 0.0, "{low} {estimate} {high}");
        // The statistic at its own estimate is as near zero as its steps allow.
        assert!(
            statistic(&x, &y, estimate - 0.1, false) >= 0.0
                && statistic(&x, &y, estimate + 0.1, false) <= 0.0
        );
    }

    #[test]
    fn few_points_give_the_range_of_differences() {
        let Shift { low, high, .. } = shift(&[1.0, 2.0], &[5.0, 9.0]);
        assert_eq!((low, high), (-8.0, -3.0));
    }
}
