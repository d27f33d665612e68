//! Stories of the command line: `tests/stories/cli-*.txt` at the root of the repository, told by the real binary.
//!
//! `file NAME` and the lines after it that begin with `|` write a file. A line that begins with `$` is a command, and the
//! lines below it, set in by two blanks, are what it says and its exit code. `UPDATE_EXPECT=1` writes them anew.

use std::path::Path;

use super::support::{fw, run};

/// What the binary says to each command of a story.
fn retell(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut out = String::new();
    let mut file: Option<(String, String)> = None;
    for line in text.lines().filter(|line| !line.starts_with("  ")) {
        out.push_str(&format!("{line}\n"));
        if let (Some((_, content)), Some(more)) = (&mut file, line.strip_prefix('|')) {
            content.push_str(&format!("{}\n", more.strip_prefix(' ').unwrap_or(more)));
            continue;
        }
        if let Some((name, content)) = file.take() {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        if let Some(name) = line.strip_prefix("file ") {
            file = Some((name.to_owned(), String::new()));
        }
        if let Some(command) = line.strip_prefix("$ fw ") {
            out.push_str(&said(folder.path(), command));
        }
    }
    out
}

fn said(folder: &Path, command: &str) -> String {
    let words: Vec<&str> = command.split_whitespace().collect();
    let (code, stdout, stderr) = run(fw(&words).current_dir(folder));
    let lines = stdout
        .lines()
        .chain(stderr.lines())
        .map(|line| format!("  {}", line.trim_end()).trim_end().to_owned());
    let text: String = lines.filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect();
    format!("{text}  exit {code}\n")
}

#[test]
fn stories_are_told_as_they_are_written() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/stories");
    let mut told = 0;
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("cli-")) {
            let text = std::fs::read_to_string(&path).unwrap();
            expect_test::expect_file![path].assert_eq(&retell(&text));
            told += 1;
        }
    }
    assert!(told > 0, "no story in {root}");
}
