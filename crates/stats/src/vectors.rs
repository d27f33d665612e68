//! The reference vectors as a test: every section within 1e-9, and wrong formulas are caught.
//!
//! The comparison itself is the example `vectors`, which reads any other file of the same form.

use crate::plant::{self, Bug};

#[path = "../examples/vectors/main.rs"]
#[allow(dead_code)]
mod example;

/// The files, and how many sections each has.
const FILES: [(&str, usize); 2] = [
    (include_str!("../tests/vectors/analysis.json"), 12),
    (include_str!("../tests/vectors/clustering.json"), 1),
];

/// The sections that are further off than allowed.
fn wrong(bug: Option<Bug>) -> Vec<String> {
    FILES.iter().flat_map(|(file, sections)| wrong_in(file, *sections, bug)).collect()
}

fn wrong_in(file: &str, sections: usize, bug: Option<Bug>) -> Vec<String> {
    let file = serde_json::from_str(file).expect("the vectors are JSON");
    let results = plant::with(bug, || example::compare(&file));
    assert_eq!(results.len(), sections);
    assert!(results.iter().all(|(_, worst)| worst.compared > 0));
    results.into_iter().filter(|(_, worst)| worst.error > example::TOLERANCE).map(|(name, _)| name).collect()
}

#[test]
fn every_section_is_within_a_billionth() {
    assert_eq!(wrong(None), Vec::<String>::new());
}

#[test]
fn evidence_without_a_reserve_is_caught() {
    let caught = wrong(Some(Bug::NoReserve));
    assert!(
        caught.contains(&"two_sample_streams".into()) && caught.contains(&"limit_streams".into()),
        "{caught:?}"
    );
}

#[test]
fn a_nominal_share_in_place_of_the_real_one_is_caught() {
    assert!(wrong(Some(Bug::NominalShare)).contains(&"two_sample_block".into()));
}

#[test]
fn a_block_used_before_it_is_closed_is_caught() {
    assert!(wrong(Some(Bug::OpenBlock)).contains(&"two_sample_streams".into()));
}

#[test]
fn a_forgotten_delta_is_caught() {
    assert!(wrong(Some(Bug::DeltaForgotten)).contains(&"two_sample_block".into()));
}

#[test]
fn a_block_that_sees_its_own_clusters_is_caught() {
    assert_eq!(wrong(Some(Bug::PhiAtClose)), ["overdispersion_streams"]);
}

#[test]
fn a_missing_placebo_is_caught() {
    assert_eq!(wrong(Some(Bug::NoPlacebo)), ["overdispersion_streams"]);
}

#[test]
fn failures_that_leave_the_requests_are_caught() {
    assert_eq!(wrong(Some(Bug::UncountedDropped)), ["overdispersion_streams"]);
}

#[test]
fn a_section_that_is_not_known_is_a_failure() {
    let file = serde_json::json!({ "meta": {}, "overdispersion_stream": [] });
    let results = example::compare(&file);
    assert!(results.iter().all(|(_, worst)| worst.error > example::TOLERANCE || worst.compared == 0));
}
