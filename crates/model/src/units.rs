//! Numbers with units: shares of traffic, percentages, epochs.
//!
//! Percent is what people write and read (0.24 = 0.24 %); weight is what routers route by
//! (1/100 000 of traffic). The two never mix without a named conversion.

use serde::{Deserialize, Serialize};

/// A number was outside the range of its unit.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum UnitError {
    /// A share of traffic outside 0 to 100 000.
    #[error("a weight is 0 to 100000 (1/100000 of traffic), not {0}")]
    Weight(u32),
    /// A percentage outside 0 to 100, or not a number.
    #[error("a percentage is 0 to 100, not {0}")]
    Percent(f64),
}

/// A share of traffic in units of 1/100 000 (0.001 %). Range 0 to [`Weight::FULL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Weight(u32);

impl Weight {
    /// No traffic.
    pub const ZERO: Weight = Weight(0);
    /// All traffic: 100 000 units.
    pub const FULL: Weight = Weight(100_000);

    /// A weight from units of 1/100 000.
    ///
    /// # Errors
    /// [`UnitError::Weight`] above 100 000.
    pub fn new(units: u32) -> Result<Weight, UnitError> {
        if units <= Self::FULL.0 { Ok(Weight(units)) } else { Err(UnitError::Weight(units)) }
    }

    /// Units of 1/100 000.
    #[inline]
    pub fn units(self) -> u32 {
        self.0
    }

    /// What the other variant gets.
    pub fn complement(self) -> Weight {
        Weight(Self::FULL.0 - self.0)
    }

    /// Percent of traffic, 0 to 100.
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

impl TryFrom<u32> for Weight {
    type Error = UnitError;
    fn try_from(units: u32) -> Result<Self, UnitError> {
        Weight::new(units)
    }
}

impl From<Weight> for u32 {
    fn from(weight: Weight) -> u32 {
        weight.0
    }
}

/// A percentage, 0 to 100 inclusive, finite.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Percent(f64);

impl Percent {
    /// A percentage.
    ///
    /// # Errors
    /// [`UnitError::Percent`] outside 0 to 100 or not finite.
    pub fn new(percent: f64) -> Result<Percent, UnitError> {
        if percent.is_finite() && (0.0..=100.0).contains(&percent) {
            Ok(Percent(percent))
        } else {
            Err(UnitError::Percent(percent))
        }
    }

    /// The number, 0 to 100.
    pub fn value(self) -> f64 {
        self.0
    }

    /// The same as a fraction, 0 to 1.
    pub fn fraction(self) -> f64 {
        self.0 / 100.0
    }

    /// The nearest weight.
    pub fn weight(self) -> Weight {
        // In range by construction, so the cast cannot truncate.
        Weight((self.0 * 1000.0).round() as u32)
    }
}

impl TryFrom<f64> for Percent {
    type Error = UnitError;
    fn try_from(percent: f64) -> Result<Self, UnitError> {
        Percent::new(percent)
    }
}

impl From<Percent> for f64 {
    fn from(percent: Percent) -> f64 {
        percent.0
    }
}

/// Counts the changes of a service's split in one region. It only ever grows, over rollouts too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch of the next change.
    pub fn next(self) -> Epoch {
        Epoch(self.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_percentages_meet_at_a_thousandth_of_a_percent() {
        assert_eq!(Percent::new(0.001).unwrap().weight(), Weight::new(1).unwrap());
        assert_eq!(Percent::new(5.0).unwrap().weight().units(), 5000);
        assert_eq!(Percent::new(100.0).unwrap().weight(), Weight::FULL);
        assert!((Weight::new(25_000).unwrap().percent() - 25.0).abs() < f64::EPSILON);
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert_eq!(Weight::new(100_001), Err(UnitError::Weight(100_001)));
        assert!(Percent::new(f64::NAN).is_err());
        assert!(Percent::new(100.1).is_err());
        assert!(Percent::new(-0.1).is_err());
    }
}
