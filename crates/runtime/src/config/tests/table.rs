//! The table is what the code does: defaults, the schema, the reference page.

use expect_test::expect_file;

use super::good::load;
use crate::config::section::ROOT;
use crate::config::table::{Kind, Section, table_faults};
use crate::config::{load_json, reference_markdown, schema};

#[test]
fn the_table_is_sound() {
    assert_eq!(table_faults(&ROOT), Default::default());
}

#[test]
fn defaults_are_what_the_table_says() {
    let without = load("service: a\ntraffic: { router: sdk }\n");
    let mut tried = 0;
    defaults(&ROOT, &mut vec![], &mut |path, default| {
        if path == ["service"] {
            return;
        }
        let mut value = default.clone();
        for key in path.iter().rev() {
            value = serde_json::json!({ *key: value });
        }
        value["service"] = "a".into();
        if path == ["traffic", "listen"] {
            // Only the proxy listens; its default is checked in `good`.
            return;
        }
        let with = load_json(&value, None).unwrap_or_else(|faults| panic!("{path:?}: {faults}"));
        assert_eq!(with, without, "{path:?}");
        tried += 1;
    });
    assert!(tried >= 15, "only {tried} defaults were tried");
}

/// Calls `each` with every key outside lists and its JSON default.
fn defaults(
    section: &'static Section,
    path: &mut Vec<&'static str>,
    each: &mut dyn FnMut(&[&'static str], &serde_json::Value),
) {
    for key in section.keys {
        path.push(key.name);
        if let Some(default) = key.default.and_then(|d| serde_json::from_str(d).ok()) {
            each(path, &default);
        }
        // A default inside a section that needs other keys can't stand there alone.
        if let Kind::Section(below) = &key.kind
            && below.keys.iter().all(|key| !key.required)
        {
            defaults(below, path, each);
        }
        path.pop();
    }
}

#[test]
fn the_schema_knows_every_key_and_its_default() {
    let schema = schema();
    let rollout = &schema["anyOf"][0]["properties"]["rollout"]["properties"];
    assert_eq!(rollout["riskThreshold"]["default"], 70);
    assert_eq!(rollout["riskThreshold"]["maximum"], 100.0);
    assert_eq!(rollout["phases"]["items"]["required"], serde_json::json!(["percentage", "duration"]));
    assert_eq!(schema["anyOf"][1]["properties"]["port"]["type"], "integer");
    let routers = &schema["anyOf"][0]["properties"]["traffic"]["properties"]["router"]["enum"];
    assert_eq!(routers, &serde_json::json!(["proxy", "sdk"]));
}

#[test]
fn the_reference_page_is_up_to_date() {
    expect_file![concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/config.md")]
        .assert_eq(&reference_markdown());
}
