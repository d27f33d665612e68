//! A release as it is shown: the JSON of the API.

use fw_engine::release::{Overall, Release, RiskPart, Task, TaskState, Waits, waiting_on};
use fw_model::Timestamp;
use fw_model::release::Finding;
use fw_runtime::view::rfc3339;
use serde_json::{Value, json};

/// As it is listed.
pub(super) fn summary(release: &Release, now: Timestamp) -> Value {
    let plan = &release.plan;
    json!({
        "id": release.id.to_string(),
        "service": release.id.key.service.as_str(),
        "region": release.id.key.region.as_ref().map(|region| region.as_str()),
        "environment": plan.environment,
        "strategy": plan.strategy.as_str(),
        "versions": { "stable": plan.rollout.stable.version, "canary": plan.rollout.canary.version },
        "step": release.step.as_str(),
        "status": release.overall.map_or("running", Overall::as_str),
        "overallStatus": release.overall.map(Overall::as_str),
        "why": release.why,
        "rollout": release.rollout.as_ref().map(|seen| seen.run.to_string()),
        "risk": release.risk.as_ref().map(|risk| risk.score),
        "startedAt": rfc3339(release.started_at),
        "endedAt": release.ended_at.map(rfc3339),
        "actor": release.by.actor,
        "reason": release.by.reason,
        "waitingOn": waiting_on(release, now).iter().map(waits).collect::<Vec<_>>(),
    })
}

/// Everything that is known.
pub(super) fn detail(release: &Release, now: Timestamp) -> Value {
    let mut value = summary(release, now);
    let approval = &release.plan.policy.approval;
    value["autoApprove"] = release.auto_approve.into();
    value["riskDetail"] = release.risk.as_ref().map_or(Value::Null, |risk| {
        json!({
            "score": risk.score, "limit": approval.limit,
            "parts": risk.parts.iter().map(part).collect::<Vec<_>>(),
        })
    });
    value["findings"] = release.findings.iter().map(finding).collect::<Vec<_>>().into();
    value["tasks"] = release.tasks.iter().map(task).collect::<Vec<_>>().into();
    value["gates"] = gates(release);
    value["rolloutDetail"] = release.rollout.as_ref().map_or(Value::Null, |seen| {
        json!({
            "run": seen.run.to_string(), "status": seen.status.as_str(), "phase": seen.position,
            "superseded": seen.superseded, "why": seen.why,
        })
    });
    value["timeline"] = release
        .timeline
        .iter()
        .map(|moment| {
            json!({
                "at": rfc3339(moment.at), "step": moment.step.as_str(), "text": moment.text,
                "actor": moment.actor, "reason": moment.reason,
            })
        })
        .collect::<Vec<_>>()
        .into();
    value["retireAt"] = release.retire_at.map(rfc3339).into();
    value["retired"] = release.retired.into();
    value["phases"] = release
        .plan
        .rollout
        .phases
        .iter()
        .map(|phase| json!({ "description": phase.description, "percentage": phase.percentage.value() }))
        .collect::<Vec<_>>()
        .into();
    value
}

fn waits(waits: &Waits) -> Value {
    json!({
        "kind": waits.kind.as_str(), "text": waits.text, "since": rfc3339(waits.since),
        "etaSeconds": waits.eta.map(|eta| eta.as_secs_f64()),
    })
}

fn part(part: &RiskPart) -> Value {
    json!({ "name": part.name, "points": part.points, "text": part.text })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "check": finding.check, "severity": finding.severity.as_str(), "message": finding.message,
        "place": finding.place, "fixable": finding.fixable,
    })
}

fn task(task: &Task) -> Value {
    let (state, text) = match &task.state {
        TaskState::Running => ("running", None),
        TaskState::Waiting { why, .. } => ("waiting", Some(why)),
        TaskState::Done { text } => ("done", Some(text).filter(|text| !text.is_empty())),
        TaskState::Failed { why } => ("failed", Some(why)),
        TaskState::Unknown { why } => ("unknown", Some(why)),
    };
    json!({
        "id": task.id.0, "step": task.step.as_str(), "work": task.work.as_str(), "attempt": task.attempt,
        "state": state, "text": text, "beganAt": rfc3339(task.began_at), "endedAt": task.ended_at.map(rfc3339),
    })
}

fn gates(release: &Release) -> Value {
    let states = release.gates.iter().zip(&release.gate_states);
    let gate = |(gate, state): (&fw_model::release::Gate, &fw_engine::rollout::GateState)| {
        let said = state
            .said
            .iter()
            .map(|said| json!({ "actor": said.actor, "reason": said.reason, "at": rfc3339(said.at) }));
        json!({
            "kind": gate.kind.as_str(), "text": gate.text(), "open": state.is_open(gate),
            "answer": state.answer.map(|answer| answer.as_str()),
            "approvals": said.collect::<Vec<_>>(),
        })
    };
    states.map(gate).collect::<Vec<_>>().into()
}
