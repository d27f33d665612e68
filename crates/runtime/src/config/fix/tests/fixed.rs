//! Faults with one remedy: the text before, the text after.

use expect_test::{Expect, expect};

use crate::config::{Facts, fix};

/// The fixed text, and below a line of dashes what was done where.
fn check(text: &str, expect: Expect) {
    let said = match fix("fw.yaml", text, None, &Facts::default()) {
        Ok(fixed) => {
            let done = fixed.applied.iter().map(|a| {
                let place = a.place.map_or("-".into(), |p| format!("{}:{}", p.line, p.column));
                format!("{place} {} [{}] {}\n", a.path, a.rule, a.message)
            });
            // Blanks at the end of a line are shown: no file of ours has any.
            format!("{}-----\n{}", fixed.text.replace(" \n", "·\n"), done.collect::<String>())
        }
        Err(refused) => {
            let fixable = refused.fixable.iter().map(|a| format!("{} [{}]\n", a.path, a.rule));
            format!("{}\n-----\n{}", refused.faults, fixable.collect::<String>())
        }
    };
    expect.assert_eq(&said);
}

#[test]
fn phases_are_put_in_order_with_their_comments() {
    check(
        "\
rollout:
  phases:
    # half of it
    - { id: 0, percentage: 50, duration: 4 }   # long
    # a little
    - { id: 1, percentage: 5,  duration: 2 }

    # nearly all
    - { id: 2, percentage: 75, duration: 3 }
  # the rest
  autoAdvance: true
",
        expect![[r#"
            rollout:
              phases:
                # a little
                - { id: 0, percentage: 5,  duration: 2 }
                # half of it
                - { id: 1, percentage: 50, duration: 4 }   # long

                # nearly all
                - { id: 2, percentage: 75, duration: 3 }
                - { id: 3, percentage: 100, duration: 3 }
              # the rest
              autoAdvance: true
            -----
            6:7 rollout.phases[1] [phase-order] phases must grow: they stand in the order 5, 50, 75 % now
            9:7 rollout.phases[2] [full-phase] the last phase has 75 %: one at 100 % is added, for 3 as the one before
        "#]],
    );
    check(
        "{\"phases\": [{\"percentage\": 50, \"duration\": 1}, {\"percentage\": 5, \"duration\": 1}]}",
        expect![[r#"
        {"phases": [{"percentage": 5, "duration": 1}, {"percentage": 50, "duration": 1}, {"percentage": 100, "duration": 1}]}
        -----
        1:82  [last-line] the last line ends with a line break now
        1:48 phases[1] [phase-order] phases must grow: they stand in the order 5, 50 % now
        1:13 phases[0] [full-phase] the last phase has 50 %: one at 100 % is added, for 1 as the one before
    "#]],
    );
    check(
        "phases:\n- percentage: 50\n  duration: 4\n- percentage: 50\n  duration: 5\n- percentage: 5\n  duration: 2\n",
        expect![[r#"
            phases:
            - percentage: 5
              duration: 2
            - percentage: 50
              duration: 4
            - percentage: 100
              duration: 4
            -----
            6:3 phases[2] [phase-order] phases must grow: they stand in the order 5, 50, 50 % now
            4:3 phases[1] [doubled-phase] a second phase at 50 %: the later one goes
            2:3 phases[0] [full-phase] the last phase has 50 %: one at 100 % is added, for 4 as the one before
        "#]],
    );
}

#[test]
fn keys_and_values_are_written_as_meant() {
    check(
        "\
service: 1e3x
alpha: 0.05
versions:
  stable: { version: 1.4, url: http://127.0.0.1:1 }
  canary:
    # two of them, one twice
    urls:
      - http://127.0.0.1:2
      - http://127.0.0.1:2
traffic: { router: Proxy, exposeVarient: yes, errors: { http: [ [599, 500] ] } }
rollout:
  riskTreshold: '75%'
  autoAdvance: on
  port:
  # how long to wait
  warmUp: 10 sec
  rollbackTriggers: { health: \"70\", responseTime: 1 s }
  phases:
    - percentage: 5 %
      duration: 2 min
    - percentage: \"100\"
      duration: '90 seconds'
",
        expect![[r#"
            service: 1e3x
            versions:
              stable: { version: 1.4, url: http://127.0.0.1:1 }
              canary:
                # two of them, one twice
                urls:
                  - http://127.0.0.1:2
            traffic: { router: proxy, exposeVariant: true, errors: { http: [ [500, 599] ] } }
            rollout:
              riskThreshold: 75
              autoAdvance: true
              rollbackTriggers: { health: 70, responseTime: 1000 }
              phases:
                - percentage: 5
                  duration: 2m
                - percentage: 100
                  duration: '90s'
              analysis:
                alpha: 0.05
                # how long to wait
                warmUp: 10s
            -----
            10:27 traffic.exposeVarient [misspelt-key] `exposeVarient` is written `exposeVariant`
            12:3 rollout.riskTreshold [misspelt-key] `riskTreshold` is written `riskThreshold`
            2:1 alpha [misplaced-key] `alpha` belongs under `rollout.analysis`
            16:3 rollout.warmUp [misplaced-key] `warmUp` belongs under `rollout.analysis`
            10:27 traffic.exposeVarient [truth-value] the text "yes" is written true
            13:3 rollout.autoAdvance [truth-value] the text "on" is written true
            10:12 traffic.router [misspelt-word] `Proxy` is written `proxy`
            12:3 rollout.riskTreshold [number-as-text] the text "75%" is written as the number 75
            17:23 rollout.rollbackTriggers.health [number-as-text] the text "70" is written as the number 70
            17:37 rollout.rollbackTriggers.responseTime [number-as-text] the text "1 s" is written as the number 1000
            19:7 rollout.phases[0].percentage [number-as-text] the text "5 %" is written as the number 5
            21:7 rollout.phases[1].percentage [number-as-text] the text "100" is written as the number 100
            20:7 rollout.phases[0].duration [duration-in-words] the text "2 min" is written 2m
            22:7 rollout.phases[1].duration [duration-in-words] the text "90 seconds" is written 90s
            16:3 rollout.analysis.warmUp [duration-in-words] the text "10 sec" is written 10s
            14:3 rollout.port [key-without-value] has no value: left out, which means its default
            9:9 versions.canary.urls[1] [doubled-url] stands twice in this list: the later one goes
            10:65 traffic.errors.http[0] [reversed-range] runs from 500 to 599 now
        "#]],
    );
}

#[test]
fn layout_is_put_right_outside_of_texts() {
    check(
        "\u{feff}service: a  \r\nregion: eu\t\r\n",
        expect![[r#"
        service: a
        region: eu
        -----
        1:1  [byte-order-mark] the byte-order mark is gone
        1:14  [line-ends] 2 lines end as on Unix now
        1:12  [trailing-blanks] 2 lines had blanks at the end
    "#]],
    );
    check(
        "rollout:\n\tphases:\n\t\t- { percentage: 100, duration: 1 }",
        expect![[r#"
        rollout:
          phases:
            - { percentage: 100, duration: 1 }
        -----
        2:1  [tabs] 2 lines are indented with blanks now; YAML takes no tabs
        3:37  [last-line] the last line ends with a line break now
    "#]],
    );
    check(
        "rollout:\n  phases:\n    - percentage: 100\n      duration: 1\n      description: |\n        a  \n        b\n  port: 1  \n",
        expect![[r#"
            rollout:
              phases:
                - percentage: 100
                  duration: 1
                  description: |
                    a ·
                    b
              port: 1
            -----
            8:10  [trailing-blanks] 1 line had blanks at the end
        "#]],
    );
}

#[test]
fn what_has_no_obvious_remedy_is_refused_with_its_place() {
    check(
        "\
rollout:
  phases:
    - { percentage: 50, duration: 1 }
    - { percentage: 0, duration: 1 }
    - { percentage: 5, duraiton: 1 }
  rollbackTriggers: { health: 120 }
",
        expect![[r#"
            fw.yaml:4:21: rollout.phases[1].percentage: must be 0.001 to 100 (percent of traffic), not 0
                4 |     - { percentage: 0, duration: 1 }
                  |                     ^
            fw.yaml:5:21: rollout.phases[2].percentage: phases must grow: 5 % does not exceed the 50.001 % of the phase before
                5 |     - { percentage: 5, duraiton: 1 }
                  |                     ^
            fw.yaml:5:21: rollout.phases[2].percentage: the last phase must be 100, not 5: a rollout ends with all traffic
                5 |     - { percentage: 5, duraiton: 1 }
                  |                     ^
            fw.yaml:6:31: rollout.rollbackTriggers.health: must be 0 to 100, not 120
                6 |   rollbackTriggers: { health: 120 }
                  |                               ^
            -----
            rollout.phases[2].duraiton [misspelt-key]
        "#]],
    );
    check(
        "rollout: { phases: [ &a { percentage: 50, duration: 1 }, { percentage: 5, duration: 1 } ] }\n",
        expect![[r#"
        fw.yaml:1:72: rollout.phases[1].percentage: phases must grow: 5 % does not exceed the 50 % of the phase before
            1 | rollout: { phases: [ &a { percentage: 50, duration: 1 }, { percentage: 5, duration: 1 } ] }
              |                                                                        ^
        fw.yaml:1:72: rollout.phases[1].percentage: the last phase must be 100, not 5: a rollout ends with all traffic
            1 | rollout: { phases: [ &a { percentage: 50, duration: 1 }, { percentage: 5, duration: 1 } ] }
              |                                                                        ^
        -----
    "#]],
    );
    check(
        "a: 1\n---\nb: 2\n",
        expect![[r#"
        fw.yaml:2:1: a second document begins here; a config is one document, without `---` in between
            2 | ---
              | ^
        -----
    "#]],
    );
}

#[test]
fn a_key_finds_its_mapping_in_json_and_in_environments() {
    check(
        "{\n  \"service\": \"a\",\n  \"alpha\": 0.05,\n  \"rollout\": { \"port\": 1 }\n}\n",
        expect![[r#"
        {
          "service": "a",
          "rollout": { "port": 1, "analysis": { "alpha": 0.05 } }
        }
        -----
        3:3 alpha [misplaced-key] `alpha` belongs under `rollout.analysis`
    "#]],
    );
    check(
        "service: a\nenvironments:\n  production:\n    region: eu\n    # stricter\n    analysis:\n      alpha: 0.001\n\n      # slow start\n      warmUp: 1m\n",
        expect![[r#"
            service: a
            environments:
              production:
                region: eu
                rollout:
                  # stricter
                  analysis:
                    alpha: 0.001

                    # slow start
                    warmUp: 1m
            -----
            6:5 environments.production.analysis [misplaced-key] `analysis` belongs under `environments.production.rollout`
        "#]],
    );
}

#[test]
fn what_is_shared_is_not_changed_for_one() {
    check(
        "rollout:\n  phases: &all\n    - { percentage: 100, duration: 2 min }\nenvironments:\n  a: { rollout: { phases: *all } }\n",
        expect![[r#"
            fw.yaml:3:36: rollout.phases[0].duration: expected a number of minutes or a text such as 90s, 10m or 1h, found the text "2 min"
                3 |     - { percentage: 100, duration: 2 min }
                  |                                    ^
            fw.yaml:3:36: environments.a.rollout.phases[0].duration: expected a number of minutes or a text such as 90s, 10m or 1h, found the text "2 min"
                3 |     - { percentage: 100, duration: 2 min }
                  |                                    ^
            -----
        "#]],
    );
}

#[test]
fn a_comment_after_a_value_in_quotes_stays() {
    check(
        "rollout:\n  riskTreshold: '75'   # a\n  autoAdvance: \"yes\" # b\n  monitoringInterval: \"30 sec\"   # c\n",
        expect![[r#"
            rollout:
              riskThreshold: 75   # a
              autoAdvance: true # b
              monitoringInterval: "30s"   # c
            -----
            2:3 rollout.riskTreshold [misspelt-key] `riskTreshold` is written `riskThreshold`
            3:3 rollout.autoAdvance [truth-value] the text "yes" is written true
            2:3 rollout.riskTreshold [number-as-text] the text "75" is written as the number 75
            4:3 rollout.monitoringInterval [duration-in-words] the text "30 sec" is written 30s
        "#]],
    );
}
