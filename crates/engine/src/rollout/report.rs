//! The report of a step: how the rollout stands, and why it stands still.
//!
//! API, CLI and dashboard show these same words.

use std::time::Duration;

use fw_model::Timestamp;

use super::decide::{self, Reason};
use super::sources::Planes;
use super::{HealthParts, RiskParts, Rollout, Status, health_of, look, risk_of};
use crate::analysis::{self, Judgement};
use crate::plant::{self, Bug};

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WaitingKind {
    /// The phase's time is not over.
    Duration,
    /// A question can't be answered yet.
    Evidence,
    /// A criterion is not met.
    Criterion,
    /// Something outside must say yes.
    Gate,
    /// A data plane is silent, or there is none.
    Source,
    /// The split does not match.
    Srm,
    /// Failures come from one instance or few keys.
    Concentrated,
    /// A person must act.
    Person,
    /// The router has not confirmed.
    Router,
}

impl WaitingKind {
    /// Every kind.
    pub const ALL: [WaitingKind; 9] = [
        WaitingKind::Duration,
        WaitingKind::Evidence,
        WaitingKind::Criterion,
        WaitingKind::Gate,
        WaitingKind::Source,
        WaitingKind::Srm,
        WaitingKind::Concentrated,
        WaitingKind::Person,
        WaitingKind::Router,
    ];

    /// The word in the API and the log.
    pub fn as_str(self) -> &'static str {
        match self {
            WaitingKind::Duration => "duration",
            WaitingKind::Evidence => "evidence",
            WaitingKind::Criterion => "criterion",
            WaitingKind::Gate => "gate",
            WaitingKind::Source => "source",
            WaitingKind::Srm => "srm",
            WaitingKind::Concentrated => "concentrated",
            WaitingKind::Person => "person",
            WaitingKind::Router => "router",
        }
    }
}

/// One reason for standing still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Of which kind.
    pub kind: WaitingKind,
    /// In words a person understands.
    pub text: String,
    /// Since when.
    pub since: Timestamp,
    /// When it is expected to be over, if that can be told.
    pub eta: Option<Duration>,
}

/// How a rollout stands after a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Why it stands still; empty when it does not run.
    pub waiting_on: Vec<Waiting>,
    /// What the analysis says.
    pub judgement: Judgement,
    /// Health score and its parts; none without canary requests.
    pub health: Option<HealthParts>,
    /// Risk now and its parts.
    pub risk: RiskParts,
    /// Whether the phase clock runs: sources report and the split is confirmed.
    pub clock_runs: bool,
}

/// How a state stands by itself, with what its last look saw; times of reasons are those recorded in it.
pub fn report_of(rollout: &Rollout) -> Report {
    explain(rollout, None, None, rollout.waiting.first().map_or(rollout.entered_at, |w| w.since))
}

/// Explains a state: judgement, health, risk, and why it stands still. `planes` is known only right
/// after a look; in between, what the last look saw still holds. `judged` saves judging the same
/// observations twice.
pub(super) fn explain(
    rollout: &Rollout,
    planes: Option<&Planes>,
    judged: Option<Judgement>,
    now: Timestamp,
) -> Report {
    let judgement = judged.unwrap_or_else(|| analysis::judge(rollout));
    let assumed = Planes {
        live: rollout.live.len(),
        silent: vec![],
        behind: if rollout.confirmed {
            vec![]
        } else {
            rollout.live.iter().map(ToString::to_string).collect()
        },
        falling: vec![],
    };
    let planes = planes.unwrap_or(&assumed);
    let reasons = match rollout.status {
        Status::Pending => pending(rollout, planes),
        Status::Running => running(rollout, &judgement, planes, now),
        Status::Paused => vec![Reason::new(WaitingKind::Person, "paused: resume, advance or roll back")],
        Status::RollingBack => vec![moving_back(rollout, planes)],
        Status::RolledBack if rollout.is_watched() => {
            let text = "rolled back to a lower phase: resume, advance, abort or start anew";
            vec![Reason::new(WaitingKind::Person, text)]
        }
        Status::RolledBack | Status::Completed | Status::Aborted => vec![],
    };
    let reasons = if plant::has(Bug::UnexplainedHold) && rollout.watched > Duration::from_secs(30) {
        vec![]
    } else {
        reasons
    };
    Report {
        waiting_on: timed(rollout, reasons, now),
        health: health_of(&rollout.tally.canary),
        risk: risk_of(rollout, judgement.verdict),
        clock_runs: rollout.status == Status::Running && look::clock_runs(rollout, planes),
        judgement,
    }
}

/// Why it runs on in this phase; after a command everything may be answered, and the next look acts on it.
fn running(rollout: &Rollout, judgement: &Judgement, planes: &Planes, now: Timestamp) -> Vec<Reason> {
    let mut reasons = decide::reasons(rollout, judgement, planes, now);
    if reasons.is_empty() {
        reasons.push(Reason::new(WaitingKind::Duration, "nothing more: the next look advances it"));
    }
    reasons
}

fn pending(rollout: &Rollout, planes: &Planes) -> Vec<Reason> {
    if planes.live == 0 {
        let text = "no data plane reports yet: is the proxy (or the application with the SDK) running?";
        return vec![Reason::new(WaitingKind::Source, text)];
    }
    let who = if planes.behind.is_empty() { "the next look".to_owned() } else { planes.behind.join(", ") };
    vec![Reason::new(
        WaitingKind::Router,
        format!("the first split (epoch {}) waits for {who}", rollout.epoch.0),
    )]
}

fn moving_back(rollout: &Rollout, planes: &Planes) -> Reason {
    let mut who = planes.behind.clone();
    who.extend(planes.falling.iter().map(|name| format!("{name} (silent; for at most 10 s)")));
    let who = if who.is_empty() { "the next look".to_owned() } else { who.join(", ") };
    Reason::new(
        WaitingKind::Router,
        format!("traffic is moving back (epoch {}); waiting for {who}", rollout.epoch.0),
    )
}

/// Gives each reason the time it has stood: that of the same kind at the last report, else now.
fn timed(rollout: &Rollout, reasons: Vec<Reason>, now: Timestamp) -> Vec<Waiting> {
    let since = |kind| rollout.waiting.iter().find(|w| w.kind == kind).map_or(now, |w| w.since);
    reasons
        .into_iter()
        .map(|Reason { kind, text, eta }| Waiting { kind, text, since: since(kind), eta })
        .collect()
}
