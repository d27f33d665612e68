//! Traffic as a server sees it: two looks at the running rollout, a few seconds apart.
//!
//! The API tells requests of the present phase, not a rate; without a running rollout there is nothing to see.

use std::time::{Duration, Instant};

use fw_api::status::{CurrentPhase, Status};
use fw_sim::Discounts;

use crate::args::Global;
use crate::client::escape;
use crate::commands::{block_on, client, named_server};
use crate::failure::Failure;

/// Time between the two looks.
const APART: Duration = Duration::from_secs(3);
/// Stable's errors are believed from this many requests on.
const BASE_REQUESTS_MIN: u64 = 1000;

/// What a server sees of a service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Observed {
    /// Requests a second, both versions.
    pub(super) rps: f64,
    /// Errors of stable, a fraction, if there were enough requests to say.
    pub(super) base_errors: Option<f64>,
    /// How clustered stable's failures are, if the server says so.
    pub(super) phi: Option<Discounts>,
}

/// The traffic of a service's running rollout; none when there is none, or when no server was named and none answers.
pub(super) fn observe(service: &str, global: &Global) -> Result<Option<Observed>, Failure> {
    let client = client(global)?;
    let path = format!("/status?rollout={}", escape(service));
    let look = async || -> Result<Option<CurrentPhase>, Failure> {
        match client.get(&path).await {
            Ok(value) => {
                Ok(serde_json::from_value::<Status>(value).ok().and_then(|status| status.current_phase))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    };
    let result = block_on(async {
        let Some(first) = look().await? else { return Ok(None) };
        let since = Instant::now();
        tokio::time::sleep(APART).await;
        let second = look().await?;
        let Some(seen) = second.and_then(|second| compare(&first, &second, since.elapsed())) else {
            return Ok(None);
        };
        let detail = client.get(&format!("/api/v1/rollouts/{}", escape(service))).await.unwrap_or_default();
        Ok(Some(Observed { phi: phi(&detail), ..seen }))
    });
    match result {
        Err(Failure::Unreachable(_)) if named_server(global).is_none() => Ok(None),
        other => other,
    }
}

/// φ of errors and of their batches, as the findings of a rollout tell it.
fn phi(detail: &serde_json::Value) -> Option<Discounts> {
    let findings = detail.get("findings")?.as_array()?;
    let of = |name: &str| findings.iter().find(|f| f["name"] == name)?.get("phi")?.as_f64();
    Some(Discounts { errors: of("errorsVsStable")?, batches: of("errorsVsStable batches").unwrap_or(1.0) })
}

fn compare(first: &CurrentPhase, second: &CurrentPhase, apart: Duration) -> Option<Observed> {
    let served = |phase: &CurrentPhase| {
        phase.metrics.requests_served + phase.baseline.as_ref().map_or(0, |stable| stable.requests_served)
    };
    let more = served(second).checked_sub(served(first)).filter(|n| *n > 0)?;
    let stable = second.baseline.as_ref().filter(|stable| stable.requests_served >= BASE_REQUESTS_MIN);
    Some(Observed {
        rps: more as f64 / apart.as_secs_f64(),
        base_errors: stable.and_then(|stable| stable.error_rate).map(|percent| percent / 100.0),
        phi: None,
    })
}

#[cfg(test)]
mod tests {
    use fw_api::status::PhaseMetrics;

    use super::*;

    fn phase(canary: u64, stable: Option<u64>) -> CurrentPhase {
        let metrics = |n| PhaseMetrics {
            requests_served: n,
            error_rate: Some(0.2),
            response_time: None,
            user_satisfaction: None,
        };
        CurrentPhase {
            id: 0,
            description: String::new(),
            percentage: 5.0,
            risk_score: 0.0,
            metrics: metrics(canary),
            baseline: stable.map(metrics),
        }
    }

    #[test]
    fn a_rate_is_what_came_in_between() {
        let three = Duration::from_secs(3);
        let seen = compare(&phase(10, Some(1000)), &phase(25, Some(1285)), three).unwrap();
        assert_eq!(seen, Observed { rps: 100.0, base_errors: Some(0.002), phi: None });
        let full = compare(&phase(10, None), &phase(40, None), three).unwrap();
        assert_eq!(full, Observed { rps: 10.0, base_errors: None, phi: None });
        assert_eq!(compare(&phase(10, None), &phase(10, None), three), None);
        assert_eq!(compare(&phase(10, None), &phase(1, None), three), None, "another phase began");
    }

    #[test]
    fn clusters_are_those_of_the_two_tests_of_errors() {
        let detail = serde_json::json!({"findings": [
            {"name": "errorsVsStable", "phi": 42.0}, {"name": "errorsVsStable batches", "phi": 3.5},
        ]});
        assert_eq!(phi(&detail), Some(Discounts { errors: 42.0, batches: 3.5 }));
        assert_eq!(phi(&serde_json::json!({"findings": []})), None);
    }
}
