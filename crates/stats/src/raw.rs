//! Evidence that decides nothing: what a test would say if every failure counted, discounted all the same.
//!
//! It tells failures that are concentrated in a source or a key from failures that are few: if it reached 1/α and the
//! counted evidence did not, see [`crate::decision::is_concentrated`]. What nothing discounts is in `face`.

use crate::discount::discounted;
use crate::grid::EFFECTS;
use crate::numbers::Numbers;
use crate::onset::Onset;
use crate::test::{Ask, Closed};

/// Evidence of all failures beside one test. Constant size, under 150 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Raw {
    all_failures: Onset,
}

impl Raw {
    /// Takes in a block of a comparison, as the comparison closed it.
    pub fn take_in(&mut self, ask: &Ask, block: &Closed) {
        let logs = block.log_harm(ask, block.counts.s_t);
        self.step(&logs, block.phi, block.age_seconds, block.phase_began, ask.tau_seconds);
    }

    /// Takes in a block of any test: its ln e-values of raw counts, its φ, its age in seconds, and whether a phase
    /// began in it.
    pub fn step(
        &mut self,
        logs: &[f64; EFFECTS],
        phi: f64,
        age_seconds: f64,
        phase_began: bool,
        tau_seconds: f64,
    ) {
        self.all_failures.step(&discounted(*logs, phi), age_seconds, phase_began, tau_seconds);
    }

    /// ln of the discounted evidence, as if every failure counted.
    pub fn log_all_failures(&self) -> f64 {
        self.all_failures.log_evidence()
    }
}

impl Numbers for Raw {
    fn give(&self, put: &mut dyn FnMut(f64)) {
        self.all_failures.give(put);
    }

    fn take(next: &mut dyn FnMut() -> f64) -> Self {
        Raw { all_failures: Onset::take(next) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::{listed, unlisted};
    use crate::relative::{Margin, Pair};
    use crate::test::{Comparison, Look, Side};

    #[test]
    fn it_says_more_than_what_counts_and_less_than_its_face_value_and_comes_back() {
        assert!(size_of::<Raw>() < 150);
        let margin = Margin { ratio: 1.1, delta: 0.0001 };
        let ask = Ask { side: Side::Harm, margin, safe: None, tau_seconds: 900.0 };
        let counts = Pair { n_t: 25.0, s_t: 5.0, n_c: 475.0, s_c: 1.0 };
        let (mut test, mut raw) = (Comparison::default(), Raw::default());
        for i in 0..20 {
            let look = Look { counts, counted: 1.0, seconds: 1.0, phase_began: i == 0, ..Look::default() };
            let block = test.take_in(&ask, &look, 3.0).unwrap();
            raw.take_in(&ask, &block);
        }
        assert!(test.log_harm() < raw.log_all_failures() && raw.log_all_failures() < test.log_face_value());
        assert_eq!(unlisted(&listed(&raw)), Some(raw));
        assert_eq!(unlisted(&listed(&test)), Some(test));
    }
}
