//! What can be typed: every command, option and example (contract section 2).
//!
//! Only shapes live here; what a command does is in `commands/`, a file each.

mod options;
mod plan;
mod release;
mod rollout;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use fw_model::{Region, ServiceName};

use crate::output::Format;

pub(crate) use options::{Fault, StoreChoice};
pub(crate) use plan::{CheckArgs, PlanArgs, PlanCommand, SimulateArgs, TuneArgs};
pub(crate) use release::{ReleaseAct, ReleaseArgs, ReleaseCommand, ReleaseStartArgs, StrategyChoice};
pub(crate) use rollout::{ReportArgs, ReportFormat, RolloutArgs, RolloutCommand, StartArgs, Steer, Target};

const EXAMPLES: &str = "\
Examples:
  fw demo --fast                              watch a whole rollout in seconds
  fw config validate                          check factory-wager.yaml
  fw serve                                    proxy and API for factory-wager.yaml
  fw rollout start --env production --wait    begin, and wait for the end
  fw rollout status                           where it stands, and why
  fw rollout rollback --reason 'bad logs'     back to the phase before, now

Exit codes: 0 done, 1 what was asked for failed, 2 bad usage or config, 3 the server cannot be reached.";

/// Progressive delivery: a canary takes over step by step while evidence says it may, and goes back by itself when not.
#[derive(Debug, Parser)]
#[command(name = "fw", version, after_help = EXAMPLES, arg_required_else_help = true, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// How data is printed on stdout: text or json
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "text",
        value_name = "FORMAT",
        hide_possible_values = true
    )]
    pub(crate) output: Format,
    /// The server to talk to [default: http://127.0.0.1:3002]; a token for it comes from $FW_TOKEN
    #[arg(long, global = true, env = "FW_SERVER", hide_env_values = true, value_name = "URL")]
    pub(crate) server: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a real rollout on this machine: two versions of a demo service, real load, proxy, engine, API
    Demo(DemoArgs),
    /// Run the server: the engine, the API, and the proxy where the config asks for one
    Serve(ServeArgs),
    /// Start and steer rollouts
    Rollout(RolloutArgs),
    /// Check, describe and show configs
    Config(ConfigArgs),
    /// See feature flags, and what experiments show
    Flags(FlagsArgs),
    /// See who is told of events, and test it
    Notify(NotifyArgs),
    /// See what a plan can find, before anybody is exposed to it
    Plan(PlanArgs),
    /// See key numbers over the rollouts of a server
    Kpis(KpisArgs),
    /// Make tokens for the API
    Token(TokenArgs),
    /// Run a proxy alone, told by a server elsewhere
    Proxy(ProxyArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Release a new version: checks, risk, approval, deployment, rollout, after-care
    Release(Box<ReleaseArgs>),
    /// Run the command of an order's folder; the server starts this
    #[command(name = "__run", hide = true)]
    RunOrder(FolderArgs),
    /// Keep the process of an instance running; the server starts this
    #[command(name = "__keep", hide = true)]
    Keep(FolderArgs),
}

/// `fw __run` and `fw __keep`.
#[derive(Debug, Args)]
pub(crate) struct FolderArgs {
    /// The folder that says what is to be done
    pub(crate) folder: PathBuf,
}

/// `fw flags`.
#[derive(Debug, Args)]
pub(crate) struct FlagsArgs {
    #[command(subcommand)]
    pub(crate) command: FlagsCommand,
}

/// The commands about flags.
#[derive(Debug, Subcommand)]
pub(crate) enum FlagsCommand {
    /// List the flags of the server
    List,
    /// Show a flag: its variants and rules, and the read-out of its experiment
    Show {
        /// The flag's key
        key: String,
    },
}

/// `fw kpis`.
#[derive(Debug, Args)]
pub(crate) struct KpisArgs {
    /// Rollouts that began in the last so many days
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub(crate) days: u32,
}

/// `fw notify`.
#[derive(Debug, Args)]
pub(crate) struct NotifyArgs {
    #[command(subcommand)]
    pub(crate) command: NotifyCommand,
}

/// The commands about notifications.
#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// List who is told, and how far each was told
    List,
    /// Send a test through the server now, marked as one; exit 1 when it does not arrive
    Test {
        /// The receiver, as the config names it; without, all of them
        name: Option<String>,
    },
}

