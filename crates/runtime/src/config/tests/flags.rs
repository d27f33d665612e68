//! Feature flags: good ones, and the bad ones with their exact report.

use expect_test::{Expect, expect};
use fw_model::Weight;
use fw_model::flag::{Assign, Flag, Forced, Rule, Slice, Weighted};
use serde_json::json;

use crate::config::{effective_json, load_json, load_str};

fn check(text: &str, want: Expect) {
    let report = load_str("fw.yaml", text, None).expect_err("a bad config").to_string();
    want.assert_eq(&report);
}

const GOOD: &str = r##"service: shop
flags:
  - { key: new-checkout, stable: false, canary: true, force: [{ variant: canary, keys: [" tester ", 42] }] }
  - { key: limits, enabled: false, stable: { items: 3, text: "a" }, canary: { items: 5, text: "b" } }
  - key: price.factor
    variants:
      - { name: low, value: 1, weight: 33.3 }
      - { name: mid, value: 1.5, weight: 33.3 }
      - { name: high, value: 2, weight: 33.4 }
"##;

#[test]
fn flags_are_read_and_written_back() {
    let config = load_str("fw.yaml", GOOD, None).unwrap();
    let weighted = |name: &str, value: f64, units| Weighted {
        name: name.into(),
        value: json!(value),
        weight: Weight::new(units).unwrap(),
    };
    let forced = Forced { variant: "canary".into(), keys: vec!["tester".into(), "42".into()] };
    let wanted = [
        Flag {
            key: "new-checkout".into(),
            enabled: true,
            assign: Assign::Rollout { stable: json!(false), canary: json!(true) },
            forced: vec![forced],
            rules: vec![],
            exclusive: None,
        },
        Flag {
            key: "limits".into(),
            enabled: false,
            assign: Assign::Rollout {
                stable: json!({ "items": 3, "text": "a" }),
                canary: json!({ "items": 5, "text": "b" }),
            },
            forced: vec![],
            rules: vec![],
            exclusive: None,
        },
        Flag {
            key: "price.factor".into(),
            enabled: true,
            assign: Assign::Weights(vec![
                weighted("low", 1.0, 33_300),
                weighted("mid", 1.5, 33_300),
                weighted("high", 2.0, 33_400),
            ]),
            forced: vec![],
            rules: vec![],
            exclusive: None,
        },
    ];
    assert!(config.flags.iter().map(|one| &one.flag).eq(&wanted));
    let again = load_json(&effective_json(&config), None).unwrap();
    assert_eq!(again.flags, config.flags);
    assert_eq!(serde_json::to_string(&json!(1.0)).unwrap(), "1.0", "typed clients tell 1 from 1.0");
}

