//! Clients of other languages with their packages: put below the target folder once, and kept.
//!
//! What is installed is what the files in `tests/clients` name, to the exact version. A folder whose list of packages
//! is that of the repository is taken as it is; one that broke off in the middle is not.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder of `tests/clients`.
pub(crate) fn sources(language: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../tests/clients", language].iter().collect()
}

/// The scripts that look at the page, in `tests/dashboard`, with their packages.
pub(crate) fn dashboard(npm: &Path) -> PathBuf {
    let root = [env!("CARGO_MANIFEST_DIR"), "../../tests/dashboard"].iter().collect();
    copied(root, "dashboard", "package-lock.json", |folder| npm_ci(npm, folder))
}

/// Copies the files of a language below the target folder, and installs its packages if `list` is not what it was.
fn installed(language: &str, list: &str, install: impl FnOnce(&Path) -> Result<(), String>) -> PathBuf {
    copied(sources(language), &format!("clients-{language}"), list, install)
}

/// The same of any folder, under a name.
fn copied(
    root: PathBuf,
    name: &str,
    list: &str,
    install: impl FnOnce(&Path) -> Result<(), String>,
) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let is_done = std::fs::read(root.join(list)).ok() == std::fs::read(folder.join("installed")).ok();
    for entry in std::fs::read_dir(&root).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
    }
    if !is_done {
        install(&folder).unwrap_or_else(|error| panic!("packages for {name}: {error}"));
        std::fs::copy(root.join(list), folder.join("installed")).unwrap();
    }
    folder
}

/// The clients of npm.
pub(crate) fn node(npm: &Path) -> PathBuf {
    installed("node", "package-lock.json", |folder| npm_ci(npm, folder))
}

fn npm_ci(npm: &Path, folder: &Path) -> Result<(), String> {
    let mut command = Command::new(npm);
    command.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(folder);
    done(&mut command)
}

/// The client of PyPI: a Python that finds its packages, in their folder.
///
/// In an environment of its own; where Python comes without what makes one (Debian's does), in a plain folder.
pub(crate) fn python(python: &Path) -> Command {
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"];
    let own = |folder: &Path| folder.join("venv/bin/python");
    let install = |folder: &Path| {
        // An older Python's would be mixed into this one's.
        for left in ["venv", "packages"] {
            let _ = std::fs::remove_dir_all(folder.join(left));
        }
        let within = |program: &Path| {
            let mut command = Command::new(program);
            command.current_dir(folder);
            command
        };
        if done(within(python).args(["-m", "venv", "venv"])).is_ok() {
            return done(within(&own(folder)).args(pip));
        }
        let _ = std::fs::remove_dir_all(folder.join("venv"));
        done(within(python).args(pip).args(["--target", "packages"]))
    };
    let folder = installed("python", "requirements.txt", install);
    let in_venv = own(&folder).exists();
    let mut command = Command::new(if in_venv { own(&folder) } else { python.to_owned() });
    if !in_venv {
        command.env("PYTHONPATH", folder.join("packages"));
    }
    command.current_dir(&folder);
    command
}

/// The client of crates.io, built. Its workspace has a lock file and a target folder of its own.
pub(crate) fn rust() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("clients-rust");
    let manifest = sources("rust").join("Cargo.toml");
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--locked", "--manifest-path"]).arg(manifest);
    command.env("CARGO_TARGET_DIR", &target);
    // What the cargo that runs this test says about itself would have build scripts run anew, again and again.
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            command.env_remove(name);
        }
    }
    done(&mut command).unwrap_or_else(|error| panic!("the client of crates.io: {error}"));
    Command::new(target.join("debug/fw-openfeature-clients"))
}

/// # Errors
/// What it wrote, when it ends badly.
fn done(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|e| e.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Err(format!("{}{}", text(&output.stdout), text(&output.stderr)))
}
