//! From a judgement to a decision: stay, go back, advance (contract section 5).
//!
//! Going back waits for nothing; several triggers at once: to stable wins. Advancing waits for
//! everything; what is still waited for is a list of reasons, and an empty list is what advances.

use std::time::Duration;

use fw_model::Timestamp;
use fw_model::plan::{OnInconclusive, OnNoSafeTarget, OnSharedBreach};

use super::gates;
use super::sources::{Planes, SILENT_AFTER};
use super::{Rollout, Status, Trigger, WaitingKind, health_of};
use crate::analysis::{Judgement, Strength, Verdict};
use crate::plant::{self, Bug};

/// What to do now.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Decision {
    /// Nothing.
    Stay,
    /// Go back.
    RollBack { to: Option<usize>, trigger: Trigger, evidence: Vec<String> },
    /// The phase is over; `healthy` is false when the plan advances on an open question.
    Advance { healthy: bool },
}

/// A `risk_alert`.
pub(super) struct Alert {
    pub(super) trigger: Trigger,
    pub(super) value: f64,
    pub(super) limit: f64,
    pub(super) text: String,
}

/// A reason for standing still, before it has a time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reason {
    pub(super) kind: WaitingKind,
    pub(super) text: String,
    pub(super) eta: Option<Duration>,
}

impl Reason {
    pub(super) fn new(kind: WaitingKind, text: impl Into<String>) -> Reason {
        Reason { kind, text: text.into(), eta: None }
    }
}

/// Alerts due now: a slow mean at once, and whatever is shown but may not roll back.
pub(super) fn alerts(rollout: &Rollout, judgement: &Judgement) -> Vec<Alert> {
    let kept =
        !rollout.plan.enable_rollback || standoff(rollout, judgement).is_some() || no_safe_target(judgement);
    let due = |f: &&crate::analysis::Finding| match f.strength {
        Strength::Quiet => false,
        Strength::Warning => f.trigger == Trigger::ResponseTime,
        Strength::Shown => f.trigger == Trigger::ResponseTime || kept,
    };
    let alert = |f: &crate::analysis::Finding| Alert {
        trigger: f.trigger,
        value: f.value.unwrap_or(0.0),
        limit: f.limit,
        text: f.text(),
    };
    let concentrated = judgement.concentrated.as_ref().map(|why| {
        let seen = &rollout.tally.canary;
        let errors = 100.0 * seen.errors as f64 / seen.requests.max(1) as f64;
        let limit = judgement.findings.iter().find(|f| f.trigger == Trigger::ErrorsVsStable);
        Alert {
            trigger: Trigger::ErrorsVsStable,
            value: errors,
            limit: limit.map_or(0.0, |f| f.limit),
            text: why.clone(),
        }
    });
    judgement.findings.iter().filter(due).map(alert).chain(concentrated).collect()
}

/// The canary is shown to be worse and stable is over its limit too.
fn no_safe_target(judgement: &Judgement) -> bool {
    judgement.stable_over_limit && compared(judgement) == Strength::Shown
}

/// The strongest comparison with stable.
fn compared(judgement: &Judgement) -> Strength {
    let vs_stable = |trigger: Trigger| match trigger {
        Trigger::ErrorsVsStable
        | Trigger::ClientErrorsVsStable
        | Trigger::LatencyVsStable
        | Trigger::ResponseTimeVsStable
        | Trigger::SatisfactionVsStable
        | Trigger::Metric => true,
        Trigger::ErrorRate
        | Trigger::ResponseTime
        | Trigger::Health
        | Trigger::Inconclusive
        | Trigger::Manual => false,
    };
    let strengths = judgement.findings.iter().filter(|f| vs_stable(f.trigger)).map(|f| f.strength);
    strengths.max().unwrap_or(Strength::Quiet)
}

/// Why a rollback that is shown is not made: both versions suffer, and the plan says hold.
pub(super) fn standoff(rollout: &Rollout, judgement: &Judgement) -> Option<&'static str> {
    let policy = rollout.plan.analysis;
    if no_safe_target(judgement) && policy.no_safe_target == OnNoSafeTarget::Hold {
        return Some(
            "the canary is worse, but stable is over its error limit too: there is no safe version to go back to",
        );
    }
    if judgement.shared_breach && policy.shared_breach == OnSharedBreach::Hold {
        return Some(
            "both versions are over the limit and the canary is not the worse: a shared dependency is probably down",
        );
    }
    None
}

