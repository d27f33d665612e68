//! Random texts and random faults: no panic, no change of what is sound, and the same config afterwards.

use proptest::prelude::*;

use crate::config::tests::{CONTRACT, FULL, SEED};
use crate::config::{Facts, effective_json, fix, load_str};

/// A way to break a text that a fix undoes: what is looked for, and what is written instead.
const FAULTS: &[(&str, &str)] = &[
    ("percentage: 25,", "percentage: \"25\","),
    ("percentage: 50,", "percentage: 50 %,"),
    ("\"percentage\": 50,", "\"percentage\": \"50%\","),
    ("duration: 3,", "duration: 3 min,"),
    ("\"duration\": 3,", "\"duration\": \"3 minutes\","),
    ("riskThreshold: 70", "riskTreshold: 70"),
    ("\"riskThreshold\": 70", "\"riskTreshold\": 70"),
    ("riskThreshold: 85", "riskThreshold: '85'"),
    ("autoAdvance: true", "autoAdvance: on"),
    ("\"autoAdvance\": true", "\"autoAdvance\": \"true\""),
    ("evidence: proven", "evidence: porven"),
    ("router: proxy", "router: Proxy"),
    ("rollbackTriggers:", "rollbackTrigger:"),
    ("responseTime: 1000", "responseTime: 1s"),
    ("port: 3002\n", "port: 3002   \n"),
    ("percentage: 100, duration: 5, riskScore", "percentage: 100, duration: 5 min, riskscore"),
    ("sseEnabled: true", "sseEnabled: true\r"),
    ("stickiness: { cookie", "stickyness: { cookie"),
    ("roles: [operator]", "roles: operator"),
    ("  monitoringInterval: 30\n", "  monitoringInterval: 30 seconds\n"),
];

/// A sound text with some of the faults, and phases turned around.
fn broken() -> impl Strategy<Value = (String, String)> {
    let faults = prop::sample::subsequence(FAULTS.to_vec(), 0..8);
    (prop::sample::select(vec![CONTRACT, SEED]), faults, any::<bool>(), any::<bool>()).prop_map(
        |(sound, faults, turned, moved)| {
            let mut text = sound.to_owned();
            for (from, to) in faults {
                text = text.replacen(from, to, 1);
            }
            if turned {
                text = turn(&text);
            }
            if moved {
                text = text.replacen(", alpha: 0.01 }", " }", 1);
                text = text.replacen("\nrollout:", "\nalpha: 0.01\nrollout:", 1);
            }
            (sound.to_owned(), text)
        },
    )
}

/// The lines of the second and third phase change places, with their ids.
fn turn(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.contains("Limited rollout"));
    let Some(at) = at.filter(|at| lines[at + 1].contains("Balanced rollout")) else { return text.to_owned() };
    lines.swap(at, at + 1);
    let both = lines.join("\n") + "\n";
    both.replacen("id: 2", "id: 9", 1).replacen("id: 1", "id: 2", 1).replacen("id: 9", "id: 1", 1)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(256),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn fixable_faults_leave_no_trace((sound, broken) in broken()) {
        let fixed = fix("x", &broken, None, &Facts::default());
        let fixed = fixed.map_err(|refused| TestCaseError::fail(format!("{refused}\n{broken}")))?;
        for env in [None, Some("production"), Some("staging")] {
            let Ok(want) = load_str("x", &sound, env) else { continue };
            let got = load_str("x", &fixed.text, env).map_err(|faults| TestCaseError::fail(faults.to_string()))?;
            prop_assert_eq!(effective_json(&got), effective_json(&want), "{}", fixed.text);
        }
        for comment in sound.lines().filter_map(|line| line.find('#').map(|at| &line[at..])) {
            prop_assert!(fixed.text.contains(comment), "{comment}\n{}", fixed.text);
        }
        let again = fix("x", &fixed.text, None, &Facts::default()).unwrap();
        prop_assert_eq!(again.applied, vec![], "{}", fixed.text);
        prop_assert_eq!(again.text, fixed.text);
    }

    #[test]
    fn mutated_texts_never_panic_and_sound_ones_stay(text in crate::config::tests::mutated()) {
        let is_sound = load_str("x", &text, None);
        match fix("x", &text, None, &Facts::default()) {
            Ok(fixed) => {
                let after = load_str("x", &fixed.text, None);
                prop_assert!(after.is_ok(), "{text:?}");
                if let Ok(before) = is_sound {
                    prop_assert_eq!(Ok(before), after, "only the layout of a sound text changes");
                }
            }
            Err(refused) => {
                prop_assert!(is_sound.is_err() && !refused.faults.list().is_empty());
                let lines = text.split('\n').count() + 1;
                for fault in refused.faults.list() {
                    prop_assert!(fault.place.is_none_or(|p| (1..=lines).contains(&p.line)), "{fault:?}");
                }
            }
        }
    }

    #[test]
    fn any_text_never_panics(text in "[{}\\[\\]:,&*!|>'\"%@`#?\\- \r\n\t\\\\a0é~<=]{0,80}") {
        if let Ok(fixed) = fix("x", &text, None, &Facts::default()) {
            prop_assert!(load_str("x", &fixed.text, None).is_ok());
        }
    }
}

#[test]
fn sound_and_well_laid_out_texts_are_left_alone() {
    for text in [CONTRACT, FULL] {
        for env in [None, Some("production"), Some("staging")] {
            let Ok(fixed) = fix("x", text, env, &Facts::default()) else { continue };
            assert_eq!((fixed.text.as_str(), fixed.applied), (text, vec![]));
        }
    }
}
