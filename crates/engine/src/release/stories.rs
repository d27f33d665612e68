//! Stories of releases: `tests/stories/release-*.txt` at the root of the repository, told through the engine.
//!
//! A line that begins with `$` is something that happens; what follows is what the engine says to it. `UPDATE_EXPECT=1` writes
//! what it says now into the file. The words:
//!
//! ```text
//! $ start blue-green env=production auto limit=60 deploy instances=3 quorum=2 expires=4h bake=10m keep=1h
//! $ start canary command webhook gate=finish without-rollout
//! $ done [TEXT]                 the work that runs is done
//! $ done history 2/10           … and this is known now: 2 of 10 releases went back
//! $ found error|warning TEXT    … and this was found
//! $ fail TEXT, again TEXT, unknown TEXT
//! $ rollout running 1           the rollout is in phase 1; `rolled_back because TEXT`, `completed`, …
//! $ approve WHO [TEXT], reject WHO [TEXT], cancel WHO, undo WHO, resolve done|failed|again WHO
//! $ wait 2h                     time passes, and the clock is looked at
//! $ show                        what it waits for
//! ```

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use fw_model::release::{
    Answer, CheckCommand, CheckWebhook, Command, DeployPolicy, Finding, Gate, GateKind, ProcessDeploy,
    ReleasePolicy, Severity, Strategy, shape,
};
use fw_model::{Plan, Timestamp};

use super::*;
use crate::rollout::{Requested, Status};

/// When every story begins: a Thursday, ten in the morning.
const BEGAN: Timestamp = Timestamp(1_767_261_600_000);

/// Tells one thing after the other.
pub(super) struct Teller {
    pub(super) now: Timestamp,
    pub(super) release: Option<Release>,
    told: usize,
}

impl Teller {
    pub(super) fn new() -> Teller {
        Teller { now: BEGAN, release: None, told: 0 }
    }

    /// What the engine says to a line.
    pub(super) fn line(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (verb, rest) = (words[0], &words[1..]);
        let text = || rest.join(" ");
        let event = match verb {
            "start" => return self.start(rest),
            "show" => return self.show(),
            "wait" => {
                self.now = self.now.plus(span(rest[0]));
                Event::Ticked
            }
            "done" => self.ended(Outcome::Done(found(rest))),
            "found" => {
                let severity = match rest[0] {
                    "error" => Severity::Error,
                    "warning" => Severity::Warning,
                    other => panic!("{other} is no severity"),
                };
                let findings = vec![Finding::new("story", severity, rest[1..].join(" "))];
                self.ended(Outcome::Done(Found { findings, ..Found::default() }))
            }
            "fail" => self.ended(Outcome::Failed { why: text(), again: false }),
            "again" => self.ended(Outcome::Failed { why: text(), again: true }),
            "unknown" => self.ended(Outcome::Unknown { why: text() }),
            "rollout" => Event::RolloutSeen(seen(rest)),
            "approve" => Event::Answered { gate: None, answer: Answer::Approve, by: by(rest) },
            "reject" => Event::Answered { gate: None, answer: Answer::Reject, by: by(rest) },
            "cancel" => Event::CancelRequested(by(rest)),
            "undo" => Event::UndoRequested(by(rest)),
            "resolve" => {
                let resolution = match rest[0] {
                    "done" => Resolution::Done,
                    "failed" => Resolution::Failed,
                    _ => Resolution::Again,
                };
                Event::Resolved { task: self.open(), resolution, by: by(&rest[1..]) }
            }
            "superseded" => Event::Superseded { by: "shop.r8".parse().unwrap() },
            other => panic!("{other:?} is no word of a story"),
        };
        let release = self.release.clone().expect("a story begins with start");
        match step(&release, &event, self.now) {
            Ok(transition) => self.tell(transition),
            Err(rejection) => format!("  refused: {rejection}\n"),
        }
    }

    fn open(&self) -> TaskId {
        let release = self.release.as_ref().unwrap();
        release.open_task().map_or(TaskId(99), |task| task.id)
    }

    fn ended(&self, outcome: Outcome) -> Event {
        let task = self.open();
        let release = self.release.as_ref().unwrap();
        let attempt = release.tasks.iter().find(|t| t.id == task).map_or(1, |t| t.attempt);
        Event::TaskEnded { task, attempt, outcome }
    }

    fn start(&mut self, words: &[&str]) -> String {
        self.told = 0;
        let (plan, auto_approve) = plan(words);
        let started = Started {
            id: "shop.r7".parse().unwrap(),
            plan: Arc::new(plan),
            local: Local::default(),
            auto_approve,
            without_rollout: words.contains(&"without-rollout"),
            by: Requested { actor: "ann".into(), reason: None },
        };
        let transition = begin(&started, self.now);
        self.tell(transition)
    }

    fn tell(&mut self, transition: Transition) -> String {
        let mut out = String::new();
        for moment in &transition.next.timeline[self.told..] {
            let who = match (&moment.actor, &moment.reason) {
                (Some(actor), Some(reason)) => format!(" (by {actor}: {reason})"),
                (Some(actor), None) => format!(" (by {actor})"),
                (None, _) => String::new(),
            };
            let _ = writeln!(out, "  {:<8} {}{who}", moment.step.as_str(), moment.text);
        }
        self.told = transition.next.timeline.len();
        for effect in &transition.effects {
            let _ = match effect {
                Effect::Perform { task, attempt, work } => {
                    let again = if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
                    let which = match work {
                        Work::Deploy { from, to } | Work::Ready { from, to } => format!(" {from}..{to}"),
                        Work::OpenGate(phase) => format!(" after phase {phase}"),
                        _ => String::new(),
                    };
                    writeln!(out, "  -> {}{which} (work {task}{again})", work.as_str())
                }
                Effect::Stop { task } => writeln!(out, "  -> stop work {task}"),
            };
        }
        self.release = Some(transition.next);
        out
    }

