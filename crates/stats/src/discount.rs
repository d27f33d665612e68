//! Discounting: a block's evidence to the power 1/φ, where φ ≥ 1 says how clustered failures are.
//!
//! Failures that come in clusters of c requests are evidence of clusters, not of requests: S^(1/c) is the e-value of
//! the clusters. x^λ is concave for λ in [0, 1], so E[S^λ | past] ≤ (E[S | past])^λ ≤ 1 for every λ that is fixed
//! before the block: a wrong φ costs power or protection against clusters, never the guarantee. So φ must be read when
//! a block
//! *opens* ([`crate::test::Comparison::take_in`] does that); how it is estimated is in `dispersion` and `placebo`.

/// Largest discount.
pub const PHI_MAX: f64 = 1000.0;

/// φ as it is used: 1..=[`PHI_MAX`]; NaN counts as 1.
pub fn sound(phi: f64) -> f64 {
    if phi.is_nan() { 1.0 } else { phi.clamp(1.0, PHI_MAX) }
}

/// ln S / φ of each effect. Never further from 0 than `logs`; −∞ and ∞ stay.
///
/// Source: Jensen's inequality.
pub fn discounted<const N: usize>(logs: [f64; N], phi: f64) -> [f64; N] {
    let phi = sound(phi);
    logs.map(|log| log / phi)
}

/// φ for a canary instance with `load` times the requests of a stable one: about 1 + load (φ − 1), units of φ.
///
/// `load` ≥ 0; unsound loads leave φ as it is. A rule of thumb for the proportional growth of φ − 1 with the requests
/// of a source; not needed for validity, and only useful when loads are known to differ.
pub fn at_load(phi: f64, load: f64) -> f64 {
    let phi = sound(phi);
    if load >= 0.0 && load.is_finite() { sound(1.0 + load * (phi - 1.0)) } else { phi }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grid::HARM;
    use crate::relative::{Margin, Pair, log_ratio};

    fn binomials(n: u32, p: f64) -> Vec<f64> {
        let mut term = (1.0 - p).powi(n as i32);
        (0..=n)
            .map(|k| {
                let now = term;
                term *= f64::from(n - k) / f64::from(k + 1) * p / (1.0 - p);
                now
            })
            .collect()
    }

    fn expectation(n: [u32; 2], p: [f64; 2], base: f64, margin: Margin, psi: f64, phi: f64) -> f64 {
        let mut sum = 0.0;
        for (s_t, a) in binomials(n[0], p[0]).iter().enumerate() {
            for (s_c, b) in binomials(n[1], p[1]).iter().enumerate() {
                let pair = Pair { n_t: n[0].into(), s_t: s_t as f64, n_c: n[1].into(), s_c: s_c as f64 };
                sum += a * b * discounted([log_ratio(pair, base, margin, psi)], phi)[0].exp();
            }
        }
        sum
    }

    #[test]
    fn discounted_evidence_still_has_expectation_at_most_one() {
        for n in [[1, 1], [2, 9], [5, 3], [4, 20]] {
            for margin in [Margin { ratio: 1.0, delta: 0.0 }, Margin { ratio: 1.1, delta: 0.0001 }] {
                for base in [0.0, 0.001, 0.05, 0.4] {
                    for p_c in [0.0005, 0.001, 0.02, 0.1, 0.3, 0.5] {
                        for phi in [1.0, 2.0, 5.0, 20.0] {
                            let p = [margin.ratio * p_c + margin.delta, p_c];
                            for psi in HARM {
                                let e = expectation(n, p, base, margin, psi, phi);
                                assert!(e <= 1.0 + 1e-12, "{n:?} {margin:?} {base} {p_c} {psi} {phi}: {e}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_heavier_instance_is_discounted_more() {
        assert_eq!(at_load(4.0, 1.0), 4.0);
        assert_eq!(at_load(4.0, 3.0), 10.0);
        assert_eq!(at_load(4.0, 0.0), 1.0);
        assert_eq!(at_load(4.0, f64::NAN), 4.0);
    }

    proptest! {
        #[test]
        fn evidence_never_grows_and_never_changes_sides(log: f64, phi: f64) {
            let [got] = discounted([log], phi);
            prop_assert!(log.is_nan() || (got.abs() <= log.abs() && got * log >= 0.0), "{} {} {}", log, phi, got);
        }

        #[test]
        fn any_phi_is_a_discount(phi: f64, load: f64) {
            prop_assert!((1.0..=PHI_MAX).contains(&sound(phi)));
            prop_assert!((1.0..=PHI_MAX).contains(&at_load(phi, load)));
        }
    }
}
