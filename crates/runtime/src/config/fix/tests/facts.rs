//! Phases too short for their traffic, with and without an environment.

use std::time::Duration;

use expect_test::expect;

use crate::config::{Facts, fix};

const TEXT: &str = "\
rollout:
  phases:
    - { percentage: 5, duration: 2, maxDuration: 3 }   # minutes
    - { percentage: 100, duration: 90s }
environments:
  staging: { rollout: { phases: [ { percentage: 100, duration: 1 } ] } }
";

fn facts(seconds: &[u64]) -> Facts {
    Facts { min_durations: Some(seconds.iter().map(|s| Duration::from_secs(*s)).collect()) }
}

#[test]
fn short_phases_grow_to_what_they_need_and_keep_their_unit() {
    let fixed = fix("x", TEXT, None, &facts(&[601, 100])).unwrap();
    expect![[r#"
        rollout:
          phases:
            - { percentage: 5, duration: 11, maxDuration: 11 }   # minutes
            - { percentage: 100, duration: 100s }
        environments:
          staging: { rollout: { phases: [ { percentage: 100, duration: 1 } ] } }
    "#]]
    .assert_eq(&fixed.text);
    assert_eq!(fixed.applied[0].path, "rollout.phases[0].duration");
    assert_eq!(fix("x", &fixed.text, None, &facts(&[601, 100])).unwrap().applied, []);
}

#[test]
fn the_environment_has_its_own_phases() {
    let fixed = fix("x", TEXT, Some("staging"), &facts(&[90])).unwrap();
    assert!(fixed.text.contains("staging: { rollout: { phases: [ { percentage: 100, duration: 90s } ] } }"));
    assert_eq!(fixed.applied[0].path, "environments.staging.rollout.phases[0].duration");
    // Facts of another plan count for nothing.
    assert_eq!(fix("x", TEXT, Some("staging"), &facts(&[90, 90])).unwrap().text, TEXT);
}
