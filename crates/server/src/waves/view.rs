//! A regional rollout as people and clients see it: the shape of a rollout's detail, with a part for each region.

use fw_api::Status;
use fw_api::status::{State, WaitingOn};
use fw_engine::Waiting;
use fw_engine::rollout::Requested;
use fw_engine::waves::{
    Brake, Cause, Halt, Notice, RegionReport, RegionState, RegionalRollout, Status as Life, Wave, WavesPlan,
};
use fw_model::{Region, Timestamp};
use fw_reports::{RegionFigures, Regional, RegionalMoment};
use fw_runtime::view::rfc3339;
use serde_json::{Map, Value, json};

use super::whole::{Moment, Whole};

/// The status of all regions together, in the shape of `GET /status`: counts are sums, progress is the mean, health
/// that of the worst region. There is no phase and no split of all regions.
pub(super) fn status(whole: &Whole) -> Status {
    let state = &whole.shown;
    let seen = || state.regions.iter().filter_map(|region| region.seen.as_ref());
    let health = seen().filter_map(|seen| seen.health).min_by(f64::total_cmp);
    let progress = state.regions.iter().map(|region| {
        if region.is_completed() { 100.0 } else { region.seen.as_ref().map_or(0.0, |seen| seen.progress) }
    });
    Status {
        state: State {
            current_phase: None,
            is_running: state.status.is_under_way(),
            is_paused: state.status == Life::Paused,
            overall_health: health,
            total_requests: seen().map(|seen| seen.requests).sum(),
            total_errors: seen().map(|seen| seen.errors).sum(),
        },
        progress: (10.0 * progress.sum::<f64>() / state.regions.len().max(1) as f64).round() / 10.0,
        health,
        rollout: Some(state.run.key.to_string()),
        run: Some(state.run.to_string()),
        status: state.status.as_str().into(),
        waiting_on: whole.report.waiting_on.iter().map(waiting).collect(),
        ..Status::none()
    }
}

fn waiting(waiting: &Waiting) -> WaitingOn {
    WaitingOn {
        kind: waiting.kind.as_str().into(),
        text: waiting.text.clone(),
        since: rfc3339(waiting.since),
        eta_seconds: waiting.eta.map(|eta| eta.as_millis().div_ceil(1000) as u64),
    }
}

/// A line of the list.
pub(super) fn summary(whole: &Whole) -> Value {
    let mut object = flat(&status(whole));
    let state = &whole.shown;
    object.insert("startedAt".into(), rfc3339(state.started_at).into());
    object.insert("endedAt".into(), state.ended_at.map(rfc3339).into());
    object.insert("versions".into(), versions(&state.plan));
    Value::Object(object)
}

