//! How a demo ends, and how its fault foretells that it will.

use std::time::Duration;

use fw_api::Status;
use fw_model::Plan;

use crate::args::Fault;

/// How a demo ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// All traffic on the canary.
    Completed,
    /// All traffic back on stable.
    RolledBack,
    /// A question stayed open.
    Held,
    /// It went on for too long.
    TooLong,
    /// A person stopped it.
    Interrupted,
}

impl End {
    pub(super) fn words(self) -> &'static str {
        match self {
            End::Completed => "a completed rollout",
            End::RolledBack => "a rollback",
            End::Held => "a hold",
            End::TooLong => "without a decision in time",
            End::Interrupted => "by a signal",
        }
    }
}

/// The end that a status is, if it is one.
pub(super) fn end_of(status: &Status) -> Option<End> {
    match status.status.as_str() {
        "completed" => Some(End::Completed),
        "rolled_back" | "aborted" => Some(End::RolledBack),
        _ => None,
    }
}

/// What the plan's own limits say of a fault: over a trigger, back; over a criterion only, held.
pub(super) fn foretell(plan: &Plan, fault: Fault) -> End {
    let (errors, mean) = match fault {
        Fault::None => (0.0, 0.0),
        Fault::ErrorRate(percent) => (percent, 0.0),
        Fault::Latency(more) => (0.0, more.as_secs_f64() * 1000.0),
    };
    let target = plan.phases.first().map_or(500.0, |p| p.apdex_target_ms());
    let apdex = if mean <= target {
        1.0
    } else if mean <= 4.0 * target {
        0.5
    } else {
        0.0
    };
    let score = 0.4 * (100.0 - 10.0 * errors).clamp(0.0, 100.0)
        + 0.3 * (100.0 - (mean - 100.0) / 10.0).clamp(0.0, 100.0)
        + 0.3 * 100.0 * apdex * (1.0 - errors / 100.0);
    let over = |limit: Option<f64>, value: f64| limit.is_some_and(|limit| value > limit);
    let triggers = &plan.triggers;
    if over(triggers.error_rate, errors)
        || over(triggers.response_time, mean)
        || triggers.health.is_some_and(|h| score < h)
    {
        return End::RolledBack;
    }
    let open = plan.phases.iter().any(|phase| {
        let criteria = &phase.criteria;
        over(criteria.error_rate, errors)
            || over(criteria.response_time, mean)
            || criteria.health_score.is_some_and(|h| score < h)
    });
    if open { End::Held } else { End::Completed }
}

/// The fault as it was typed.
pub(super) fn fault_words(fault: Fault) -> String {
    match fault {
        Fault::None => "none".into(),
        Fault::ErrorRate(percent) => format!("{percent} % errors"),
        Fault::Latency(more) => format!("+{} ms", Duration::as_millis(&more)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_foretell_the_end() {
        let plan = Plan::seed("shop".parse().unwrap());
        let end = |fault| foretell(&plan, fault);
        assert_eq!(end(Fault::None), End::Completed);
        assert_eq!(end(Fault::ErrorRate(20.0)), End::RolledBack);
        assert_eq!(end(Fault::ErrorRate(0.7)), End::Held);
        assert_eq!(end(Fault::ErrorRate(0.01)), End::Completed);
        assert_eq!(end(Fault::Latency(Duration::from_millis(800))), End::RolledBack);
        assert_eq!(end(Fault::Latency(Duration::from_millis(20))), End::Completed);
    }
}
