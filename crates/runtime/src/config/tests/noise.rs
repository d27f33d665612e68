//! Noise: whatever comes in, a config or faults come out, and what comes out is sound.

use proptest::prelude::*;

use super::good::{CONTRACT, FULL, SEED};
use crate::config::{load_file, load_json, load_str};

/// What must hold of any answer.
fn sound(text: &str) -> Result<(), TestCaseError> {
    match load_str("x", text, None) {
        Ok(config) => prop_assert!(config.plan.check().is_ok(), "{text:?}"),
        Err(faults) => {
            prop_assert!(!faults.list().is_empty());
            let escaped = faults.to_string().contains('\u{1b}');
            prop_assert!(!escaped);
            let lines = text.split('\n').count() + 1;
            for fault in faults.list() {
                prop_assert!(
                    fault.place.is_none_or(|p| (1..=lines).contains(&p.line) && p.column >= 1),
                    "{fault:?}"
                );
            }
        }
    }
    Ok(())
}

/// A good config with pieces cut out, doubled, or replaced by characters that mean something.
pub(in crate::config) fn mutated() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(""),
        Just("\n"),
        Just("  "),
        Just("\t"),
        Just(":"),
        Just("- "),
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just("&a "),
        Just("*a"),
        Just("!!"),
        Just("---\n"),
        Just("\""),
        Just("'"),
        Just("|\n"),
        Just("? "),
        Just("# "),
        Just("%"),
        Just("\\u"),
        Just("1e999"),
        Just("null"),
        Just("<<: "),
        Just("🚀"),
    ];
    let edit = (any::<prop::sample::Index>(), 0_usize..40, piece);
    (prop::sample::select(vec![CONTRACT, SEED, FULL]), prop::collection::vec(edit, 1..6)).prop_map(
        |(text, edits)| {
            let mut text: Vec<char> = text.chars().collect();
            for (at, length, piece) in edits {
                let at = at.index(text.len() + 1);
                let end = (at + length).min(text.len());
                text.splice(at..end, piece.chars());
            }
            text.into_iter().collect()
        },
    )
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let key = prop::sample::select(vec![
        "service",
        "versions",
        "stable",
        "url",
        "urls",
        "traffic",
        "router",
        "stickiness",
        "errors",
        "http",
        "rollout",
        "phases",
        "percentage",
        "duration",
        "rollbackTriggers",
        "health",
        "analysis",
        "alpha",
        "ofrep",
        "burst",
        "auth",
        "tokens",
        "roles",
        "environments",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_map(|n| serde_json::json!(n)),
        (0_i64..200).prop_map(Into::into),
        prop::sample::select(vec!["proxy", "none", "off", "90s", "http://a", "x", ""]).prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|m| m.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        // PROPTEST_CASES asks for more.
        cases: ProptestConfig::default().cases.max(512),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn mutated_configs_never_panic(text in mutated()) {
        sound(&text)?;
    }

    #[test]
    fn any_text_never_panics(text in "[ -~\n\t]{0,200}") {
        sound(&text)?;
    }

    #[test]
    fn punctuation_never_panics(text in "[{}\\[\\]:,&*!|>'\"%@`#?\\- \n\\\\a0~<=]{0,80}") {
        sound(&text)?;
    }

    #[test]
    fn any_unicode_never_panics(text in "\\PC{0,100}") {
        sound(&text)?;
    }

    #[test]
    fn any_json_never_panics(value in json()) {
        match load_json(&value, None) {
            Ok(config) => prop_assert!(config.plan.check().is_ok()),
            Err(faults) => prop_assert!(!faults.list().is_empty()),
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.yaml");
        std::fs::write(&path, &bytes).unwrap();
        if let Err(faults) = load_file(&path, None) {
            prop_assert!(!faults.to_string().is_empty());
        }
    }
}
