//! A phase: a share of traffic held for a time, and what must be true to leave it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::release::Gate;
use crate::{Percent, Weight};

/// Default Apdex target T where a phase names no response time, ms.
const APDEX_TARGET_DEFAULT_MS: f64 = 500.0;
/// `maxDuration` is at least this where it is not given.
const MAX_DURATION_FLOOR: Duration = Duration::from_secs(600);

/// Most gates of a phase or step.
pub const GATES_MAX: usize = 16;

/// A share of traffic held for a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// What the config calls it; echoed, never computed with.
    pub id: i64,
    /// The canary's share, above 0.
    pub percentage: Percent,
    /// Shortest watched time in the phase.
    pub duration: Duration,
    /// Longest watched time with an unanswered question; none = the larger of twice the duration and 10 min.
    pub max_duration: Option<Duration>,
    /// 0 to 100, as judged by the author of the plan; shown, never deciding.
    pub risk_score: f64,
    /// In a person's words.
    pub description: String,
    /// What must be shown before the phase ends.
    pub criteria: SuccessCriteria,
    /// What must say yes beside the measurements before the phase ends; asked from its beginning. At most [`GATES_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
}

/// What a phase demands. All optional; without any, the rollback limit and stable are the yardstick.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct SuccessCriteria {
    /// Errors at most, percent of requests.
    pub error_rate: Option<f64>,
    /// Mean response time at most, ms.
    pub response_time: Option<f64>,
    /// Health score at least, 0 to 100.
    pub health_score: Option<f64>,
}

impl SuccessCriteria {
    /// Whether nothing is demanded.
    pub fn is_empty(&self) -> bool {
        self.error_rate.is_none() && self.response_time.is_none() && self.health_score.is_none()
    }
}

impl Phase {
    /// The canary's share as a weight.
    pub fn weight(&self) -> Weight {
        self.percentage.weight()
    }

    /// Whether all traffic goes to the canary.
    pub fn is_full(&self) -> bool {
        self.weight() == Weight::FULL
    }

    /// Longest watched time with an unanswered question.
    pub fn max_duration(&self) -> Duration {
        self.max_duration.unwrap_or_else(|| (self.duration * 2).max(MAX_DURATION_FLOOR))
    }

    /// Apdex target T, ms: the phase's response-time limit, or 500.
    pub fn apdex_target_ms(&self) -> f64 {
        self.criteria.response_time.unwrap_or(APDEX_TARGET_DEFAULT_MS)
    }
}

/// The four phases of the seed document.
pub(super) fn seed_phases() -> Vec<Phase> {
    let phase = |id: i64, percent: f64, minutes: u64, risk: f64, description: &str, criteria| Phase {
        id,
        percentage: Percent::try_from(percent).expect("constant in range"),
        duration: Duration::from_secs(60 * minutes),
        max_duration: None,
        risk_score: risk,
        description: description.into(),
        criteria,
        gates: vec![],
    };
    let errors_and_health = |error_rate, health_score| SuccessCriteria {
        error_rate: Some(error_rate),
        response_time: None,
        health_score: Some(health_score),
    };
    let first = SuccessCriteria { error_rate: Some(1.0), response_time: Some(500.0), health_score: None };
    vec![
        phase(0, 5.0, 2, 65.0, "Initial canary", first),
        phase(1, 25.0, 3, 55.0, "Limited rollout", errors_and_health(0.5, 85.0)),
        phase(2, 50.0, 4, 45.0, "Balanced rollout", errors_and_health(0.3, 90.0)),
        phase(3, 100.0, 5, 35.0, "Full deployment", errors_and_health(0.1, 95.0)),
    ]
}
