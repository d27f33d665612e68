//! `fw config fix`: what has one obvious remedy is mended in the file itself, shown as a diff, and the file before is kept.
//!
//! The diff is data (stdout); what was done, and what a person must do, is talk (stderr). With a fault that has no
//! remedy nothing is written (exit 2).

use std::path::{Path, PathBuf};

use fw_runtime::config::{self, Applied, Facts, Fixed, Place, Refused};
use serde_json::{Value, json};

use crate::args::FixArgs;
use crate::checks::secrets::masked;
use crate::checks::traffic::durations_needed;
use crate::failure::Failure;
use crate::output::{Out, Paint, clean, say, unified};
use crate::rewrite::rewrite;

pub(super) fn run(args: &FixArgs, out: &mut Out) -> Result<(), Failure> {
    let Mended { before, fixed, backup } = match mend(args)? {
        Ok(mended) => mended,
        Err(refused) => return refuse(args, *refused, out),
    };
    let name = args.config.display().to_string();
    if out.is_json() {
        let diff = unified(&name, &masked(&before), &masked(&fixed.text), Paint::plain());
        return Ok(out.json(&json!({
            "file": name,
            "valid": true,
            "written": backup.is_some(),
            "backup": backup.map(|backup| backup.display().to_string()),
            "applied": applied(&fixed.applied),
            "diff": diff.iter().map(|line| format!("{line}\n")).collect::<String>(),
            "faults": [],
        }))?);
    }
    // Diffs end up in logs: what is a secret is not in them.
    for line in unified(&name, &masked(&before), &masked(&fixed.text), out.paint) {
        out.line(&line)?;
    }
    fixed.applied.iter().for_each(|one| say(&words(&name, one)));
    say(&summary(&name, fixed.applied.len(), backup));
    Ok(())
}

/// The same for another command: everything is talk, and the text as it is then comes back.
///
/// # Errors
/// The faults that have no remedy (nothing is written then); a file that can't be read or written.
pub(in crate::commands) fn quietly(args: &FixArgs) -> Result<String, Failure> {
    let mended = mend(args)?.map_err(|refused| Failure::from(refused.faults))?;
    let Mended { before, fixed, backup } = mended;
    if fixed.text != before {
        let name = args.config.display().to_string();
        let diff = unified(&name, &masked(&before), &masked(&fixed.text), Paint::stderr());
        diff.iter().for_each(|line| say(line));
        fixed.applied.iter().for_each(|one| say(&words(&name, one)));
        say(&summary(&name, fixed.applied.len(), backup));
    }
    Ok(fixed.text)
}

/// A config before and after, and where the file before is kept if it was written.
struct Mended {
    before: String,
    fixed: Fixed,
    backup: Option<PathBuf>,
}

/// Reads, fixes, and unless it is a dry run writes what has changed.
///
/// # Errors
/// Inside, the faults that have no remedy; outside, a file that can't be written.
fn mend(args: &FixArgs) -> Result<Result<Mended, Box<Refused>>, Failure> {
    let before = match config::read_file(&args.config) {
        Ok(text) => text,
        Err(faults) => return Ok(Err(Box::new(Refused { faults, fixable: vec![] }))),
    };
    let fixed = match fixed(args, &before) {
        Ok(fixed) => fixed,
        Err(refused) => return Ok(Err(refused)),
    };
    let backup = if !args.dry_run && fixed.text != before {
        let kept = rewrite(&args.config, before.as_bytes(), fixed.text.as_bytes());
        Some(kept.map_err(|e| Failure::Failed(e.text()))?)
    } else {
        None
    };
    Ok(Ok(Mended { before, fixed, backup }))
}

/// The fixed text, with phases that have time enough where the traffic is known.
fn fixed(args: &FixArgs, before: &str) -> Result<Fixed, Box<Refused>> {
    let (name, env) = (args.config.display().to_string(), args.env.as_deref());
    let fixed = config::fix(&name, before, env, &Facts::default())?;
    let Some(rps) = args.requests_per_second else { return Ok(fixed) };
    // What phases need is a question to the plan as it will be; the answer is one more thing to fix in the text as it was.
    let Ok(service) = config::load_str(&name, &fixed.text, env) else { return Ok(fixed) };
    let facts = Facts { min_durations: Some(durations_needed(&service.plan, rps)) };
    config::fix(&name, before, env, &facts)
}

fn refuse(args: &FixArgs, refused: Refused, out: &mut Out) -> Result<(), Failure> {
    let Refused { faults, fixable } = refused;
    if out.is_json() {
        let list = faults.list().iter().map(|fault| {
            json!({
                "path": fault.path,
                "line": fault.place.map(|p| p.line),
                "column": fault.place.map(|p| p.column),
                "message": fault.message,
                "hint": fault.hint,
            })
        });
        out.json(&json!({
            "file": args.config.display().to_string(),
            "valid": false,
            "written": false,
            "backup": null,
            "applied": [],
            "fixable": applied(&fixable),
            "diff": "",
            "faults": list.collect::<Vec<_>>(),
        }))?;
        return Err(Failure::Silent(2));
    }
    let file = clean(&args.config.display().to_string());
    Failure::from(faults).print();
    say(&match fixable.len() {
        0 => format!("{file}: nothing was written; a person must mend what stands above"),
        n => format!("{file}: nothing was written; mend what stands above, then {} can be fixed", count(n)),
    });
    Err(Failure::Silent(2))
}

/// `factory-wager.yaml:4:9: rollout.phases[0].percentge: … [misspelt-key]`.
fn words(file: &str, one: &Applied) -> String {
    let place = one.place.map_or(String::new(), |Place { line, column }| format!("{line}:{column}:"));
    let path = if one.path.is_empty() { String::new() } else { format!(" {}:", one.path) };
    clean(&format!("{file}:{place}{path} {} [{}]", one.message, one.rule))
}

fn summary(file: &str, fixes: usize, backup: Option<PathBuf>) -> String {
    let file = clean(file);
    match (fixes, backup) {
        (0, _) => format!("{file}: nothing to fix"),
        (n, None) => format!("{file}: {} can be fixed; nothing was written (--dry-run)", count(n)),
        (n, Some(backup)) => {
            let name = backup.file_name().map(Path::new).unwrap_or(&backup).display();
            format!("{file}: {} fixed; the file before is {name}", count(n))
        }
    }
}

fn count(n: usize) -> String {
    if n == 1 { "1 fault".to_owned() } else { format!("{n} faults") }
}

fn applied(list: &[Applied]) -> Vec<Value> {
    let one = |a: &Applied| {
        json!({
            "rule": a.rule,
            "path": a.path,
            "line": a.place.map(|p| p.line),
            "column": a.place.map(|p| p.column),
            "message": a.message,
        })
    };
    list.iter().map(one).collect()
}
