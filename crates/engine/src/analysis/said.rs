//! What a test or question says, kept as numbers and put into words only when somebody reads it.
//!
//! A look makes a dozen sentences that nobody reads unless something happens; their numbers cost nothing.

use std::fmt;

use fw_stats::relative::Pair;

use super::words;

/// A sentence with its numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// Written already.
    Text(String),
    /// No error limit holds.
    NoLimit,
    /// Errors against a limit.
    Limit {
        /// Requests and errors.
        seen: Pair,
        /// Percent.
        limit: f64,
        /// The limit was made of stable's rate.
        from_stable: bool,
    },
    /// Events of both versions.
    Compared {
        /// What the events are.
        what: &'static str,
        /// Requests and events.
        seen: Pair,
    },
    /// Slow requests of both versions.
    Slower {
        /// Stable's quantile.
        name: &'static str,
        /// Requests and slow ones.
        seen: Pair,
        /// From which on the canary's are slow, ms.
        threshold_ms: f64,
    },
    /// Mean response times.
    Mean {
        /// The canary's, ms.
        canary: Option<f64>,
        /// Its requests.
        requests: u64,
        /// Stable's, ms.
        stable: Option<f64>,
        /// Up to which each is counted, ms.
        cap_ms: f64,
    },
    /// The mean response time against a limit.
    MeanLimit {
        /// The canary's, ms.
        value: Option<f64>,
        /// Its requests.
        timed: u64,
        /// Ms.
        limit: f64,
    },
    /// Satisfaction of both versions, 0 to 1.
    Apdex {
        /// The canary's.
        canary: Option<f64>,
        /// Its requests.
        requests: u64,
        /// Stable's.
        stable: Option<f64>,
    },
    /// The health score against a limit.
    Health {
        /// The score, 0 to 100.
        value: Option<f64>,
        /// Its bounds, where they were worked out.
        between: Option<(f64, f64)>,
        /// The canary's requests.
        requests: u64,
        /// The limit.
        limit: f64,
    },
    /// The question about an error limit.
    BelowLimit {
        /// Percent.
        limit: f64,
        /// Requests and errors.
        canary: (u64, u64),
        /// How far it is answered.
        state: Answer,
    },
    /// The question about stable's errors.
    BelowStable {
        /// Requests and errors.
        canary: (u64, u64),
        /// The same of stable.
        stable: (u64, u64),
        /// How far it is answered.
        state: Answer,
    },
    /// The question about stable's latency.
    NotSlower {
        /// Requests and slow ones.
        seen: Pair,
        /// From which on the canary's are slow, ms.
        threshold_ms: f64,
        /// How far it is answered.
        state: Answer,
    },
}

/// How far a question is answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// It is.
    pub answered: bool,
    /// The point estimate is on the right side.
    pub met: bool,
    /// About how many more requests it needs.
    pub missing: Option<u64>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.answered, self.met, self.missing) {
            (true, ..) => f.write_str("shown"),
            (false, _, Some(n)) => write!(f, "about {} more requests needed to show it", words::count(n)),
            (false, true, None) => f.write_str("more requests needed to show it"),
            (false, false, None) => f.write_str("not met"),
        }
    }
}

fn or_unknown(value: Option<f64>, words: impl FnOnce(f64) -> String) -> String {
    value.map_or_else(|| "unknown".into(), words)
}

fn errors((requests, errors): (u64, u64)) -> String {
    words::rate("errors", errors as f64, requests as f64)
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::Text(text) => f.write_str(text),
            Said::NoLimit => f.write_str("no error limit holds in this phase"),
            Said::Limit { seen, limit, from_stable } => write!(
                f,
                "canary {}, limit {}{}; stable {}",
                words::rate("errors", seen.s_t, seen.n_t),
                words::percent(*limit),
                if *from_stable { " (from stable's rate in the last phase, taken as steady)" } else { "" },
                words::rate("errors", seen.s_c, seen.n_c),
            ),
            Said::Compared { what, seen } => write!(
                f,
                "canary {} against stable {} in the same seconds",
                words::rate(what, seen.s_t, seen.n_t),
                words::share(seen.s_c, seen.n_c),
            ),
            Said::Slower { name, seen, threshold_ms } => write!(
                f,
                "{} of the canary's requests took more than {} (stable's {name} and its margin) against {} of stable's above its {name}",
                words::share(seen.s_t, seen.n_t),
                words::millis(*threshold_ms),
                words::share(seen.s_c, seen.n_c),
            ),
            Said::Mean { canary, requests, stable, cap_ms } => write!(
                f,
                "canary mean response time {} over {} requests against stable {} (each counted up to {})",
                or_unknown(*canary, words::millis),
                words::count(*requests),
                or_unknown(*stable, words::millis),
                words::millis(*cap_ms),
            ),
            Said::MeanLimit { value, timed, limit } => write!(
                f,
                "canary mean response time {} over {} requests, limit {}",
                or_unknown(*value, words::millis),
                words::count(*timed),
                words::millis(*limit),
            ),
            Said::Apdex { canary, requests, stable } => write!(
                f,
                "canary Apdex {} over {} requests against stable {} in the same seconds",
                or_unknown(*canary, |score| format!("{score:.3}")),
                words::count(*requests),
                or_unknown(*stable, |score| format!("{score:.3}")),
            ),
            Said::Health { value: None, .. } => f.write_str("no health score without requests"),
            Said::Health { value: Some(value), between, requests, limit } => {
                write!(f, "health score {value:.1}")?;
                if let Some((low, high)) = between {
                    write!(f, " (between {low:.1} and {high:.1} at every look)")?;
                }
                write!(f, " over {} requests, limit {limit}", words::count(*requests))
            }
            question => question.ask(f),
        }
    }
}

impl Said {
    /// The sentences of questions.
    fn ask(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::BelowLimit { limit, canary, state } => {
                write!(f, "error rate at most {}: {}; {state}", words::percent(*limit), errors(*canary))
            }
            Said::BelowStable { canary, stable, state } => write!(
                f,
                "error rate below 1.5 times stable's plus 0.5 points: {} against stable {}; {state}",
                errors(*canary),
                words::share(stable.1 as f64, stable.0 as f64),
            ),
            Said::NotSlower { seen, threshold_ms, state } => write!(
                f,
                "p90 less than 25 % above stable's: {} of the canary's requests above {} against {} of stable's above its p90; {state}",
                words::share(seen.s_t, seen.n_t),
                words::millis(*threshold_ms),
                words::share(seen.s_c, seen.n_c),
            ),
            _ => Ok(()),
        }
    }
}
