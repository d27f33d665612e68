//! Feature flags: good ones, and the bad ones with their exact report.

use expect_test::{Expect, expect};
use fw_model::Weight;
use fw_model::flag::{Assign, Flag, Forced, Weighted};
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
        },
        Flag {
            key: "limits".into(),
            enabled: false,
            assign: Assign::Rollout {
                stable: json!({ "items": 3, "text": "a" }),
                canary: json!({ "items": 5, "text": "b" }),
            },
            forced: vec![],
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
        },
    ];
    assert_eq!(config.flags, wanted);
    let again = load_json(&effective_json(&config), None).unwrap();
    assert_eq!(again.flags, wanted);
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
