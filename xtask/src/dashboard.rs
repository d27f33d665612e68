//! `cargo xtask dashboard`: the page in `dashboard/`, checked, tested, built, and put where the server takes it from.
//!
//! The result is committed, so that `cargo build` needs no Node; `--check` builds it anew and compares byte by byte, which CI
//! does. Types are made from `dashboard/openapi.json`, which `cargo xtask gen` writes. Packages are those of the lock file;
//! they are fetched when the folder does not have them yet.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};

use crate::{sh, tools};

/// What the binary takes in, and nothing else.
const FILES: [&str; 4] = ["app.css", "app.js", "index.html", "inter.woff2"];
/// Where the server takes it from.
const BUILT_IN: &str = "crates/server/src/http/dashboard";
/// The types of the API, made and committed.
const TYPES: &str = "dashboard/src/api.gen.ts";

/// Makes everything; writes it, or compares it.
pub(crate) fn run(check: bool) -> Result<ExitCode> {
    let npm = tools::TESTS.iter().copied().filter(|tool| matches!(tool.program, "node" | "npm"));
    tools::need_debian(&npm.collect::<Vec<_>>())?;
    let folder = sh::root().join("dashboard");
    packages(&folder)?;
    let types = sh::root().join(TYPES);
    let old = fs::read_to_string(&types).unwrap_or_default();
    npm_run(&folder, "types")?;
    let new = fs::read_to_string(&types).with_context(|| TYPES.to_owned())?;
    for script in ["check", "test", "build"] {
        npm_run(&folder, script)?;
    }
    let built = built(&folder.join("dist"))?;
    let mut stale = vec![];
    if old != new {
        stale.push(TYPES.to_owned());
        if check {
            fs::write(&types, old)?;
        }
    }
    for (name, bytes) in &built {
        let path = sh::root().join(BUILT_IN).join(name);
        if fs::read(&path).is_ok_and(|committed| committed == *bytes) {
            continue;
        }
        stale.push(format!("{BUILT_IN}/{name}"));
        if !check {
            fs::create_dir_all(sh::root().join(BUILT_IN))?;
            fs::write(&path, bytes).with_context(|| path.display().to_string())?;
        }
    }
    for path in &stale {
        let what = if check {
            "is not what its sources make: run `cargo xtask dashboard` and commit it"
        } else {
            "written"
        };
        eprintln!("{path} {what}");
    }
    Ok(if check && !stale.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Packages to the exact version, unless they are there.
fn packages(folder: &Path) -> Result<()> {
    let lock = fs::read(folder.join("package-lock.json")).context("dashboard/package-lock.json")?;
    let done = folder.join("node_modules/.installed");
    if fs::read(&done).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    sh::run(npm(folder)?.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]))?;
    fs::write(done, lock).context("dashboard/node_modules/.installed")
}

fn npm_run(folder: &Path, script: &str) -> Result<()> {
    sh::run(npm(folder)?.args(["run", "--silent", script]))
}

fn npm(folder: &Path) -> Result<Command> {
    let mut command = Command::new(sh::which("npm").context("npm is not on PATH")?);
    command.current_dir(folder);
    Ok(command)
}

/// What the build made, by name: every file that is wanted, and no other.
fn built(dist: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut folders: Vec<PathBuf> = vec![dist.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !FILES.contains(&name.as_str()) {
                bail!("the build made {}, which the server does not serve: see FILES", path.display());
            }
            let mut bytes = fs::read(&path)?;
            // What is committed as text ends with a line break, whatever wrote it.
            if !name.ends_with(".woff2") && bytes.last() != Some(&b'\n') {
                bytes.push(b'\n');
            }
            files.insert(name, bytes);
        }
    }
    ensure!(files.len() == FILES.len(), "the build made only {:?}", files.keys());
    Ok(files)
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn only_what_the_server_serves_is_taken() {
        let dist = std::env::temp_dir().join(format!("fw-xtask-dashboard-{}", std::process::id()));
        fs::create_dir_all(dist.join("assets")).unwrap();
        for name in ["index.html", "assets/app.js", "assets/app.css"] {
            fs::write(dist.join(name), name).unwrap();
        }
        let missing = built(&dist).unwrap_err().to_string();
        fs::write(dist.join("assets/inter.woff2"), "font").unwrap();
        let whole = built(&dist).unwrap();
        fs::write(dist.join("assets/app.js.map"), "map").unwrap();
        let more = built(&dist).unwrap_err().to_string();
        fs::remove_dir_all(&dist).unwrap();
        assert!(missing.contains("only"), "{missing}");
        assert_eq!(
            (whole["app.js"].as_slice(), whole["inter.woff2"].as_slice()),
            (&b"assets/app.js\n"[..], &b"font"[..])
        );
        assert!(more.contains("app.js.map"), "{more}");
    }
}
