//! The policies of a plan: what rolls back, and how verdicts are reached.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What rolls back. `None` = this trigger is off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RollbackTriggers {
    /// Health score (0 to 100) below which the rollout goes back to the last healthy phase. Default 70.
    pub health: Option<f64>,
    /// Errors (percent of requests) above which it goes back to stable. Default 1.
    pub error_rate: Option<f64>,
    /// Mean response time (ms) above which an alert is raised, and, once proven, it goes back to stable. Default 1000.
    pub response_time: Option<f64>,
}

impl Default for RollbackTriggers {
    fn default() -> Self {
        RollbackTriggers { health: Some(70.0), error_rate: Some(1.0), response_time: Some(1000.0) }
    }
}

/// What must be known before a phase ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// Each gating question must be shown at level β.
    #[default]
    Proven,
    /// Point estimates on at least ten canary requests do; no bound holds for "healthy".
    Observed,
}

/// What follows when a question stays unanswered for `maxDuration`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnInconclusive {
    /// Wait for a person.
    #[default]
    Hold,
    /// Go on all the same.
    Advance,
    /// Go back to stable.
    Rollback,
}

/// What follows when both versions break the limit and the canary is not shown to be the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnSharedBreach {
    /// Hold and alert: a dependency is probably down.
    #[default]
    Hold,
    /// Roll back all the same.
    Rollback,
}

/// What follows when the canary is shown to be worse and stable is over its limit too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnNoSafeTarget {
    /// Roll back, with an alert: the lesser evil.
    #[default]
    Rollback,
    /// Hold and alert.
    Hold,
}

/// What follows when failures come from one instance or few keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnConcentrated {
    /// Hold and alert, naming it.
    #[default]
    Hold,
    /// Roll back all the same.
    Rollback,
}

/// Whether evidence is discounted for failures that come in clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clustering {
    /// Discount by the dispersion measured on stable.
    #[default]
    Discount,
    /// Take requests as independent.
    Ignore,
}

/// How verdicts are reached.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AnalysisPolicy {
    /// What must be known before a phase ends.
    pub evidence: Evidence,
    /// When a question stays unanswered.
    pub on_inconclusive: OnInconclusive,
    /// When both versions break the limit.
    pub shared_breach: OnSharedBreach,
    /// When the canary is worse and stable is bad too.
    pub no_safe_target: OnNoSafeTarget,
    /// When failures are concentrated.
    pub on_concentrated: OnConcentrated,
    /// Discount for clustered failures.
    pub clustering: Clustering,
    /// Largest probability of a false automatic rollback, per attempt. In (0, 0.5]. Default 0.01.
    pub alpha: f64,
    /// A canary request counts as slower than stable only when it is slower by this, ms, and by one
    /// bucket of the histogram (4.4 %). Default 5.
    pub latency_floor_ms: f64,
    /// After a change of the share, comparisons with stable wait this long (or a quarter of the phase, if that is
    /// shorter): cold caches and pools are no regression. Limits are watched from the first request. Default 5 s.
    pub warm_up: Duration,
}

/// Default of [`AnalysisPolicy::alpha`].
pub const ALPHA_DEFAULT: f64 = 0.01;
/// Default of [`AnalysisPolicy::latency_floor_ms`].
pub const LATENCY_FLOOR_DEFAULT_MS: f64 = 5.0;
/// Default of [`AnalysisPolicy::warm_up`].
pub const WARM_UP_DEFAULT: Duration = Duration::from_secs(5);
/// Probability of calling a bad canary proven healthy, per question and phase.
pub const BETA: f64 = 0.05;

impl Default for AnalysisPolicy {
    fn default() -> Self {
        AnalysisPolicy {
            evidence: Evidence::default(),
            on_inconclusive: OnInconclusive::default(),
            shared_breach: OnSharedBreach::default(),
            no_safe_target: OnNoSafeTarget::default(),
            on_concentrated: OnConcentrated::default(),
            clustering: Clustering::default(),
            alpha: ALPHA_DEFAULT,
            latency_floor_ms: LATENCY_FLOOR_DEFAULT_MS,
            warm_up: WARM_UP_DEFAULT,
        }
    }
}
