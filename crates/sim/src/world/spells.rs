//! What an instance goes through by itself: bursts of errors, slow spells, error rates that wander.
//!
//! Instances of both versions go through the same things, each at its own time. It is stepped in parts of a look of
//! at most a second, and what holds at the beginning of a part holds through it.

use super::clusters::{BURST_ERRORS, Clusters, SLOW_FACTOR, SPELL_EVERY, SPELL_LENGTH};
use super::law::Law;
use crate::chance::{Chance, beta, exponential};

/// Slow spells are this many times as slow, in quarters: each has its own law, which is worked out once.
pub(super) const SLOW_LEVELS: usize = ((SLOW_FACTOR.1 - SLOW_FACTOR.0) * 4.0) as usize + 1;

/// Share of requests of a well instance above the time from which a request counts as slow.
const SLOW_SHARE: f64 = 0.01;

/// How an instance is in one part of a look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Condition {
    /// Probability that a request fails.
    pub(super) errors: f64,
    /// Which slow law its requests follow, 0..[`SLOW_LEVELS`]; none = the usual one.
    pub(super) slow: Option<usize>,
}

/// The factor on response times at this level.
pub(super) fn slow_factor(level: usize) -> f64 {
    SLOW_FACTOR.0 + 0.25 * level as f64
}

/// One instance.
#[derive(Debug, Clone)]
pub(super) struct Spells {
    clusters: Clusters,
    /// Seconds until the spell begins or ends.
    left: f64,
    /// How strong the spell is: its errors, its level, or the error rate that was drawn; none = no spell, none drawn.
    strength: Option<f64>,
    /// Whether the version was bad when the error rate was drawn.
    was_bad: bool,
}

impl Spells {
    pub(super) fn new(chance: &mut Chance, clusters: Clusters) -> Spells {
        let left = match clusters {
            Clusters::Bursts | Clusters::SlowInstances => exponential(chance, gap_seconds()),
            Clusters::None
            | Clusters::Beta { .. }
            | Clusters::Retries { .. }
            | Clusters::StickyUsers { .. } => 0.0,
        };
        Spells { clusters, left, strength: None, was_bad: false }
    }

    /// The condition in the next `seconds`, where a request of the version fails with probability `errors` for reasons
    /// of its own, and whether the version `is_bad`.
    pub(super) fn step(&mut self, chance: &mut Chance, seconds: f64, errors: f64, is_bad: bool) -> Condition {
        match self.clusters {
            Clusters::Bursts => {
                let now = self.spell(chance, seconds, |chance| between(chance, BURST_ERRORS));
                Condition { errors: either(errors, now.unwrap_or(0.0)), slow: None }
            }
            Clusters::SlowInstances => {
                let level = |chance: &mut Chance| chance.below(SLOW_LEVELS as u64) as f64;
                let slow = self.spell(chance, seconds, level).map(|level| level as usize);
                Condition { errors, slow }
            }
            Clusters::Beta { phi, tau } => {
                let stays = (-seconds / tau.as_secs_f64()).exp();
                // A regression does not wait until the rate would have been drawn anew.
                if self.strength.is_none() || self.was_bad != is_bad || chance.unit() >= stays {
                    self.strength = Some(beta(chance, errors, Clusters::correlation(phi)));
                    self.was_bad = is_bad;
                }
                Condition { errors: self.strength.unwrap_or(errors), slow: None }
            }
            Clusters::None | Clusters::Retries { .. } | Clusters::StickyUsers { .. } => {
                Condition { errors, slow: None }
            }
        }
    }

    /// Goes on by `seconds`; the spell that was on before, if any.
    fn spell(
        &mut self,
        chance: &mut Chance,
        seconds: f64,
        strength: impl Fn(&mut Chance) -> f64,
    ) -> Option<f64> {
        let now = self.strength;
        self.left -= seconds;
        if self.left <= 0.0 {
            // What the part went beyond the end is taken off the next one, or spells would be longer than they are.
            let next = match now {
                Some(_) => exponential(chance, gap_seconds()),
                None => between(chance, SPELL_LENGTH),
            };
            self.strength = if now.is_some() { None } else { Some(strength(chance)) };
            self.left += next;
        }
        now
    }
}

/// From the end of a spell to the next one, seconds.
fn gap_seconds() -> f64 {
    SPELL_EVERY - middle(SPELL_LENGTH)
}

fn middle((low, high): (f64, f64)) -> f64 {
    0.5 * (low + high)
}

fn between(chance: &mut Chance, (low, high): (f64, f64)) -> f64 {
    low + (high - low) * chance.unit()
}

/// Probability that one of two independent things happens.
fn either(a: f64, b: f64) -> f64 {
    1.0 - (1.0 - a) * (1.0 - b)
}

