//! The policies of a release: who approves, what is checked, what deploys, how long the old version is kept.
//!
//! Commands are lists of arguments, never a line for a shell. Secrets are named (environment variables), never held.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Answer, Gate, Severity, Strategy};

/// Default of [`ReleasePolicy::bake`]: the last phase lasts as long as the plan says.
pub const BAKE_DEFAULT: Duration = Duration::ZERO;
/// Default of [`ReleasePolicy::keep_old`].
pub const KEEP_OLD_DEFAULT: Duration = Duration::from_secs(60 * 60);
/// Default of [`ApprovalPolicy::limit`].
const LIMIT_DEFAULT: f64 = 50.0;
/// Default of [`ApprovalPolicy::expires`].
const EXPIRES_DEFAULT: Duration = Duration::from_secs(24 * 60 * 60);

/// What a release does around its rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleasePolicy {
    /// Where a start names none.
    pub strategy: Strategy,
    /// Who says yes to the risk.
    pub approval: ApprovalPolicy,
    /// What is checked beside what always is.
    pub checks: CheckPolicy,
    /// What else must say yes before a step.
    pub gates: StepGates,
    /// How a version shows that it lives.
    pub health: HealthCheck,
    /// What puts the version there; none = it is there already.
    pub deploy: Option<DeployPolicy>,
    /// Least time at 100 % before the old version may go.
    pub bake: Duration,
    /// How long the old version is kept after that, for an instant undo.
    pub keep_old: Duration,
}

impl Default for ReleasePolicy {
    fn default() -> ReleasePolicy {
        ReleasePolicy {
            strategy: Strategy::default(),
            approval: ApprovalPolicy::default(),
            checks: CheckPolicy::default(),
            gates: StepGates::default(),
            health: HealthCheck::default(),
            deploy: None,
            bake: BAKE_DEFAULT,
            keep_old: KEEP_OLD_DEFAULT,
        }
    }
}

/// Who says yes to the risk.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ApprovalPolicy {
    /// Highest risk (0 to 100) that `--auto-approve` approves.
    pub limit: f64,
    /// How many different people must approve above it, at least 1.
    pub quorum: u32,
    /// How long they may take; none = as long as it takes.
    pub expires: Option<Duration>,
    /// What counts when that time is over.
    pub default: Answer,
}

impl Default for ApprovalPolicy {
    fn default() -> ApprovalPolicy {
        ApprovalPolicy {
            limit: LIMIT_DEFAULT,
            quorum: 1,
            expires: Some(EXPIRES_DEFAULT),
            default: Answer::Reject,
        }
    }
}

/// What is checked beside what always is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CheckPolicy {
    /// Times in which nothing is released.
    pub freeze: Vec<Freeze>,
    /// Services whose rollouts must have come to rest.
    pub depends_on: Vec<String>,
    /// Commands of the user.
    pub commands: Vec<CheckCommand>,
    /// URLs that are asked.
    pub webhooks: Vec<CheckWebhook>,
}

/// A time in which nothing is released: days of the calendar, both included, in a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// First day, `2026-12-20`.
    pub from: String,
    /// Last day, `2027-01-03`.
    pub to: String,
    /// IANA name of the zone.
    pub zone: String,
}

/// A command that says whether a release may go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckCommand {
    /// What people call it.
    pub name: String,
    /// What runs; exit status 0 is good.
    pub command: Command,
    /// What another exit status weighs.
    pub severity: Severity,
}

/// A URL that says whether a release may go on: 2xx is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckWebhook {
    /// What people call it.
    pub name: String,
    /// `http://` or `https://`.
    pub url: String,
    /// Longest time for an answer.
    pub timeout: Duration,
    /// What another answer weighs.
    pub severity: Severity,
}

/// A program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The program, then its arguments; at least one.
    pub run: Vec<String>,
    /// Set for it, beside what FactoryWager sets.
    pub env: Vec<(String, String)>,
    /// Names of variables of the server's environment that it gets.
    pub pass: Vec<String>,
    /// Where it runs; none = where the server runs.
    pub cwd: Option<String>,
    /// Longest time.
    pub timeout: Duration,
    /// Whether running it twice does no harm: then an unknown outcome runs it again instead of asking a person.
    pub repeatable: bool,
}

/// What else must say yes, by the step before which it is asked.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StepGates {
    /// Before anything is deployed.
    pub deploy: Vec<Gate>,
    /// Before the first request goes to the new version.
    pub rollout: Vec<Gate>,
    /// Before the release counts as done.
    pub finish: Vec<Gate>,
}

/// How a version shows that it lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// Path that answers 2xx, beginning with `/`.
    pub path: String,
    /// JSON pointer into the answer where the version stands, such as `/version`; none = it is not compared.
    pub version_pointer: Option<String>,
    /// Longest time for an answer.
    pub timeout: Duration,
}

impl Default for HealthCheck {
    fn default() -> HealthCheck {
        HealthCheck { path: "/".into(), version_pointer: None, timeout: Duration::from_secs(5) }
    }
}

/// What puts a version there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeployPolicy {
    /// Commands of the user.
    Exec(Box<ExecDeploy>),
    /// Processes on this machine.
    Process(ProcessDeploy),
    /// Units of systemd on this machine.
    Systemd(SystemdDeploy),
}

/// Commands that deploy, take back and retire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecDeploy {
    /// Puts the new version there.
    pub deploy: Command,
    /// Takes the new version away after a release that failed; none = it stays.
    pub undo: Option<Command>,
    /// Takes the old version away after one that succeeded; none = it stays.
    pub retire: Option<Command>,
}

/// Processes of a version on this machine, one for each of its URLs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessDeploy {
    /// The program, then its arguments; `{port}`, `{host}` and `{version}` are replaced in each.
    pub run: Vec<String>,
    /// Set for it, beside PORT, HOST, FW_SERVICE, FW_VERSION and FW_INSTANCE.
    pub env: Vec<(String, String)>,
    /// Names of variables of the server's environment that it gets.
    pub pass: Vec<String>,
    /// Where it runs; none = where the server runs.
    pub cwd: Option<String>,
    /// Longest time until it is healthy.
    pub ready_within: Duration,
    /// How long it may take to end by itself after it was asked to.
    pub stop_grace: Duration,
}

/// Units of systemd of a version on this machine, one for each of its URLs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemdDeploy {
    /// As for processes.
    pub process: ProcessDeploy,
    /// The user that the units run as; none = as systemd says.
    pub user: Option<String>,
}
