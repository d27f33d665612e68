//! An event of the stream as a line for people.

use fw_api::status::PhaseMetrics;
use fw_api::{EventBody, Status};
use serde_json::Value;

use super::{Moment, Paint, clean, health, percent, state_words, status_word, waiting_words};

/// An event as it came: its id, its status, its body, and the JSON itself.
#[derive(Debug, Clone)]
pub(crate) struct StreamedEvent {
    /// Position in the server's log; none when the server sent none.
    pub(crate) id: Option<u64>,
    /// The status after it.
    pub(crate) status: Status,
    /// What happened; none for a type of a later version.
    pub(crate) body: Option<EventBody>,
    /// RFC 3339.
    pub(crate) timestamp: String,
    /// The word in `type`.
    pub(crate) kind: String,
    /// All of it.
    pub(crate) json: Value,
}

impl StreamedEvent {
    /// Reads the JSON of an event; none when it has no status, which no version sends.
    pub(crate) fn read(id: Option<u64>, json: Value) -> Option<StreamedEvent> {
        let status = serde_json::from_value(json.clone()).ok()?;
        let body = serde_json::from_value(json.clone()).ok();
        let text = |key: &str| json.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(StreamedEvent { id, status, body, timestamp: text("timestamp"), kind: text("type"), json })
    }

    /// The JSON with the id in it, for `--output json`.
    pub(crate) fn json_with_id(&self) -> Value {
        let mut json = self.json.clone();
        if let (Some(object), Some(id)) = (json.as_object_mut(), self.id) {
            object.insert("eventId".into(), id.into());
        }
        json
    }
}

/// `12:03:04  checkout.3  phase_advanced  phase 0 → 1, 25 % of traffic`.
pub(crate) fn event_line(event: &StreamedEvent, moment: &Moment, paint: Paint) -> String {
    let run = event.status.run.as_deref().or(event.status.rollout.as_deref()).unwrap_or("–");
    let kind = format!("{:<18}", clean(&event.kind));
    let kind = match event.kind.as_str() {
        "rollout_completed" | "phase_advanced" => paint.green(&kind),
        "rollback_started" | "rollback_completed" | "rollout_aborted" => paint.red(&kind),
        "risk_alert" | "phase_held" | "rollout_paused" => paint.yellow(&kind),
        _ => paint.cyan(&kind),
    };
    let time = paint.dim(&moment.clock(&event.timestamp));
    format!("{time}  {}  {kind}  {}", clean(run), words(event, moment)).trim_end().to_owned()
}

fn words(event: &StreamedEvent, moment: &Moment) -> String {
    let status = &event.status;
    let Some(body) = &event.body else {
        // Of a type that is not known here: its own words, else the state.
        let text = event.json.get("text").and_then(Value::as_str);
        return text.map_or_else(|| state_words(status), clean);
    };
    match body {
        EventBody::InitialState { gap } => {
            let gap = if *gap { " (older events are no longer kept)" } else { "" };
            format!("{}{gap}", state_words(status))
        }
        EventBody::RolloutStarted { phase } => format!("phase {phase}{}", share(status)),
        EventBody::PhaseAdvanced {
            from_phase,
            to_phase,
            percentage,
            forced,
            overrode,
            actor,
            reason,
            ..
        } => {
            let mut text = format!(
                "{} → phase {to_phase}, {} of traffic",
                place(*from_phase),
                percent(Some(*percentage))
            );
            if *forced {
                text.push_str(&format!(", forced{}", by(actor.as_deref(), reason.as_deref())));
            }
            if !overrode.is_empty() {
                text.push_str(&format!(", overriding: {}", clean(&overrode.join("; "))));
            }
            text
        }
        EventBody::MetricsUpdate { metrics } => metrics_words(metrics, status),
        EventBody::PhaseHeld {} => waiting_words(status, &moment.at(&event.timestamp)).join("; "),
        EventBody::PhaseReleased { waited_for } => {
            clean(&waited_for.iter().map(|w| w.text.as_str()).collect::<Vec<_>>().join("; "))
        }
        EventBody::RolloutPaused { phase, actor, reason }
        | EventBody::RolloutResumed { phase, actor, reason } => {
            format!("{}{}", place(*phase), by(Some(actor), reason.as_deref()))
        }
        EventBody::RiskAlert { text, .. } => clean(text),
        EventBody::RollbackStarted { .. } | EventBody::RollbackCompleted { .. } => rollback_words(body),
        EventBody::GateAnswered { gate, answer, actor, reason, .. } => {
            let word = if answer == "approve" { "yes" } else { "no" };
            format!("{}: {word}{}", clean(gate), by(Some(actor), reason.as_deref()))
        }
        EventBody::RolloutCompleted { final_health, .. } => format!("health {}", health(*final_health)),
        EventBody::RolloutAborted { actor, reason, .. } => {
            by(Some(actor), reason.as_deref()).trim_start_matches([',', ' ']).to_owned()
        }
        EventBody::ReportReady { kind, url } => format!("{} report: {}", status_word(kind), clean(url)),
    }
}

