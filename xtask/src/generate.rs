//! `cargo xtask gen`: the pages of docs/reference that are made from code.
//!
//! Each page is the standard output of one program of the workspace, so the text lives beside the thing
//! it describes. `--check` writes nothing and fails when a page on disk differs: CI runs it, so the reference
//! can't lie.

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::sh;

/// A generator may have to be built first.
const GENERATE_TIME_MAX: Duration = Duration::from_secs(20 * 60);

/// One generated file.
struct Page {
    /// Where it stands in the repository.
    path: &'static str,
    /// Arguments of cargo that make it write the page to standard output.
    cargo: &'static [&'static str],
    /// Which page, where a program makes several.
    argument: &'static str,
}

const PAGES: [Page; 4] = [
    Page { path: "docs/reference/config.md", cargo: &CONFIG, argument: "markdown" },
    Page { path: "docs/reference/config.schema.json", cargo: &CONFIG, argument: "schema" },
    Page { path: "docs/reference/metrics.md", cargo: &METRICS, argument: "markdown" },
    Page { path: "dashboard/openapi.json", cargo: &OPENAPI, argument: "json" },
];

/// The example that prints what `/openapi.json` has.
const OPENAPI: [&str; 5] = ["run", "--quiet", "--locked", "--example=openapi_document", "--"];

/// The example that prints what `/metrics` has.
const METRICS: [&str; 5] = ["run", "--quiet", "--locked", "--example=metrics_reference", "--"];

/// The example that prints what the table of configuration keys says. No package is named here and below: then crates
/// are built with the features that the whole workspace asks for, which are built already.
const CONFIG: [&str; 5] = ["run", "--quiet", "--locked", "--example=config_reference", "--"];

/// Writes every page, or compares every page.
pub(crate) fn run(check: bool) -> Result<ExitCode> {
    let mut stale = 0;
    for page in &PAGES {
        let text = sh::capture(sh::cargo().args(page.cargo).arg(page.argument), GENERATE_TIME_MAX)
            .with_context(|| format!("cannot make {}", page.path))?;
        ensure!(!text.trim().is_empty(), "the generator of {} wrote nothing", page.path);
        let path = sh::root().join(page.path);
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            continue;
        }
        if check {
            eprintln!("{} is not what the code says: run `cargo xtask gen` and commit it", page.path);
            stale += 1;
        } else {
            fs::write(&path, text).with_context(|| page.path.to_owned())?;
            eprintln!("wrote {}", page.path);
        }
    }
    Ok(if stale == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
