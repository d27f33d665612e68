//! Server-sent events: the status object plus `type`, `timestamp` and the fields of the type, flat,
//! so that `switch (data.type)` and a dashboard that reads `data.progress` both work (contract section 4).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::status::{PhaseMetrics, Status, WaitingOn};

/// What happened, with the fields of its type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum EventBody {
    /// To each new connection; not in the log.
    InitialState {
        /// Whether events the client asked for are no longer kept.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        gap: bool,
    },
    /// A rollout began.
    RolloutStarted {
        /// Position of the first phase: 0.
        phase: u64,
    },
    /// The next phase began.
    PhaseAdvanced {
        /// From; null from stable.
        from_phase: Option<u64>,
        /// To.
        to_phase: u64,
        /// Percent of traffic now.
        percentage: f64,
        /// Of the new phase.
        risk_score: f64,
        /// Whether a person advanced it.
        forced: bool,
        /// What the person's advance overrode, in words.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        overrode: Vec<String>,
        /// Who, for a person's advance.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        actor: Option<String>,
        /// Why, for a person's advance.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reason: Option<String>,
    },
    /// The measurements, every `monitoringInterval`. `health` is in the status already.
    MetricsUpdate {
        /// The canary in this phase.
        metrics: PhaseMetrics,
    },
    /// The phase can't end, or can't be judged. `waitingOn` is in the status already.
    PhaseHeld {},
    /// A hold is over.
    PhaseReleased {
        /// What had been waited for.
        waited_for: Vec<WaitingOn>,
    },
    /// A person paused it.
    RolloutPaused {
        /// Position of the phase; null at stable.
        phase: Option<u64>,
        /// Who.
        actor: String,
        /// Why.
        reason: Option<String>,
    },
    /// A person resumed it.
    RolloutResumed {
        /// Position of the phase.
        phase: Option<u64>,
        /// Who.
        actor: String,
        /// Why.
        reason: Option<String>,
    },
    /// A rollback is being considered.
    RiskAlert {
        /// Which rule.
        trigger: String,
        /// What was measured.
        value: f64,
        /// Its limit.
        limit: f64,
        /// In words.
        text: String,
    },
    /// Traffic is being moved back.
    RollbackStarted {
        /// From; null at stable.
        from_phase: Option<u64>,
        /// To; null = stable.
        to_phase: Option<u64>,
        /// Percent of traffic now.
        percentage: f64,
        /// Which rule, or `manual`.
        trigger: String,
        /// Why, in words with counts.
        evidence: Vec<String>,
    },
    /// Every live data plane confirmed it, or is named.
    RollbackCompleted {
        /// From; null at stable.
        from_phase: Option<u64>,
        /// To; null = stable.
        to_phase: Option<u64>,
        /// Percent of traffic now.
        percentage: f64,
        /// From decision to confirmation, ms.
        recovery_ms: u64,
        /// Data planes that fell silent.
        unconfirmed: Vec<String>,
    },
    /// The canary is the current version now.
    RolloutCompleted {
        /// 0 to 100.
        final_health: Option<f64>,
        /// From start to now, ms.
        total_duration_ms: u64,
    },
    /// A person ended it; no canary traffic.
    RolloutAborted {
        /// 0 to 100.
        final_health: Option<f64>,
        /// From start to now, ms.
        total_duration_ms: u64,
        /// Who.
        actor: String,
        /// Why.
        reason: Option<String>,
    },
    /// A gate of a phase was answered (beside the contract's list: ours).
    GateAnswered {
        /// Position of the phase; none once a no has moved traffic back.
        phase: Option<u64>,
        /// What was asked, in a few words.
        gate: String,
        /// `approve` or `reject`.
        answer: String,
        /// Who; `default` where nobody answered in time.
        actor: String,
        /// Why.
        reason: Option<String>,
    },
    /// A report can be read.
    ReportReady {
        /// completion or rollback.
        kind: String,
        /// Where.
        url: String,
    },
}

impl EventBody {
    /// The word in the `type` member.
    pub fn type_name(&self) -> &'static str {
        match self {
            EventBody::InitialState { .. } => "initial_state",
            EventBody::RolloutStarted { .. } => "rollout_started",
            EventBody::PhaseAdvanced { .. } => "phase_advanced",
            EventBody::MetricsUpdate { .. } => "metrics_update",
            EventBody::PhaseHeld {} => "phase_held",
            EventBody::PhaseReleased { .. } => "phase_released",
            EventBody::RolloutPaused { .. } => "rollout_paused",
            EventBody::RolloutResumed { .. } => "rollout_resumed",
            EventBody::RiskAlert { .. } => "risk_alert",
            EventBody::RollbackStarted { .. } => "rollback_started",
            EventBody::RollbackCompleted { .. } => "rollback_completed",
            EventBody::RolloutCompleted { .. } => "rollout_completed",
            EventBody::RolloutAborted { .. } => "rollout_aborted",
            EventBody::GateAnswered { .. } => "gate_answered",
            EventBody::ReportReady { .. } => "report_ready",
        }
    }
}

/// One event as it is stored and sent: the JSON of `data:`.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamEvent {
    /// The status after the event.
    pub status: Status,
    /// What happened.
    pub body: EventBody,
    /// RFC 3339.
    pub timestamp: String,
    /// First 16 hex digits of the plan's SHA-256; every event of a rollout carries it.
    pub plan_hash: Option<String>,
}

impl StreamEvent {
    /// The flat object: status, `type`, `timestamp`, the type's fields.
    pub fn to_value(&self) -> Value {
        let mut object = match serde_json::to_value(&self.status) {
            Ok(Value::Object(object)) => object,
            _ => Map::new(),
        };
        if let Ok(Value::Object(fields)) = serde_json::to_value(&self.body) {
            object.extend(fields);
        }
        object.insert("timestamp".into(), Value::String(self.timestamp.clone()));
        if let Some(hash) = &self.plan_hash {
            object.insert("planHash".into(), Value::String(hash.clone()));
        }
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_the_status_and_its_fields_in_one_object() {
        let event = StreamEvent {
            status: Status::none(),
            body: EventBody::PhaseAdvanced {
                from_phase: Some(0),
                to_phase: 1,
                percentage: 25.0,
                risk_score: 55.0,
                forced: false,
                overrode: vec![],
                actor: None,
                reason: None,
            },
            timestamp: "2026-01-01T00:00:00Z".into(),
            plan_hash: None,
        };
        let value = event.to_value();
        assert_eq!(value["type"], event.body.type_name());
        assert_eq!((value["toPhase"].as_u64(), value["percentage"].as_f64()), (Some(1), Some(25.0)));
        assert_eq!(value["progress"], 0.0);
        assert!(value.get("overrode").is_none());
    }

    #[test]
    fn the_type_name_is_the_serialised_tag() {
        let bodies = [
            EventBody::InitialState { gap: false },
            EventBody::PhaseHeld {},
            EventBody::ReportReady { kind: "rollback".into(), url: "/x".into() },
        ];
        for body in bodies {
            assert_eq!(serde_json::to_value(&body).unwrap()["type"], body.type_name());
        }
    }
}
