//! The bucketing rule against worked examples computed elsewhere (`vectors/split.json`).

use fw_model::split::{bucket_of, variant_of_bucket};
use fw_model::{Salt, Weight};

#[test]
fn every_worked_example_agrees() {
    let file: serde_json::Value = serde_json::from_str(include_str!("vectors/split.json")).unwrap();
    let rows = file["rows"].as_array().unwrap();
    assert!(rows.len() >= 20, "the vectors are there");
    for row in rows {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let number = |name: &str| u32::try_from(row[name].as_u64().unwrap()).unwrap();
        let salt = Salt::try_from(text("salt")).unwrap();
        let bucket = bucket_of(&salt, text("field").as_bytes());
        assert_eq!(bucket, number("bucket"), "{row}");
        let variant = variant_of_bucket(bucket, Weight::new(number("canaryWeight")).unwrap());
        assert_eq!(variant.as_str(), text("variant"), "{row}");
    }
}
