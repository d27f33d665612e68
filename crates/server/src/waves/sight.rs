//! How a region's rollout stands, read from its detail: the same JSON from this server's core and from another server.

use fw_engine::rollout::Status as Life;
use fw_engine::waves::{Evidence, Seen, Standing};
use serde_json::Value;

/// Longest reason that is kept, characters.
const WHY_CHARS_MAX: usize = 500;
/// Logarithms beyond say nothing more, and JSON has no infinity.
const LOG_MAX: f64 = 700.0;
/// What a hold that speaks against a region waits for.
const AGAINST: [&str; 6] = ["criterion", "source", "srm", "concentrated", "person", "router"];

/// Reads `GET /api/v1/rollouts/{name}` of a region.
///
/// # Errors
/// In words: what is missing in it.
pub(super) fn seen_of(detail: &Value) -> Result<Seen, String> {
    let word = |key: &str| detail[key].as_str().unwrap_or_default().to_owned();
    let status = Life::ALL.into_iter().find(|life| life.as_str() == detail["status"]);
    let status = status.ok_or_else(|| format!("it answered with the status {}", detail["status"]))?;
    let (standing, why) = standing(detail, status);
    let number = |value: &Value| value.as_f64().filter(|n| n.is_finite());
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let phase = detail["state"]["currentPhase"].as_u64().and_then(|phase| usize::try_from(phase).ok());
    let findings = detail["findings"].as_array().map_or(&[][..], Vec::as_slice);
    Ok(Seen {
        run: word("run"),
        status,
        standing,
        why: why.chars().take(WHY_CHARS_MAX).collect(),
        attempt: u32::try_from(count(&detail["attempt"])).unwrap_or(u32::MAX),
        phase,
        progress: number(&detail["progress"]).unwrap_or(0.0),
        canary_percent: count(&detail["split"]["canary"]) as f64 / 1000.0,
        requests: count(&detail["state"]["totalRequests"]),
        errors: count(&detail["state"]["totalErrors"]),
        response_ms: number(&detail["currentPhase"]["metrics"]["responseTime"]),
        health: number(&detail["health"]),
        evidence: findings.iter().filter_map(evidence).collect(),
    })
}

/// One finding as evidence: its part of the wealth over its weight.
fn evidence(finding: &Value) -> Option<Evidence> {
    let weight = finding["weight"].as_f64().filter(|weight| *weight > 0.0)?;
    let part = finding["evidence"].as_f64()?;
    let canary = &finding["canary"];
    let requests = canary["n"].as_f64().unwrap_or(0.0);
    // What is no share of requests has no interval; there each value is one event.
    let bad = if canary["low"].is_null() { requests } else { canary["sum"].as_f64().unwrap_or(0.0) };
    Some(Evidence {
        test: finding["name"].as_str()?.to_owned(),
        weight,
        log: (part.ln() - weight.ln()).clamp(-LOG_MAX, LOG_MAX),
        requests,
        bad,
    })
}

fn standing(detail: &Value, status: Life) -> (Standing, String) {
    let rollback = &detail["rollback"];
    match status {
        Life::RollingBack | Life::RolledBack => return (Standing::Degraded, why_back(rollback)),
        Life::Completed => return (Standing::Healthy, String::new()),
        Life::Aborted => return (Standing::Against, "a person ended it".into()),
        Life::Pending | Life::Running | Life::Paused => {}
    }
    let findings = detail["findings"].as_array().map_or(&[][..], Vec::as_slice);
    let text = |value: &Value| value["text"].as_str().unwrap_or_default().to_owned();
    let strongest = |strength: &str| findings.iter().find(|f| f["strength"] == strength).map(text);
    if detail["verdict"] == "degraded" {
        return (Standing::Degraded, strongest("shown").unwrap_or_default());
    }
    let holds = detail["waitingOn"].as_array().map_or(&[][..], Vec::as_slice);
    let first_split = |w: &Value| status == Life::Pending && w["kind"] == "router";
    let against = holds.iter().find(|w| AGAINST.iter().any(|kind| w["kind"] == *kind) && !first_split(w));
    if let Some(why) = against.map(text).or_else(|| strongest("warning")) {
        return (Standing::Against, why);
    }
    let healthy = detail["verdict"] == "healthy" && status == Life::Running;
    (if healthy { Standing::Healthy } else { Standing::Open }, String::new())
}

fn why_back(rollback: &Value) -> String {
    let evidence = rollback["evidence"].as_array().map_or(&[][..], Vec::as_slice);
    let texts: Vec<&str> = evidence.iter().filter_map(Value::as_str).collect();
    match texts.as_slice() {
        [] => rollback["trigger"].as_str().unwrap_or_default().to_owned(),
        texts => texts.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn detail(more: Value) -> Value {
        let mut detail = json!({
            "run": "shop@eu.3", "status": "running", "verdict": "inconclusive", "attempt": 1, "progress": 12.5,
            "state": { "currentPhase": 0, "totalRequests": 100, "totalErrors": 2 }, "split": { "canary": 5000 },
            "waitingOn": [{ "kind": "duration", "text": "10 s left" }],
            "findings": [{ "name": "errorRate", "strength": "quiet", "weight": 0.25, "evidence": 2.5, "text": "errors",
                           "canary": { "n": 100.0, "sum": 2.0, "low": 0.01 } }],
        });
        for (key, value) in more.as_object().unwrap() {
            detail[key] = value.clone();
        }
        detail
    }

    #[test]
    fn evidence_is_the_part_over_the_weight() {
        let seen = seen_of(&detail(json!({}))).unwrap();
        let evidence = &seen.evidence[0];
        assert!((evidence.log - 10_f64.ln()).abs() < 1e-12);
        assert_eq!((evidence.requests, evidence.bad), (100.0, 2.0));
        assert_eq!((seen.canary_percent, seen.phase, seen.requests, seen.errors), (5.0, Some(0), 100, 2));
        let none =
            detail(json!({ "findings": [{ "name": "x", "weight": 0.5, "evidence": 0.0, "canary": {} }] }));
        assert_eq!(seen_of(&none).unwrap().evidence[0].log, -LOG_MAX);
    }

    #[test]
    fn what_speaks_against_a_region() {
        let standing = |more: Value| {
            let seen = seen_of(&detail(more)).unwrap();
            (seen.standing, seen.why)
        };
        let open = (Standing::Open, String::new());
        assert_eq!(standing(json!({})), open);
        assert_eq!(standing(json!({ "verdict": "healthy" })).0, Standing::Healthy);
        let pending =
            json!({ "status": "pending", "waitingOn": [{ "kind": "router", "text": "first split" }] });
        assert_eq!(standing(pending), open);
        for kind in AGAINST {
            let held = json!({ "verdict": "healthy", "waitingOn": [{ "kind": kind, "text": "so" }] });
            assert_eq!(standing(held), (Standing::Against, "so".into()), "{kind}");
        }
        let warned = json!({ "findings": [{ "strength": "warning", "text": "slow", "weight": 0.1, "evidence": 9.0 }] });
        assert_eq!(standing(warned), (Standing::Against, "slow".into()));
        let back = json!({ "status": "rolled_back", "rollback": { "trigger": "errorRate", "evidence": ["a", "b"] } });
        assert_eq!(standing(back), (Standing::Degraded, "a; b".into()));
        assert!(seen_of(&json!({ "status": "flying" })).is_err());
    }
}
