//! Users: who makes a request, whose requests always fail, who tries again, and what a proxy remembers of them.
//!
//! Requests of a keyed world are drawn one by one. A user goes to a version by a hash (here a random bucket of the
//! split's 100 000, which is the same), so a version's share of the *users* is its weight, and its share of the requests
//! only nearly. Repeated failures, units and batches are counted as the proxy's `observe` does: one bit for each of 4096
//! cells of keys for failures on the canary, one bit for each of 65 536 cells for the keys of an epoch.

use fw_model::split::variant_of_bucket;
use fw_model::{Batches, Variant, Weight};

use super::arm::{BATCH_SIZE, Batch};
use super::clusters::{Clusters, STICKY_SHARE};
use crate::chance::{Chance, geometric};

/// Users of the world `retries`, who all make equally many requests.
const EQUAL_USERS: u32 = 5_000;
/// Cells of the proxy's memory of failed keys.
const FAILED_CELLS: usize = 4096;
/// Cells of the proxy's memory of the keys of an epoch.
const SEEN_CELLS: usize = 1 << 16;

#[derive(Debug, Clone, Copy)]
struct User {
    /// Part of all requests.
    share: f64,
    bucket: u32,
    failed_cell: u16,
    seen_cell: u16,
    always_fails: bool,
}

/// A user who tries again, and how many more of the tries fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Retries {
    user: u32,
    left: u64,
}

/// What an instance keeps between looks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Open {
    pub(super) batch: Batch,
    /// The next requests are these.
    retries: Option<Retries>,
}

/// What became of an instance's requests.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Served {
    pub(super) errors: u64,
    pub(super) repeat_errors: u64,
    pub(super) units: u64,
    pub(super) batches: Batches,
}

/// All users of a world.
#[derive(Debug, Clone)]
pub(crate) struct Users {
    users: Vec<User>,
    /// Mean number of failing retries after a failure.
    retries: f64,
    /// The canary's weight the sides are for.
    weight: Weight,
    /// By [`Variant::index`].
    sides: [Side; 2],
    failed: Vec<bool>,
    seen: Vec<bool>,
}

impl Users {
    /// The users of a world; none where requests have no keys.
    pub(super) fn of(chance: &mut Chance, clusters: Clusters) -> Option<Users> {
        let (n, exponent, retries) = match clusters {
            Clusters::Retries { mean } => (EQUAL_USERS, 0, mean),
            Clusters::StickyUsers { users } => (users, 1, 0.0),
            Clusters::None | Clusters::Bursts | Clusters::Beta { .. } | Clusters::SlowInstances => {
                return None;
            }
        };
        let weights: Vec<f64> = (1..=n).map(|rank| f64::from(rank).powi(-exponent)).collect();
        let all: f64 = weights.iter().sum();
        let mut users: Vec<User> = weights
            .into_iter()
            .map(|weight| User {
                share: weight / all,
                bucket: chance.below(u64::from(Weight::FULL.units())) as u32,
                failed_cell: chance.below(FAILED_CELLS as u64) as u16,
                seen_cell: chance.below(SEEN_CELLS as u64) as u16,
                always_fails: false,
            })
            .collect();
        if matches!(clusters, Clusters::StickyUsers { .. }) {
            // Exactly 1 %, drawn without replacement.
            let (mut wanted, mut left) = ((STICKY_SHARE * f64::from(n)).round() as u64, u64::from(n));
            for user in &mut users {
                user.always_fails = chance.below(left) < wanted;
                wanted -= u64::from(user.always_fails);
                left -= 1;
            }
        }
        let sides = Side::both(&users, Weight::ZERO);
        let (failed, seen) = (vec![false; FAILED_CELLS], vec![false; SEEN_CELLS]);
        Some(Users { users, retries, weight: Weight::ZERO, sides, failed, seen })
    }

    /// The split in force. Another weight is another epoch: its keys are new.
    pub(super) fn split(&mut self, weight: Weight) {
        if weight != self.weight {
            self.weight = weight;
            self.sides = Side::both(&self.users, weight);
            self.seen.fill(false);
        }
    }

    /// Requests that `variant` gets of each one that users want, where one fails with probability `errors`.
    pub(super) fn load(&self, variant: Variant, errors: f64) -> f64 {
        self.sides[variant.index()].share * (1.0 + errors * self.retries)
    }

    /// What stable fails in the long run, where each request fails with probability `errors` for reasons of its own.
    pub(super) fn errors(&self, errors: f64) -> f64 {
        let sticky: f64 = self.users.iter().filter(|user| user.always_fails).map(|user| user.share).sum();
        let first = errors + (1.0 - errors) * sticky;
        first * (1.0 + self.retries) / (1.0 + first * self.retries)
    }

    /// An instance serves `requests`, of which each fails with probability `errors`, besides users who always fail.
    pub(super) fn serve(
        &mut self,
        chance: &mut Chance,
        variant: Variant,
        open: &mut Open,
        requests: u64,
        errors: f64,
    ) -> Served {
        let mut served = Served::default();
        for _ in 0..requests {
            let retry = open.retries.filter(|retries| retries.left > 0);
            let number = retry.map_or_else(|| self.sides[variant.index()].pick(chance), |retry| retry.user);
            // A side without users has no requests.
            let Some(user) = self.users.get(number as usize).copied() else { continue };
            let failed = retry.is_some() || user.always_fails || chance.unit() < errors;
            if let Some(retry) = retry {
                open.retries = Some(Retries { left: retry.left - 1, ..retry });
            } else if failed && self.retries > 0.0 {
                open.retries = Some(Retries { user: number, left: geometric(chance, self.retries) });
            }
            served.errors += u64::from(failed);
            served.repeat_errors += u64::from(variant == Variant::Canary && self.note(user, failed));
            served.units += u64::from(!std::mem::replace(&mut self.seen[usize::from(user.seen_cell)], true));
            if let Some(bad) = open.batch.take(failed) {
                served.batches.size = BATCH_SIZE;
                served.batches.total += 1;
                served.batches.bad += u64::from(bad);
            }
        }
        served
    }

