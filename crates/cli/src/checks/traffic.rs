//! Whether there is traffic enough for what the plan wants to see proven: `fw plan check`, as findings and as times for a fix.

use std::time::Duration;

use fw_model::Plan;
use fw_model::release::Finding;
use fw_sim::{Demand, Discounts, outlook};

use super::Source;

/// The check's name.
const CHECK: &str = "plan";

/// Errors of stable where nothing is known, a fraction.
pub(crate) const BASE_ERRORS_DEFAULT: f64 = 0.001;

/// Longest time a phase is stretched to. A phase that needs more has too little traffic, and that is for a person.
const STRETCH_MAX: Duration = Duration::from_secs(86_400);

/// What `fw plan check` warns of; fixable where a longer phase would be enough.
pub(super) fn check(source: &Source, plan: &Plan, rps: Option<f64>) -> Vec<Finding> {
    let demand = Demand { rps, base_errors: BASE_ERRORS_DEFAULT, phi: Discounts::NONE };
    let needed = rps.map_or(vec![], |rps| durations_needed(plan, rps));
    let assumed = 100.0 * BASE_ERRORS_DEFAULT;
    let mut findings = vec![];
    if rps.is_none() {
        let message =
            "no rate of requests is known, so what the phases can prove is not: give --requests-per-second";
        findings.push(Finding::info(CHECK, message));
    }
    for warning in outlook(plan, demand).warnings {
        let Some(i) = warning.phase else {
            findings.push(Finding::warning(CHECK, warning.text));
            continue;
        };
        // What is said of a phase rests on how much there is to see. Without that it would be a guess.
        if rps.is_none() {
            continue;
        }
        let message =
            format!("phase {i}: {} ({} % of stable's requests are taken to fail)", warning.text, assumed);
        let finding =
            source.place(Finding::warning(CHECK, message), &format!("rollout.phases[{i}].duration"));
        // Phases that stand in no file are the defaults, and can't be changed in it.
        let grows =
            needed.get(i).zip(plan.phases.get(i)).is_some_and(|(needed, phase)| *needed > phase.duration);
        findings.push(Finding { fixable: grows && finding.place.is_some(), ..finding });
    }
    findings
}

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
