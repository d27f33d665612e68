//! `GET /api/v1/rollouts/{name}`: the status plus verdicts with their evidence, the plan, what happened.

use fw_engine::analysis::{Finding, Question, Strength};
use fw_engine::{Report, Rollout};
use fw_model::release::{Answer, Gate};
use fw_model::{Counts, MetricSums, Timestamp, Variant};
use serde_json::{Map, Value, json};

use super::status::{status_of, waiting};
use super::time::rfc3339;

/// The status object with everything else that is known.
///
/// `users`: different users over the rollout, about, of stable and of the canary; none where nobody tells.
pub fn detail_of(rollout: &Rollout, report: &Report, users: [Option<u64>; 2], now: Timestamp) -> Value {
    let mut object = match serde_json::to_value(status_of(rollout, report, now)) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    };
    object.extend(analysis(rollout, report));
    object.extend(history(rollout));
    object.insert("metrics".into(), metrics(rollout));
    let [stable, canary] = users;
    object.insert("users".into(), json!({ "stable": stable, "canary": canary }));
    Value::Object(object)
}

/// A line of the list: enough to find it again.
pub fn run_summary(rollout: &Rollout, report: &Report, now: Timestamp) -> Value {
    let mut value = serde_json::to_value(status_of(rollout, report, now)).unwrap_or(Value::Null);
    if let Value::Object(object) = &mut value {
        object.insert("startedAt".into(), rfc3339(rollout.started_at).into());
        object.insert("endedAt".into(), rollout.ended_at.map(rfc3339).into());
        object.insert("versions".into(), versions(rollout));
    }
    value
}

fn analysis(rollout: &Rollout, report: &Report) -> Map<String, Value> {
    let parts = |h: fw_engine::rollout::HealthParts| {
        json!({
            "score": h.score, "errors": h.errors, "response": h.response, "satisfaction": h.satisfaction,
        })
    };
    let risk = report.risk;
    let fields = json!({
        "findings": report.judgement.findings.iter().map(finding).collect::<Vec<_>>(),
        "questions": report.judgement.questions.iter().map(question).collect::<Vec<_>>(),
        "stableOverLimit": report.judgement.stable_over_limit,
        "sharedBreach": report.judgement.shared_breach,
        "splitAlarm": report.judgement.split_alarm,
        "concentrated": report.judgement.concentrated,
        "notes": fw_engine::analysis::notes(rollout),
        "evidence": {
            "value": evidence(report.judgement.log_total), "limit": evidence(report.judgement.log_needed),
            "anytimeP": report.judgement.anytime_p,
        },
        "healthInterval": fw_engine::analysis::health_interval(rollout)
            .map(|(low, high)| json!({ "low": low, "high": high, "level": 0.95 })),
        "healthParts": report.health.map(parts),
        "riskParts": { "score": risk.score, "phase": risk.phase, "verdict": risk.verdict, "exposure": risk.exposure },
        "clockRuns": report.clock_runs,
    });
    if let Value::Object(fields) = fields { fields } else { Map::new() }
}

fn finding(f: &Finding) -> Value {
    let strength = match f.strength {
        Strength::Quiet => "quiet",
        Strength::Warning => "warning",
        Strength::Shown => "shown",
    };
    let arm = |arm: &fw_engine::analysis::Arm| {
        let interval = arm.interval(0.05);
        json!({
            "n": arm.n, "sum": arm.sum, "estimate": (arm.n > 0.0).then(|| arm.sum / arm.n),
            "low": interval.map(|(_, low, _)| low), "high": interval.map(|(_, _, high)| high),
        })
    };
    json!({
        "trigger": f.trigger.as_str(), "name": f.name, "strength": strength, "value": f.value, "limit": f.limit,
        "text": f.text(), "phi": f.phi, "weight": f.weight, "evidence": evidence(f.weight.ln() + f.log_evidence),
        "evidenceAtFaceValue": evidence(f.weight.ln() + f.log_face_value),
        "canary": arm(&f.canary), "stable": arm(&f.stable),
    })
}