    fn show(&self) -> String {
        let release = self.release.as_ref().unwrap();
        let mut out = match release.overall {
            Some(overall) => format!("  over: {}\n", overall.as_str()),
            None => format!("  in {}\n", release.step.as_str()),
        };
        for waits in waiting_on(release, self.now) {
            let _ = writeln!(out, "  waits for {}: {}", waits.kind.as_str(), waits.text);
        }
        if let Some(risk) = &release.risk {
            let parts = risk.parts.iter().filter(|part| part.points > 0.0);
            let parts = parts.map(|part| format!("{} {} ({})", part.points, part.name, part.text));
            let _ = writeln!(out, "  risk {} = {}", risk.score, parts.collect::<Vec<_>>().join(" + "));
        }
        out
    }
}

fn by(words: &[&str]) -> Requested {
    let reason = words.get(1..).filter(|rest| !rest.is_empty()).map(|rest| rest.join(" "));
    Requested { actor: words.first().copied().unwrap_or("ann").into(), reason }
}

fn found(words: &[&str]) -> Found {
    if let ["history", counts] = words {
        let (rolled_back, releases) = counts.split_once('/').unwrap();
        let number = |text: &str| text.parse().unwrap();
        let facts = Facts {
            releases: number(releases),
            rolled_back: number(rolled_back),
            day_minute: Some((3, 600)),
            hours_to_freeze: None,
        };
        return Found { facts: Some(facts), ..Found::default() };
    }
    Found { text: words.join(" "), ..Found::default() }
}

fn seen(words: &[&str]) -> Seen {
    let status = Status::ALL.into_iter().find(|status| status.as_str() == words[0]).unwrap();
    let because = words.iter().position(|word| *word == "because");
    let why = because.map(|at| words[at + 1..].join(" ")).into_iter().collect();
    let position = words.get(1).and_then(|word| word.parse().ok());
    Seen { run: "shop.12".parse().unwrap(), status, position, superseded: false, partial: false, why }
}

fn span(text: &str) -> Duration {
    let (number, unit) = text.split_at(text.len() - 1);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        other => panic!("{other:?} is no unit"),
    };
    Duration::from_secs(seconds * number.parse::<u64>().unwrap())
}

fn plan(words: &[&str]) -> (ReleasePlan, bool) {
    let value = |name: &str| words.iter().find_map(|word| word.strip_prefix(name));
    let mut policy = ReleasePolicy::default();
    let command = Command {
        run: vec!["true".into()],
        env: vec![],
        pass: vec![],
        cwd: None,
        timeout: Duration::from_secs(60),
        repeatable: false,
    };
    if words.contains(&"deploy") {
        policy.deploy = Some(DeployPolicy::Process(ProcessDeploy {
            run: vec!["./shop".into()],
            env: vec![],
            pass: vec![],
            cwd: None,
            ready_within: Duration::from_secs(60),
            stop_grace: Duration::from_secs(30),
        }));
    }
    if words.contains(&"command") {
        let check = CheckCommand { name: "lint".into(), command, severity: Severity::Error };
        policy.checks.commands.push(check);
    }
    if words.contains(&"webhook") {
        let (name, url) = ("budget".into(), "http://127.0.0.1:9/".into());
        let timeout = Duration::from_secs(10);
        policy.checks.webhooks.push(CheckWebhook { name, url, timeout, severity: Severity::Error });
    }
    let approval = Gate { kind: GateKind::Approval { quorum: 1 }, expires: None, default: Answer::Reject };
    if value("gate=") == Some("finish") {
        policy.gates.finish.push(approval);
    }
    policy.approval.limit = value("limit=").map_or(policy.approval.limit, |text| text.parse().unwrap());
    policy.approval.quorum = value("quorum=").map_or(1, |text| text.parse().unwrap());
    policy.approval.expires = value("expires=").map_or(policy.approval.expires, |text| Some(span(text)));
    policy.bake = value("bake=").map_or(policy.bake, span);
    policy.keep_old = value("keep=").map_or(policy.keep_old, span);
    let mut rollout = Plan::seed("shop".parse().unwrap());
    (rollout.stable.version, rollout.canary.version) = ("1.4.2".into(), "1.5.0".into());
    let count: usize = value("instances=").map_or(1, |text| text.parse().unwrap());
    rollout.canary.urls = (0..count).map(|i| format!("http://127.0.0.1:{}", 9000 + i)).collect();
    rollout.stable.urls = (0..count).map(|i| format!("http://127.0.0.1:{}", 8000 + i)).collect();
    let strategy = Strategy::ALL.into_iter().find(|s| words.contains(&s.as_str())).unwrap_or_default();
    let rollout = shape(&rollout, strategy, &policy);
    let environment = value("env=").map(str::to_owned);
    let plan_hash = "0123456789abcdef".to_owned();
    (
        ReleasePlan { environment, strategy, policy, rollout, plan_hash, regions: None },
        words.contains(&"auto"),
    )
}

/// A story with what the engine says to it now.
fn retell(text: &str) -> String {
    let mut teller = Teller::new();
    let mut out = String::new();
    for line in text.lines().filter(|line| !line.starts_with("  ")) {
        let _ = writeln!(out, "{line}");
        if let Some(said) = line.strip_prefix("$ ") {
            out.push_str(&teller.line(said));
        }
    }
    out
}

#[test]
fn stories_are_told_as_they_are_written() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/stories");
    let mut told = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("release-") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        expect_test::expect_file![path].assert_eq(&retell(&text));
        told += 1;
    }
    assert!(told >= 5, "only {told} stories were found in {folder}");
}
