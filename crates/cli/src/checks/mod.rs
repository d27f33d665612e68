//! What can be looked at before a release without asking a server: one file for each check.
//!
//! A check looks at something that is there, says what it found, and changes nothing. What it can't look at (no git, no
//! checkout, no changelog) it says as information: that is no failure.

mod changelog;
mod config;
mod git;
pub(crate) mod secrets;
pub(crate) mod traffic;

use std::path::{Path, PathBuf};

use fw_model::release::{ChangeSize, Finding};
use fw_runtime::config::{self as reader, Place, WrittenValue};

/// What all local checks found.
#[derive(Debug)]
pub(crate) struct Local {
    /// Everything that was found, check by check.
    pub(crate) findings: Vec<Finding>,
    /// How much changed since the stable version, where that can be told.
    pub(crate) change: Option<ChangeSize>,
}

/// Makes every local check of a config for an environment; `rps` is the traffic of both versions, if it is known.
pub(crate) fn local(file: &Path, env: Option<&str>, rps: Option<f64>) -> Local {
    let source = match Source::read(file, env) {
        Ok(source) => source,
        Err(finding) => return Local { findings: vec![finding], change: None },
    };
    let mut findings = config::check(&source);
    findings.extend(secrets::check(&source));
    let Ok(service) = reader::load_str(&source.name, &source.text, env) else {
        // What the versions are named is not known: the rest waits for a sound config.
        return Local { findings, change: None };
    };
    let plan = &service.plan;
    findings.extend(config::contradictions(&source, plan));
    findings.extend(traffic::check(&source, plan, rps));
    let (said, change) = git::check(&source.folder, &plan.stable.version, &plan.canary.version);
    findings.extend(said);
    findings.extend(changelog::check(&source.folder, &plan.canary.version));
    Local { findings, change }
}

/// A config's text, and where it is from.
struct Source {
    /// The file's name as it was given.
    name: String,
    /// The folder of the file itself, all links followed.
    folder: PathBuf,
    /// Its text.
    text: String,
    /// The environment laid over it.
    env: Option<String>,
}

impl Source {
    fn read(file: &Path, env: Option<&str>) -> Result<Source, Finding> {
        let name = file.display().to_string();
        let text = reader::read_file(file).map_err(|faults| Finding::error("config", faults.to_string()))?;
        let real = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        let folder = real.parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
        Ok(Source { name, folder, text, env: env.map(str::to_owned) })
    }

    /// `factory-wager.yaml:12:7`.
    fn at(&self, place: Place) -> String {
        format!("{}:{}:{}", self.name, place.line, place.column)
    }

    /// The value that holds for a path of the plan: the environment's, or the document's; none for a default.
    fn value(&self, path: &str) -> Option<WrittenValue> {
        let values = reader::values(&self.text);
        let own = self.env.as_ref().map(|env| format!("environments.{env}.{path}"));
        let bare = path.strip_prefix("rollout.").unwrap_or(path).to_owned();
        let ways = own.into_iter().chain([path.to_owned(), bare]);
        ways.into_iter().find_map(|way| values.iter().find(|value| value.path == way).cloned())
    }

    /// A finding at the value of a path, where it is written.
    fn place(&self, finding: Finding, path: &str) -> Finding {
        match self.value(path) {
            Some(value) => finding.at(self.at(value.place)),
            None => finding,
        }
    }
}