    /// Notes an outcome on the canary; whether it is a failure after a failure.
    fn note(&mut self, user: User, failed: bool) -> bool {
        std::mem::replace(&mut self.failed[usize::from(user.failed_cell)], failed) && failed
    }
}

/// The users of one version, to be drawn by their shares.
///
/// Source: Walker (1977), Vose (1991), "A linear algorithm for generating random numbers with a given distribution".
#[derive(Debug, Clone, Default)]
struct Side {
    /// Their part of all requests.
    share: f64,
    /// A user, the probability to stay with it, and the other one.
    places: Vec<(u32, f64, u32)>,
}

impl Side {
    fn both(users: &[User], weight: Weight) -> [Side; 2] {
        Variant::ALL.map(|variant| Side::of(users, |user| variant_of_bucket(user.bucket, weight) == variant))
    }

    fn of(users: &[User], is_here: impl Fn(&User) -> bool) -> Side {
        let mut places: Vec<(u32, f64, u32)> = (0_u32..)
            .zip(users)
            .filter(|(_, user)| is_here(user))
            .map(|(i, user)| (i, user.share, i))
            .collect();
        let share: f64 = places.iter().map(|place| place.1).sum();
        let scale = places.len() as f64 / share;
        places.iter_mut().for_each(|place| place.1 *= scale);
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..places.len()).partition(|i| places[*i].1 < 1.0);
        while let (Some(less), Some(more)) = (small.pop(), large.last().copied()) {
            places[less].2 = places[more].0;
            places[more].1 -= 1.0 - places[less].1;
            if places[more].1 < 1.0 {
                large.pop();
                small.push(more);
            }
        }
        Side { share, places }
    }

    /// A user by share; one that does not exist where there is none.
    fn pick(&self, chance: &mut Chance) -> u32 {
        let place = chance.below(self.places.len() as u64) as usize;
        let Some((user, stays, other)) = self.places.get(place) else { return u32::MAX };
        if chance.unit() < *stays { *user } else { *other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(text: &str, seed: u64, weight: u32) -> (Users, Chance) {
        let mut chance = Chance::of(seed, 1);
        let mut users = Users::of(&mut chance, Clusters::read(text).unwrap().unwrap()).unwrap();
        users.split(Weight::new(weight).unwrap());
        (users, chance)
    }

    #[test]
    fn requests_are_drawn_by_the_shares_of_the_users_of_a_side() {
        let (mut users, mut chance) = users("sticky-users:500", 1, 25_000);
        let side = users.sides[Variant::Canary.index()].clone();
        assert!(users.users.iter().filter(|user| user.always_fails).count() == 5);
        let mut drawn = vec![0.0; 500];
        (0..200_000).for_each(|_| drawn[side.pick(&mut chance) as usize] += 1.0);
        for (user, count) in users.users.iter().zip(drawn) {
            let p = if user.bucket < 25_000 { user.share / side.share } else { 0.0 };
            let error = (200_000.0 * p * (1.0 - p)).sqrt().max(0.1);
            assert!((count - 200_000.0 * p).abs() < 5.0 * error, "{user:?} {count}");
        }
        users.split(Weight::ZERO);
        assert_eq!((users.load(Variant::Canary, 0.0), users.sides[1].pick(&mut chance)), (0.0, u32::MAX));
        assert!((users.load(Variant::Stable, 0.0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn users_who_always_fail_fail_and_repeat_on_the_canary_only() {
        let (mut users, mut chance) = users("sticky-users", 2, 50_000);
        let mut serve = |variant| users.serve(&mut chance, variant, &mut Open::default(), 100_000, 0.0);
        let (stable, canary) = (serve(Variant::Stable), serve(Variant::Canary));
        assert!(stable.errors > 50 && stable.repeat_errors == 0, "{stable:?}");
        // Each of some 25 failing users is news once, and again whenever another key of its cell succeeded.
        assert!(canary.errors > 50 && canary.repeat_errors > canary.errors / 4, "{canary:?}");
        assert!((1500..2700).contains(&canary.units) && canary.batches.total == 5000, "{canary:?}");
    }

    #[test]
    fn a_failure_is_followed_by_as_many_retries_as_it_should_and_they_repeat() {
        let (mut users, mut chance) = users("retries:3", 3, 50_000);
        let served = users.serve(&mut chance, Variant::Canary, &mut Open::default(), 1_000_000, 0.001);
        let rate = served.errors as f64 / 1e6;
        assert!((rate / users.errors(0.001) - 1.0).abs() < 0.12, "{rate} {}", users.errors(0.001));
        let repeats = served.repeat_errors as f64 / served.errors as f64;
        assert!((repeats - 0.75).abs() < 0.04, "{repeats}");
    }

    #[test]
    fn keys_are_units_once_an_epoch() {
        let (mut users, mut chance) = users("retries", 4, 50_000);
        let mut units = |users: &mut Users, weight| {
            users.split(Weight::new(weight).unwrap());
            users.serve(&mut chance, Variant::Canary, &mut Open::default(), 50_000, 0.0).units
        };
        let first = units(&mut users, 50_000);
        assert!((2200..2600).contains(&first), "{first}");
        assert_eq!(units(&mut users, 50_000), 0);
        assert!(units(&mut users, 60_000) > first);
    }
}
