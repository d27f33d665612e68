//! States as plain numbers, in a fixed order: how a store keeps them and gets back the very same state.
//!
//! No format and no names: those are the store's. Reading takes any number, also NaN, and never panics.

/// A state of constant size that is nothing but numbers.
pub trait Numbers: Sized {
    /// Calls `put` with each number, in a fixed order.
    fn give(&self, put: &mut dyn FnMut(f64));

    /// The state of the next numbers, in the same order.
    fn take(next: &mut dyn FnMut() -> f64) -> Self;
}

/// A state as a list.
pub fn listed(state: &impl Numbers) -> Vec<f64> {
    let mut list = vec![];
    state.give(&mut |number| list.push(number));
    list
}

/// A state of a list; none when there are more or fewer numbers than it has.
pub fn unlisted<T: Numbers>(list: &[f64]) -> Option<T> {
    let mut rest = list.iter();
    let mut missing = false;
    let state = T::take(&mut || {
        rest.next().copied().unwrap_or_else(|| {
            missing = true;
            0.0
        })
    });
    let left = rest.len();
    (!missing && left == 0).then_some(state)
}

/// Yes or no as a number.
pub(crate) fn flag(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onset::Onset;

    #[test]
    fn a_state_comes_back_bit_for_bit_and_a_wrong_length_does_not() {
        let mut onset: Onset = Onset::default();
        onset.step(&[0.3; 12], 5.0, true, 900.0);
        let list = listed(&onset);
        assert_eq!(unlisted::<Onset>(&list), Some(onset));
        assert_eq!(unlisted::<Onset>(&list[1..]), None);
        assert_eq!(unlisted::<Onset>(&[list, vec![0.0]].concat()), None);
    }
}
