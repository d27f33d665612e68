//! `fw plan …`: what can be typed about plans.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use fw_sim::{Discounts, Scenario};

use super::options::STORE_DEFAULT;
use super::{DEFAULT_CONFIG, StoreChoice};

const SIMULATE_EXAMPLES: &str = "\
Scenarios: healthy, error-rate=5%, latency=+30%|x2|+800ms, tail[=x5], slow-burn, hang, onset=6m,
dependency-down, no-data, low-traffic, trend.
Failures that cluster, in both versions alike: bursts and slow-instances (each instance by itself, every 10 min),
beta:PHI:TAU (its error rate wanders: PHI at 25 requests/s of it, drawn anew after TAU), retries[:MEAN] (a failure is
tried again, and fails), sticky-users[:USERS] (nothing works for 1 % of the users).
A comma combines one regression, one onset, one circumstance and one cluster: onset=6m,error-rate=2%,bursts.

Examples:
  fw plan simulate --scenario error-rate=1%        5 % of 500 requests/s for 15 min
  fw plan simulate --scenario onset=6m,latency=x2 --plot a.svg
  fw plan simulate --scenario bursts --instances 2:18
  fw plan simulate -c shop.yaml --rps 80 --runs 2000
  fw plan simulate -c stricter.yaml --replay checkout.7";

/// `fw plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(subcommand)]
    pub(crate) command: PlanCommand,
}

/// The commands about plans.
#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// Make up thousands of rollouts and show what the engine, and other tools' rules, would decide
    Simulate(Box<SimulateArgs>),
    /// Say what each phase can prove and find with the traffic there is, and warn where it is too little
    Check(CheckArgs),
    /// Suggest durations and limits from past rollouts, as a change of the config
    Tune(TuneArgs),
}

/// `fw plan simulate`.
#[derive(Debug, Args)]
#[command(after_help = SIMULATE_EXAMPLES)]
pub(crate) struct SimulateArgs {
    /// The config whose plan is simulated; without it a built-in one: 5 % for 15 min
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The environment laid over it (of factory-wager.yaml, where -c names no other)
    #[arg(long, value_name = "ENV")]
    pub(crate) env: Option<String>,
    /// What happens
    #[arg(long, value_name = "SCENARIO", default_value = "healthy")]
    pub(crate) scenario: Scenario,
    /// Requests a second of both versions together [default: 500; low-traffic: 1]
    #[arg(long, value_name = "N", value_parser = rate)]
    pub(crate) rps: Option<f64>,
    /// Errors of stable; what clusters comes on top
    #[arg(long, value_name = "PERCENT", default_value = "0.1%", value_parser = percent)]
    pub(crate) stable_errors: f64,
    /// How many rollouts
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=fw_sim::RUNS_MAX))]
    pub(crate) runs: u64,
    /// Where chance begins; the same seed gives the same figures
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Time between looks, 100ms to 1m
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = look)]
    pub(crate) look: Duration,
    /// How long each rollout is followed [default: 15m; with -c the longest the plan may take]
    #[arg(long = "for", value_name = "TIME", value_parser = fw_sim::duration)]
    pub(crate) horizon: Option<Duration>,
    /// Instances of canary and stable, between which requests are spread evenly [default: 1:4; clusters 1:19]
    #[arg(long, value_name = "C:S", value_parser = instances)]
    pub(crate) instances: Option<Instances>,
    /// How long stable was watched before the start, up to 2h, 0s = not at all [default: 10m; clusters 30m]
    #[arg(long, value_name = "TIME", value_parser = history)]
    pub(crate) history: Option<Duration>,
    /// Report conversion (5 %) and revenue too; they may only roll back
    #[arg(long)]
    pub(crate) metrics: bool,
    /// Draw when each rule rolled back
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) plot: Option<PathBuf>,
    /// Instead of made-up traffic, what a past rollout saw: its observations under this plan
    #[arg(long, value_name = "NAME", conflicts_with_all = ["scenario", "rps", "plot", "metrics", "horizon", "instances", "history"])]
    pub(crate) replay: Option<String>,
    /// The store with the past rollout; no server may run on it
    #[arg(long, value_name = "STORE", default_value = STORE_DEFAULT, requires = "replay")]
    pub(crate) store: StoreChoice,
}

