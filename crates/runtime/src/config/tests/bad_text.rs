//! Texts that are no config: empty, broken, too deep, too large, with characters that can't stand.
//!
//! `UPDATE_EXPECT=1 cargo test -p fw-runtime config` writes the reports anew; read the difference.

use expect_test::{Expect, expect};

use crate::config::{load_json, load_str};

fn check(text: &str, want: Expect) {
    let report = load_str("fw.yaml", text, None).expect_err("a bad config").to_string();
    want.assert_eq(&report);
}

#[test]
fn an_empty_file() {
    check(
        "",
        expect![
            "fw.yaml:1:1: the config is empty; the smallest one is `service: NAME` (`fw config schema` lists every key)"
        ],
    );
}

#[test]
fn a_file_of_comments_only() {
    check(
        r"# nothing yet
---
",
        expect![
            "fw.yaml:3:1: the config is empty; the smallest one is `service: NAME` (`fw config schema` lists every key)"
        ],
    );
}

#[test]
fn null_is_not_a_config() {
    check(
        r"null
",
        expect![[r#"
            fw.yaml:1:1: the config is empty; the smallest one is `service: NAME` (`fw config schema` lists every key)
                1 | null
                  | ^"#]],
    );
}

#[test]
fn a_list_is_not_a_config() {
    check(
        r"- a
- b
",
        expect![[r#"
            fw.yaml:1:1: expected a mapping with service, region, versions or traffic, found a list
                1 | - a
                  | ^"#]],
    );
}

#[test]
fn a_text_is_not_a_config() {
    check(
        r"just words
",
        expect![[r#"
            fw.yaml:1:1: expected a mapping with service, region, versions or traffic, found the text "just words"
                1 | just words
                  | ^"#]],
    );
}

#[test]
fn duplicate_keys() {
    check(
        r"service: a
service: b
rollout: { port: 3002, port: 3003 }
",
        expect![[r#"
            fw.yaml:2:1: the key "service" stands twice in one mapping, first in line 1
                2 | service: b
                  | ^
            fw.yaml:3:24: the key "port" stands twice in one mapping, first in line 3
                3 | rollout: { port: 3002, port: 3003 }
                  |                        ^"#]],
    );
}

#[test]
fn several_documents() {
    check(
        r"service: a
---
service: b
",
        expect![[r#"
            fw.yaml:2:1: a second document begins here; a config is one document, without `---` in between
                2 | ---
                  | ^"#]],
    );
}

#[test]
fn broken_yaml() {
    check(
        r"service: a
rollout: { phases: [ { percentage: 5 }
",
        expect!["fw.yaml:3:1: this is not YAML or JSON: while parsing a flow sequence, expected ',' or ']'"],
    );
}

#[test]
fn broken_json() {
    check(
        r#"{ "service": "a", }}
"#,
        expect![[r#"
            fw.yaml:1:20: this is not YAML or JSON: misplaced bracket
                1 | { "service": "a", }}
                  |                    ^"#]],
    );
}

#[test]
fn tabs_as_indentation() {
    check(
        r"rollout:
	port: 3002
",
        expect![[r#"
            fw.yaml:2:2: this is not YAML or JSON: tabs disallowed within this context (block indentation)
                2 |  port: 3002
                  |  ^"#]],
    );
}

#[test]
fn an_anchor_bomb() {
    check(
        r"a: &a [x,x,x,x,x,x,x,x,x,x]
b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]
c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]
d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]
e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]
f: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]
",
        expect![[r#"
            fw.yaml:6:5: the aliases up to here unfold into more than 8 MiB; write the values out
                6 | f: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]
                  |     ^"#]],
    );
}

#[test]
fn an_alias_inside_itself() {
    check(
        r"a: &a [ *a ]
",
        expect![[r#"
            fw.yaml:1:9: an alias can't stand inside the value it repeats
                1 | a: &a [ *a ]
                  |         ^"#]],
    );
}

#[test]
fn an_unknown_alias() {
    check(
        r"service: *nobody
",
        expect![[r#"
            fw.yaml:1:10: this is not YAML or JSON: while parsing node, found unknown anchor
                1 | service: *nobody
                  |          ^"#]],
    );
}

#[test]
fn merge_keys_and_tags() {
    check(
        r"rollout:
  <<: { port: 3002 }
  port: !!int x
service: !secret a
",
        expect![[r#"
            fw.yaml:2:3: rollout["<<"]: unknown key
                2 |   <<: { port: 3002 }
                  |   ^ YAML 1.2 has no merge keys; write the values out or use `environments`
            fw.yaml:3:9: the tag !!int does not fit here; leave it out
                3 |   port: !!int x
                  |         ^
            fw.yaml:3:9: rollout.port: expected a whole number, 1 to 65535 (TCP port), found the text "x"
                3 |   port: !!int x
                  |         ^
            fw.yaml:4:10: the tag !secret does not fit here; leave it out
                4 | service: !secret a
                  |          ^"#]],
    );
}

#[test]
fn keys_that_are_no_words() {
    check(
        r"? [a, b]
: c
",
        expect![[r#"
            fw.yaml:1:3: a key must be a word, not a list or mapping
                1 | ? [a, b]
                  |   ^"#]],
    );
}

#[test]
fn a_control_character() {
    check(
        "service: a\u{0}b\n",
        expect![[r#"
            fw.yaml:1:11: the control character U+0000 at offset 10 can't stand in a config
                1 | service: a�b
                  |           ^"#]],
    );
}

#[test]
fn a_terminal_escape_is_made_harmless() {
    check(
        r#""ser\evice": a
"#,
        expect![[r#"
            fw.yaml:1:1: ["ser\u{1b}vice"]: unknown key
                1 | "ser\evice": a
                  | ^ did you mean `service`?"#]],
    );
}

#[test]
fn nesting_has_an_end() {
    check(
        &format!("a: {}", "[".repeat(70)),
        expect![[r#"
        fw.yaml:1:67: nested more than 64 deep
            1 | a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
              |                                                                   ^"#]],
    );
    check(
        &format!("a: {}", "{ b: ".repeat(200_000)),
        expect![[r#"
        fw.yaml:1:319: nested more than 64 deep
            1 | …{ b: { b: { b: { b: { b: { b: { b: { b: { b: { b: { b: { b: { b: { b: { b: { b: { b: { b: { b: { b: …
              |                                                    ^"#]],
    );
}

#[test]
fn a_fault_in_one_long_line_is_shown_around_its_place() {
    let filler = "x".repeat(300);
    let text = format!("{{\"service\": \"{filler}\", \"rollout\": {{\"port\": 0}}, \"region\": \"eu\"}}");
    check(
        &text,
        expect![[r#"
        fw.yaml:1:13: service: must be 1 to 63 of a-z, A-Z, 0-9, '.', '_' and '-', beginning with a letter or digit, not "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"
            1 | {"service": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
              |             ^
        fw.yaml:1:337: rollout.port: must be a whole number, 1 to 65535 (TCP port), not 0
            1 | …xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "rollout": {"port": 0}, "region": "eu"}
              |                                                                                   ^"#]],
    );
}

#[test]
fn json_nested_without_end_is_refused() {
    let mut value = serde_json::json!(1);
    for _ in 0..100 {
        value = serde_json::json!([value]);
    }
    expect!["config: nested more than 64 deep"]
        .assert_eq(&load_json(&value, None).expect_err("a bad config").to_string());
}

#[test]
fn files_that_are_no_text_are_refused_with_the_offset() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fw.yaml");
    let report = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let faults = crate::config::load_file(&path, None).expect_err("a bad config");
        faults.to_string().replace(&path.display().to_string(), "fw.yaml")
    };
    expect!["fw.yaml:2:11: not UTF-8: the byte 0xff at offset 21 can't stand here; save the file as UTF-8"]
        .assert_eq(&report(b"service: a\nversions: \xff\xfe\n"));
    expect!["fw.yaml: 1048577 bytes is too large; a config has at most 1048576 bytes (1 MiB)"]
        .assert_eq(&report(&vec![b'#'; 1024 * 1024 + 1]));
    expect!["fw.yaml:1:1: the config is empty; the smallest one is `service: NAME` (`fw config schema` lists every key)"].assert_eq(&report(b""));
    std::fs::remove_file(&path).unwrap();
    let missing = crate::config::load_file(&path, None).expect_err("no such file").to_string();
    expect![
        "fw.yaml: there is no such file; name one with -c, or write it (`fw config schema` lists every key)"
    ]
    .assert_eq(&missing.replace(&path.display().to_string(), "fw.yaml"));
}
