//! Which failures cluster in a simulated world, and how: the shapes in which independent requests are a fiction.
//!
//! All of them hit both versions alike, so a healthy canary is no worse than stable; only a regression beside them is
//! one. Here is what they are and how they are written; `spells` and `users` make them happen.

use std::fmt;
use std::time::Duration;

use super::scenario::duration;

/// Retries after a failure, where no mean is named.
const RETRIES_DEFAULT: f64 = 3.0;
const RETRIES_MAX: f64 = 100.0;
/// Users, where no number is named.
const USERS_DEFAULT: u32 = 5_000;
const USERS_MIN: u32 = 100;
const USERS_MAX: u32 = 100_000;
/// Requests a second of an instance for which the φ of `beta` is meant.
const PHI_REQUESTS: f64 = 25.0;
/// Seconds from the beginning of an instance's spell to the next one's, on average.
pub(super) const SPELL_EVERY: f64 = 600.0;
/// How long a spell lasts, seconds, evenly spread.
pub(super) const SPELL_LENGTH: (f64, f64) = (5.0, 20.0);
/// Errors during a burst, evenly spread.
pub(super) const BURST_ERRORS: (f64, f64) = (0.2, 0.5);
/// How many times as long requests take during a slow spell, evenly spread.
pub(super) const SLOW_FACTOR: (f64, f64) = (1.5, 4.0);
/// Share of users for whom everything fails.
pub(super) const STICKY_SHARE: f64 = 0.01;

/// How failures cluster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Clusters {
    /// They don't: requests are independent.
    None,
    /// Each instance by itself has a burst every 10 minutes on average: 20 to 50 % errors for 5 to 20 seconds.
    Bursts,
    /// Each failure is followed by retries of the same user on the same instance that fail too, their number geometric.
    Retries {
        /// Mean number of retries, above 0.
        mean: f64,
    },
    /// For 1 % of users everything fails. Users have Zipf-distributed numbers of requests (exponent 1) and are assigned
    /// to a version by their hash.
    StickyUsers {
        /// Number of users.
        users: u32,
    },
    /// Each instance's error rate is drawn from a beta distribution, and drawn anew now and then.
    Beta {
        /// Variance of failures in a second over that of independent ones, at 25 requests a second of an instance; ≥ 1
        /// and below 25.
        phi: f64,
        /// Mean time until a rate is drawn anew.
        tau: Duration,
    },
    /// Each instance by itself is 1.5 to 4 times as slow for 5 to 20 seconds, every 10 minutes on average.
    SlowInstances,
}

impl Clusters {
    /// Reads `bursts`, `retries[:MEAN]`, `sticky-users[:USERS]`, `beta:PHI:TAU` or `slow-instances`; none if it is
    /// something else.
    pub(super) fn read(text: &str) -> Result<Option<Clusters>, String> {
        let mut fields = text.split(':').map(str::trim);
        let name = fields.next().unwrap_or_default();
        let values: Vec<&str> = fields.collect();
        Ok(Some(match (name, values.as_slice()) {
            ("bursts", []) => Clusters::Bursts,
            ("slow-instances", []) => Clusters::SlowInstances,
            ("retries", []) => Clusters::Retries { mean: RETRIES_DEFAULT },
            ("retries", [mean]) => Clusters::Retries { mean: retries(mean)? },
            ("sticky-users", []) => Clusters::StickyUsers { users: USERS_DEFAULT },
            ("sticky-users", [users]) => Clusters::StickyUsers { users: count(users)? },
            ("beta", [phi, tau]) => Clusters::Beta { phi: dispersion(phi)?, tau: time(tau)? },
            ("beta", _) => return Err("a beta world is written beta:PHI:TAU, such as beta:5:20s".into()),
            ("bursts" | "slow-instances", _) => return Err(format!("`{name}` takes no value")),
            ("retries" | "sticky-users", _) => return Err(format!("`{name}` takes one value at most")),
            _ => return Ok(None),
        }))
    }

    /// Whether requests are not independent of each other.
    pub fn is_any(&self) -> bool {
        *self != Clusters::None
    }

    /// For `beta`: the correlation of two requests of an instance in a second, 0 to 1.
    pub(super) fn correlation(phi: f64) -> f64 {
        (phi - 1.0) / (PHI_REQUESTS - 1.0)
    }
}

fn retries(text: &str) -> Result<f64, String> {
    let mean = text.parse().map_err(|_| format!("`{text}` is no number of retries; written retries:3"))?;
    if mean > 0.0 && mean <= RETRIES_MAX {
        Ok(mean)
    } else {
        Err("the mean number of retries is above 0 and at most 100".into())
    }
}

fn count(text: &str) -> Result<u32, String> {
    let users = text.parse().map_err(|_| format!("`{text}` is no number of users; sticky-users:500"))?;
    if (USERS_MIN..=USERS_MAX).contains(&users) {
        Ok(users)
    } else {
        Err("there are 100 to 100000 users".into())
    }
}

fn dispersion(text: &str) -> Result<f64, String> {
    let phi = text.parse().map_err(|_| format!("`{text}` is no dispersion; written beta:5:20s"))?;
    if (1.0..PHI_REQUESTS).contains(&phi) {
        Ok(phi)
    } else {
        Err("PHI is at least 1 and below 25: it is meant for 25 requests a second".into())
    }
}

fn time(text: &str) -> Result<Duration, String> {
    let tau = duration(text)?;
    if tau.is_zero() { Err("TAU is above 0".into()) } else { Ok(tau) }
}

impl fmt::Display for Clusters {
    /// In the form it is read in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Clusters::None => Ok(()),
            Clusters::Bursts => f.write_str("bursts"),
            Clusters::Retries { mean } => write!(f, "retries:{mean}"),
            Clusters::StickyUsers { users } => write!(f, "sticky-users:{users}"),
            Clusters::Beta { phi, tau } => write!(f, "beta:{phi}:{}s", tau.as_secs_f64()),
            Clusters::SlowInstances => f.write_str("slow-instances"),
        }
    }
}
