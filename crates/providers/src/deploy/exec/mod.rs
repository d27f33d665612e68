//! The exec deployer: somebody's own commands put a version there and take it away.
//!
//! Each command runs at most once for an order, under a wrapper (see [`command`]). What exactly it does, and
//! whether the version answers then, is not known here: exit code 0 is done, anything else failed, and a command whose end
//! nobody saw is unknown. Giving an order again looks at the same command; another try is another order.

use std::path::PathBuf;
use std::time::Duration;

use super::command::{self, CommandSpec, Ended, How, Look};
use super::deployer::{Deployer, InstanceStatus, Outcome, Presence, Told, Work};
use super::log;
use super::order::{Order, file_name};
use super::program::Program;
use super::wrapper::Wrapper;

/// Pause between two looks at a command.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Lines of a log that are shown with a failure.
const LOG_LINES_SHOWN: usize = 20;

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// What runs. It also gets FW_ORDER, FW_ACTION, FW_SERVICE, FW_VERSION, FW_ENV, FW_STRATEGY and FW_URLS (with a
    /// comma between).
    pub program: Program,
    /// Longest time it may take.
    pub timeout: Duration,
    /// Time between SIGTERM and SIGKILL when it must end.
    pub grace: Duration,
}

/// The commands of one service.
#[derive(Debug, Clone)]
pub struct ExecSettings {
    /// Where orders have their folders, as an absolute path.
    pub root: PathBuf,
    /// What runs as the wrapper; see [`command::run`].
    pub wrapper: Wrapper,
    /// Puts a version there.
    pub deploy: Act,
    /// Takes away what a deploy put there; none when there is nothing to do.
    pub undo: Option<Act>,
    /// Ends a version that is needed no more; none when there is nothing to do.
    pub retire: Option<Act>,
}

/// Deploys by commands.
#[derive(Debug, Clone)]
pub struct Exec {
    settings: ExecSettings,
}

impl Exec {
    /// Runs nothing yet.
    pub fn new(settings: ExecSettings) -> Exec {
        Exec { settings }
    }

    /// The folder of an order's command; `action` is `deploy`, `undo` or `retire`. It is what [`command::cancel`] and
    /// [`command::tail`] take.
    pub fn folder(&self, order: &Order, action: &str) -> PathBuf {
        self.settings.root.join(file_name(&order.id)).join(action)
    }

    async fn act(&self, act: Option<&Act>, action: &str, order: &Order, told: &Told) -> Outcome {
        let Some(act) = act else { return Outcome::Done };
        if let Err(e) = order.check() {
            return Outcome::failed(e);
        }
        let dir = self.folder(order, action);
        if let Err(e) = command::begin(&dir, &spec(act, action, order), &self.settings.wrapper).await {
            return Outcome::failed(e);
        }
        let failed = |why: String| Outcome::Failed { why, log: log::last_lines(&dir, LOG_LINES_SHOWN) };
        match command::wait(&dir, LOOK_EVERY, &**told).await {
            Ok(Look::Ended(ended)) if ended.is_success() => Outcome::Done,
            Ok(Look::Ended(ended)) => failed(format!("the {action} command {}", words(&ended, act))),
            Ok(Look::Unknown { why }) => {
                let place = dir.display();
                Outcome::Unknown {
                    why: format!("how the {action} command ended is not known: {why}; its log is in {place}"),
                }
            }
            Ok(Look::NotBegun | Look::Running { .. }) => Outcome::Unknown {
                why: format!("the folder of the {action} command, {}, was emptied", dir.display()),
            },
            Err(e) => Outcome::Unknown { why: format!("the {action} command can't be looked at: {e}") },
        }
    }
}

fn spec(act: &Act, action: &str, order: &Order) -> CommandSpec {
    let mut program = act.program.clone();
    let urls = order.urls();
    let ours = [
        ("FW_ORDER", order.id.as_str()),
        ("FW_ACTION", action),
        ("FW_SERVICE", &order.service),
        ("FW_VERSION", &order.version),
        ("FW_ENV", &order.env),
        ("FW_STRATEGY", &order.strategy),
        ("FW_URLS", &urls),
    ];
    program.env.extend(ours.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    CommandSpec { program, timeout_ms: ms(act.timeout), grace_ms: ms(act.grace) }
}

fn words(ended: &Ended, act: &Act) -> String {
    match &ended.how {
        How::Exited { code } => format!("ended with exit code {code}"),
        How::Killed { signal } => format!("was ended by signal {signal}"),
        How::TimedOut => format!("took longer than {} s and was ended", act.timeout.as_secs_f32()),
        How::Cancelled => "was cancelled".to_owned(),
        How::NotStarted { why } => format!("could not be started: {why}"),
    }
}

impl Deployer for Exec {
    fn kind(&self) -> &'static str {
        "exec"
    }

    fn deploy<'a>(&'a self, order: &'a Order, told: &'a Told) -> Work<'a, Outcome> {
        Box::pin(self.act(Some(&self.settings.deploy), "deploy", order, told))
    }

    fn undo<'a>(&'a self, order: &'a Order, told: &'a Told) -> Work<'a, Outcome> {
        Box::pin(self.act(self.settings.undo.as_ref(), "undo", order, told))
    }

    fn retire<'a>(&'a self, order: &'a Order, told: &'a Told) -> Work<'a, Outcome> {
        Box::pin(self.act(self.settings.retire.as_ref(), "retire", order, told))
    }

    fn status<'a>(&'a self, order: &'a Order) -> Work<'a, Vec<InstanceStatus>> {
        // Only the commands know what they put where.
        let unknown = || Presence::Unknown { why: "commands deploy this service: ask its instances".into() };
        let all =
            order.instances.iter().map(|instance| InstanceStatus::new(&instance.url, unknown())).collect();
        Box::pin(std::future::ready(all))
    }
}