fn metrics_words(metrics: &PhaseMetrics, status: &Status) -> String {
    let requests = match metrics.requests_served {
        0 => return "no canary requests counted yet".into(),
        1 => "1 request".into(),
        many => format!("{} requests", super::thousands(many)),
    };
    format!(
        "health {}, {requests}, {} errors, {}",
        health(status.health),
        percent(metrics.error_rate),
        super::milliseconds(metrics.response_time)
    )
}

fn rollback_words(body: &EventBody) -> String {
    match body {
        EventBody::RollbackStarted { from_phase, to_phase, percentage, trigger, evidence } => format!(
            "{} → {}, {} of traffic, by {}: {}",
            place(*from_phase),
            place(*to_phase),
            percent(Some(*percentage)),
            clean(trigger),
            clean(&evidence.join("; "))
        ),
        EventBody::RollbackCompleted { to_phase, recovery_ms, unconfirmed, .. } => {
            let silent = if unconfirmed.is_empty() {
                String::new()
            } else {
                format!(", not confirmed by {}", clean(&unconfirmed.join(", ")))
            };
            format!("at {} after {recovery_ms} ms{silent}", place(*to_phase))
        }
        _ => String::new(),
    }
}

fn place(phase: Option<u64>) -> String {
    phase.map_or("stable".into(), |phase| format!("phase {phase}"))
}

fn share(status: &Status) -> String {
    let phase = status.current_phase.as_ref();
    phase.map(|phase| format!(", {} of traffic", percent(Some(phase.percentage)))).unwrap_or_default()
}