/// What to do now.
pub(super) fn decide(rollout: &Rollout, judgement: &Judgement, planes: &Planes, now: Timestamp) -> Decision {
    if rollout.quarantine.is_some() {
        return Decision::Stay;
    }
    if let Some(back) = going_back(rollout, judgement) {
        return back;
    }
    if rollout.status != Status::Running {
        return Decision::Stay;
    }
    let mut reasons = reasons(rollout, judgement, planes, now);
    if plant::has(Bug::AdvanceUnproven) {
        reasons.retain(|r| r.kind != WaitingKind::Evidence);
    }
    if reasons.is_empty() {
        return Decision::Advance { healthy: true };
    }
    past_max_duration(rollout, judgement, &reasons)
}

fn going_back(rollout: &Rollout, judgement: &Judgement) -> Option<Decision> {
    if !rollout.plan.enable_rollback || rollout.position.is_none() || standoff(rollout, judgement).is_some() {
        return None;
    }
    // The lead comes first; what goes to stable wins over health, which alone goes to the last phase that ended healthy.
    let lead = judgement.lead().filter(|lead| lead.strength == Strength::Shown)?;
    let others =
        judgement.findings.iter().filter(|f| f.strength == Strength::Shown && !std::ptr::eq(*f, lead));
    let shown: Vec<_> = std::iter::once(lead).chain(others).collect();
    let first = shown.iter().find(|f| f.trigger != Trigger::Health).unwrap_or(&shown[0]);
    let trigger = first.trigger;
    let again = rollout.status == Status::RolledBack;
    let to = if trigger == Trigger::Health && !again { last_healthy(rollout) } else { None };
    // One sentence a rule: the strongest of those that say the same.
    let mut told: Vec<Trigger> = vec![];
    let mut evidence = vec![];
    for finding in shown {
        if !told.contains(&finding.trigger) {
            told.push(finding.trigger);
            evidence.push(finding.text());
        }
    }
    Some(Decision::RollBack { to, trigger, evidence })
}

fn last_healthy(rollout: &Rollout) -> Option<usize> {
    let at = rollout.position?;
    (0..at).rev().find(|&position| rollout.ended_healthy.get(position).copied().unwrap_or(false))
}

/// The phase is over its longest time with an open question: what the plan says.
fn past_max_duration(rollout: &Rollout, judgement: &Judgement, reasons: &[Reason]) -> Decision {
    let Some(phase) = rollout.phase() else { return Decision::Stay };
    let open = reasons.iter().all(|r| matches!(r.kind, WaitingKind::Evidence | WaitingKind::Criterion));
    if rollout.watched < phase.max_duration() || !open || !rollout.plan.auto_advance {
        return Decision::Stay;
    }
    let warned = judgement.lead().is_some() || judgement.verdict == Verdict::Degraded;
    match rollout.plan.analysis.on_inconclusive {
        OnInconclusive::Hold => Decision::Stay,
        OnInconclusive::Advance if warned => Decision::Stay,
        OnInconclusive::Advance => Decision::Advance { healthy: false },
        OnInconclusive::Rollback if !rollout.plan.enable_rollback => Decision::Stay,
        OnInconclusive::Rollback => {
            let evidence = reasons.iter().map(|r| r.text.clone()).collect();
            Decision::RollBack { to: None, trigger: Trigger::Inconclusive, evidence }
        }
    }
}

/// Why a running phase does not end. Empty = it ends now.
pub(super) fn reasons(
    rollout: &Rollout,
    judgement: &Judgement,
    planes: &Planes,
    now: Timestamp,
) -> Vec<Reason> {
    if let Some(why) = &rollout.quarantine {
        let text = format!(
            "quarantined: {why}; traffic stays where it is until a person resumes, advances, rolls back or aborts"
        );
        return vec![Reason::new(WaitingKind::Person, text)];
    }
    let mut reasons = blocked(rollout, judgement, planes, now);
    if let Some(left) = time_left(rollout) {
        let eta = reasons.is_empty().then_some(left.eta).flatten();
        reasons.push(Reason { eta, ..left });
        return reasons;
    }
    if rollout.phase().is_none() {
        return reasons;
    }
    reasons.extend(unanswered(rollout, judgement));
    reasons.extend(gates::reasons(rollout, now));
    if reasons.is_empty() && !rollout.plan.auto_advance {
        let text = "the phase is over and healthy; autoAdvance is off, so a person advances it";
        reasons.push(Reason::new(WaitingKind::Person, text));
    }
    reasons
}

