//! `fw plan tune`: what past rollouts teach this plan, as a change of its config. It changes nothing itself.

use fw_runtime::config;
use fw_sim::history::{Suggestion, Tuning, tune};

use super::past::Past;
use crate::args::TuneArgs;
use crate::failure::Failure;
use crate::output::{Out, clean, plain_number};

/// Most runs that are read, the newest.
const RUNS_MAX: usize = 20;

pub(super) fn run(args: &TuneArgs, out: &mut Out) -> Result<(), Failure> {
    let plan = config::load_file(&args.config, args.env.as_deref())?.plan;
    let past = Past::open(&args.store)?;
    let mut rows = past.runs(&plan.key, RUNS_MAX)?;
    rows.reverse();
    let mut runs = vec![];
    for row in rows {
        let events = past.events(&row.run).map_err(|failure| match failure {
            Failure::Failed(why) => why,
            other => format!("{other:?}"),
        });
        runs.push((row.run.to_string(), events));
    }
    let tuning = tune(&plan, &runs);
    if out.is_json() {
        return Ok(out.json(&tuning)?);
    }
    for line in lines(&tuning, &plan.key.to_string(), &args.config.display().to_string()) {
        out.line(&clean(&line))?;
    }
    Ok(())
}

fn lines(tuning: &Tuning, service: &str, file: &str) -> Vec<String> {
    let mut lines: Vec<String> = tuning.skipped.iter().map(|why| format!("not read: {why}")).collect();
    if tuning.runs.is_empty() {
        lines.push(format!(
            "This store has no rollout of {service} to learn from, so nothing is suggested. `fw plan check --rps N` works without a past."
        ));
        return lines;
    }
    let known = |n: Option<f64>, digits: f64, unit: &str| {
        n.map_or(format!("unknown{unit}"), |n| {
            format!("{}{unit}", plain_number((digits * n).round() / digits))
        })
    };
    lines.push(format!(
        "{} rollouts of {service} ({}): {}, stable fails {}",
        tuning.runs.len(),
        tuning.runs.join(", "),
        known(tuning.rps, 10.0, " requests/s"),
        known(tuning.base_error_rate, 1000.0, " %"),
    ));
    if tuning.suggestions.is_empty() {
        lines.push(
            "Nothing to change: durations fit the time that proof took, limits fit stable's errors.".into(),
        );
        return lines;
    }
    lines.push(String::new());
    lines.push(format!("--- {file}"));
    lines.push(format!("+++ {file}, suggested"));
    let mut at = None;
    for suggestion in &tuning.suggestions {
        if at != Some(suggestion.phase) {
            at = Some(suggestion.phase);
            lines.push(format!(
                "@@ rollout.phases[{}], {} % @@",
                suggestion.phase,
                plain_number(suggestion.percentage)
            ));
        }
        lines.extend(change(suggestion));
    }
    lines
}

fn change(suggestion: &Suggestion) -> [String; 3] {
    let Suggestion { key, now, suggested, reason, .. } = suggestion;
    [format!("- {key}: {now}"), format!("+ {key}: {suggested}"), format!("  # {reason}")]
}
