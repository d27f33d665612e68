//! `cargo xtask tidy`: the house rules, checked.
//!
//! Reads every file that git knows or would add, finds faults by line rules over blanked code, compares the
//! dependency edges with ARCHITECTURE.md, and prints the five numbers. It takes well under a second, so it
//! can run before every commit. It formats nothing and fixes nothing.

mod edges;
mod functions;
mod items;
mod numbers;
mod rules;
mod source;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::sh;
use numbers::Numbers;
use rules::{Fault, rust_faults, text_faults};
use source::Source;

/// Endings of files that people write and read as text.
const TEXT: [&str; 14] =
    ["rs", "md", "toml", "yaml", "yml", "sh", "ts", "tsx", "js", "mjs", "css", "html", "proto", "sql"];
/// Listing files takes git milliseconds; this is generous.
const GIT_TIME_MAX: Duration = Duration::from_secs(60);

/// Checks everything; exit code 1 when there is a fault.
pub(crate) fn run() -> Result<ExitCode> {
    let (faults, numbers) = check()?;
    numbers.print();
    for fault in &faults {
        let place =
            if fault.line == 0 { fault.path.clone() } else { format!("{}:{}", fault.path, fault.line) };
        eprintln!("{place}: {}", fault.message);
    }
    if faults.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("tidy: {} fault{}", faults.len(), if faults.len() == 1 { "" } else { "s" });
    Ok(ExitCode::FAILURE)
}

fn check() -> Result<(Vec<Fault>, Numbers)> {
    let root = sh::root();
    let architecture = std::fs::read_to_string(root.join(edges::ARCHITECTURE)).context("ARCHITECTURE.md")?;
    let unsafe_files: Vec<String> =
        edges::block(&architecture, "unsafe").map(edges::names).unwrap_or_default().into_iter().collect();
    let mut faults = edges::faults(&edges::allowed(&architecture)?, &edges::actual()?);
    for file in unsafe_files.iter().filter(|file| !root.join(file).is_file()) {
        faults.push(Fault::new(
            edges::ARCHITECTURE,
            0,
            format!("{file} is listed for `unsafe` but is not there"),
        ));
    }
    let mut sources = Vec::new();
    for path in files(&root)? {
        // Listed but just removed: nothing to check.
        let Ok(bytes) = std::fs::read(root.join(&path)) else { continue };
        let Ok(text) = String::from_utf8(bytes) else {
            faults.push(Fault::new(&path, 0, "not UTF-8"));
            continue;
        };
        faults.extend(text_faults(&path, &text));
        if path.ends_with(".rs") {
            sources.push(Source::new(&path, &text));
        }
    }
    let test_modules: Vec<String> = sources.iter().flat_map(Source::test_modules).collect();
    for source in &mut sources {
        source.mark_test_modules(&test_modules);
        faults.extend(rust_faults(source, &unsafe_files));
    }
    let numbers = Numbers::of(&sources);
    faults.extend(numbers.faults());
    faults.sort();
    Ok((faults, numbers))
}

/// Text files that are in the repository or would be added to it.
fn files(root: &Path) -> Result<Vec<String>> {
    let mut command = Command::new("git");
    command.current_dir(root).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "--deduplicate",
    ]);
    let list = sh::capture(&mut command, GIT_TIME_MAX).context("tidy asks git which files there are")?;
    let is_text = |path: &&str| path.rsplit_once('.').is_some_and(|(_, ending)| TEXT.contains(&ending));
    Ok(list.split('\0').filter(is_text).map(str::to_owned).collect())
}