/// The phase's time, if it is not over.
fn time_left(rollout: &Rollout) -> Option<Reason> {
    let left = rollout.phase()?.duration.checked_sub(rollout.watched).filter(|left| !left.is_zero())?;
    let text = format!("{} left of this phase", seconds(left));
    Some(Reason { kind: WaitingKind::Duration, text, eta: Some(left) })
}

/// What is open in this phase, data planes apart: its time and every question, whichever comes first.
pub(super) fn open(rollout: &Rollout, judgement: &Judgement) -> Vec<Reason> {
    let questions = rollout.phase().map_or(vec![], |_| unanswered(rollout, judgement));
    let gates = gates::reasons(rollout, rollout.entered_at);
    time_left(rollout).into_iter().chain(questions).chain(gates).collect()
}

/// What keeps a phase from being judged, whatever its time.
fn blocked(rollout: &Rollout, judgement: &Judgement, planes: &Planes, now: Timestamp) -> Vec<Reason> {
    let mut reasons = vec![];
    if planes.live == 0 {
        let text = "no data plane reports: is the proxy (or the application with the SDK) running?";
        reasons.push(Reason::new(WaitingKind::Source, text));
    } else if !planes.silent.is_empty() {
        let text = format!("no report for 3 s from {}", planes.silent.join(", "));
        reasons.push(Reason::new(WaitingKind::Source, text));
    } else if !rollout.confirmed && !is_ordinary_delay(rollout, now) {
        let text = format!("epoch {} is not yet confirmed by {}", rollout.epoch.0, planes.behind.join(", "));
        reasons.push(Reason::new(WaitingKind::Router, text));
    }
    if let Some(why) = &judgement.split_alarm {
        reasons.push(Reason::new(WaitingKind::Srm, why.clone()));
    }
    if let Some(why) = &judgement.concentrated {
        reasons.push(Reason::new(WaitingKind::Concentrated, why.clone()));
    }
    if let Some(why) = standoff(rollout, judgement) {
        reasons.push(Reason::new(WaitingKind::Evidence, why));
    } else if judgement.verdict == Verdict::Degraded && !rollout.plan.enable_rollback {
        let text = "the canary is shown to be bad, and enableRollback is off: a person decides";
        reasons.push(Reason::new(WaitingKind::Person, text));
    }
    reasons
}

/// Whether data planes may just not have heard of the split yet: no hold, though the clock stands still for
/// it. Never once the phase's time is over, for then nothing else would keep it from advancing.
fn is_ordinary_delay(rollout: &Rollout, now: Timestamp) -> bool {
    let entered = rollout.entered_at;
    now >= entered && now.since(entered) < SILENT_AFTER && time_left(rollout).is_some()
}

/// What must still be shown once the time is over.
fn unanswered(rollout: &Rollout, judgement: &Judgement) -> Vec<Reason> {
    let mut reasons = vec![];
    if rollout.tally.canary.requests == 0 {
        let text = "no canary request in this phase yet: nothing can be judged";
        reasons.push(Reason::new(WaitingKind::Evidence, text));
        return reasons;
    }
    let rate = rollout.tally.canary.requests as f64 / rollout.watched.as_secs_f64().max(1.0);
    for question in judgement.questions.iter().filter(|q| !q.answered) {
        let kind = if question.met { WaitingKind::Evidence } else { WaitingKind::Criterion };
        let eta = question.requests_missing.map(|n| Duration::from_secs_f64((n as f64 / rate).min(1e9)));
        reasons.push(Reason { kind, text: question.text(), eta });
    }
    if let Some(health) = health_of(&rollout.tally.canary).filter(|h| h.score < rollout.plan.risk_threshold) {
        let text = format!(
            "health score {:.1} is below riskThreshold {}",
            health.score, rollout.plan.risk_threshold
        );
        reasons.push(Reason::new(WaitingKind::Criterion, text));
    }
    if let Some(lead) = judgement.lead() {
        reasons.push(Reason::new(WaitingKind::Evidence, format!("a warning stands: {}", lead.text())));
    }
    reasons
}

/// `45 s`, `3 min 20 s` or `4 h 5 min`.
pub(super) fn seconds(duration: Duration) -> String {
    let s = duration.as_millis().div_ceil(1000);
    match s {
        0..120 => format!("{s} s"),
        120..7200 => format!("{} min {} s", s / 60, s % 60),
        _ => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}