/// `fw demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// What is wrong with the canary: error-rate=5%, latency=+800ms or none
    #[arg(long, value_name = "FAULT", default_value = "none")]
    pub(crate) fault: Fault,
    /// Phases of seconds instead of minutes
    #[arg(long)]
    pub(crate) fast: bool,
    /// Write the reports of the rollout into this folder at the end
    #[arg(long, value_name = "FOLDER")]
    pub(crate) reports: Option<PathBuf>,
}

/// `fw serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// A config; several are several services [default: factory-wager.yaml]
    #[arg(short, long = "config", value_name = "FILE")]
    pub(crate) config: Vec<PathBuf>,
    /// The environment of the configs
    #[arg(long, value_name = "ENV")]
    pub(crate) env: Option<String>,
    /// Where the API listens; else the config's port on loopback, else 127.0.0.1:3002
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<std::net::SocketAddr>,
    /// Where events are kept
    #[arg(long, value_name = "STORE", default_value = options::STORE_DEFAULT)]
    pub(crate) store: StoreChoice,
}

/// `fw proxy`.
#[derive(Debug, Args)]
pub(crate) struct ProxyArgs {
    /// The server that says how to split
    #[arg(long, value_name = "URL")]
    pub(crate) control: String,
    /// The service to route, as its config names it
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = options::service)]
    pub(crate) service: ServiceName,
    /// The region it runs in
    #[arg(long, value_name = "NAME", value_parser = options::region)]
    pub(crate) region: Option<Region>,
    /// Where requests are taken
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: std::net::SocketAddr,
    /// Where the last split is kept, for a start without the server
    #[arg(long, value_name = "DIR", default_value = ".factory-wager/proxy")]
    pub(crate) state: PathBuf,
}

/// `fw config`.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

/// The commands about configs.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Report every fault at once, with line and column
    Validate {
        /// A config; may be repeated [default: factory-wager.yaml]
        #[arg(short, long = "config", value_name = "FILE")]
        config: Vec<PathBuf>,
        /// The environment laid over it
        #[arg(long, value_name = "ENV")]
        env: Option<String>,
    },
    /// Mend what has one obvious remedy, in the file itself: shows the change, keeps the file before as FILE.bak
    Fix(FixArgs),
    /// Look at everything a release can look at without a server: config, secrets, traffic, git, changelog
    Check(ConfigCheckArgs),
    /// Print the JSON Schema, for editors
    Schema,
    /// Print a config with every default written out
    Show {
        /// The config
        #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
        config: PathBuf,
        /// The environment laid over it
        #[arg(long, value_name = "ENV")]
        env: Option<String>,
    },
}

/// `fw config fix`.
#[derive(Debug, Args)]
pub(crate) struct FixArgs {
    /// The config
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    pub(crate) config: PathBuf,
    /// The environment laid over it
    #[arg(long, value_name = "ENV")]
    pub(crate) env: Option<String>,
    /// Show the change and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Requests a second of both versions together: phases too short to prove anything with them grow
    #[arg(long, alias = "rps", value_name = "N", value_parser = plan::rate)]
    pub(crate) requests_per_second: Option<f64>,
}

/// `fw config check`.
#[derive(Debug, Args)]
pub(crate) struct ConfigCheckArgs {
    /// The config
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    pub(crate) config: PathBuf,
    /// The environment laid over it
    #[arg(long, value_name = "ENV")]
    pub(crate) env: Option<String>,
    /// Requests a second of both versions together
    #[arg(long, alias = "rps", value_name = "N", value_parser = plan::rate)]
    pub(crate) requests_per_second: Option<f64>,
}

/// The config when none is named.
pub(crate) const DEFAULT_CONFIG: &str = "factory-wager.yaml";

/// `fw token`.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

/// The commands about tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Print a new random token, this once, and its line for the config
    New {
        /// Who it is for; becomes the actor of what it does
        #[arg(long, default_value = "ci", value_name = "NAME", value_parser = options::service)]
        name: ServiceName,
        /// What it may do; may be repeated
        #[arg(long, value_enum, value_name = "ROLE", default_value = "operator")]
        role: Vec<options::RoleChoice>,
    },
}

/// `fw completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}
