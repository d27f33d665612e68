//! `release.deploy`: what puts a version there. Commands of the user, processes or units on this machine.
//!
//! Commands are lists of arguments; nothing goes through a shell. A server runs only commands of its own files.

use std::time::Duration;

use fw_model::release::{Command, DeployPolicy, ExecDeploy, ProcessDeploy, SystemdDeploy};

use super::Rules;
use crate::config::duration::Per;
use crate::config::format;
use crate::config::table::{Key, Kind, Section};
use crate::config::tree::View;

/// Most arguments of a command.
const ARGS_MAX: usize = 256;
/// Most variables of a command.
const VARIABLES_MAX: usize = 256;
/// Longest time of a command.
const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 3600);
/// Time of a command that names none.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10 * 60);
/// Default of `readyWithin`.
const READY_DEFAULT: Duration = Duration::from_secs(60);
/// Default of `stopGrace`.
const STOP_DEFAULT: Duration = Duration::from_secs(30);

static ARGUMENT: Kind = Kind::Text(format::ARGUMENT);
static VARIABLE: Kind = Kind::Text(format::VARIABLE);
static ENV_NAME: Kind = Kind::Text(format::ENV);

const RUN: Key = Key::required(
    "run",
    Kind::List { of: &ARGUMENT, min: 1, max: ARGS_MAX },
    "The program, then its arguments.",
);
const ENV: Key = Key::optional(
    "env",
    Kind::List { of: &VARIABLE, min: 0, max: VARIABLES_MAX },
    "[]",
    "Variables, each `NAME=value`. No secrets: name those in `pass`.",
);
const PASS: Key = Key::optional(
    "pass",
    Kind::List { of: &ENV_NAME, min: 0, max: VARIABLES_MAX },
    "[]",
    "Names of variables of the server's own environment that it gets.",
);
const CWD: Key = Key::optional("cwd", Kind::Text(format::FILE), "= the server's", "The folder it runs in.");

/// A command.
pub(super) static COMMAND: Section = Section {
    title: "a command",
    doc: "It gets FW_SERVICE, FW_VERSION, FW_STABLE_VERSION, FW_ENV, FW_STRATEGY, FW_RELEASE and FW_URLS. It runs at most once for each attempt: where the outcome is not known (the machine went down), a person says how it ended, unless it is `repeatable`.",
    keys: &[
        RUN,
        ENV,
        PASS,
        CWD,
        Key::optional(
            "timeout",
            Kind::Duration { per: Per::Second, min: Duration::from_secs(1), max: TIMEOUT_MAX },
            r#""10m""#,
            "Longest time; it is asked to end then, and killed after 10 s more. A bare number is seconds.",
        ),
        Key::optional("repeatable", Kind::Bool, "false", "Whether running it twice does no harm."),
    ],
    exclusive: &[],
};

const READY_WITHIN: Key = Key::optional(
    "readyWithin",
    Kind::Duration { per: Per::Second, min: Duration::from_secs(1), max: TIMEOUT_MAX },
    r#""60s""#,
    "Longest time until every instance is healthy; a bare number is seconds.",
);
const STOP_GRACE: Key = Key::optional(
    "stopGrace",
    Kind::Duration { per: Per::Second, min: Duration::from_secs(1), max: TIMEOUT_MAX },
    r#""30s""#,
    "How long it may take to end after it was asked to; a bare number is seconds.",
);

/// Processes on this machine.
pub(super) static PROCESS: Section = Section {
    title: "release.deploy.process",
    doc: "One process for each URL of the version. It gets HOST, PORT, FW_SERVICE, FW_VERSION and FW_INSTANCE; `{host}`, `{port}` and `{version}` are replaced in its arguments. It outlives the server, and is started again when it ends by itself.",
    keys: &[RUN, ENV, PASS, CWD, READY_WITHIN, STOP_GRACE],
    exclusive: &[],
};

