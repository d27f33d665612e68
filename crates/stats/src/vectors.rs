//! The reference vectors as a test: every section within 1e-9, and wrong formulas are caught.
//!
//! The comparison itself is the example `vectors`, which reads any other file of the same form.

use crate::plant::{self, Bug};

#[path = "../examples/vectors/main.rs"]
#[allow(dead_code)]
mod example;

const ANALYSIS: &str = include_str!("../tests/vectors/analysis.json");

/// The sections that are further off than allowed.
fn wrong(bug: Option<Bug>) -> Vec<String> {
    let file = serde_json::from_str(ANALYSIS).expect("the vectors are JSON");
    let results = plant::with(bug, || example::compare(&file));
    assert_eq!(results.len(), 12);
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
