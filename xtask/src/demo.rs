//! `cargo xtask demo`: build `fw` and run `fw demo`.
//!
//! In the dev profile, which optimises dependencies enough for the demo's load and shares every artefact with
//! the tests. What the demo does, and its exit code, are `fw demo`'s own.

use std::process::ExitCode;

use anyhow::Result;

use crate::sh;

/// Builds, runs, and hands back the exit code of the demo.
pub(crate) fn run(args: &[String]) -> Result<ExitCode> {
    eprintln!("xtask: building fw (a few minutes the first time)");
    sh::run(sh::cargo().args(["build", "--locked", "--package", "fw-cli", "--bin", "fw"]))?;
    let mut fw = std::process::Command::new(sh::target().join("debug/fw"));
    let status = sh::status(fw.current_dir(sh::root()).arg("demo").args(args))?;
    // Killed by a signal: no code of its own.
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}
