//! Each rule against a planted fault, and against the nearest thing that is allowed.

use super::*;

/// Line numbers and messages of the faults of a file.
fn faults(path: &str, text: &str) -> Vec<(usize, String)> {
    let source = Source::new(path, text);
    let mut all = text_faults(path, text);
    if path.ends_with(".rs") {
        all.extend(rust_faults(&source, &["crates/a/src/raw.rs".to_owned()]));
    }
    all.into_iter().map(|fault| (fault.line, fault.message)).collect()
}

/// The one fault there must be, as `line: message`.
fn only(path: &str, text: &str) -> String {
    let all = faults(path, text);
    assert_eq!(all.len(), 1, "{all:?}");
    format!("{}: {}", all[0].0, all[0].1)
}

fn body(lines: usize) -> String {
    format!("//! Docs.\nfn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2))
}

#[test]
fn a_clean_file_has_no_fault() {
    assert_eq!(faults("crates/a/src/b.rs", "//! Docs.\n\n/// One.\npub fn f() {}\n"), []);
}

#[test]
fn functions_end_at_seventy_lines() {
    assert_eq!(faults("crates/a/src/b.rs", &body(70)), []);
    assert_eq!(only("crates/a/src/b.rs", &body(71)), "2: fn f has 71 lines, 70 allowed");
}

#[test]
fn files_end_at_six_hundred_lines_without_tests() {
    let text = |product: usize, test: usize| {
        let product = "const A: u8 = 0;\n".repeat(product - 1);
        format!("//! Docs.\n{product}#[cfg(test)]\nmod tests {{\n{}}}\n", "    use a;\n".repeat(test - 3))
    };
    assert_eq!(faults("crates/a/src/b.rs", &text(600, 300)), []);
    assert_eq!(only("crates/a/src/b.rs", &text(601, 3)), "0: 601 lines, 600 allowed: split it");
    assert!(only("crates/a/src/b.rs", &text(600, 401)).starts_with("0: 1001 lines with tests"));
    assert!(only("crates/a/tests/b.rs", &text(300, 301)).starts_with("0: 601 lines"));
}

#[test]
fn lib_rs_is_a_table_of_contents() {
    let text = format!("//! Docs.\n{}", "mod a;\n".repeat(80));
    assert!(only("crates/a/src/lib.rs", &text).starts_with("0: 81 lines, 80 allowed"));
    assert_eq!(faults("crates/a/src/b.rs", &text), []);
}

#[test]
fn every_file_says_what_it_is() {
    assert!(only("crates/a/src/b.rs", "fn f() {}\n").starts_with("1: no `//!`"));
    assert_eq!(faults("crates/a/src/b.rs", "// Licence.\n#![allow(x)]\n\n//! Docs.\n"), []);
}

#[test]
fn notes_and_desk_macros_are_found_in_code_only_where_they_are_meant() {
    let note = concat!("TO", "DO");
    assert!(only("crates/a/src/b.rs", &format!("//! Docs.\n// {note} later\n")).starts_with("2: "));
    assert!(only("README.md", &format!("{note}\n")).starts_with("1: "));
    assert!(only("crates/a/src/b.rs", "//! Docs.\nfn f() { dbg!(1); }\n").starts_with("2: dbg!"));
    assert_eq!(faults("crates/a/src/b.rs", "//! Docs.\nfn f() { g(\"dbg!\"); }\n"), []);
    assert!(only("crates/a/src/b.rs", "//! Docs.\nfn f() { todo!() }\n").starts_with("2: todo!"));
}

#[test]
fn ignored_tests_are_found() {
    assert!(
        only("crates/a/src/b.rs", "//! Docs.\n#[ignore = \"slow\"]\nfn f() {}\n")
            .starts_with("2: an ignored")
    );
}

#[test]
fn unsafe_has_its_listed_files() {
    let text = "//! Docs.\nfn f() { unsafe { g() } }\n";
    assert!(only("crates/a/src/b.rs", text).starts_with("2: `unsafe`"));
    assert_eq!(faults("crates/a/src/raw.rs", text), []);
}

#[test]
fn pure_crates_have_no_clock_order_or_chance() {
    let path = "crates/engine/src/a.rs";
    for (line, word) in [
        ("fn f() { std::time::Instant::now(); }", "Instant"),
        ("use std::time::SystemTime;", "SystemTime"),
        ("use std::collections::HashMap;", "HashMap"),
        ("fn f() { rand::random(); }", "rand"),
        ("fn f() { serde_json::to_string(x); }", "serde_json"),
        ("async fn f() {}", "async"),
    ] {
        assert!(only(path, &format!("//! Docs.\n{line}\n")).starts_with(&format!("2: `{word}`")), "{line}");
        assert_eq!(faults("crates/server/src/a.rs", &format!("//! Docs.\n{line}\n")), [], "{line}");
    }
}

#[test]
fn pure_crates_may_talk_about_it_and_test_with_it() {
    let text = "//! No HashMap here.\n#[cfg(test)]\nmod tests {\n    use std::collections::HashMap;\n}\n";
    assert_eq!(faults("crates/model/src/a.rs", text), []);
    assert_eq!(faults("crates/model/tests/a.rs", "//! Docs.\nuse std::collections::HashMap;\n"), []);
}

#[test]
fn lines_have_an_end_and_no_tail() {
    assert!(only("a.md", "text \n").starts_with("1: trailing"));
    assert!(only("a.md", "text").starts_with("1: no line break"));
    let long = format!("//! Docs.\n// {}\n", "word ".repeat(30).trim_end());
    assert!(only("crates/a/src/b.rs", &long).starts_with("2: 152 characters"), "{long}");
    let literal = format!("//! Docs.\nconst A: &str = \"{}\";\n", "x".repeat(140));
    assert_eq!(faults("crates/a/src/b.rs", &literal), []);
    let inside = format!("//! Docs.\nconst A: &str = \"\n{}\n\";\n", "word ".repeat(30).trim_end());
    assert_eq!(faults("crates/a/src/b.rs", &inside), []);
}

#[test]
fn machine_paths_and_merge_markers_are_found() {
    assert!(only("a.md", concat!("see /wo", "rk/x\n")).starts_with("1: /wo"));
    assert_eq!(faults("a.md", concat!("https://example.org/wo", "rk/x and ./wo", "rk/x\n")), []);
    assert!(only("a.md", "<<<<<<< HEAD\n").starts_with("1: merge marker"));
}

#[test]
fn undocumented_items_are_named() {
    let text = "//! Docs.\npub fn f() {}\n";
    assert_eq!(only("crates/a/src/b.rs", text), "2: undocumented: pub fn f() {}");
}
