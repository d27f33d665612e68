//! Evidence at face value: what a test would say if every failure counted and failures were independent.
//!
//! People are shown it beside the evidence that decides, and it decides nothing: the bound α does not hold for it when
//! failures are clustered. It costs nothing until a block is discounted or some of its failures don't count; up to
//! then it is the evidence that decides.

use crate::grid::EFFECTS;
use crate::numbers::{Numbers, flag};
use crate::onset::Onset;

/// A wealth at face value beside the one that decides. Constant size.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FaceValue<const N: usize = EFFECTS>(Option<Onset<N>>);

/// When a block was, for [`Onset::step`]: its age, seconds; whether a phase began in it; the time of onset, seconds.
pub type Clock = (f64, bool, f64);

impl<const N: usize> FaceValue<N> {
    /// Takes in a block that is about to enter `decides`. `differs`: it enters that one discounted or with fewer
    /// failures. `logs` gives its ln e-values with all failures, not discounted.
    pub fn take_in(
        &mut self,
        decides: &Onset<N>,
        differs: bool,
        logs: impl FnOnce() -> [f64; N],
        (age_seconds, phase_began, tau_seconds): Clock,
    ) {
        if differs || self.0.is_some() {
            let wealth = self.0.get_or_insert(*decides);
            wealth.step(&logs(), age_seconds, phase_began, tau_seconds);
        }
    }

    /// The wealth at face value, where `decides` is the one that decides.
    pub fn of<'a>(&'a self, decides: &'a Onset<N>) -> &'a Onset<N> {
        self.0.as_ref().unwrap_or(decides)
    }
}

impl<const N: usize> Numbers for FaceValue<N> {
    fn give(&self, put: &mut dyn FnMut(f64)) {
        put(flag(self.0.is_some()));
        self.0.unwrap_or_default().give(put);
    }

    fn take(next: &mut dyn FnMut() -> f64) -> Self {
        let is_kept = next() > 0.0;
        let wealth = Onset::take(next);
        FaceValue(is_kept.then_some(wealth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discount::discounted;
    use crate::numbers::{listed, unlisted};

    #[test]
    fn it_is_what_decides_until_a_block_is_discounted() {
        let (mut decides, mut face) = (Onset::default(), FaceValue::default());
        let logs = [0.4; EFFECTS];
        let mut exact = decides;
        for (place, phi) in [1.0, 1.0, 4.0, 1.0].into_iter().enumerate() {
            face.take_in(&decides, phi > 1.0, || logs, (1.0, false, 900.0));
            decides.step(&discounted(logs, phi), 1.0, false, 900.0);
            exact.step(&logs, 1.0, false, 900.0);
            assert_eq!(face.of(&decides), &exact, "block {place}");
            assert_eq!(exact.log_evidence() > decides.log_evidence(), place >= 2);
            assert_eq!(unlisted(&listed(&face)), Some(face));
        }
    }
}
