//! The figures against the published ones, and the warnings of plans that are too hasty.

use std::time::Duration;

use fw_model::Percent;

use super::*;

fn seed() -> Plan {
    Plan::seed("checkout".parse().unwrap())
}

fn at(rps: f64) -> Demand {
    Demand { rps: Some(rps), base_errors: 0.001, phi: Discounts::NONE }
}

#[test]
fn showing_health_needs_what_the_tables_say() {
    // Without errors; published for a limit of 1, 0.5, 0.3 and 0.1 %.
    for (limit, requests) in [(0.01, 362.0), (0.005, 726.0), (0.003, 1211.0), (0.001, 3634.0)] {
        assert_eq!(evidence::requests_under_limit(limit, 0.0), Some(requests));
    }
    assert_eq!(evidence::requests_under_limit(0.001, 0.001), None);
    // Published: 1.5 x + 0.5 points at 0.1 % needs about 1040.
    let compared = evidence::requests_beside_stable(0.05, 0.001).unwrap();
    assert!((compared / 1040.0 - 1.0).abs() < 0.15, "{compared}");
}

#[test]
fn finding_a_regression_needs_about_what_was_measured() {
    let plan = seed();
    // Measured means at 5 % of 500 req/s: error rate, canary requests.
    for (rate, measured) in [(0.005, 2597.0), (0.01, 770.0), (0.02, 307.0), (0.05, 114.0), (0.2, 37.0)] {
        let expected = requests_to_find(&plan, 0.05, rate, 0.001, Discounts::NONE).unwrap();
        assert!((expected / measured - 1.0_f64).abs() < 0.4, "{rate}: {expected} {measured}");
    }
    assert_eq!(
        requests_to_find(&plan, 1.0, 0.005, 0.001, Discounts::NONE),
        None,
        "below the limit, and nothing to compare with"
    );
    let smallest = evidence::smallest_found(&plan, 0.05, 770.0, 0.001, Discounts::NONE).unwrap();
    assert!((0.005..0.02).contains(&smallest), "{smallest}");
}

#[test]
fn a_phase_with_six_requests_is_told_that_it_proves_nothing() {
    let mut plan = seed();
    plan.phases[0].criteria = fw_model::plan::SuccessCriteria { error_rate: Some(1.0), ..Default::default() };
    let seen = outlook(&plan, at(1.0));
    let first = &seen.phases[0];
    assert!((first.canary_requests.unwrap() - 6.0).abs() < 1e-9);
    let text = &seen.warnings.iter().find(|w| w.phase == Some(0)).unwrap().text;
    assert!(
        text.starts_with("5 % of 60 req/min for 2 min is 6 requests: this phase can prove nothing"),
        "{text}"
    );
    assert!(text.contains("it needs") && text.contains("it holds"), "{text}");
    assert!(first.seconds_to_show.unwrap() > 2.0 * 3600.0);
}

#[test]
fn a_criterion_below_stables_own_errors_is_named() {
    let seen = outlook(&seed(), at(5000.0));
    let last = seen.warnings.iter().find(|w| w.phase == Some(3)).unwrap();
    assert!(last.text.contains("at most 0.1 % can't be shown while stable itself fails 0.1 %"), "{last:?}");
    assert_eq!((seen.expected_seconds, seen.phases[3].requests_to_show), (None, None));
}

#[test]
fn enough_traffic_and_a_sane_plan_get_no_warning() {
    let mut plan = seed();
    plan.phases[3].criteria.error_rate = Some(0.3);
    let seen = outlook(&plan, at(1000.0));
    assert_eq!(seen.warnings, vec![]);
    assert!((seen.expected_seconds.unwrap() - 14.0 * 60.0).abs() < 1.0, "{:?}", seen.expected_seconds);
    assert_eq!(seen.phases[1].not_counted, ["healthScore"]);
}

#[test]
fn without_a_rate_there_are_requests_and_no_times() {
    let mut plan = seed();
    plan.phases[1].criteria = fw_model::plan::SuccessCriteria::default();
    let seen = outlook(&plan, Demand { rps: None, base_errors: 0.0, phi: Discounts::NONE });
    assert!(seen.phases.iter().all(|p| p.canary_requests.is_none() && p.seconds_to_show.is_none()));
    let names: Vec<_> = seen.phases[1].questions.iter().map(|q| q.name).collect();
    assert_eq!(names, ["errorRate", "errorsVsStable"]);
    assert!(seen.phases[0].requests_to_show.is_some());
}

#[test]
fn policies_that_weaken_the_plan_are_told() {
    let mut plan = seed();
    plan.enable_rollback = false;
    plan.triggers.error_rate = None;
    plan.analysis.evidence = Evidence::Observed;
    plan.phases[0].duration = Duration::from_secs(1);
    plan.phases[0].percentage = Percent::new(0.001).unwrap();
    let seen = outlook(&plan, at(10.0));
    assert_eq!(seen.warnings.iter().filter(|w| w.phase.is_none()).count(), 3);
    assert!(
        seen.warnings.iter().any(|w| w.phase == Some(0) && w.text.contains("fails 5 %")),
        "{:?}",
        seen.warnings
    );
}

#[test]
fn what_clusters_cost_is_in_the_figures_and_in_words() {
    let mut plan = seed();
    plan.canary.urls = vec!["http://127.0.0.1:9001".into()];
    let clustered = Demand { phi: Discounts { errors: 100.0, batches: 9.0 }, ..at(500.0) };
    let (usual, slow) = (outlook(&plan, at(500.0)), outlook(&plan, clustered));
    let five = |seen: &Outlook| seen.phases[0].detection[1].seconds.unwrap();
    assert!(five(&slow) > 4.0 * five(&usual), "{} {}", five(&slow), five(&usual));
    assert!(usual.notes.len() == 1 && usual.notes[0].starts_with("one canary instance"), "{:?}", usual.notes);
    assert!(slow.notes.len() == 2 && slow.notes[1].contains("φ 100; batches 9"), "{:?}", slow.notes);
    plan.analysis.clustering = fw_model::plan::Clustering::Ignore;
    assert!(outlook(&plan, clustered).notes[0].starts_with("clustering: ignore"));
}
