//! The law of response times: lognormal, median 100 ms, σ 0.6 (p99 404 ms); a regression shifts, stretches or
//! lengthens it.
//!
//! Not single requests are drawn but counts: each cell (a histogram bucket, cut where somebody asks for a share
//! above some time) has its exact probability and moments, and its count is a Poisson number.

use fw_model::{INDEX_MAX, INDEX_MIN, bucket_upper_ms};

use super::normal;
use super::scenario::Slower;

/// Median of the base law, ms.
pub const MEDIAN_MS: f64 = 100.0;
/// σ of its logarithm.
const SIGMA: f64 = 0.6;
/// Requests above this quantile are the tail that a `tail` regression lengthens.
const TAIL_FROM: f64 = 0.98;
/// Cells with less than this are left out: none of a billion requests falls there.
const PROBABILITY_MIN: f64 = 1e-12;

/// A law of response times.
#[derive(Debug, Clone)]
pub struct Law {
    pieces: Vec<Piece>,
}

/// Where low < X ≤ high (ms, X of the base law), the response time is factor · X + shift.
#[derive(Debug, Clone, Copy)]
struct Piece {
    low: f64,
    high: f64,
    factor: f64,
    shift: f64,
}

/// Part of a law between two times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Histogram bucket.
    pub bucket: i32,
    /// Upper bound, ms.
    pub upper_ms: f64,
    /// Probability.
    pub p: f64,
    /// Mean inside, ms.
    pub mean: f64,
    /// Mean square inside, ms².
    pub square: f64,
}

fn mu() -> f64 {
    MEDIAN_MS.ln()
}

/// The base law's time that a share `tail` of requests exceeds, ms.
fn base_point(tail: f64) -> f64 {
    (mu() + SIGMA * normal::point(tail)).exp()
}

/// ∫ x^k of the base law over (a, b].
fn moment(k: f64, a: f64, b: f64) -> f64 {
    let z = |x: f64| if x <= 0.0 { f64::NEG_INFINITY } else { (x.ln() - mu()) / SIGMA - k * SIGMA };
    (k * mu() + 0.5 * k * k * SIGMA * SIGMA).exp() * normal::between(z(a), z(b))
}

impl Law {
    /// What stable does.
    pub fn base() -> Law {
        Law { pieces: vec![Piece { low: 0.0, high: f64::INFINITY, factor: 1.0, shift: 0.0 }] }
    }

    /// The base law made slower.
    pub fn slower(by: Slower) -> Law {
        let mut law = Law::base();
        match by {
            Slower::Factor(factor) => law.pieces[0].factor = factor,
            Slower::Plus(more) => law.pieces[0].shift = more.as_secs_f64() * 1000.0,
            Slower::Tail(factor) => {
                let point = base_point(1.0 - TAIL_FROM);
                law.pieces[0].high = point;
                law.pieces.push(Piece { low: point, high: f64::INFINITY, factor, shift: 0.0 });
            }
        }
        law
    }

    /// This law where every request takes `factor` times as long.
    pub(super) fn times(&self, factor: f64) -> Law {
        let mut law = self.clone();
        for piece in &mut law.pieces {
            piece.factor *= factor;
            piece.shift *= factor;
        }
        law
    }

    /// The time that a share `tail` of stable's requests exceeds, ms; `tail` in (0, 1).
    pub fn base_point_ms(tail: f64) -> f64 {
        base_point(tail)
    }

    /// The share of requests slower than `ms`.
    pub fn above(&self, ms: f64) -> f64 {
        self.between(ms, f64::INFINITY).0
    }

    /// Probability, sum and sum of squares of requests in (from, to].
    fn between(&self, from: f64, to: f64) -> (f64, f64, f64) {
        let mut sums = (0.0, 0.0, 0.0);
        for Piece { low, high, factor, shift } in &self.pieces {
            let back = |ms: f64| (ms - shift) / factor;
            let (a, b) = (back(from).max(*low), back(to).min(*high));
            if b <= a {
                continue;
            }
            let [p, first, second] = [0.0, 1.0, 2.0].map(|k| moment(k, a, b));
            sums.0 += p;
            sums.1 += factor * first + shift * p;
            sums.2 += factor * factor * second + 2.0 * factor * shift * first + shift * shift * p;
        }
        sums
    }

    /// The law in cells: buckets, cut at each of `cuts` (ms) as well.
    pub fn cells(&self, cuts: &[f64]) -> Vec<Cell> {
        let mut cells = vec![];
        for bucket in INDEX_MIN..=INDEX_MAX {
            let (from, to) = (bucket_upper_ms(bucket - 1), bucket_upper_ms(bucket));
            let mut edges: Vec<f64> = cuts.iter().copied().filter(|c| *c > from && *c < to).collect();
            edges.push(to);
            edges.sort_by(f64::total_cmp);
            let mut low = from;
            for high in edges {
                let (p, sum, squares) = self.between(low, high);
                if p > PROBABILITY_MIN {
                    cells.push(Cell { bucket, upper_ms: high, p, mean: sum / p, square: squares / p });
                }
                low = high;
            }
        }
        cells
    }

    /// Information of one request that this law, and not `other`, made it: Kullback-Leibler divergence over
    /// buckets, nats; none where it is not finite.
    pub fn divergence(&self, other: &Law) -> Option<f64> {
        let mut sum = 0.0;
        for cell in self.cells(&[]) {
            let q = other.between(bucket_upper_ms(cell.bucket - 1), cell.upper_ms).0;
            sum += cell.p * (cell.p / q).ln();
        }
        sum.is_finite().then_some(sum)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn totals(law: &Law) -> (f64, f64) {
        law.cells(&[500.0]).iter().fold((0.0, 0.0), |sum, c| (sum.0 + c.p, sum.1 + c.p * c.mean))
    }

    #[test]
    fn cells_are_the_whole_law() {
        let (p, mean) = totals(&Law::base());
        let base = MEDIAN_MS * 0.18_f64.exp();
        assert!((p - 1.0).abs() < 1e-9 && (mean - base).abs() < 1e-6, "{p} {mean}");
        let (p, mean) = totals(&Law::slower(Slower::Plus(Duration::from_millis(800))));
        assert!((p - 1.0).abs() < 1e-9 && (mean - 800.0 - base).abs() < 1e-4, "{p} {mean}");
        let (p, mean) = totals(&Law::slower(Slower::Factor(1.3)));
        assert!((p - 1.0).abs() < 1e-9 && (mean - 1.3 * base).abs() < 1e-4, "{p} {mean}");
        let squares: f64 = Law::base().cells(&[]).iter().map(|c| c.p * c.square).sum();
        assert!((squares / (MEDIAN_MS * MEDIAN_MS * 0.72_f64.exp()) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_figures_are_those_of_the_published_setting() {
        assert!((Law::base_point_ms(0.01) - 403.8).abs() < 0.5, "{}", Law::base_point_ms(0.01));
        let wald = |law: &Law| 100_f64.ln() / law.divergence(&Law::base()).unwrap();
        assert!((wald(&Law::slower(Slower::Factor(1.3))) - 48.2).abs() < 0.5);
        assert!((wald(&Law::slower(Slower::Factor(2.0))) - 6.9).abs() < 0.1);
        assert!((wald(&Law::slower(Slower::Tail(5.0))) - 23.0).abs() < 1.0);
        let tail = Law::slower(Slower::Tail(5.0));
        assert!((tail.above(Law::base_point_ms(0.02)) - 0.02).abs() < 1e-9);
    }
}
