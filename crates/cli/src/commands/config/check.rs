//! `fw config check`: every local check of a release; exit 2 when the config has faults, 1 when another check says error.

use fw_model::release::{Finding, Severity};
use serde_json::json;

use crate::args::ConfigCheckArgs;
use crate::checks;
use crate::failure::Failure;
use crate::output::{Out, Paint, clean};

pub(super) fn run(args: &ConfigCheckArgs, out: &mut Out) -> Result<(), Failure> {
    let local = checks::local(&args.config, args.env.as_deref(), args.requests_per_second);
    let errors = || local.findings.iter().filter(|finding| finding.severity == Severity::Error);
    if out.is_json() {
        out.json(&json!({
            "file": args.config.display().to_string(),
            "passed": errors().next().is_none(),
            "findings": local.findings,
            "change": local.change,
        }))?;
    } else {
        for finding in &local.findings {
            out.line(&words(finding, out.paint))?;
        }
        if let Some(change) = &local.change {
            out.line(&format!(
                "since the stable version: {} commits, {} files, +{} -{} lines",
                change.commits, change.files, change.insertions, change.deletions
            ))?;
        }
        if local.findings.iter().any(|finding| finding.fixable) {
            out.line("`fw config fix` mends what is marked fixable")?;
        }
    }
    match errors().next() {
        None => Ok(()),
        Some(_) if errors().any(|finding| finding.check == "config") => Err(Failure::Silent(2)),
        Some(_) => Err(Failure::Silent(1)),
    }
}

/// `warning tag: there is no tag … (factory-wager.yaml:3:4, fixable)`.
fn words(finding: &Finding, paint: Paint) -> String {
    let word = match finding.severity {
        Severity::Error => paint.red("error"),
        Severity::Warning => paint.yellow("warning"),
        Severity::Info => paint.dim("info"),
    };
    let fixable = finding.fixable.then(|| "fixable".to_owned());
    let notes: Vec<String> = finding.place.clone().into_iter().chain(fixable).collect();
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
    format!("{word} {}: {}", clean(&finding.check), clean(&format!("{}{notes}", finding.message)))
}