/// What stable fails in the long run, where each request fails with probability `errors` for reasons of its own.
pub(super) fn errors_with_spells(clusters: Clusters, errors: f64) -> f64 {
    match clusters {
        Clusters::Bursts => either(errors, middle(BURST_ERRORS) * middle(SPELL_LENGTH) / SPELL_EVERY),
        Clusters::None
        | Clusters::Beta { .. }
        | Clusters::SlowInstances
        | Clusters::Retries { .. }
        | Clusters::StickyUsers { .. } => errors,
    }
}

/// Share of stable's requests in the long run that are slower than 99 % of those of a well instance.
pub(super) fn slow_with_spells(clusters: Clusters) -> f64 {
    if clusters != Clusters::SlowInstances {
        return SLOW_SHARE;
    }
    let law = Law::base();
    let above = |level| law.times(slow_factor(level)).above(Law::base_point_ms(SLOW_SHARE));
    let in_spells = (0..SLOW_LEVELS).map(above).sum::<f64>() / SLOW_LEVELS as f64;
    SLOW_SHARE + (in_spells - SLOW_SHARE) * middle(SPELL_LENGTH) / SPELL_EVERY
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(text: &str) -> Clusters {
        Clusters::read(text).unwrap().unwrap()
    }

    /// Conditions of many instances in the seconds of an hour.
    fn hour(clusters: Clusters, seed: u64) -> Vec<Vec<Condition>> {
        let mut chance = Chance::of(seed, 1);
        (0..200)
            .map(|_| {
                let mut spells = Spells::new(&mut chance, clusters);
                (0..3600).map(|_| spells.step(&mut chance, 1.0, 0.001, false)).collect()
            })
            .collect()
    }

    fn mean(values: impl Iterator<Item = f64>) -> f64 {
        let (n, sum) = values.fold((0.0, 0.0), |(n, sum), value| (n + 1.0, sum + value));
        sum / n
    }

    #[test]
    fn bursts_come_every_ten_minutes_and_are_as_long_and_as_strong_as_they_should() {
        let hours = hour(world("bursts"), 1);
        let errors = mean(hours.iter().flatten().map(|c| c.errors));
        assert!((errors / errors_with_spells(Clusters::Bursts, 0.001) - 1.0).abs() < 0.08, "{errors}");
        let begins = |hour: &Vec<Condition>| {
            hour.windows(2).filter(|w| w[0].errors < 0.1 && w[1].errors > 0.1).count()
        };
        let bursts: usize = hours.iter().map(begins).sum();
        assert!((bursts as f64 / 1200.0 - 1.0).abs() < 0.1, "{bursts}");
        let on: Vec<f64> = hours.iter().flatten().map(|c| c.errors).filter(|e| *e > 0.1).collect();
        assert!(on.iter().all(|e| (0.2..=0.501).contains(e)));
        assert!((on.len() as f64 / bursts as f64 - 12.5).abs() < 0.6, "{}", on.len());
    }

    #[test]
    fn slow_spells_change_no_errors() {
        let hours = hour(world("slow-instances"), 2);
        assert!(hours.iter().flatten().all(|c| c.errors == 0.001));
        let slow = mean(hours.iter().flatten().map(|c| f64::from(u8::from(c.slow.is_some()))));
        assert!((slow / (12.5 / 600.0) - 1.0).abs() < 0.1, "{slow}");
        let highest = hours.iter().flatten().filter_map(|c| c.slow).max();
        assert_eq!(highest.map(slow_factor), Some(4.0));
    }

    #[test]
    fn beta_rates_keep_their_mean_their_spread_and_their_time() {
        for (text, phi, tau) in [("beta:2:1s", 2.0, 1.0), ("beta:5:5s", 5.0, 5.0)] {
            let hours = hour(world(text), 3);
            let rates = || hours.iter().flatten().map(|c| c.errors);
            let p = mean(rates());
            assert!((p / 0.001 - 1.0).abs() < 0.15, "{text}: {p}");
            let variance = mean(rates().map(|e| (e - p) * (e - p)));
            let wanted = p * (1.0 - p) * (phi - 1.0) / 24.0;
            assert!((variance / wanted - 1.0).abs() < 0.25, "{text}: {variance} {wanted}");
            let stays =
                mean(hours.iter().flat_map(|h| h.windows(2)).map(|w| f64::from(u8::from(w[0] == w[1]))));
            assert!((stays - (-1.0_f64 / tau).exp()).abs() < 0.02, "{text}: {stays}");
        }
    }

    #[test]
    fn a_regression_begins_at_once_in_a_beta_world() {
        let mut chance = Chance::of(4, 4);
        let errors: Vec<f64> = (0..2000)
            .map(|_| {
                let mut spells = Spells::new(&mut chance, world("beta:2:1h"));
                spells.step(&mut chance, 1.0, 0.001, false);
                spells.step(&mut chance, 1.0, 0.2, true).errors
            })
            .collect();
        assert!((mean(errors.into_iter()) - 0.2).abs() < 0.02);
    }
}