/// Evidence as a number that JSON can write: e to the logarithm, at most 1e300.
fn evidence(log: f64) -> f64 {
    log.min(690.0).exp()
}

fn question(q: &Question) -> Value {
    json!({ "name": q.name, "answered": q.answered, "met": q.met, "requestsMissing": q.requests_missing, "text": q.text() })
}

/// Custom metrics of the present phase, by variant and name; means in the metric's unit.
fn metrics(rollout: &Rollout) -> Value {
    let of = |counts: &Counts| {
        let shown = |m: &MetricSums| json!({ "count": m.count, "mean": (m.count > 0).then(|| m.sum / m.count as f64) });
        counts.metrics.iter().map(|(name, sums)| (name.clone(), shown(sums))).collect::<Map<_, _>>()
    };
    let tally = &rollout.tally;
    json!({ Variant::Stable.as_str(): of(&tally.stable), Variant::Canary.as_str(): of(&tally.canary) })
}

/// Gates of a phase; how they stand is known of the present one.
fn gates(rollout: &Rollout, position: usize) -> Value {
    let Some(phase) = rollout.plan.phases.get(position) else { return json!([]) };
    let here = rollout.position == Some(position);
    let one = |(index, gate): (usize, &Gate)| {
        let mut fields = json!({ "kind": gate.kind.as_str(), "text": gate.text() });
        if let Some(state) = rollout.gates.get(index).filter(|_| here) {
            let said = state
                .said
                .iter()
                .map(|said| json!({ "actor": said.actor, "reason": said.reason, "at": rfc3339(said.at) }));
            fields["open"] = state.is_open(gate).into();
            fields["answer"] = state.answer.map(Answer::as_str).into();
            fields["approvals"] = said.collect::<Vec<_>>().into();
        }
        fields
    };
    phase.gates.iter().enumerate().map(one).collect::<Vec<_>>().into()
}

fn versions(rollout: &Rollout) -> Value {
    let version = |v: &fw_model::plan::Version| json!({ "version": v.version, "urls": v.urls });
    json!({ Variant::Stable.as_str(): version(&rollout.plan.stable), Variant::Canary.as_str(): version(&rollout.plan.canary) })
}

fn history(rollout: &Rollout) -> Map<String, Value> {
    let position = |p: Option<usize>| p.map(|p| p as u64);
    let moving = rollout.moving.as_ref().map(|m| {
        json!({
            "fromPhase": position(m.from), "toPhase": position(m.to), "trigger": m.trigger.as_str(),
            "evidence": m.evidence, "decidedAt": rfc3339(m.decided_at),
        })
    });
    let phases: Vec<Value> = rollout
        .plan
        .phases
        .iter()
        .enumerate()
        .map(|(i, p)| {
            json!({
                "position": i, "id": p.id, "description": p.description, "percentage": p.percentage.value(),
                "durationSeconds": p.duration.as_secs_f64(), "riskScore": p.risk_score,
                "endedHealthy": rollout.ended_healthy.get(i),
                "gates": gates(rollout, i),
                "successCriteria": {
                    "errorRate": p.criteria.error_rate, "responseTime": p.criteria.response_time,
                    "healthScore": p.criteria.health_score,
                },
            })
        })
        .collect();
    let fields = json!({
        "startedAt": rfc3339(rollout.started_at),
        "endedAt": rollout.ended_at.map(rfc3339),
        "phaseEnteredAt": rfc3339(rollout.entered_at),
        "watchedSeconds": rollout.watched.as_secs_f64(),
        "attempt": rollout.attempt,
        "planHash": *rollout.plan_hash,
        "salt": rollout.salt.to_string(),
        "router": rollout.plan.router,
        "versions": versions(rollout),
        "phases": phases,
        "rollback": moving,
        "confirmed": rollout.confirmed,
        "dataPlanes": rollout.live.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "quarantine": rollout.quarantine,
        "lastWaitingOn": rollout.waiting.iter().map(waiting).collect::<Vec<_>>(),
    });
    if let Value::Object(fields) = fields { fields } else { Map::new() }
}