fn flat(status: &Status) -> Map<String, Value> {
    match serde_json::to_value(status) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

fn versions(plan: &WavesPlan) -> Value {
    // Where they answer is each region's own.
    let version = |name: &str| json!({ "version": name, "urls": [] });
    json!({ "stable": version(&plan.stable), "canary": version(&plan.canary) })
}

/// Everything that is known.
pub(super) fn detail(whole: &Whole) -> Value {
    let mut object = match summary(whole) {
        Value::Object(object) => object,
        _ => Map::new(),
    };
    let (state, report) = (&whole.shown, &whole.report);
    let regions: Vec<Value> =
        state.regions.iter().zip(&report.regions).map(|(r, said)| region(r, said)).collect();
    let pooled = &report.pooled;
    let parts = pooled
        .parts
        .iter()
        .map(|part| json!({ "region": part.region, "weight": part.weight, "evidence": odds(part.log) }));
    object.insert("attempt".into(), state.attempt.into());
    object.insert("regions".into(), regions.into());
    object.insert("waves".into(), waves(state).into());
    object.insert("halt".into(), state.halt.as_ref().map(halt).into());
    object.insert(
        "pooled".into(),
        json!({
            "evidence": odds(pooled.log_total), "limit": odds(pooled.log_needed), "lead": pooled.lead,
            "shown": pooled.is_shown(), "overridden": state.pooled_overridden,
            "test": { "weight": pooled.weight, "evidence": odds(pooled.log_pooled) },
            "regions": parts.collect::<Vec<_>>(),
        }),
    );
    Value::Object(object)
}

/// Evidence as a number that JSON can write.
fn odds(log: f64) -> f64 {
    log.min(690.0).exp()
}

fn region(state: &RegionState, report: &RegionReport) -> Value {
    let seen = state.seen.as_deref();
    let rate = seen.filter(|s| s.requests > 0).map(|s| 100.0 * s.errors as f64 / s.requests as f64);
    json!({
        "region": state.region,
        "wave": state.wave + 1,
        "state": report.state,
        "run": state.run,
        "beganAt": state.began_at.map(rfc3339),
        "phase": seen.and_then(|s| s.phase),
        "canary": seen.map(|s| s.canary_percent),
        "progress": seen.map(|s| s.progress),
        "requests": seen.map(|s| s.requests),
        "errors": seen.map(|s| s.errors),
        "errorRate": rate.map(|rate| (rate * 10_000.0).round() / 10_000.0),
        "responseTime": seen.and_then(|s| s.response_ms),
        "health": seen.and_then(|s| s.health),
        "standing": seen.map(|s| s.standing.as_str()),
        "why": seen.map(|s| s.why.as_str()).filter(|why| !why.is_empty()),
        "held": state.held,
        "fallen": state.fallen,
        "healthyForSeconds": state.good_for.as_secs_f64(),
        "waitingOn": report.waiting_on.iter().map(waiting).collect::<Vec<_>>(),
    })
}

fn waves(state: &RegionalRollout) -> Vec<Value> {
    let began = |place: usize| state.waves.get(place).copied().flatten().map(rfc3339);
    let one = |(place, wave): (usize, &Wave)| json!({ "wave": place + 1, "regions": wave.regions, "beganAt": began(place) });
    state.plan.waves.iter().enumerate().map(one).collect()
}

fn halt(halt: &Halt) -> Value {
    let cause = match halt.cause {
        Cause::RolledBack => "rolled_back",
        Cause::Aborted => "aborted",
        Cause::Degraded => "degraded",
        Cause::Pooled => "pooled",
        Cause::Refused => "refused",
    };
    let others = match halt.brake {
        Brake::Starts => "none begins",
        Brake::Hold => "hold",
        Brake::Back => "rollback",
    };
    json!({
        "region": halt.region, "cause": cause, "why": halt.why, "others": others, "since": rfc3339(halt.since),
    })
}

/// What people were told, oldest first.
pub(super) fn history(whole: &Whole) -> Vec<Value> {
    whole.moments.iter().map(|moment| event(moment, whole)).collect()
}

fn event(moment: &Moment, whole: &Whole) -> Value {
    let (kind, fields) = told(&moment.notice);
    // The status of now, as every event has one; that of then is not kept.
    let mut object = flat(&status(whole));
    object.insert("text".into(), words(&moment.notice).into());
    object.insert("id".into(), moment.seq.into());
    object.insert("type".into(), kind.into());
    object.insert("timestamp".into(), rfc3339(moment.at).into());
    if let Value::Object(fields) = fields {
        object.extend(fields);
    }
    Value::Object(object)
}

/// The word of a notice, and its fields.
fn told(notice: &Notice) -> (&'static str, Value) {
    let who = |by: &Requested| json!({ "actor": by.actor, "reason": by.reason });
    match notice {
        Notice::Started { by } => ("regional_started", who(by)),
        Notice::WaveBegan { wave, regions, forced } => {
            let mut fields = json!({ "wave": wave + 1, "regions": regions, "forced": forced.is_some() });
            if let Some((by, overrode)) = forced {
                fields["actor"] = by.actor.clone().into();
                fields["reason"] = by.reason.clone().into();
                fields["overrode"] = overrode.clone().into();
            }
            ("wave_started", fields)
        }
        Notice::RegionRefused { region, action, why } => {
            ("region_refused", json!({ "region": region, "action": action.as_str(), "why": why }))
        }
        Notice::RegionFell { region, why } => ("region_fell", said(region, why)),
        Notice::RegionAway { region, why } => ("region_unreachable", said(region, why)),
        Notice::RegionBack { region, away } => {
            ("region_reachable", json!({ "region": region, "awaySeconds": away.as_secs_f64() }))
        }
        Notice::RegionEnded { region, status } => {
            ("region_ended", json!({ "region": region, "status": status.as_str() }))
        }
        Notice::Halted(stop) => ("regional_halted", json!({ "halt": halt(stop) })),
        Notice::Asked { what, by } => {
            let mut fields = who(by);
            fields["action"] = (*what).into();
            ("regional_asked", fields)
        }
        Notice::Ended { status } => ("regional_ended", json!({ "status": status.as_str() })),
    }
}

/// A notice in words.
fn words(notice: &Notice) -> String {
    let by = |by: &Requested| {
        let why = by.reason.as_ref().map_or(String::new(), |why| format!(" – “{why}”"));
        format!("by {}{why}", by.actor)
    };
    let list = |regions: &[Region]| regions.iter().map(Region::to_string).collect::<Vec<_>>().join(", ");
    match notice {
        Notice::Started { by: who } => format!("begun {}", by(who)),
        Notice::WaveBegan { wave, regions, forced: None } => {
            format!("wave {} begins: {}", wave + 1, list(regions))
        }
        Notice::WaveBegan { wave, regions, forced: Some((who, overrode)) } => {
            format!("wave {} begins {}, over {}: {}", wave + 1, by(who), overrode.join("; "), list(regions))
        }
        Notice::RegionRefused { region, action, why } => {
            format!("{region} will not {}: {why}", action.as_str())
        }
        Notice::RegionFell { region: _, why } => why.clone(),
        Notice::RegionAway { region, why } => format!("{region} does not answer: {why}"),
        Notice::RegionBack { region, away } => format!("{region} answers again after {} s", away.as_secs()),
        Notice::RegionEnded { region, status } => {
            format!("{region} is {}", status.as_str().replace('_', " "))
        }
        Notice::Halted(halt) => {
            let others = match halt.brake {
                Brake::Starts => "no region begins",
                Brake::Hold => "the others hold and none begins",
                Brake::Back => "all go back",
            };
            format!("halted, {others}: {}", halt.why)
        }
        Notice::Asked { what, by: who } => format!("{what} {}", by(who)),
        Notice::Ended { status } => {
            format!("the rollout over all regions is {}", status.as_str().replace('_', " "))
        }
    }
}

/// What a report of it is made of.
pub(super) fn story(whole: &Whole, now: Timestamp) -> Regional {
    let (state, report) = (&whole.shown, &whole.report);
    let regions = state.regions.iter().zip(&report.regions).zip(&report.pooled.parts);
    let moment = |m: &Moment| RegionalMoment {
        at: m.at.as_millis(),
        kind: told(&m.notice).0.to_owned(),
        text: words(&m.notice),
    };
    Regional {
        run: state.run.to_string(),
        service: state.run.key.to_string(),
        stable: state.plan.stable.clone(),
        canary: state.plan.canary.clone(),
        status: state.status.as_str().into(),
        halt: state.halt.as_ref().map(|halt| halt.why.clone()),
        started_at: state.started_at.as_millis(),
        ended_at: state.ended_at.map(Timestamp::as_millis),
        as_of: now.as_millis(),
        attempt: state.attempt,
        evidence: (odds(report.pooled.log_total), odds(report.pooled.log_needed)),
        regions: regions.map(|((r, said), part)| figures(r, said.state, odds(part.log))).collect(),
        moments: whole.moments.iter().map(moment).collect(),
    }
}

fn figures(state: &RegionState, word: &str, evidence: f64) -> RegionFigures {
    let seen = state.seen.as_deref();
    RegionFigures {
        region: state.region.to_string(),
        wave: state.wave as u64 + 1,
        state: word.to_owned(),
        run: state.run.clone(),
        began_at: state.began_at.map(Timestamp::as_millis),
        canary_percent: seen.map(|s| s.canary_percent),
        requests: seen.map(|s| s.requests),
        errors: seen.map(|s| s.errors),
        response_ms: seen.and_then(|s| s.response_ms),
        health: seen.and_then(|s| s.health),
        evidence,
        // That the whole holds it speaks against nobody.
        why: seen.filter(|_| !state.held).map(|s| s.why.clone()).unwrap_or_default(),
    }
}

fn said(region: &Region, why: &str) -> Value {
    json!({ "region": region, "why": why })
}
