//! `cargo xtask test`: every test of the workspace.
//!
//! Documentation tests run first, then cargo-nextest, whose closing line is repeated at the very end
//! so that it is the last thing a person or a CI log shows. Limits and groups are in `.config/nextest.toml`.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::{sh, tools};

/// Runs everything; with arguments, only `cargo nextest run` with these.
pub(crate) fn run(args: &[String]) -> Result<ExitCode> {
    tools::need_cargo_tool(tools::NEXTEST)?;
    if args.is_empty() {
        doc_tests()?;
    }
    let summary = nextest(args)?;
    println!("{}", summary.line);
    println!("{summary}");
    Ok(if summary.passed_all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How a run of nextest ended.
pub(crate) struct Summary {
    /// nextest's own closing line.
    pub(crate) line: String,
    /// Whether nextest ended well.
    pub(crate) passed_all: bool,
    counts: Counts,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Counts { passed, failed, skipped } = self.counts;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// Runs nextest (over the whole workspace, unless `args` say otherwise), showing its output as it comes.
///
/// # Errors
/// When nextest ends without a closing line: then it ran no test (a build error, for example).
pub(crate) fn nextest(args: &[String]) -> Result<Summary> {
    let mut command = sh::cargo();
    command.args(["nextest", "run", "--locked", "--no-fail-fast"]).args(args);
    let (status, text) = sh::tee(&mut command)?;
    let Some(line) = text.lines().rev().find(|line| line.contains("Summary [")) else {
        bail!("cargo nextest ran no test ({status})");
    };
    let counts =
        counts(line).with_context(|| format!("this closing line of nextest is new to xtask: {line}"))?;
    if counts.passed + counts.failed == 0 {
        bail!("cargo nextest ran no test: {line}");
    }
    Ok(Summary { line: line.trim().to_owned(), passed_all: status.success(), counts })
}

/// Reads `Summary [ 1.2s] 14 tests run: 12 passed (1 slow), 1 failed, 1 timed out, 3 skipped`.
fn counts(line: &str) -> Option<Counts> {
    let line = plain(line);
    let (_, tail) = line.split_once("run: ")?;
    let mut counts = Counts::default();
    for part in tail.split(", ") {
        let mut words = part.split_whitespace();
        // Remarks in brackets: "12 passed (1 slow", "2 flaky)".
        let (Some(Ok(number)), Some(word)) = (words.next().map(str::parse::<u64>), words.next()) else {
            continue;
        };
        match word {
            "passed" => counts.passed = number,
            "skipped" => counts.skipped = number,
            "failed" | "timed" | "exec" => counts.failed += number,
            _ => {}
        }
    }
    Some(counts)
}

/// Removes the colour codes of a terminal.
fn plain(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

/// Runs the examples in documentation comments.
pub(crate) fn doc_tests() -> Result<()> {
    sh::run(sh::cargo().args(["test", "--doc", "--workspace", "--locked", "--quiet"]))
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn closing_lines_are_read() {
        for (line, passed, failed, skipped) in [
            ("     Summary [   0.015s] 14 tests run: 14 passed, 0 skipped", 14, 0, 0),
            (
                "Summary [ 1s] 14 tests run: 10 passed (2 slow, 1 flaky), 2 failed, 1 timed out, 3 skipped",
                10,
                3,
                3,
            ),
            ("Summary [ 1s] 7/9 tests run: 6 passed, 1 failed, 2 skipped", 6, 1, 2),
            (
                "\u{1b}[32;1m Summary\u{1b}[0m [ 1s] \u{1b}[1m1\u{1b}[0m test run: \u{1b}[1m1\u{1b}[0m passed, 0 skipped",
                1,
                0,
                0,
            ),
        ] {
            assert_eq!(counts(line), Some(Counts { passed, failed, skipped }), "{line}");
        }
        assert_eq!(counts("error: no tests to run"), None);
    }
}
