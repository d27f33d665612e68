//! The reference vectors, as a test: every section within 1e-9.

#[path = "../examples/vectors/main.rs"]
#[allow(dead_code)]
mod vectors;

#[test]
fn every_section_is_within_a_billionth() {
    let file = serde_json::from_str(include_str!("vectors/analysis.json")).expect("the vectors are JSON");
    let results = vectors::compare(&file);
    assert_eq!(results.len(), 12);
    for (name, worst) in results {
        assert!(worst.compared > 0 && worst.error <= 1e-9, "{name}: {worst:?}");
    }
}
