//! `cargo xtask ci`: everything a change must pass, in one command.
//!
//! Cheap steps come first; a failing step does not stop those that do not need it, so one run shows every
//! fault. At the end stands a table of steps with their times, then the closing line of the tests. Anything
//! missing is installed and kept (see `tools`); what can't be had fails, here and now, rather than being
//! skipped.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{dashboard, generate, sh, tests, tidy, tools};

/// How a step ended.
enum Outcome {
    Passed,
    Failed(String),
    /// A step it needs has failed.
    NotRun(&'static str),
}

struct Line {
    name: &'static str,
    outcome: Outcome,
    time: Duration,
}

/// The steps so far.
#[derive(Default)]
struct Board {
    lines: Vec<Line>,
}

impl Board {
    /// Runs a step unless one it `needs` did not pass.
    fn step(&mut self, name: &'static str, needs: &[&'static str], run: impl FnOnce() -> Result<()>) {
        let blocked = needs.iter().copied().find(|need| !self.passed(need));
        let start = Instant::now();
        let outcome = match blocked {
            Some(need) => Outcome::NotRun(need),
            None => {
                eprintln!("\n=== {name}");
                run().map_or_else(|error| Outcome::Failed(format!("{error:#}")), |()| Outcome::Passed)
            }
        };
        if let Outcome::Failed(why) = &outcome {
            eprintln!("=== {name} FAILED: {why}");
        }
        self.lines.push(Line { name, outcome, time: start.elapsed() });
    }

    fn passed(&self, name: &str) -> bool {
        self.lines.iter().any(|line| line.name == name && matches!(line.outcome, Outcome::Passed))
    }

    fn all_passed(&self) -> bool {
        self.lines.iter().all(|line| matches!(line.outcome, Outcome::Passed))
    }

    /// The table, one line a step.
    fn table(&self) -> String {
        let mut text = String::from("step                 seconds  outcome\n");
        for Line { name, outcome, time } in &self.lines {
            let outcome = match outcome {
                Outcome::Passed => "passed".to_owned(),
                Outcome::Failed(why) => format!("FAILED: {}", why.lines().next().unwrap_or_default()),
                Outcome::NotRun(need) => format!("not run: needs {need}"),
            };
            text += &format!("{name:<20} {:>7.1}  {outcome}\n", time.as_secs_f64());
        }
        text
    }
}

/// Runs every step; exit code 1 when one did not pass.
pub(crate) fn run() -> Result<ExitCode> {
    let mut board = Board::default();
    let mut summary = None;
    static_steps(&mut board);
    board.step("build", &[], || {
        sh::run(sh::cargo().args(["build", "--workspace", "--all-targets", "--locked"]))
    });
    board.step("reference pages", &["build"], || passed(generate::run(true)?));
    board.step("doc tests", &["build"], tests::doc_tests);
    board.step("docs", &["build"], || {
        let mut doc = sh::cargo();
        sh::run(doc.args(["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings"))
    });
    board.step("tests", &["tools", "build"], || {
        let done = summary.insert(tests::nextest(&[])?);
        if done.passed_all { Ok(()) } else { bail!("{}", done.line) }
    });
    println!("\n{}", board.table());
    if let Some(summary) = summary {
        println!("{}\n{summary}", summary.line);
    }
    Ok(if board.all_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What needs no linking.
fn static_steps(board: &mut Board) {
    board.step("tools", &[], || {
        tools::need_cargo_tool(tools::DENY)?;
        tools::need_cargo_tool(tools::NEXTEST)?;
        tools::need_debian(&tools::TESTS)
    });
    board.step("format", &[], || sh::run(sh::cargo().args(["fmt", "--all", "--check"])));
    board.step("tidy", &[], || passed(tidy::run()?));
    board.step("dashboard", &["tools"], || passed(dashboard::run(true)?));
    board.step("deny", &["tools"], || {
        sh::run(sh::cargo().args(["deny", "--locked", "check", "bans", "licenses", "sources"]))
    });
    board.step("clippy", &[], || {
        let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
        sh::run(sh::cargo().args(clippy))
    });
}

fn passed(code: ExitCode) -> Result<()> {
    if code == ExitCode::SUCCESS { Ok(()) } else { bail!("see above") }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_failure_stops_only_what_needs_it() {
        let mut board = Board::default();
        let mut ran = Vec::new();
        board.step("a", &[], || bail!("broken\nin detail"));
        board.step("b", &["a"], || {
            ran.push("b");
            Ok(())
        });
        board.step("c", &[], || Ok(()));
        let table = board.table();
        assert!(!board.all_passed() && ran.is_empty());
        assert!(table.contains("FAILED: broken\n") && table.contains("not run: needs a"), "{table}");
        assert!(board.passed("c"));
    }
}
