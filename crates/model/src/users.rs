//! How many different users there were: a HyperLogLog sketch that data planes keep and the server joins.
//!
//! 2048 registers of 6 bits: the estimate's standard error is 2.3 %. Joining two sketches gives the sketch of everybody
//! in either, so a report that is lost, repeated or reordered changes nothing. It remembers nobody: a register is the
//! longest run of zeros in some hash. Filling one without a lock is the data plane's business.
//!
//! Source: Flajolet, Fusy, Gandouet & Meunier, "HyperLogLog" (2007); the estimator is Ertl's, "New cardinality estimation
//! algorithms for HyperLogLog sketches" (2017), section 3.

/// Registers of a sketch: 2¹¹.
pub const USER_REGISTERS: usize = 1 << INDEX_BITS;
const INDEX_BITS: u32 = 11;
/// Bits of a hash that ranks are counted in.
const RANK_BITS: u32 = 48;
/// Largest value of a register: one more than the bits it is counted in.
const RANK_MAX: u8 = RANK_BITS as u8 + 1;
/// The digits of base64 (RFC 4648, table 1): six bits each, which is a register.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A sketch of a set of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Users(Box<[u8; USER_REGISTERS]>);

impl Default for Users {
    fn default() -> Users {
        Users(Box::new([0; USER_REGISTERS]))
    }
}

/// Which register a hash of 64 bits belongs to, and what it wants there at least.
#[inline]
pub fn user_register(hash: u64) -> (usize, u8) {
    let index = hash as usize & (USER_REGISTERS - 1);
    let rank = (hash >> INDEX_BITS | 1 << RANK_BITS).trailing_zeros() as u8 + 1;
    (index, rank)
}

impl Users {
    /// From registers; values above the largest count as it.
    pub fn from_registers(registers: impl IntoIterator<Item = u8>) -> Users {
        let mut users = Users::default();
        users.0.iter_mut().zip(registers).for_each(|(own, value)| *own = value.min(RANK_MAX));
        users
    }

    /// Adds a user by a hash of 64 bits, the same everywhere.
    pub fn add(&mut self, hash: u64) {
        let (index, rank) = user_register(hash);
        self.0[index] = self.0[index].max(rank);
    }

    /// Adds everybody of another sketch.
    pub fn merge(&mut self, other: &Users) {
        self.0.iter_mut().zip(other.0.iter()).for_each(|(own, other)| *own = (*own).max(*other));
    }

    /// Whether nobody was added.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|register| *register == 0)
    }

    /// How many there are, about.
    pub fn estimate(&self) -> f64 {
        let m = USER_REGISTERS as f64;
        let mut counts = [0_u32; RANK_MAX as usize + 1];
        self.0.iter().for_each(|register| counts[usize::from(*register)] += 1);
        let share = |k: usize| f64::from(counts[k]) / m;
        let last = usize::from(RANK_MAX);
        let mut z = m * tau(1.0 - share(last));
        for k in (1..last).rev() {
            z = 0.5 * (z + f64::from(counts[k]));
        }
        z += m * sigma(share(0));
        m * m / (2.0 * std::f64::consts::LN_2 * z)
    }

    /// As it travels: a base64 digit a register.
    pub fn to_text(&self) -> String {
        self.0.iter().map(|register| char::from(DIGITS[usize::from(*register)])).collect()
    }

    /// As it travelled; none for anything else.
    pub fn from_text(text: &str) -> Option<Users> {
        if text.len() != USER_REGISTERS {
            return None;
        }
        let digit = |byte: u8| DIGITS.iter().position(|digit| *digit == byte).map(|value| value as u8);
        let registers: Option<Vec<u8>> = text.bytes().map(digit).collect();
        registers.filter(|all| all.iter().all(|value| *value <= RANK_MAX)).map(Users::from_registers)
    }
}

/// Ertl's σ: x + Σ x^(2^k) 2^(k−1). Infinite at 1: nobody was added.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z <= before {
            return z;
        }
    }
}

/// Ertl's τ: (1 − x − Σ (1 − x^(2^−k))² 2^(−k)) / 3.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z >= before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    fn of(keys: std::ops::Range<u32>) -> Users {
        let mut users = Users::default();
        keys.for_each(|key| users.add(xxh3_64(&key.to_le_bytes())));
        users
    }

    #[test]
    fn estimates_are_within_four_standard_errors_at_every_size() {
        assert_eq!(Users::default().estimate(), 0.0);
        for n in [1, 10, 100, 1_000, 5_000, 10_000, 100_000, 1_000_000] {
            let estimate = of(0..n).estimate();
            let error = (estimate / f64::from(n) - 1.0).abs();
            assert!(error < 4.0 * 0.023, "{estimate} for {n}");
        }
        assert!((of(0..100).estimate() - 100.0).abs() < 5.0, "few are nearly exact");
    }

    #[test]
    fn joined_sketches_are_the_sketch_of_everybody() {
        let (mut a, b) = (of(0..20_000), of(10_000..30_000));
        a.merge(&b);
        assert_eq!(a, of(0..30_000));
        a.merge(&b);
        assert_eq!(a, of(0..30_000), "twice changes nothing");
    }

    #[test]
    fn what_travels_is_the_same_sketch_and_nonsense_is_none() {
        let users = of(0..5_000);
        let text = users.to_text();
        assert_eq!((text.len(), Users::from_text(&text)), (2048, Some(users)));
        for bad in ["", "AAAA", &"=".repeat(2048), &"/".repeat(2048), &"A".repeat(2049), &"é".repeat(1024)] {
            assert_eq!(Users::from_text(bad), None);
        }
        assert!(Users::from_text(&"A".repeat(2048)).unwrap().is_empty());
    }

    #[test]
    fn the_ends_of_a_hash_are_registers() {
        assert_eq!(user_register(0), (0, RANK_MAX));
        assert_eq!(user_register(u64::MAX), (USER_REGISTERS - 1, 1));
        let mut users = Users::default();
        (0..USER_REGISTERS as u64).for_each(|index| users.add(index));
        assert!(users.estimate().is_infinite() || users.estimate() > 1e12, "all registers are full");
    }
}
