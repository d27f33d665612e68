//! `GET /status`: the seed's shape, plus more keys, never fewer (contract section 4).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a rollout is doing, in one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The seed's counters.
    pub state: State,
    /// The phase it stands in; null at stable and before any rollout.
    pub current_phase: Option<CurrentPhase>,
    /// (phases done + share of this phase's duration) / phases, percent.
    pub progress: f64,
    /// Health score, 0 to 100, one decimal; null without canary requests.
    pub health: Option<f64>,
    /// Local time of day such as `3:45 PM`; null while waiting for anything without an ETA.
    pub estimated_completion: Option<String>,
    /// The same, RFC 3339.
    pub estimated_completion_at: Option<String>,
    /// Service, or `service@region`; null before any rollout.
    pub rollout: Option<String>,
    /// The run, such as `checkout.3`.
    pub run: Option<String>,
    /// Its region.
    pub region: Option<String>,
    /// none, pending, running, paused, rolling_back, rolled_back, completed or aborted.
    pub status: String,
    /// healthy, inconclusive or degraded; null before any rollout.
    pub verdict: Option<String>,
    /// Risk 0 to 100 now; shown, never deciding.
    pub risk: Option<f64>,
    /// Why it stands still.
    pub waiting_on: Vec<WaitingOn>,
    /// What routers were told.
    pub split: Option<SplitStatus>,
}

/// The seed's counters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Position of the phase from 0; null at stable.
    pub current_phase: Option<u64>,
    /// Whether the rollout is under way.
    pub is_running: bool,
    /// Whether a person paused it.
    pub is_paused: bool,
    /// As `health`.
    pub overall_health: Option<f64>,
    /// Canary requests over the rollout.
    pub total_requests: u64,
    /// Canary errors over the rollout.
    pub total_errors: u64,
}

/// The phase it stands in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CurrentPhase {
    /// As in the config.
    pub id: i64,
    /// As in the config.
    pub description: String,
    /// Percent of traffic.
    pub percentage: f64,
    /// As in the config.
    pub risk_score: f64,
    /// The canary in this phase.
    pub metrics: PhaseMetrics,
    /// Stable in the same seconds; null at 100 %.
    pub baseline: Option<PhaseMetrics>,
}

/// What was measured in this phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhaseMetrics {
    /// Requests with an outcome.
    pub requests_served: u64,
    /// Errors, percent of requests; null without requests.
    pub error_rate: Option<f64>,
    /// Mean response time, ms.
    pub response_time: Option<f64>,
    /// 0 to 100.
    pub user_satisfaction: Option<f64>,
}

/// One reason for standing still.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitingOn {
    /// duration, evidence, criterion, gate, source, srm, concentrated, person or router.
    pub kind: String,
    /// In words.
    pub text: String,
    /// RFC 3339.
    pub since: String,
    /// Seconds until it is expected to be over, if that can be told.
    pub eta_seconds: Option<u64>,
}

/// What routers were told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SplitStatus {
    /// The epoch.
    pub epoch: u64,
    /// The canary's share, 1/100 000.
    pub canary: u32,
}

impl Status {
    /// Before any rollout: every key present, nothing running.
    pub fn none() -> Status {
        Status {
            state: State {
                current_phase: None,
                is_running: false,
                is_paused: false,
                overall_health: None,
                total_requests: 0,
                total_errors: 0,
            },
            current_phase: None,
            progress: 0.0,
            health: None,
            estimated_completion: None,
            estimated_completion_at: None,
            rollout: None,
            run: None,
            region: None,
            status: "none".into(),
            verdict: None,
            risk: None,
            waiting_on: vec![],
            split: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_any_rollout_every_key_is_there() {
        let value = serde_json::to_value(Status::none()).unwrap();
        for key in [
            "state",
            "currentPhase",
            "progress",
            "health",
            "estimatedCompletion",
            "waitingOn",
            "split",
            "verdict",
        ] {
            assert!(value.get(key).is_some(), "{key}");
        }
        assert_eq!(value["progress"], 0.0);
        assert!(value["currentPhase"].is_null());
    }
}
