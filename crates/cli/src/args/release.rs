//! The arguments of `fw release …`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::DEFAULT_CONFIG;

const EXAMPLES: &str = "\
NAME is a service (checkout: its latest release) or one release of it (checkout.r3).
It may be left out when only one release can be meant.

Examples:
  fw release --env=production --strategy=canary --auto-approve --auto-fix --wait
  fw release --env=staging --dry-run
  fw release show checkout
  fw release approve checkout --reason 'looks fine'
  fw release undo checkout --reason 'customers complain'

With --wait, exit 0 when it succeeded and 1 when not; in GitHub Actions a summary goes to $GITHUB_STEP_SUMMARY.";

/// `fw release`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct ReleaseArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ReleaseCommand>,
    #[command(flatten)]
    pub(crate) start: ReleaseStartArgs,
}

/// The commands about releases.
#[derive(Debug, Subcommand)]
pub(crate) enum ReleaseCommand {
    /// Begin a release: checks, risk, approval, deployment, rollout, after-care
    Start(ReleaseStartArgs),
    /// List the releases of the server
    List,
    /// Show a release: where it is, what it waits for, what happened
    Show(ReleaseNamed),
    /// Print the report of a release, in Markdown
    Report(ReleaseNamed),
    /// Say yes to the approval it waits for
    Approve(ReleaseAct),
    /// Say no to it
    Reject(ReleaseAct),
    /// Stop it, and take back what it did
    Cancel(ReleaseAct),
    /// Take it back: the old version serves again, at once while it is kept
    Undo(ReleaseAct),
    /// Say how a work ended of which nobody knows
    Resolve {
        #[command(flatten)]
        act: ReleaseAct,
        /// The work, by its number
        #[arg(long, value_name = "NUMBER")]
        task: u32,
        /// How it ended
        #[arg(long = "as", value_enum, value_name = "HOW")]
        how: How,
    },
}

/// How a work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum How {
    /// It was done
    Done,
    /// It was not, or badly
    Failed,
    /// Do it again
    Again,
}

impl How {
    /// The word in the API.
    pub(crate) fn word(self) -> &'static str {
        match self {
            How::Done => "done",
            How::Failed => "failed",
            How::Again => "again",
        }
    }
}

/// A release by name.
#[derive(Debug, Args)]
pub(crate) struct ReleaseNamed {
    /// The release; may be left out when only one can be meant
    #[arg(value_parser = name)]
    pub(crate) name: Option<String>,
}

/// A release and why.
#[derive(Debug, Args)]
pub(crate) struct ReleaseAct {
    /// The release; may be left out when only one can be meant
    #[arg(value_parser = name)]
    pub(crate) name: Option<String>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Wait for the end: exit 1 when it did not succeed
    #[arg(long)]
    pub(crate) wait: bool,
}

/// `fw release start`.
#[derive(Debug, Args)]
pub(crate) struct ReleaseStartArgs {
    /// The config
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    pub(crate) config: PathBuf,
    /// The environment laid over it
    #[arg(long, value_name = "ENV")]
    pub(crate) env: Option<String>,
    /// How traffic gets to the new version [default: as the config says, else canary]
    #[arg(long, value_enum, value_name = "STRATEGY")]
    pub(crate) strategy: Option<StrategyChoice>,
    /// Needs no person where the risk is within the limit of the config
    #[arg(long)]
    pub(crate) auto_approve: bool,
    /// Mend in the config what has one obvious remedy; shows the change and keeps the file before
    #[arg(long)]
    pub(crate) auto_fix: bool,
    /// Check and show, but change nothing: no file, no release
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// End when the new version stands; `fw rollout start` then moves traffic
    #[arg(long)]
    pub(crate) without_rollout: bool,
    /// Wait for the end: exit 1 when it did not succeed
    #[arg(long)]
    pub(crate) wait: bool,
    /// Traffic of both versions together, requests a second: whether the plan can prove anything in its time
    #[arg(long, value_name = "N", value_parser = super::plan::rate)]
    pub(crate) requests_per_second: Option<f64>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// How traffic gets to the new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StrategyChoice {
    /// The phases of the plan
    Canary,
    /// Beside the old one, tried, then everything at once
    BlueGreen,
    /// Instance by instance
    Rolling,
    /// Everything at once
    AllAtOnce,
}

impl StrategyChoice {
    /// The word in the API.
    pub(crate) fn word(self) -> &'static str {
        match self {
            StrategyChoice::Canary => "canary",
            StrategyChoice::BlueGreen => "blue-green",
            StrategyChoice::Rolling => "rolling",
            StrategyChoice::AllAtOnce => "all-at-once",
        }
    }
}

/// A name as it may stand in a path of the API: a service, service@region, or a release of either.
fn name(text: &str) -> Result<String, String> {
    let key = text.parse::<fw_model::ServiceKey>().map(drop).map_err(|e| e.to_string());
    let release = text.parse::<fw_model::release::ReleaseId>().map(drop);
    key.or_else(|why| release.map_err(|_| why)).map(|()| text.to_owned())
}
