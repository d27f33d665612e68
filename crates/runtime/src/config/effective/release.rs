//! The release with every default written out.

use std::time::Duration;

use fw_model::release::{
    Answer, CheckPolicy, Command, DeployPolicy, Gate, GateKind, HealthCheck, ProcessDeploy, ReleasePolicy,
};

use super::word;
use crate::config::duration;
use crate::config::tree::Node;

fn time(time: Duration) -> Node {
    Node::text(duration::write(time))
}

fn texts(list: &[String]) -> Node {
    Node::list(list.iter().map(Node::text))
}

/// The section.
pub(super) fn release(policy: &ReleasePolicy) -> Node {
    let approval = &policy.approval;
    let mut approved =
        vec![("limit", Node::number(approval.limit)), ("quorum", Node::number(f64::from(approval.quorum)))];
    approved.extend(approval.expires.map(|expires| ("expires", time(expires))));
    approved.push(("default", word(&approval.default)));
    let mut entries = vec![
        ("strategy", Node::text(policy.strategy.as_str())),
        ("approval", Node::map(approved)),
        ("checks", checks(&policy.checks)),
        (
            "gates",
            Node::map([
                ("deploy", gates(&policy.gates.deploy)),
                ("rollout", gates(&policy.gates.rollout)),
                ("finish", gates(&policy.gates.finish)),
            ]),
        ),
        ("health", health(&policy.health)),
    ];
    entries.extend(policy.deploy.as_ref().map(|deploy| ("deploy", deployer(deploy))));
    entries.extend([("bake", time(policy.bake)), ("keepOld", time(policy.keep_old))]);
    Node::map(entries)
}

/// A list of gates; those of a release itself are not written by people.
pub(super) fn gates(gates: &[Gate]) -> Node {
    let times = |gate: &Gate, entries: &mut Vec<(&'static str, Node)>| {
        entries.extend(gate.expires.map(|expires| ("expires", time(expires))));
        if gate.default == Answer::Approve {
            entries.push(("default", Node::text("approve")));
        }
    };
    let one = |gate: &Gate| {
        let mut entries = vec![];
        match &gate.kind {
            GateKind::Approval { quorum } => {
                let mut inner = vec![("quorum", Node::number(f64::from(*quorum)))];
                times(gate, &mut inner);
                return Some(Node::map([("approval", Node::map(inner))]));
            }
            GateKind::Webhook { url } => entries.push(("webhook", Node::text(url))),
            GateKind::Window(window) => entries.push(("window", Node::text(window.to_string()))),
            GateKind::Release => return None,
        }
        times(gate, &mut entries);
        Some(Node::map(entries))
    };
    Node::list(gates.iter().filter_map(one))
}

fn checks(checks: &CheckPolicy) -> Node {
    let freeze = checks.freeze.iter().map(|freeze| {
        Node::map([
            ("from", Node::text(&freeze.from)),
            ("to", Node::text(&freeze.to)),
            ("zone", Node::text(&freeze.zone)),
        ])
    });
    let commands = checks.commands.iter().map(|check| {
        Node::map([
            ("name", Node::text(&check.name)),
            ("command", command(&check.command)),
            ("severity", word(&check.severity)),
        ])
    });
    let webhooks = checks.webhooks.iter().map(|check| {
        Node::map([
            ("name", Node::text(&check.name)),
            ("url", Node::text(&check.url)),
            ("timeout", time(check.timeout)),
            ("severity", word(&check.severity)),
        ])
    });
    Node::map([
        ("freeze", Node::list(freeze)),
        ("dependsOn", texts(&checks.depends_on)),
        ("commands", Node::list(commands)),
        ("webhooks", Node::list(webhooks)),
    ])
}

fn health(health: &HealthCheck) -> Node {
    let mut entries = vec![("path", Node::text(&health.path))];
    entries.extend(health.version_pointer.as_ref().map(|pointer| ("versionPointer", Node::text(pointer))));
    entries.push(("timeout", time(health.timeout)));
    Node::map(entries)
}

fn deployer(deploy: &DeployPolicy) -> Node {
    match deploy {
        DeployPolicy::Process(process) => Node::map([("process", Node::map(self::process(process)))]),
        DeployPolicy::Systemd(systemd) => {
            let mut entries = process(&systemd.process);
            entries.extend(systemd.user.as_ref().map(|user| ("user", Node::text(user))));
            Node::map([("systemd", Node::map(entries))])
        }
        DeployPolicy::Exec(exec) => {
            let mut entries = vec![("deploy", command(&exec.deploy))];
            entries.extend(exec.undo.as_ref().map(|undo| ("undo", command(undo))));
            entries.extend(exec.retire.as_ref().map(|retire| ("retire", command(retire))));
            Node::map([("exec", Node::map(entries))])
        }
    }
}

fn process(process: &ProcessDeploy) -> Vec<(&'static str, Node)> {
    let mut entries = runs(&process.run, &process.env, &process.pass, process.cwd.as_ref());
    entries.extend([("readyWithin", time(process.ready_within)), ("stopGrace", time(process.stop_grace))]);
    entries
}

fn command(command: &Command) -> Node {
    let mut entries = runs(&command.run, &command.env, &command.pass, command.cwd.as_ref());
    entries.extend([("timeout", time(command.timeout)), ("repeatable", Node::boolean(command.repeatable))]);
    Node::map(entries)
}

fn runs(
    run: &[String],
    env: &[(String, String)],
    pass: &[String],
    cwd: Option<&String>,
) -> Vec<(&'static str, Node)> {
    let env = env.iter().map(|(name, value)| Node::text(format!("{name}={value}")));
    let mut entries = vec![("run", texts(run)), ("env", Node::list(env)), ("pass", texts(pass))];
    entries.extend(cwd.map(|cwd| ("cwd", Node::text(cwd))));
    entries
}
