//! Environments: merged over the document, checked even when not chosen.

use expect_test::{Expect, expect};

use super::good::CONTRACT;
use crate::config::{load_json, load_str};

fn check(text: &str, env: Option<&str>, want: Expect) {
    let report = load_str("fw.yaml", text, env).expect_err("a bad config").to_string();
    want.assert_eq(&report);
}

#[test]
fn an_unknown_environment_is_told_the_known_ones() {
    check(
        CONTRACT,
        Some("prodution"),
        expect![[r#"
        fw.yaml:26:3: environments: there is no environment "prodution"; known: production, staging
           26 |   production:
              |   ^ did you mean `production`?"#]],
    );
    check(
        "service: a\n",
        Some("production"),
        expect![[r#"fw.yaml: environments: there is no environment "production": this config has none"#]],
    );
}

#[test]
fn faults_in_environments_are_reported_whichever_is_chosen() {
    let text = "
service: a
environments:
  good: { rollout: { riskThreshold: 90 } }
  bad:
    rollout:
      riskTreshold: 90
      phases:
        - { percentage: 50, duration: 1 }
        - { percentage: 20, duration: 1 }
";
    let report = |env| load_str("fw.yaml", text, env).expect_err("a bad config").to_string();
    assert_eq!(report(None), report(Some("good")));
    assert_eq!(report(None), report(Some("bad")));
    check(
        text,
        None,
        expect![[r#"
        fw.yaml:7:7: environments.bad.rollout.riskTreshold: unknown key
            7 |       riskTreshold: 90
              |       ^ did you mean `riskThreshold`?
        fw.yaml:10:25: environments.bad.rollout.phases[1].percentage: phases must grow: 20 % does not exceed the 50 % of the phase before
           10 |         - { percentage: 20, duration: 1 }
              |                         ^
        fw.yaml:10:25: environments.bad.rollout.phases[1].percentage: the last phase must be 100, not 20: a rollout ends with all traffic
           10 |         - { percentage: 20, duration: 1 }
              |                         ^"#]],
    );
}

#[test]
fn what_only_another_environment_lacks_is_no_fault_of_this_one() {
    let text = "
service: a
traffic: { router: proxy }
environments:
  production: { versions: { stable: { url: http://a }, canary: { url: http://b } } }
  staging: { rollout: { riskThreshold: 10 } }
";
    assert!(load_str("fw.yaml", text, Some("production")).is_ok());
    check(
        text,
        Some("staging"),
        expect![[r#"
        fw.yaml:2:1: versions.stable: the router `proxy` needs versions.stable.url (or `urls`): where stable answers, such as http://127.0.0.1:8081
            2 | service: a
              | ^
        fw.yaml:2:1: versions.canary: the router `proxy` needs versions.canary.url (or `urls`): where canary answers, such as http://127.0.0.1:8081
            2 | service: a
              | ^"#]],
    );
}

#[test]
fn an_environment_can_switch_between_keys_that_exclude_each_other() {
    let text = "
service: a
versions: { stable: { urls: [ http://a, http://b ] }, canary: { url: http://c } }
traffic: { stickiness: { cookie: k } }
environments:
  e:
    versions: { stable: { url: http://d } }
    traffic: { stickiness: { header: H }, listen: 127.0.0.1:9 }
  n: { traffic: { stickiness: none } }
";
    let config = load_str("fw.yaml", text, Some("e")).unwrap();
    assert_eq!(config.plan.stable.urls, ["http://d"]);
    assert_eq!(config.plan.stickiness, fw_model::split::Stickiness::Header("H".into()));
    let none = load_str("fw.yaml", text, Some("n")).unwrap();
    assert_eq!(none.plan.stickiness, fw_model::split::Stickiness::None);
}

#[test]
fn environments_do_not_nest_and_are_mappings() {
    check(
        "environments: { a: { environments: {} }, b: 5 }\n",
        None,
        expect![[r#"
        fw.yaml:1:22: environments.a.environments: unknown key
            1 | environments: { a: { environments: {} }, b: 5 }
              |                      ^ `environments` belongs under `the top level`
        fw.yaml:1:45: environments.b: expected a mapping with service, region, versions or traffic, found the number 5
            1 | environments: { a: { environments: {} }, b: 5 }
              |                                             ^"#]],
    );
    check(
        "environments: [ a ]\n",
        None,
        expect![[r#"
        fw.yaml:1:15: environments: expected a mapping from environment names to keys of this config, found a list
            1 | environments: [ a ]
              |               ^"#]],
    );
}

#[test]
fn json_faults_name_the_environment_in_their_path() {
    let value = serde_json::json!({
        "service": "a",
        "environments": { "my env": { "rollout": { "phases": [{ "percentage": 50, "duration": 1 }] } } },
    });
    let report = load_json(&value, None).expect_err("a bad config").to_string();
    expect![[r#"config: environments["my env"].rollout.phases[0].percentage: the last phase must be 100, not 50: a rollout ends with all traffic"#]].assert_eq(&report);
}
