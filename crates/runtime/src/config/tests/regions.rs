//! Regions and waves: what each region comes to, what is written reads back, and every fault with its place.

use std::time::Duration;

use expect_test::{Expect, expect};
use fw_engine::waves::{Condition, HaltOthers, Of, OnPooled, OnUnreachable};
use fw_model::Region;
use fw_model::plan::RouterKind;

use super::good::load;
use crate::config::{effective_json, effective_yaml, load_json, load_str};

const THREE: &str = r#"
service: checkout
versions: { stable: { version: "1.4.2" }, canary: { version: "1.5.0" } }
traffic: { stickiness: { cookie: fw_key } }
rollout: { riskThreshold: 80, analysis: { alpha: 0.06 } }
regions:
  - name: us-east-1
    versions: { stable: { url: http://127.0.0.1:1001 }, canary: { url: http://127.0.0.1:1002 } }
    traffic: { listen: 127.0.0.1:1000 }
  - name: eu-west-1
    server: http://10.0.0.5:3002/
    tokenEnv: FW_EU_TOKEN
    versions: { stable: { url: http://127.0.0.1:2001 }, canary: { url: http://127.0.0.1:2002 } }
    rollout: { riskThreshold: 90 }
  - name: ap-southeast-1
    proxy: false
    versions: { stable: { url: http://127.0.0.1:3001 }, canary: { url: http://127.0.0.1:3002 } }
waves:
  order:
    - { regions: [us-east-1] }
    - { regions: [eu-west-1], after: us-east-1 healthy for 10m, stagger: 2 }
    - { regions: [ap-southeast-1] }
  haltOthers: rollback
  onUnreachable: continue
  pooled: hold
"#;

fn check(text: &str, want: Expect) {
    want.assert_eq(&load_str("fw.yaml", text, None).expect_err("a bad config").to_string());
}

#[test]
fn each_region_has_a_config_of_its_own_and_its_share_of_alpha() {
    let config = load(THREE);
    let waves = config.waves.as_ref().unwrap();
    assert_eq!((waves.stable.as_str(), waves.canary.as_str()), ("1.4.2", "1.5.0"));
    let us_east = Of::Region(Region::new("us-east-1").unwrap());
    assert_eq!(
        waves.waves.iter().map(|wave| wave.after.clone()).collect::<Vec<_>>(),
        [
            vec![],
            vec![
                Condition::Healthy { of: us_east, span: Duration::from_secs(600) },
                Condition::Stagger(Duration::from_secs(120)),
            ],
            vec![Condition::Completed(Of::Previous)],
        ]
    );
    assert_eq!(
        (waves.halt_others, waves.on_unreachable, waves.pooled),
        (HaltOthers::Rollback, OnUnreachable::Continue, OnPooled::Hold)
    );
    let keys: Vec<String> = config.regions.iter().map(|r| r.config.plan.key.to_string()).collect();
    assert_eq!(keys, ["checkout@us-east-1", "checkout@eu-west-1", "checkout@ap-southeast-1"]);
    let [us, eu, ap] = config.regions.as_slice() else { panic!("three regions") };
    assert_eq!(us.config.traffic.listen, Some("127.0.0.1:1000".parse().unwrap()));
    assert_eq!(us.config.plan.router, RouterKind::Proxy);
    assert_eq!((us.config.plan.risk_threshold, eu.config.plan.risk_threshold), (80.0, 90.0));
    // Half of the wealth is on the pooled test, a third of the other half on each region.
    assert!((us.config.plan.analysis.alpha - 0.01).abs() < 1e-12);
    assert_ne!(us.config.plan_hash, eu.config.plan_hash);
    let server = eu.server.as_ref().unwrap();
    assert_eq!(
        (server.url.as_str(), server.token_env.as_deref()),
        ("http://10.0.0.5:3002", Some("FW_EU_TOKEN"))
    );
    assert_eq!((us.own_proxy, eu.own_proxy, ap.own_proxy), (true, false, false));
    let served: Vec<_> = config.served().into_iter().map(|c| c.plan.key.to_string()).collect();
    assert_eq!(served, ["checkout@us-east-1", "checkout@ap-southeast-1"]);
}

#[test]
fn what_is_shown_reads_back() {
    let config = load(THREE);
    assert_eq!(load_json(&effective_json(&config), None).unwrap(), config);
    assert_eq!(load(&effective_yaml(&config)), config);
}

#[test]
fn one_canary_goes_over_all_regions() {
    let version = |canary: &str| {
        format!(
            "{{ stable: {{ version: 1, url: http://a }}, canary: {{ version: {canary}, url: http://b }} }}"
        )
    };
    let text = |second: &str| {
        format!(
            "service: a\nregions:\n  - {{ name: x, versions: {} }}\n  - {{ name: y, proxy: false, versions: {} }}\n",
            version("2"),
            version(second)
        )
    };
    let config = load(&text("2"));
    let waves = config.waves.as_ref().unwrap();
    assert_eq!((waves.stable.as_str(), waves.canary.as_str()), ("1", "2"), "named by the regions alone");
    assert_eq!(load(&effective_yaml(&config)), config);
    check(
        &text("3"),
        expect![[r#"
        fw.yaml:4:89: regions[1].versions.canary: would roll out 3, and x 2: one canary goes over all regions
            4 | … false, versions: { stable: { version: 1, url: http://a }, canary: { version: 3, url: http://b } } }
              |                                                                     ^"#]],
    );
}

#[test]
fn without_waves_one_region_follows_the_other() {
    let (before, _) = THREE.split_once("waves:").unwrap();
    let waves = load(before).waves.unwrap();
    assert_eq!(waves.waves.len(), 3);
    assert_eq!(waves.waves[2].after, [Condition::Completed(Of::Previous)]);
    assert_eq!(waves.halt_others, HaltOthers::Hold);
}

#[test]
fn faults_stand_where_they_are() {
    check(
        r"
service: a
region: here
regions:
  - { name: us-east-1, rollout: { analysis: { alpha: 0.1 }, phases: [ { percentage: 5, duration: 1 } ] } }
  - { name: us-east-1, tokenEnv: X, versions: { canary: { url: http://a } } }
  - { name: eu, server: h2c://a }
waves:
  order:
    - { regions: [us-east-1], stagger: 5m }
    - { regions: [us-east-2], after: tomorrow }
    - { regions: [], after: eu completed }
",
        expect![[r#"
            fw.yaml:3:9: region: can't stand beside `regions`: each region has its name there
                3 | region: here
                  |         ^
            fw.yaml:5:54: regions[0].rollout.analysis.alpha: is that of all regions together: write it under `rollout.analysis` of the config
                5 | … { name: us-east-1, rollout: { analysis: { alpha: 0.1 }, phases: [ { percentage: 5, duration: 1 } ] …
                  |                                                    ^
            fw.yaml:5:85: regions[0].rollout.phases[0].percentage: the last phase must be 100, not 5: a rollout ends with all traffic
                5 | …name: us-east-1, rollout: { analysis: { alpha: 0.1 }, phases: [ { percentage: 5, duration: 1 } ] } }
                  |                                                                                ^
            fw.yaml:6:13: regions[1].name: us-east-1 stands twice: each region once
                6 |   - { name: us-east-1, tokenEnv: X, versions: { canary: { url: http://a } } }
                  |             ^
            fw.yaml:6:34: regions[1].tokenEnv: goes with `server`: this server needs no token for itself
                6 |   - { name: us-east-1, tokenEnv: X, versions: { canary: { url: http://a } } }
                  |                                  ^
            fw.yaml:6:47: regions[1].versions.stable: the router `proxy` needs versions.stable.url (or `urls`): where stable answers, such as http://127.0.0.1:8081
                6 |   - { name: us-east-1, tokenEnv: X, versions: { canary: { url: http://a } } }
                  |                                               ^
            fw.yaml:7:13: regions[2].name: eu stands in no wave: name it under `waves.order`, or it would never begin
                7 |   - { name: eu, server: h2c://a }
                  |             ^
            fw.yaml:7:25: regions[2].server: must begin with http:// or https://
                7 |   - { name: eu, server: h2c://a }
                  |                         ^
            fw.yaml:10:7: waves.order[0]: the first wave begins at once: it takes no `after` and no `stagger`
               10 |     - { regions: [us-east-1], stagger: 5m }
                  |       ^
            fw.yaml:11:19: waves.order[1].regions[0]: us-east-2 is no region of this config; did you mean us-east-1?
               11 |     - { regions: [us-east-2], after: tomorrow }
                  |                   ^
            fw.yaml:11:38: waves.order[1].after: must be such as "us-east-1 healthy for 10m", "previous healthy for 10m" or "us-east-1 completed", not "tomorrow"
               11 |     - { regions: [us-east-2], after: tomorrow }
                  |                                      ^
            fw.yaml:12:7: waves.order[2]: names no region
               12 |     - { regions: [], after: eu completed }
                  |       ^
            fw.yaml:12:7: waves.order[2]: waits for eu, which is in no earlier wave
               12 |     - { regions: [], after: eu completed }
                  |       ^
            fw.yaml:12:18: waves.order[2].regions: needs at least 1 of these, has 0
               12 |     - { regions: [], after: eu completed }
                  |                  ^"#]],
    );
}

#[test]
fn what_can_not_stand_together_is_refused() {
    check(
        "service: a\nwaves: { haltOthers: hold }\n",
        expect![[r#"
        fw.yaml:2:8: waves: goes with `regions`: there are none
            2 | waves: { haltOthers: hold }
              |        ^"#]],
    );
    check(
        "
service: a
versions: { stable: { url: http://a }, canary: { url: http://b } }
regions: [ { name: x }, { name: y } ]
flags: [ { key: f, stable: 1, canary: 2 } ]
",
        expect![[r#"
            fw.yaml:4:25: regions[1]: its proxy would listen on 127.0.0.1:8080 as that of x does: give it a `traffic.listen` of its own, or `proxy: false`
                4 | regions: [ { name: x }, { name: y } ]
                  |                         ^
            fw.yaml:5:8: flags: can't stand beside `regions`: which region's split decides a flag is not known; serve flags by a service without regions
                5 | flags: [ { key: f, stable: 1, canary: 2 } ]
                  |        ^"#]],
    );
}

#[test]
fn faults_of_an_environments_regions_name_it() {
    check(
        "
service: a
environments:
  e: { regions: [ { name: x, rollout: { phases: [ { percentage: 5, duration: 1 } ] } } ] }
",
        expect![[r#"
            fw.yaml:4:65: environments.e.regions[0].rollout.phases[0].percentage: the last phase must be 100, not 5: a rollout ends with all traffic
                4 |   e: { regions: [ { name: x, rollout: { phases: [ { percentage: 5, duration: 1 } ] } } ] }
                  |                                                                 ^"#]],
    );
}
