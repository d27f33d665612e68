//! The arguments of `fw rollout …`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::DEFAULT_CONFIG;

const EXAMPLES: &str = "\
NAME is a service (checkout), a service in a region (checkout@eu-west-1) or one run of it (checkout.7).
It may be left out when only one rollout can be meant.

Examples:
  fw rollout start -c shop.yaml --env production --wait
  fw rollout watch
  fw rollout pause checkout --reason 'looking into the logs'
  fw rollout rollback checkout --to stable
  fw rollout events --from 0 --output json | jq .type";

/// `fw rollout`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RolloutArgs {
    #[command(subcommand)]
    pub(crate) command: RolloutCommand,
}

/// The commands about rollouts.
#[derive(Debug, Subcommand)]
pub(crate) enum RolloutCommand {
    /// Begin a rollout; returns when the first split is confirmed
    Start(StartArgs),
    /// Show where a rollout stands and what it waits for
    Status(Named),
    /// Stop advancing; evidence is collected, automatic rollback stays armed
    Pause(Steer),
    /// Go on after a pause or a rollback
    Resume(Steer),
    /// Go to the next phase now, whatever it waits for
    Advance(Steer),
    /// Move traffic back now
    Rollback {
        #[command(flatten)]
        steer: Steer,
        /// Where to: previous, stable, or a phase by position from 0
        #[arg(long, value_name = "WHERE", default_value = "previous")]
        to: Target,
    },
    /// End it: no traffic to the canary
    Abort(Steer),
    /// Say yes to the approval that the phase waits for
    Approve(Steer),
    /// Say no to it: traffic goes back to stable
    Reject(Steer),
    /// List the rollouts of the server
    List,
    /// Follow a rollout live; in a terminal as a view, else as lines
    Watch(Named),
    /// Print events as they come
    Events {
        #[command(flatten)]
        named: Named,
        /// Begin after the event with this id; 0 = all that is kept
        #[arg(long, value_name = "ID")]
        from: Option<u64>,
    },
    /// Print all that happened to a rollout
    History(Named),
    /// Write a report of a rollout
    Report(ReportArgs),
}

/// A rollout by name.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The rollout; may be left out when only one can be meant
    #[arg(value_parser = name)]
    pub(crate) name: Option<String>,
}

/// `fw rollout report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The rollout, or one run of it (checkout.7); may be left out when only one can be meant
    #[arg(value_parser = name)]
    pub(crate) name: Option<String>,
    /// Which report [default: rollback for one that went back, else completion]
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) kind: Option<ReportKind>,
    /// Its form [default: md; json with --output json]
    #[arg(long, value_enum, value_name = "FORM")]
    pub(crate) format: Option<ReportFormat>,
    /// Write it to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// Which report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportKind {
    /// The whole rollout
    Completion,
    /// Why it went back, how fast, and who was harmed
    Rollback,
    /// Response times and errors over time
    Performance,
    /// Revenue, conversion, satisfaction, cost of errors
    Business,
}

impl ReportKind {
    /// The word in the API.
    pub(crate) fn word(self) -> &'static str {
        match self {
            ReportKind::Completion => "completion",
            ReportKind::Rollback => "rollback",
            ReportKind::Performance => "performance",
            ReportKind::Business => "business",
        }
    }
}

/// A form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For machines
    Json,
    /// Markdown
    Md,
    /// A self-contained page that prints well
    Html,
}

/// A rollout and why.
#[derive(Debug, Args)]
pub(crate) struct Steer {
    /// The rollout; may be left out when only one can be meant
    #[arg(value_parser = name)]
    pub(crate) name: Option<String>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// `fw rollout start`.
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// The service; must be the config's
    #[arg(value_parser = name)]
    pub(crate) name: Option<String>,
    /// The config
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    pub(crate) config: PathBuf,
    /// The environment laid over it
    #[arg(long, value_name = "ENV")]
    pub(crate) env: Option<String>,
    /// Wait for the end: exit 1 when it was rolled back or aborted
    #[arg(long)]
    pub(crate) wait: bool,
}

/// Where a rollback goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The phase before; stable where there is none.
    Previous,
    /// No traffic to the canary.
    Stable,
    /// A phase by position from 0.
    Phase(u64),
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "previous" => Ok(Target::Previous),
            "stable" => Ok(Target::Stable),
            number => {
                number.parse().map(Target::Phase).map_err(|_| "previous, stable, or a number from 0".into())
            }
        }
    }
}

/// A name as it may stand in a path of the API: a service, service@region, or a run of either.
fn name(text: &str) -> Result<String, String> {
    let key = text.parse::<fw_model::ServiceKey>().map(drop).map_err(|e| e.to_string());
    let run = text.parse::<fw_model::RunId>().map(drop);
    key.or_else(|why| run.map_err(|_| why)).map(|()| text.to_owned())
}
