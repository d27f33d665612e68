//! `fw plan check`: a table of what each phase can prove and find, and warnings where it is too little.

use fw_runtime::config;
use fw_sim::outlook::{Detection, PhaseOutlook};
use fw_sim::{Demand, Discounts, Outlook, outlook};
use serde_json::json;

use super::observe;
use super::words::{about, share, span};
use crate::args::{CheckArgs, Global};
use crate::checks::traffic::BASE_ERRORS_DEFAULT;
use crate::failure::Failure;
use crate::output::{Align, Out, plain_number, table, thousands};

/// Where the rate of requests comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RateFrom {
    Given,
    Observed,
    Nowhere,
}

pub(super) fn run(args: &CheckArgs, global: &Global, out: &mut Out) -> Result<(), Failure> {
    let plan = config::load_file(&args.config, args.env.as_deref())?.plan;
    let seen = match args.rps {
        Some(_) => None,
        None => observe::observe(&plan.key.to_string(), global)?,
    };
    let (rps, from) = match (args.rps, seen) {
        (Some(rps), _) => (Some(rps), RateFrom::Given),
        (None, Some(seen)) => (Some(seen.rps), RateFrom::Observed),
        (None, None) => (None, RateFrom::Nowhere),
    };
    let base = args.stable_errors.or(seen.and_then(|seen| seen.base_errors)).unwrap_or(BASE_ERRORS_DEFAULT);
    let phi = args.phi.or(seen.and_then(|seen| seen.phi)).unwrap_or(Discounts::NONE);
    let outlook = outlook(&plan, Demand { rps, base_errors: base, phi });
    if out.is_json() {
        let mut value = serde_json::to_value(&outlook).map_err(|e| Failure::Failed(e.to_string()))?;
        let source = match from {
            RateFrom::Given => "given",
            RateFrom::Observed => "observed",
            RateFrom::Nowhere => "unknown",
        };
        value["service"] = json!(plan.key.to_string());
        value["rpsFrom"] = json!(source);
        value["alpha"] = json!(plan.analysis.alpha);
        out.json(&value)?;
    } else {
        for line in lines(&plan.key.to_string(), &outlook, from) {
            out.line(&line)?;
        }
    }
    if args.strict && !outlook.warnings.is_empty() { Err(Failure::Silent(1)) } else { Ok(()) }
}

fn lines(service: &str, outlook: &Outlook, from: RateFrom) -> Vec<String> {
    let base = plain_number(outlook.base_error_rate);
    let mut lines = vec![match (outlook.rps, from) {
        (Some(rps), RateFrom::Observed) => {
            format!("{service} at {} requests/s (observed now), stable fails {base} %", plain_number(rps))
        }
        (Some(rps), _) => format!("{service} at {} requests/s, stable fails {base} %", plain_number(rps)),
        (None, _) => format!(
            "{service}, stable fails {base} %. No rate of requests is known: give --rps, or run it beside a server with a rollout under way"
        ),
    }];
    lines.push(String::new());
    lines.extend(proofs(outlook));
    lines.push(String::new());
    lines.push("A canary that fails so many requests is rolled back after (time / canary requests / failed above stable's rate):".into());
    lines.extend(finds(outlook));
    lines.push(String::new());
    match outlook.expected_seconds {
        Some(seconds) => {
            lines.push(format!("A canary as good as stable is through after about {}.", about(seconds)))
        }
        None if outlook.rps.is_some() => {
            lines.push("A canary as good as stable is not through by itself: see below.".into())
        }
        None => {}
    }
    let uncounted = outlook.phases.iter().any(|phase| !phase.not_counted.is_empty());
    if uncounted {
        lines.push("Criteria on response times and health scores (*) need traffic too; how much depends on the times.".into());
    }
    lines.extend(outlook.notes.iter().map(|note| format!("note: {note}.")));
    for warning in &outlook.warnings {
        let place = warning.phase.map_or("plan".to_owned(), |phase| format!("phase {phase}"));
        lines.push(format!("warning: {place}: {}", warning.text));
    }
    if outlook.warnings.is_empty() {
        lines.push("No warnings.".into());
    }
    lines
}

fn proofs(outlook: &Outlook) -> Vec<String> {
    let head = [
        ("PHASE", Align::Right),
        ("SHARE", Align::Right),
        ("DURATION", Align::Right),
        ("CANARY REQUESTS", Align::Right),
        ("MUST SHOW", Align::Left),
        ("NEEDS, NO ERRORS", Align::Right),
        ("NEEDS, AS STABLE", Align::Right),
        ("THAT IS", Align::Right),
    ];
    let mut rows = vec![];
    for phase in &outlook.phases {
        let first = [
            phase.position.to_string(),
            share(Some(phase.percentage / 100.0)),
            span(phase.duration_seconds),
            phase.canary_requests.map_or("–".into(), amount),
        ];
        let star = if phase.not_counted.is_empty() { "" } else { " *" };
        if phase.questions.is_empty() {
            rows.push(first.into_iter().chain([format!("nothing counted{star}")]).collect());
            continue;
        }
        for (i, question) in phase.questions.iter().enumerate() {
            let what = match question.limit {
                Some(limit) => format!("errors ≤ {} %{star}", plain_number(limit)),
                None => format!("no worse than stable{star}"),
            };
            let time = match (question.requests, phase.canary_requests) {
                (Some(requests), Some(in_phase)) if in_phase > 0.0 => {
                    about(requests / in_phase * phase.duration_seconds)
                }
                (None, _) => "never".into(),
                _ => "–".into(),
            };
            let lead = if i == 0 { first.clone() } else { std::array::from_fn(|_| String::new()) };
            rows.push(
                lead.into_iter()
                    .chain([
                        what,
                        question.requests_without_errors.map_or("–".into(), amount),
                        question.requests.map_or("never".into(), amount),
                        time,
                    ])
                    .collect(),
            );
        }
    }
    table(&head, &rows)
}

fn finds(outlook: &Outlook) -> Vec<String> {
    let rates: Vec<f64> =
        outlook.phases.first().map_or(vec![], |p| p.detection.iter().map(|d| d.error_rate).collect());
    let names: Vec<String> = rates.iter().map(|rate| format!("{} % ERRORS", plain_number(*rate))).collect();
    let mut head = vec![("PHASE", Align::Right), ("FINDS FROM", Align::Right)];
    head.extend(names.iter().map(|name| (name.as_str(), Align::Right)));
    let row = |phase: &PhaseOutlook| {
        let smallest = phase.smallest_error_rate.map_or("–".to_owned(), |rate| share(Some(rate / 100.0)));
        let cells = phase.detection.iter().map(found);
        [phase.position.to_string(), smallest].into_iter().chain(cells).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<String>> = outlook.phases.iter().map(row).collect();
    table(&head, &rows)
}

/// `31 s / 770 / 6.9`.
fn found(detection: &Detection) -> String {
    let (Some(requests), Some(harmed)) = (detection.requests, detection.harmed) else {
        return "not found".into();
    };
    let after = detection.seconds.map_or("–".into(), |seconds| about(seconds.max(1.0)));
    format!("{after} / {} / {}", amount(requests), amount(harmed))
}

/// `6`, `0.3` or `12 000`.
fn amount(n: f64) -> String {
    if n < 10.0 { plain_number((10.0 * n).round() / 10.0) } else { thousands(n.round() as u64) }
}