impl SimulateArgs {
    /// The config that was meant; none = the built-in plan.
    pub(crate) fn config(&self) -> Option<PathBuf> {
        self.config.clone().or_else(|| self.env.as_ref().map(|_| PathBuf::from(DEFAULT_CONFIG)))
    }
}

/// `fw plan check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The config
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    pub(crate) config: PathBuf,
    /// The environment laid over it
    #[arg(long, value_name = "ENV")]
    pub(crate) env: Option<String>,
    /// Requests a second of both versions together [default: observed from the server, if a rollout runs there]
    #[arg(long, value_name = "N", value_parser = rate)]
    pub(crate) rps: Option<f64>,
    /// Errors of stable [default: observed with the rate, else 0.1%]
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) stable_errors: Option<f64>,
    /// How clustered stable's errors are, and its batches with an error, as `fw plan simulate` and the findings of a
    /// rollout tell it [default: observed with the rate, else 1,1]
    #[arg(long, value_name = "ERRORS[,BATCHES]", value_parser = phi)]
    pub(crate) phi: Option<Discounts>,
    /// Exit 1 when there is a warning
    #[arg(long)]
    pub(crate) strict: bool,
}

/// `fw plan tune`.
#[derive(Debug, Args)]
pub(crate) struct TuneArgs {
    /// The config
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    pub(crate) config: PathBuf,
    /// The environment laid over it
    #[arg(long, value_name = "ENV")]
    pub(crate) env: Option<String>,
    /// The store with the past rollouts; no server may run on it
    #[arg(long, value_name = "STORE", default_value = STORE_DEFAULT)]
    pub(crate) store: StoreChoice,
}

/// Largest rate of requests that is simulated, a second.
const RPS_MAX: f64 = 1e6;

/// φ of errors and of batches; one alone stands for both.
fn phi(text: &str) -> Result<Discounts, String> {
    let number = |text: &str| text.trim().parse().ok().filter(|phi| (1.0..=1000.0).contains(phi));
    let (errors, batches) = text.split_once(',').unwrap_or((text, text));
    match (number(errors), number(batches)) {
        (Some(errors), Some(batches)) => Ok(Discounts { errors, batches }),
        _ => Err("φ is one number or two from 1 (independent) to 1000, such as 100,9".to_owned()),
    }
}

/// Requests a second.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 =
        text.parse().map_err(|_| "a rate is a number of requests a second, such as 500".to_owned())?;
    if rate > 0.0 && rate <= RPS_MAX {
        Ok(rate)
    } else {
        Err("the rate is above 0 and at most 1000000".into())
    }
}

/// `0.1%` or `0.1`, as a fraction.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    let percent: f64 = number.trim().parse().map_err(|_| "a share is written 0.1%".to_owned())?;
    if (0.0..=50.0).contains(&percent) { Ok(percent / 100.0) } else { Err("the share is 0 to 50 %".into()) }
}

/// How many instances each version has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instances {
    pub(crate) canary: usize,
    pub(crate) stable: usize,
}

/// Most instances of a version that are simulated.
const INSTANCES_MAX: usize = 100;

/// `1:19`, canary first.
fn instances(text: &str) -> Result<Instances, String> {
    let number = |text: &str| text.trim().parse().ok().filter(|n| (1..=INSTANCES_MAX).contains(n));
    let both = text
        .split_once(':')
        .and_then(|(canary, stable)| Some(Instances { canary: number(canary)?, stable: number(stable)? }));
    both.ok_or_else(|| "instances are written CANARY:STABLE, such as 1:19, each 1 to 100".into())
}

/// Longest time before the start that is simulated: every second of it is kept.
const HISTORY_MAX: Duration = Duration::from_secs(2 * 3600);

/// Time before the start.
fn history(text: &str) -> Result<Duration, String> {
    let history = fw_sim::duration(text)?;
    if history <= HISTORY_MAX { Ok(history) } else { Err("the time before the start is 2h at most".into()) }
}

/// Time between looks.
fn look(text: &str) -> Result<Duration, String> {
    let look = fw_sim::duration(text)?;
    let range = Duration::from_millis(100)..=Duration::from_secs(60);
    if range.contains(&look) { Ok(look) } else { Err("looks are 100ms to 1m apart".into()) }
}