#[test]
fn what_is_wrong_with_flags_is_told_where_it_stands() {
    check(
        r#"service: shop
flags:
  - { key: a, stable: 1 }
  - { key: a, stable: 1, canary: yes }
  - { key: "b c", stable: [1], canary: [2] }
  - { key: c, stable: true, variants: [{ name: x, value: 1, weight: 100 }] }
  - { key: d, variants: [{ name: x, value: 1, weight: 60 }, { name: x, value: 2, weight: 30 }] }
  - { key: e, stable: 1, canary: 2, force: [{ variant: blue, keys: [u1] }, { variant: canary, keys: [] }] }
"#,
        expect![[r#"
            fw.yaml:3:5: flags[0]: needs `stable` and `canary` (bound to the rollout) or `variants` (fixed weights)
                3 |   - { key: a, stable: 1 }
                  |     ^
            fw.yaml:4:5: flags[1]: all values of a flag are of one type: "canary" is a text, the first is a number
                4 |   - { key: a, stable: 1, canary: yes }
                  |     ^
            fw.yaml:4:12: flags[1].key: "a" is the key of another flag too
                4 |   - { key: a, stable: 1, canary: yes }
                  |            ^
            fw.yaml:5:5: flags[2]: the value of "stable" must be true or false, a number, a text or a mapping, not a list
                5 |   - { key: "b c", stable: [1], canary: [2] }
                  |     ^
            fw.yaml:5:12: flags[2].key: must be 1 to 128 of a-z, A-Z, 0-9, '.', '_', ':' and '-', beginning with a letter or digit, not "b c"
                5 |   - { key: "b c", stable: [1], canary: [2] }
                  |            ^
            fw.yaml:6:29: flags[3].variants: write either `stable` or `variants`, not both
                6 |   - { key: c, stable: true, variants: [{ name: x, value: 1, weight: 100 }] }
                  |                             ^
            fw.yaml:7:25: flags[4].variants: the weights sum to 90 %, not to 100 %
                7 |   - { key: d, variants: [{ name: x, value: 1, weight: 60 }, { name: x, value: 2, weight: 30 }] }
                  |                         ^
            fw.yaml:7:69: flags[4].variants[1].name: "x" is the name of another variant too
                7 |   - { key: d, variants: [{ name: x, value: 1, weight: 60 }, { name: x, value: 2, weight: 30 }] }
                  |                                                                     ^
            fw.yaml:8:56: flags[5].force[0].variant: "blue" is no variant of this flag: stable, canary
                8 | … key: e, stable: 1, canary: 2, force: [{ variant: blue, keys: [u1] }, { variant: canary, keys: [] }]…
                  |                                                    ^
            fw.yaml:8:101: flags[5].force[1].keys: needs at least 1 of these, has 0
                8 | …ey: e, stable: 1, canary: 2, force: [{ variant: blue, keys: [u1] }, { variant: canary, keys: [] }] }
                  |                                                                                               ^"#]],
    );
}

#[test]
fn rules_segments_and_slices_are_read_and_written_back() {
    let text = r#"service: shop
metrics: [{ name: purchase }, { name: revenue, kind: amount, cap: 500 }]
segments:
  - { name: staff, if: { ends_with: [{ var: email }, "@example.org"] } }
flags:
  - key: new-checkout
    stable: false
    canary: true
    rules:
      - { segment: staff, variant: canary }
      - { segment: staff, if: { "==": [{ var: plan }, pro] } }
      - { variant: stable }
  - key: colour
    variants: [{ name: a, value: 1, weight: 50 }, { name: b, value: 2, weight: 50 }]
    exclusive: { group: page, from: 0, to: 12.5 }
    metrics: [revenue]
  - { key: shape, variants: [{ name: a, value: 1, weight: 100 }], exclusive: { group: page, from: 12.5, to: 100 } }
"#;
    let config = load_str("fw.yaml", text, None).unwrap();
    let [bound, colour, shape] = &config.flags[..] else { panic!("three flags") };
    let variants: Vec<Option<&str>> = bound.flag.rules.iter().map(|rule| rule.variant.as_deref()).collect();
    assert_eq!(variants, [Some("canary"), None, Some("stable")]);
    let sources: Vec<_> = bound.conditions.iter().map(|condition| condition.source().clone()).collect();
    let staff = json!({ "ends_with": [{ "var": "email" }, "@example.org"] });
    let pro = json!({ "==": [{ "var": "plan" }, "pro"] });
    assert_eq!(sources, [staff.clone(), json!({ "and": [staff, pro] }), json!(true)]);
    let slice = Slice { group: "page".into(), from: Weight::ZERO, to: Weight::new(12_500).unwrap() };
    assert_eq!(colour.flag.exclusive, Some(slice));
    assert_eq!(
        (colour.metrics.join(" "), shape.metrics.join(" ")),
        ("revenue".into(), "purchase revenue".into())
    );
    assert_eq!((bound.metrics.len(), shape.flag.rules.as_slice()), (0, &[] as &[Rule]));
    let again = load_json(&effective_json(&config), None).unwrap();
    assert_eq!(again.flags, config.flags);
}

#[test]
fn what_is_wrong_with_rules_is_told_where_it_stands() {
    check(
        r#"service: shop
segments:
  - { name: staff, if: { endswith: [{ var: email }, "@a"] } }
  - { name: staff, if: true }
flags:
  - key: a
    stable: 1
    canary: 2
    exclusive: { group: page, from: 0, to: 10 }
    rules: [{ segment: stuff }, { if: plan, variant: blue }, { if: { "==": [1, 1], "!=": [] } }]
  - key: b
    variants: [{ name: x, value: 1, weight: 100 }]
    exclusive: { group: page, from: 5, to: 5 }
    metrics: [revenue]
  - { key: c, variants: [{ name: x, value: 1, weight: 100 }], exclusive: { group: page, from: 5, to: 60 } }
  - { key: d, variants: [{ name: x, value: 1, weight: 100 }], exclusive: { group: page, from: 50, to: 100 } }
"#,
        expect![[r#"
            fw.yaml:3:24: segments[0].if: "endswith" is no operator; there are var val missing missing_some if and or ! !! == === != !== < <= > >= in cat substr starts_with ends_with length upper lower trim split + - * / % min max all some none filter sem_ver fractional
                3 |   - { name: staff, if: { endswith: [{ var: email }, "@a"] } }
                  |                        ^
            fw.yaml:4:13: segments[1].name: "staff" is the name of another segment too
                4 |   - { name: staff, if: true }
                  |             ^
            fw.yaml:9:5: flags[0].exclusive: write either `stable` or `exclusive`, not both
                9 |     exclusive: { group: page, from: 0, to: 10 }
                  |     ^
            fw.yaml:10:24: flags[0].rules[0].segment: "stuff" is no segment: staff, staff
               10 |     rules: [{ segment: stuff }, { if: plan, variant: blue }, { if: { "==": [1, 1], "!=": [] } }]
                  |                        ^
            fw.yaml:10:39: flags[0].rules[1].if: must be JsonLogic, such as { "==": [{ "var": "plan" }, "pro"] }
               10 |     rules: [{ segment: stuff }, { if: plan, variant: blue }, { if: { "==": [1, 1], "!=": [] } }]
                  |                                       ^
            fw.yaml:10:54: flags[0].rules[1].variant: "blue" is no variant of this flag: stable, canary
               10 |     rules: [{ segment: stuff }, { if: plan, variant: blue }, { if: { "==": [1, 1], "!=": [] } }]
                  |                                                      ^
            fw.yaml:10:68: flags[0].rules[2].if: {"!=":[],"==":[1,1]} must be one operator with its arguments, not 2 keys
               10 |     rules: [{ segment: stuff }, { if: plan, variant: blue }, { if: { "==": [1, 1], "!=": [] } }]
                  |                                                                    ^
            fw.yaml:13:44: flags[1].exclusive.to: must be above `from`
               13 |     exclusive: { group: page, from: 5, to: 5 }
                  |                                            ^
            fw.yaml:14:15: flags[1].metrics[0]: "revenue" stands not in `metrics`: what it is must be said there
               14 |     metrics: [revenue]
                  |               ^
            fw.yaml:15:74: flags[2].exclusive: overlaps the part of "a" in the group "page"
               15 | …ey: c, variants: [{ name: x, value: 1, weight: 100 }], exclusive: { group: page, from: 5, to: 60 } }
                  |                                                                    ^
            fw.yaml:16:74: flags[3].exclusive: overlaps the part of "c" in the group "page"
               16 | …: d, variants: [{ name: x, value: 1, weight: 100 }], exclusive: { group: page, from: 50, to: 100 } }
                  |                                                                  ^"#]],
    );
}
