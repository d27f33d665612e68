//! Getting what a task needs and this machine lacks: cargo subcommands, Debian packages.
//!
//! What is there is used as it is; what is missing is installed once, kept, and named on standard error.
//! Debian packages are installed only by root and only where apt-get exists; elsewhere the message says what
//! to install by hand. Whether a missing thing is fatal is the caller's choice.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::sh;

/// A cargo subcommand: its binary, and the version that is installed when there is none.
#[derive(Clone, Copy)]
pub(crate) struct CargoTool {
    /// Binary and crate name.
    pub(crate) name: &'static str,
    /// Version to install; any version that is already there will do.
    pub(crate) version: &'static str,
}

/// Runs the tests: one process a test, with time limits and groups (`.config/nextest.toml`).
pub(crate) const NEXTEST: CargoTool = CargoTool { name: "cargo-nextest", version: "0.9.143" };
/// Checks licences, sources and duplicates (`deny.toml`).
pub(crate) const DENY: CargoTool = CargoTool { name: "cargo-deny", version: "0.20.2" };

/// A program and the Debian package that brings it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Debian {
    /// Name of the program on PATH.
    pub(crate) program: &'static str,
    /// Name of the package.
    pub(crate) package: &'static str,
}

/// What tests start that cargo does not build: the clients in `tests/clients`, and Prometheus with its tool.
/// A Python without venv needs a pip.
/// Their packages ask for Node 20, which Debian has from 13 on; one that is there already is not looked at.
pub(crate) const TESTS: [Debian; 8] = [
    Debian { program: "node", package: "nodejs" },
    Debian { program: "npm", package: "npm" },
    Debian { program: "python3", package: "python3" },
    Debian { program: "pip3", package: "python3-pip" },
    Debian { program: "chromium", package: "chromium" },
    Debian { program: "promtool", package: "prometheus" },
    Debian { program: "prometheus", package: "prometheus" },
    Debian { program: "systemd-analyze", package: "systemd" },
];

/// Installs a cargo subcommand unless it is there.
pub(crate) fn need_cargo_tool(tool: CargoTool) -> Result<()> {
    if sh::which(tool.name).is_some() {
        return Ok(());
    }
    let CargoTool { name, version } = tool;
    eprintln!("xtask: installing {name} {version} with `cargo install --locked` (some minutes, once)");
    sh::run(sh::cargo().args(["install", "--locked", "--version", version, name]))
        .with_context(|| format!("{name} is needed and could not be installed"))
}

/// Installs the Debian packages of the programs that are not there.
///
/// # Errors
/// When something is missing and this user can't install it, or apt-get fails.
pub(crate) fn need_debian(wanted: &[Debian]) -> Result<()> {
    let missing: Vec<Debian> = wanted.iter().copied().filter(|w| sh::which(w.program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|missing| missing.package).collect();
    let list = packages.join(" ");
    if sh::which("apt-get").is_none() || !is_root()? {
        bail!("missing: {list}. Install them (on Debian, as root: apt-get install {list}) and try again");
    }
    eprintln!("xtask: installing Debian packages {list}");
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        // RUNLEVEL=1: a freshly installed server must not start by itself and take port 80.
        command.args(args).envs([("DEBIAN_FRONTEND", "noninteractive"), ("RUNLEVEL", "1")]);
        sh::run(&mut command)
    };
    apt(&["update", "-qq"])?;
    apt(&[&["install", "-y", "-qq", "--no-install-recommends"], packages.as_slice()].concat())?;
    match missing.iter().find(|missing| sh::which(missing.program).is_none()) {
        Some(still) => bail!("package {} was installed but brought no `{}`", still.package, still.program),
        None => Ok(()),
    }
}

fn is_root() -> Result<bool> {
    let limit = std::time::Duration::from_secs(10);
    Ok(sh::capture(Command::new("id").arg("-u"), limit)?.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_installed() {
        need_debian(&[Debian { program: "sh", package: "no-such-package-as-this" }]).unwrap();
        assert!(sh::which("cargo").is_some());
        assert_eq!(sh::which("no-such-program-as-this"), None);
    }
}
