//! The health score of contract section 5: 0.4 errors + 0.3 response time + 0.3 satisfaction.
//!
//! Without a request there is no score; it is never 100 by default.

use fw_model::Counts;

/// Name of the custom metric (0 to 100) that replaces Apdex when a service reports it.
pub const SATISFACTION_METRIC: &str = "user_satisfaction";

/// The score and its three parts, each 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HealthParts {
    /// 0.4 · errors + 0.3 · response + 0.3 · satisfaction.
    pub score: f64,
    /// 100 − 10 · error rate in percent.
    pub errors: f64,
    /// 100 − (mean ms − 100) / 10.
    pub response: f64,
    /// 100 · Apdex, or the service's own metric.
    pub satisfaction: f64,
}

/// The score from its three inputs: errors in percent, mean response time in ms, satisfaction 0 to 100.
pub(crate) fn score(error_percent: f64, mean_ms: f64, satisfaction: f64) -> HealthParts {
    let errors = (100.0 - 10.0 * error_percent).clamp(0.0, 100.0);
    let response = (100.0 - (mean_ms - 100.0) / 10.0).clamp(0.0, 100.0);
    let satisfaction = satisfaction.clamp(0.0, 100.0);
    HealthParts { score: 0.4 * errors + 0.3 * response + 0.3 * satisfaction, errors, response, satisfaction }
}

/// Satisfaction 0 to 100: the service's own metric if it reports one, else Apdex; none without requests.
pub(super) fn satisfaction_of(counts: &Counts) -> Option<f64> {
    let own = counts.metrics.get(SATISFACTION_METRIC).filter(|m| m.count > 0);
    match own {
        Some(m) => Some((m.sum / m.count as f64).clamp(0.0, 100.0)),
        None => counts.apdex_score().map(|apdex| 100.0 * apdex),
    }
}

/// The health of these counts; none without requests.
pub fn health_of(counts: &Counts) -> Option<HealthParts> {
    let errors = counts.error_rate_percent()?;
    // Requests that all failed to connect have no response time: the part is then neutral at its best,
    // the error part says it all.
    let mean = counts.mean_ms().unwrap_or(0.0);
    Some(score(errors, mean, satisfaction_of(counts)?))
}

#[cfg(test)]
mod tests {
    use fw_model::{Apdex, MetricSums};

    use super::*;

    #[test]
    fn the_formula_is_the_contracts() {
        let parts = score(0.24, 145.0, 96.2);
        assert!((parts.errors - 97.6).abs() < 1e-9);
        assert!((parts.response - 95.5).abs() < 1e-9);
        assert!((parts.score - (0.4 * 97.6 + 0.3 * 95.5 + 0.3 * 96.2)).abs() < 1e-9);
        assert_eq!(score(50.0, 9000.0, 0.0).score, 0.0);
        assert_eq!(score(0.0, 1.0, 100.0).score, 100.0);
    }

    #[test]
    fn without_a_request_there_is_no_score() {
        assert_eq!(health_of(&Counts::default()), None);
    }

    #[test]
    fn the_services_own_satisfaction_wins_over_apdex() {
        let apdex = Apdex { satisfied: 8, tolerating: 2 };
        let mut counts = Counts { requests: 10, apdex, ..Counts::default() };
        assert_eq!(satisfaction_of(&counts), Some(90.0));
        counts
            .metrics
            .insert(SATISFACTION_METRIC.into(), MetricSums { count: 2, sum: 150.0, sum_squares: 0.0 });
        assert_eq!(satisfaction_of(&counts), Some(75.0));
    }
}
