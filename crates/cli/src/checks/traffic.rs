//! Whether there is traffic enough for what the plan wants to see proven: `fw plan check`, as times a fix can use.

use std::time::Duration;

use fw_model::Plan;
use fw_sim::{Demand, Discounts, outlook};

/// Errors of stable where nothing is known, a fraction.
pub(crate) const BASE_ERRORS_DEFAULT: f64 = 0.001;

/// Longest time a phase is stretched to. A phase that needs more has too little traffic, and that is for a person.
const STRETCH_MAX: Duration = Duration::from_secs(86_400);

/// How long each phase of a plan needs to prove what it must, at so many requests a second of both versions.
///
/// Where that can't be said, never happens, or is longer than a day: as long as it is.
pub(crate) fn durations_needed(plan: &Plan, rps: f64) -> Vec<Duration> {
    let demand = Demand { rps: Some(rps), base_errors: BASE_ERRORS_DEFAULT, phi: Discounts::NONE };
    let needed = outlook(plan, demand).phases.into_iter().map(|phase| {
        let seconds = phase.seconds_to_show.filter(|s| *s <= STRETCH_MAX.as_secs_f64());
        Duration::from_secs_f64(seconds.unwrap_or(0.0).max(phase.duration_seconds))
    });
    needed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_traffic_needs_more_time_up_to_a_day() {
        let plan = Plan::seed("checkout".parse().unwrap());
        let written: Vec<Duration> = plan.phases.iter().map(|phase| phase.duration).collect();
        assert_eq!(durations_needed(&plan, 1e6), written);
        let needed = durations_needed(&plan, 10.0);
        assert!(needed[0] > written[0] && needed[0] < STRETCH_MAX, "{needed:?}");
        // Less than one request a minute: no phase becomes longer than a day for it.
        assert_eq!(durations_needed(&plan, 0.001), written);
    }
}
