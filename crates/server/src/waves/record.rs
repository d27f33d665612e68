//! Events of regional rollouts as the journal has them: JSON, one format, read by every later version.
//!
//! The first event has the whole config, so that a restart begins regions by what was started, whatever the file says
//! by then. Only this file knows the words.

use std::sync::Arc;
use std::time::Duration;

use fw_engine::rollout::{Requested, Status as Life};
use fw_engine::waves::{Answer, Event, Evidence, Looked, Seen, Sight, Standing, Started};
use fw_model::{Region, RunId};
use fw_runtime::Idempotency;
use fw_runtime::config::{self, ServiceConfig};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The format that is written.
pub(super) const FORMAT: u16 = 1;

/// A row can't be read.
#[derive(Debug, thiserror::Error)]
#[error("an event of a regional rollout can't be read: {0}")]
pub(super) struct RecordError(String);

/// What a row holds beside the event.
pub(super) struct Kept {
    pub(super) event: Event,
    /// Of the request that led to it.
    pub(super) idempotency: Option<Idempotency>,
    /// Of the first event: what was started.
    pub(super) config: Option<ServiceConfig>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct By {
    actor: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    request_hash: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", rename_all_fields = "camelCase")]
enum Record {
    Started {
        run: String,
        config: Value,
        by: By,
    },
    Looked {
        watched_ms: u64,
        sights: Vec<SightRecord>,
    },
    Answered {
        region: String,
        ask: u64,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        run: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        refused: Option<String>,
    },
    Paused {
        by: By,
    },
    Resumed {
        by: By,
    },
    Advanced {
        by: By,
    },
    RollbackRequested {
        by: By,
    },
    AbortRequested {
        by: By,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SightRecord {
    region: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    unreachable: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    seen: Option<SeenRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SeenRecord {
    run: String,
    status: String,
    standing: String,
    #[serde(skip_serializing_if = "String::is_empty", default)]
    why: String,
    attempt: u32,
    phase: Option<usize>,
    progress: f64,
    canary_percent: f64,
    requests: u64,
    errors: u64,
    response_ms: Option<f64>,
    health: Option<f64>,
    /// Name, weight, ln of the e-value, requests, bad ones.
    evidence: Vec<(String, f64, f64, f64, f64)>,
}

/// An event as a row's payload. `config` goes with the first one.
pub(super) fn encode(event: &Event, idempotency: Option<&Idempotency>, config: Option<&Value>) -> Vec<u8> {
    let by = |by: &Requested| By {
        actor: by.actor.clone(),
        reason: by.reason.clone(),
        key: idempotency.map(|i| i.key.clone()),
        request_hash: idempotency.map(|i| i.request_hash.clone()),
    };
    let record = match event {
        Event::Started(started) => Record::Started {
            run: started.run.to_string(),
            config: config.cloned().unwrap_or(Value::Null),
            by: by(&started.by),
        },
        Event::Looked(looked) => Record::Looked {
            watched_ms: u64::try_from(looked.watched.as_millis()).unwrap_or(u64::MAX),
            sights: looked.sights.iter().map(sight_record).collect(),
        },
        Event::Answered { region, ask, answer } => {
            let (run, refused) = match answer {
                Answer::Done { run } => (run.clone(), None),
                Answer::Refused { why } => (None, Some(why.clone())),
            };
            Record::Answered { region: region.to_string(), ask: *ask, run, refused }
        }
        Event::Paused(who) => Record::Paused { by: by(who) },
        Event::Resumed(who) => Record::Resumed { by: by(who) },
        Event::Advanced(who) => Record::Advanced { by: by(who) },
        Event::RollbackRequested(who) => Record::RollbackRequested { by: by(who) },
        Event::AbortRequested(who) => Record::AbortRequested { by: by(who) },
    };
    // Strings, finite numbers and text keys always serialise.
    serde_json::to_vec(&record).unwrap_or_default()
}

fn sight_record((region, sight): &(Region, Sight)) -> SightRecord {
    let region = region.to_string();
    match sight {
        Sight::Unreachable { why } => SightRecord { region, unreachable: Some(why.clone()), seen: None },
        Sight::Seen(seen) => SightRecord { region, unreachable: None, seen: Some(seen_record(seen)) },
    }
}

fn seen_record(seen: &Seen) -> SeenRecord {
    let evidence = |e: &Evidence| (e.test.clone(), e.weight, e.log, e.requests, e.bad);
    SeenRecord {
        run: seen.run.clone(),
        status: seen.status.as_str().into(),
        standing: seen.standing.as_str().into(),
        why: seen.why.clone(),
        attempt: seen.attempt,
        phase: seen.phase,
        progress: seen.progress,
        canary_percent: seen.canary_percent,
        requests: seen.requests,
        errors: seen.errors,
        response_ms: seen.response_ms,
        health: seen.health,
        evidence: seen.evidence.iter().map(evidence).collect(),
    }
}

/// The event of a row.
///
/// # Errors
/// [`RecordError`] says what is wrong with it.
pub(super) fn decode(format: u16, payload: &[u8]) -> Result<Kept, RecordError> {
    if format != FORMAT {
        return Err(RecordError(format!("it has format {format}; a newer fw wrote it")));
    }
    let record: Record = serde_json::from_slice(payload).map_err(|e| RecordError(e.to_string()))?;
    let (event, by, config) = match record {
        Record::Started { run, config, by } => {
            let config = config::load_json(&config, None).map_err(|e| RecordError(e.to_string()))?;
            let plan = config.waves.clone().ok_or_else(|| RecordError("its config has no regions".into()))?;
            let run: RunId = run.parse().map_err(|e| RecordError(format!("{e}")))?;
            let started = Started { run, plan: Arc::new(plan), by: requested(&by) };
            (Event::Started(started), Some(by), Some(config))
        }
        Record::Looked { watched_ms, sights } => {
            let sights = sights.into_iter().map(sight).collect::<Result<_, _>>()?;
            (Event::Looked(Looked { watched: Duration::from_millis(watched_ms), sights }), None, None)
        }
        Record::Answered { region, ask, run, refused } => {
            let answer = match refused {
                None => Answer::Done { run },
                Some(why) => Answer::Refused { why },
            };
            (Event::Answered { region: name(region)?, ask, answer }, None, None)
        }
        Record::Paused { by } => (Event::Paused(requested(&by)), Some(by), None),
        Record::Resumed { by } => (Event::Resumed(requested(&by)), Some(by), None),
        Record::Advanced { by } => (Event::Advanced(requested(&by)), Some(by), None),
        Record::RollbackRequested { by } => (Event::RollbackRequested(requested(&by)), Some(by), None),
        Record::AbortRequested { by } => (Event::AbortRequested(requested(&by)), Some(by), None),
    };
    let idempotency = by.and_then(|by| Some(Idempotency { key: by.key?, request_hash: by.request_hash? }));
    Ok(Kept { event, idempotency, config })
}

fn requested(by: &By) -> Requested {
    Requested { actor: by.actor.clone(), reason: by.reason.clone() }
}

fn name(region: String) -> Result<Region, RecordError> {
    Region::new(region).map_err(|e| RecordError(e.to_string()))
}

fn sight(record: SightRecord) -> Result<(Region, Sight), RecordError> {
    let region = name(record.region)?;
    let sight = match (record.seen, record.unreachable) {
        (Some(seen), _) => Sight::Seen(Box::new(seen_of(seen)?)),
        (None, why) => Sight::Unreachable { why: why.unwrap_or_default() },
    };
    Ok((region, sight))
}

fn seen_of(record: SeenRecord) -> Result<Seen, RecordError> {
    let unknown = |word: &str| RecordError(format!("{word:?} is not known"));
    let status = Life::ALL.into_iter().find(|life| life.as_str() == record.status);
    let evidence = |(test, weight, log, requests, bad)| Evidence { test, weight, log, requests, bad };
    Ok(Seen {
        run: record.run,
        status: status.ok_or_else(|| unknown(&record.status))?,
        standing: Standing::from_word(&record.standing).ok_or_else(|| unknown(&record.standing))?,
        why: record.why,
        attempt: record.attempt,
        phase: record.phase,
        progress: record.progress,
        canary_percent: record.canary_percent,
        requests: record.requests,
        errors: record.errors,
        response_ms: record.response_ms,
        health: record.health,
        evidence: record.evidence.into_iter().map(evidence).collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn round(event: Event, config: Option<&Value>) {
        let key = Idempotency { key: "k".into(), request_hash: "h".into() };
        let kept = decode(FORMAT, &encode(&event, Some(&key), config)).unwrap();
        assert_eq!(kept.event, event);
        let by_person = !matches!(event, Event::Looked(_) | Event::Answered { .. });
        assert_eq!(kept.idempotency, by_person.then_some(key));
        assert_eq!(kept.config.is_some(), config.is_some());
    }

    #[test]
    fn every_event_reads_back() {
        let by = || Requested { actor: "ana".into(), reason: Some("why not".into()) };
        let region = Region::new("eu").unwrap();
        let config = json!({ "service": "shop", "regions": [{ "name": "eu" }, { "name": "us" }] });
        let plan = config::load_json(&config, None).unwrap().waves.unwrap();
        let started = Started { run: "shop.1".parse().unwrap(), plan: Arc::new(plan), by: by() };
        round(Event::Started(started), Some(&config));
        let seen = Seen {
            run: "shop@eu.3".into(),
            status: Life::RollingBack,
            standing: Standing::Degraded,
            why: "errors".into(),
            attempt: 2,
            phase: Some(1),
            progress: 12.5,
            canary_percent: 5.0,
            requests: 1000,
            errors: 7,
            response_ms: Some(1.25),
            health: None,
            evidence: vec![Evidence {
                test: "errorRate".into(),
                weight: 0.25,
                log: -3.5,
                requests: 10.0,
                bad: 1.0,
            }],
        };
        let away = Sight::Unreachable { why: "no route".into() };
        let sights = vec![(region.clone(), Sight::Seen(Box::new(seen))), (Region::new("us").unwrap(), away)];
        round(Event::Looked(Looked { watched: Duration::from_millis(1500), sights }), None);
        let answers = [
            Answer::Done { run: Some("shop@eu.3".into()) },
            Answer::Done { run: None },
            Answer::Refused { why: "busy".into() },
        ];
        for answer in answers {
            round(Event::Answered { region: region.clone(), ask: 4, answer }, None);
        }
        for event in
            [Event::Paused, Event::Resumed, Event::Advanced, Event::RollbackRequested, Event::AbortRequested]
        {
            round(event(by()), None);
        }
    }

    #[test]
    fn what_is_damaged_or_newer_is_refused() {
        for bad in [
            &b"{"[..],
            br#"{"event":"flew"}"#,
            br#"{"event":"started","run":"x.1","config":{},"by":{"actor":"a"}}"#,
        ] {
            assert!(decode(FORMAT, bad).is_err());
        }
        assert!(decode(FORMAT + 1, b"{}").is_err());
    }
}