fn by(actor: Option<&str>, reason: Option<&str>) -> String {
    let actor = actor.map(|actor| format!(", by {}", clean(actor))).unwrap_or_default();
    let reason = reason.map(|reason| format!(": {}", clean(reason))).unwrap_or_default();
    format!("{actor}{reason}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use jiff::tz::TimeZone;
    use serde_json::json;

    fn line(fields: Value) -> String {
        let mut json: Value = serde_json::from_str(include_str!("../../tests/data/running.json")).unwrap();
        json.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json["timestamp"] = "2026-01-01T15:40:00Z".into();
        let event = StreamedEvent::read(Some(7), json).unwrap();
        let moment = Moment { now: "2026-01-01T15:41:00Z".parse().unwrap(), zone: TimeZone::UTC };
        event_line(&event, &moment, Paint::plain())
    }

    #[test]
    fn every_type_has_its_line() {
        let events = [
            json!({"type": "initial_state"}),
            json!({"type": "initial_state", "gap": true}),
            json!({"type": "rollout_started", "phase": 0}),
            json!({"type": "phase_advanced", "fromPhase": 0, "toPhase": 1, "percentage": 25.0, "riskScore": 55.0, "forced": false}),
            json!({"type": "phase_advanced", "fromPhase": null, "toPhase": 0, "percentage": 5.0, "riskScore": 55.0, "forced": true, "actor": "ci", "reason": "hotfix", "overrode": ["evidence: error rate"]}),
            json!({"type": "metrics_update", "metrics": {"requestsServed": 1250, "errorRate": 0.24, "responseTime": 145.0, "userSatisfaction": 96.2}}),
            json!({"type": "metrics_update", "metrics": {"requestsServed": 1, "errorRate": 0.0, "responseTime": 12.0, "userSatisfaction": 100.0}}),
            json!({"type": "metrics_update", "metrics": {"requestsServed": 0, "errorRate": null, "responseTime": null, "userSatisfaction": null}}),
            json!({"type": "phase_held"}),
            json!({"type": "phase_released", "waitedFor": [{"kind": "source", "text": "proxy 1 was silent", "since": "2026-01-01T15:39:00Z", "etaSeconds": null}]}),
            json!({"type": "rollout_paused", "phase": 1, "actor": "local:ann", "reason": null}),
            json!({"type": "rollout_resumed", "phase": 1, "actor": "local:ann", "reason": "looked fine"}),
            json!({"type": "risk_alert", "trigger": "errorRate", "value": 2.0, "limit": 1.0, "text": "error rate 2 % is above 1 %"}),
            json!({"type": "rollback_started", "fromPhase": 1, "toPhase": null, "percentage": 0.0, "trigger": "errorRate", "evidence": ["40 errors in 200 requests"]}),
            json!({"type": "rollback_completed", "fromPhase": 1, "toPhase": null, "percentage": 0.0, "recoveryMs": 42, "unconfirmed": ["p1"]}),
            json!({"type": "rollout_completed", "finalHealth": 97.5, "totalDurationMs": 1000}),
            json!({"type": "rollout_aborted", "finalHealth": null, "totalDurationMs": 1000, "actor": "ci", "reason": "wrong build"}),
            json!({"type": "gate_answered", "phase": 1, "gate": "2 approvals", "answer": "approve", "actor": "ann", "reason": "looks fine"}),
            json!({"type": "report_ready", "kind": "completion", "url": "/api/v1/rollouts/checkout.3/reports/completion"}),
            json!({"type": "something_new"}),
        ];
        let lines: Vec<String> = events.into_iter().map(line).collect();
        expect![[r#"
            15:40:00  checkout.3  initial_state       running, phase 1 (25 %), health 92, healthy
            15:40:00  checkout.3  initial_state       running, phase 1 (25 %), health 92, healthy (older events are no longer kept)
            15:40:00  checkout.3  rollout_started     phase 0, 25 % of traffic
            15:40:00  checkout.3  phase_advanced      phase 0 → phase 1, 25 % of traffic
            15:40:00  checkout.3  phase_advanced      stable → phase 0, 5 % of traffic, forced, by ci: hotfix, overriding: evidence: error rate
            15:40:00  checkout.3  metrics_update      health 92, 1 250 requests, 0.24 % errors, 145 ms
            15:40:00  checkout.3  metrics_update      health 92, 1 request, 0 % errors, 12.0 ms
            15:40:00  checkout.3  metrics_update      no canary requests counted yet
            15:40:00  checkout.3  phase_held          waiting on evidence: error rate at most 0.5 %: not shown yet (for 40 s, about 40 s to go); waiting on time: 2 of 3 minutes watched (for 1 min, about 1 min to go)
            15:40:00  checkout.3  phase_released      proxy 1 was silent
            15:40:00  checkout.3  rollout_paused      phase 1, by local:ann
            15:40:00  checkout.3  rollout_resumed     phase 1, by local:ann: looked fine
            15:40:00  checkout.3  risk_alert          error rate 2 % is above 1 %
            15:40:00  checkout.3  rollback_started    phase 1 → stable, 0 % of traffic, by errorRate: 40 errors in 200 requests
            15:40:00  checkout.3  rollback_completed  at stable after 42 ms, not confirmed by p1
            15:40:00  checkout.3  rollout_completed   health 97.5
            15:40:00  checkout.3  rollout_aborted     by ci: wrong build
            15:40:00  checkout.3  gate_answered       2 approvals: yes, by ann: looks fine
            15:40:00  checkout.3  report_ready        completion report: /api/v1/rollouts/checkout.3/reports/completion
            15:40:00  checkout.3  something_new       running, phase 1 (25 %), health 92, healthy"#]].assert_eq(&lines.join("\n"));
    }
}