/// Units of systemd.
pub(super) static SYSTEMD: Section = Section {
    title: "release.deploy.systemd",
    doc: "One unit for each URL of the version, written, started and stopped through `systemctl`.",
    keys: &[
        RUN,
        ENV,
        PASS,
        CWD,
        READY_WITHIN,
        STOP_GRACE,
        Key::optional(
            "user",
            Kind::Text(format::TOKEN_NAME),
            "= as systemd says",
            "The user that the units run as.",
        ),
    ],
    exclusive: &[],
};

/// Commands of the user.
pub(super) static EXEC: Section = Section {
    title: "release.deploy.exec",
    doc: "Commands that put the new version there, take it away again, and take the old one away at the end.",
    keys: &[
        Key::required("deploy", Kind::Section(&COMMAND), "Puts the new version there; ends when it runs."),
        Key::optional(
            "undo",
            Kind::Section(&COMMAND),
            "= it stays",
            "Takes the new version away after a release that failed.",
        ),
        Key::optional(
            "retire",
            Kind::Section(&COMMAND),
            "= it stays",
            "Takes the old version away after one that succeeded.",
        ),
    ],
    exclusive: &[],
};

/// The section.
pub(super) static DEPLOY: Section = Section {
    title: "release.deploy",
    doc: "What puts the new version there; without it, it must be there already. One of the three.",
    keys: &[
        Key::optional("process", Kind::Section(&PROCESS), "= none", "Processes on the server's machine."),
        Key::optional("exec", Kind::Section(&EXEC), "= none", "Commands."),
        Key::optional("systemd", Kind::Section(&SYSTEMD), "= none", "Units on the server's machine."),
    ],
    exclusive: &[&["process", "exec", "systemd"]],
};

/// The deployer, if there is one.
pub(super) fn read(deploy: View<'_>) -> Option<DeployPolicy> {
    let (process, exec, systemd) = (deploy.get("process"), deploy.get("exec"), deploy.get("systemd"));
    if process.exists() {
        return Some(DeployPolicy::Process(process_of(process)));
    }
    if systemd.exists() {
        let user = systemd.get("user").text().map(str::to_owned);
        return Some(DeployPolicy::Systemd(SystemdDeploy { process: process_of(systemd), user }));
    }
    exec.exists().then(|| {
        DeployPolicy::Exec(Box::new(ExecDeploy {
            deploy: command(exec.get("deploy")),
            undo: exec.get("undo").exists().then(|| command(exec.get("undo"))),
            retire: exec.get("retire").exists().then(|| command(exec.get("retire"))),
        }))
    })
}

fn process_of(view: View<'_>) -> ProcessDeploy {
    ProcessDeploy {
        run: texts(view.get("run")),
        env: variables(view.get("env")),
        pass: texts(view.get("pass")),
        cwd: view.get("cwd").text().map(str::to_owned),
        ready_within: view.get("readyWithin").duration(Per::Second).unwrap_or(READY_DEFAULT),
        stop_grace: view.get("stopGrace").duration(Per::Second).unwrap_or(STOP_DEFAULT),
    }
}

/// A command, as far as it could be read.
pub(super) fn command(view: View<'_>) -> Command {
    Command {
        run: texts(view.get("run")),
        env: variables(view.get("env")),
        pass: texts(view.get("pass")),
        cwd: view.get("cwd").text().map(str::to_owned),
        timeout: view.get("timeout").duration(Per::Second).unwrap_or(TIMEOUT_DEFAULT),
        repeatable: view.get("repeatable").boolean().unwrap_or(false),
    }
}

fn texts(list: View<'_>) -> Vec<String> {
    list.items().iter().filter_map(|node| View(Some(node)).text()).map(str::to_owned).collect()
}

fn variables(list: View<'_>) -> Vec<(String, String)> {
    let pair = |text: String| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    texts(list).into_iter().filter_map(pair).collect()
}

/// Processes and units need an address of this machine, and no instance another's port.
pub(super) fn check(rules: &mut Rules<'_>, path: &str) {
    let deploy = rules.view().get("release").get("deploy");
    if deploy.exists() && !["process", "exec", "systemd"].iter().any(|key| deploy.get(key).exists()) {
        rules.fault(path, "needs one of `process`, `exec` and `systemd`");
    }
}
