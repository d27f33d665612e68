//! How often each variant of a flag was handed out since this process began. For people and for Prometheus, not for
//! statistics: those are of the [`book`](crate::book).

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of one flag: by variant, and once more for answers without a value.
#[derive(Debug)]
pub struct Counts(Box<[AtomicU64]>);

impl Counts {
    /// For a flag with so many variants.
    pub fn new(variants: usize) -> Counts {
        Counts((0..=variants).map(|_| AtomicU64::new(0)).collect())
    }

    /// One more answer; `None` = no value: the code's default.
    pub fn add(&self, variant: Option<usize>) {
        let last = self.0.len() - 1;
        let place = variant.map_or(last, |place| place.min(last));
        self.0[place].fetch_add(1, Ordering::Relaxed);
    }

    /// Answers with this variant; `None` = without a value.
    pub fn of(&self, variant: Option<usize>) -> u64 {
        let place = variant.unwrap_or(self.0.len() - 1);
        self.0.get(place).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_is_counted_where_it_belongs() {
        let counts = Counts::new(2);
        counts.add(Some(1));
        counts.add(Some(1));
        counts.add(None);
        assert_eq!([Some(0), Some(1), None, Some(9)].map(|place| counts.of(place)), [0, 2, 1, 0]);
    }
}
