//! Chance from a seed: a small generator whose numbers never change with a library's version.
//!
//! Each run of a simulation has its own stream, made from the seed and the run's number, so a run is the same
//! whatever thread makes it and however many are made. Not for secrets.

mod draw;
mod spread;

pub(crate) use draw::poisson_known;
pub use draw::{binomial, poisson};
pub(crate) use spread::{beta, exponential, geometric};

/// xoshiro256++, seeded by SplitMix64. Source: Blackman & Vigna (2021), "Scrambled linear pseudorandom generators".
#[derive(Debug, Clone)]
pub struct Chance {
    state: [u64; 4],
}

impl Chance {
    /// The stream of run `run` under this seed.
    pub fn of(seed: u64, run: u64) -> Chance {
        // Two rounds of mixing keep neighbouring seeds and runs apart.
        let mut mixer = mix(seed).wrapping_add(mix(run ^ 0x5851_f42d_4c95_7f2d));
        let state = std::array::from_fn(|_| {
            mixer = mixer.wrapping_add(0x9e37_79b9_7f4a_7c15);
            mix(mixer)
        });
        Chance { state }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let bits = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        bits
    }

    /// Uniform in [0, 1), a multiple of 2^−53.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (0.5 / (1_u64 << 52) as f64)
    }

    /// Uniform in 0..`end`; 0 for an empty range.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    /// Standard normal. Source: Box & Muller (1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// The finaliser of SplitMix64.
fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_seed_and_run_and_on_nothing_else() {
        let first = |seed, run| Chance::of(seed, run).bits();
        assert_eq!(first(1, 0), first(1, 0));
        let mut seen: Vec<u64> = (0..20).flat_map(|seed| (0..20).map(move |run| first(seed, run))).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 400);
    }

    #[test]
    fn numbers_fill_their_range_evenly() {
        let mut chance = Chance::of(7, 7);
        let n = 40_000;
        let (mut sum, mut squares, mut thirds) = (0.0, 0.0, [0_u32; 3]);
        for _ in 0..n {
            let (u, z) = (chance.unit(), chance.normal());
            assert!((0.0..1.0).contains(&u));
            sum += u;
            squares += z * z;
            thirds[chance.below(3) as usize] += 1;
        }
        let n = f64::from(n);
        assert!((sum / n - 0.5).abs() < 0.006 && (squares / n - 1.0).abs() < 0.03);
        assert!(thirds.iter().all(|&t| (f64::from(t) / n - 1.0 / 3.0).abs() < 0.01));
        assert_eq!(chance.below(0), 0);
    }
}
