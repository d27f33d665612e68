//! `fw plan simulate`: made-up rollouts through the real engine, and a table of what came of them.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use fw_model::Plan;
use fw_runtime::config;
use fw_sim::simulate::Medians;
use fw_sim::world::Circumstance;
use fw_sim::{Figures, Setup, Simulation, Summary, plot, simulate};

use super::words::{share, span};
use crate::args::SimulateArgs;
use crate::failure::Failure;
use crate::output::{Align, Out, plain_number, say, table, thousands};

/// Requests a second where nothing else is said.
const RPS_DEFAULT: f64 = 500.0;
/// The same in the scenario `low-traffic`.
const RPS_LOW: f64 = 1.0;
/// Instances of stable and of the canary.
const INSTANCES: (usize, usize) = (4, 1);
/// The same where failures cluster: as much load on each at 5 %.
const INSTANCES_CLUSTERED: (usize, usize) = (19, 1);
/// What the simulation leaves out, said with every result.
const LEFT_OUT: &str = "the look at once on a burst of errors; other tools' rules are re-implemented from their sources, \
                        without their metric delay";

pub(super) fn run(args: &SimulateArgs, out: &mut Out) -> Result<(), Failure> {
    let setup = setup(args)?;
    let shows = std::io::stderr().is_terminal();
    let progress = |done: u64| {
        // Now and then is enough, and from several threads the last one wins.
        if shows && (done.is_multiple_of(args.runs.div_ceil(100)) || done == args.runs) {
            let _ = write!(std::io::stderr(), "\rsimulating {done}/{} ", args.runs);
        }
    };
    let result = simulate(&setup, args.runs, args.seed, &progress);
    if shows {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    let simulation =
        result.map_err(|rejection| Failure::Usage(format!("this plan can't begin: {rejection}")))?;
    draw(args, &simulation)?;
    if out.is_json() {
        return Ok(out.json(&simulation.summary)?);
    }
    for line in lines(&simulation.summary, args) {
        out.line(&line)?;
    }
    Ok(())
}

fn setup(args: &SimulateArgs) -> Result<Setup, Failure> {
    let mut plan = match args.config() {
        Some(file) => config::load_file(&file, args.env.as_deref())?.plan,
        None => fw_sim::built_in_plan(built_in_key()?),
    };
    if args.metrics {
        fw_sim::add_metrics(&mut plan);
    }
    let horizon = args.horizon.unwrap_or_else(|| match args.config() {
        Some(_) => longest(&plan),
        None => fw_sim::BUILT_IN_FOR,
    });
    if horizon < args.look {
        return Err(Failure::Usage("--for is shorter than --look: nothing would ever be looked at".into()));
    }
    let is_low = args.scenario.circumstance == Circumstance::LowTraffic;
    Ok(Setup {
        plan: Arc::new(plan),
        scenario: args.scenario,
        rps: args.rps.unwrap_or(if is_low { RPS_LOW } else { RPS_DEFAULT }),
        stable_errors: args.stable_errors,
        look_ms: args.look.as_millis() as u64,
        horizon_ms: horizon.as_millis() as u64,
        metrics: args.metrics,
        instances: instances(args),
        history: args.history,
    })
}

/// Instances of stable and of the canary.
fn instances(args: &SimulateArgs) -> (usize, usize) {
    let usual = if args.scenario.clusters.is_any() { INSTANCES_CLUSTERED } else { INSTANCES };
    args.instances.map_or(usual, |named| (named.stable, named.canary))
}

fn built_in_key() -> Result<fw_model::ServiceKey, Failure> {
    "simulated".parse().map_err(|e: fw_model::IdError| Failure::Failed(e.to_string()))
}

/// All phases, each as long as it may take.
fn longest(plan: &Plan) -> Duration {
    plan.phases.iter().map(|phase| phase.max_duration()).sum()
}

fn draw(args: &SimulateArgs, simulation: &Simulation) -> Result<(), Failure> {
    let Some(file) = &args.plot else { return Ok(()) };
    let svg = plot::rolled_back_by_time(simulation);
    std::fs::write(file, svg).map_err(|e| Failure::Failed(format!("can't write {}: {e}", file.display())))?;
    say(&format!("wrote {}", file.display()));
    Ok(())
}

fn lines(summary: &Summary, args: &SimulateArgs) -> Vec<String> {
    let is_independent = !args.scenario.clusters.is_any();
    let settings = &summary.settings;
    let phases = settings.phases_percent.iter().zip(&settings.phases_seconds);
    let phases: Vec<String> =
        phases.map(|(share, time)| format!("{} % × {}", plain_number(*share), span(*time))).collect();
    let mut lines = vec![
        format!("{}: {} runs, seed {}", summary.scenario, thousands(settings.runs), settings.seed),
        format!(
            "{} requests/s, stable fails {} %{}, {}, a look every {}, followed for {}",
            plain_number(settings.rps),
            plain_number(settings.stable_errors_percent),
            if is_independent { "" } else { " and what clusters" },
            phases.join(" → "),
            span(settings.look_seconds),
            span(settings.for_seconds),
        ),
        String::new(),
        ended(summary),
        String::new(),
    ];
    lines.extend(if summary.is_regression { found(summary) } else { falsely(summary, is_independent) });
    lines.push(String::new());
    lines.extend(summary.clustered.map(|medians| clustered(summary, medians)));
    if let Some(wald) = summary.wald_requests {
        lines.push(format!(
            "Wald: nobody can show this with fewer than {} canary requests at {} % false alarms.",
            plain_number((10.0 * wald).round() / 10.0),
            plain_number(100.0 * settings.alpha),
        ));
    }
    if let Some(example) = &summary.example {
        lines.push(format!("First rollback: {example}"));
    }
    if args.config().is_none() {
        lines.push("The built-in plan has no warm-up (analysis.warmUp: 0), so that delays compare with published tables.".into());
    }
    let requests = if is_independent { "Left out: requests are independent;" } else { "Left out:" };
    lines.push(format!("Response times: {}. {requests} {LEFT_OUT}.", settings.latency));
    lines
}

/// How clustered stable was, and over what it was measured.
fn clustered(summary: &Summary, phi: Medians) -> String {
    let settings = &summary.settings;
    format!(
        "Stable before the start ({}, {} instances), how clustered (φ, 1 = independent): errors {}, batches of 20 requests {}, slow \
         requests {}; medians of the runs.",
        span(settings.before_seconds as f64),
        settings.instances[0],
        one_decimal(phi.errors),
        one_decimal(phi.batches),
        one_decimal(phi.slow),
    )
}

/// `98 % rolled back, 2 % held`.
fn ended(summary: &Summary) -> String {
    let outcomes = summary.outcomes;
    let named = [
        (outcomes.rolled_back, "rolled back"),
        (outcomes.completed, "completed"),
        (outcomes.advanced, "in a later phase"),
        (outcomes.held, "held"),
        (outcomes.running, "still in the first phase"),
    ];
    let parts: Vec<String> = named
        .iter()
        .filter(|(part, _)| *part > 0.0)
        .map(|(part, name)| format!("{} {name}", share(Some(*part))))
        .collect();
    format!("fw: {}.", parts.join(", "))
}

fn rules(summary: &Summary) -> Vec<(&str, Figures)> {
    let others =
        fw_sim::peers::NAMES.iter().filter_map(|name| Some((*name, summary.peers.get(name)?.figures)));
    std::iter::once(("fw", summary.figures)).chain(others).collect()
}

fn found(summary: &Summary) -> Vec<String> {
    let head = [
        ("RULE", Align::Left),
        ("FOUND", Align::Right),
        ("MEAN", Align::Right),
        ("MEDIAN", Align::Right),
        ("9 OF 10 BY", Align::Right),
        ("CANARY REQUESTS", Align::Right),
        ("HARMED", Align::Right),
        ("× WALD", Align::Right),
    ];
    let rows: Vec<Vec<String>> = rules(summary)
        .into_iter()
        .map(|(name, f)| {
            vec![
                name.to_owned(),
                share(f.detected_share),
                f.mean_seconds.map_or("–".into(), span),
                f.median_seconds.map_or("–".into(), span),
                f.p90_seconds.map_or("–".into(), span),
                f.mean_canary_requests.map_or("–".into(), |n| thousands(n.round() as u64)),
                f.users_harmed.map_or("–".into(), one_decimal),
                f.ratio_to_wald.map_or("–".into(), |r| format!("{r:.1}")),
            ]
        })
        .collect();
    let mut lines = table(&head, &rows);
    if summary.figures.false_rollback_rate.is_some_and(|rate| rate > 0.0) {
        lines
            .push(format!("fw rolled {} back before the onset.", share(summary.figures.false_rollback_rate)));
    }
    lines
}

fn falsely(summary: &Summary, is_independent: bool) -> Vec<String> {
    let head = [("RULE", Align::Left), ("FALSE ROLLBACKS", Align::Right), ("95 % INTERVAL", Align::Right)];
    let rows: Vec<Vec<String>> = rules(summary)
        .into_iter()
        .map(|(name, f)| {
            let (low, high) = (share(f.false_rollback_rate_low), share(f.false_rollback_rate_high));
            vec![name.to_owned(), share(f.false_rollback_rate), format!("{low} – {high}")]
        })
        .collect();
    let mut lines = table(&head, &rows);
    let alpha = plain_number(100.0 * summary.settings.alpha);
    let of = if is_independent { "" } else { " for requests that are independent" };
    lines.push(format!(
        "Promised by fw{of}: at most {alpha} % (analysis.alpha), over all looks, tests and phases."
    ));
    lines
}

fn one_decimal(n: f64) -> String {
    if n.abs() >= 100.0 { thousands(n.max(0.0).round() as u64) } else { format!("{n:.1}") }
}
