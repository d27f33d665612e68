//! `POST /ofrep/v1/track`: what users did, as OpenFeature's `track` tells it.
//!
//! OFREP has no such endpoint yet (open-feature/protocol issue 71); this one stands beside the evaluations so that the
//! same pages and clients reach it. An event's name is a metric's. It counts, once for its id, for every experiment
//! whose variant the user had seen, and for every service's rollout by the version that the user's key has now.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::{StreamExt, stream};
use fw_api::wire::MetricReport;
use fw_api::{Code, Problem};
use fw_flags::book::{BookError, Outcome, Taken, User};
use fw_model::Weight;
use fw_model::plan::MetricSpec;
use fw_model::split::{trim_key, variant_of_key};
use fw_runtime::Idempotency;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::super::body::{self, Bounds};
use super::super::{App, answer};
use super::forms::{Failure, failed};
use super::{refused, split};
use crate::auth::hex;

/// Largest body, bytes.
const TRACK_BODY_BYTES_MAX: usize = 256 * 1024;
/// Most events of one request.
const EVENTS_MAX: usize = 1000;
/// Events of one request that the core is told at once.
const AT_ONCE_MAX: usize = 64;
/// Longest id, bytes.
const ID_BYTES_MAX: usize = 200;
/// An event without a value happened once.
const VALUE_DEFAULT: f64 = 1.0;

#[derive(Debug, Deserialize)]
struct Many {
    events: Vec<Event>,
}

/// One event, in the words of OpenFeature's tracking API.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    /// The metric's name.
    tracking_event_name: String,
    /// Whose doing it was.
    #[serde(default)]
    context: Map<String, Value>,
    /// How much.
    #[serde(default)]
    tracking_event_details: Details,
    /// Told twice it counts once.
    #[serde(default)]
    id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Details {
    #[serde(default)]
    value: Option<f64>,
}

/// What became of one event.
struct Fate {
    counted: usize,
    refused: Option<String>,
}

pub(super) async fn track(app: &App, headers: &HeaderMap, body: Body) -> Response {
    let bounds = Bounds { bytes_max: TRACK_BODY_BYTES_MAX, within: app.limits.body_within };
    let bytes = match body::bytes(headers, body, bounds).await {
        Ok(bytes) => bytes,
        Err(problem) => return refused(&problem, ""),
    };
    let events = match read(&bytes) {
        Ok(events) => events,
        Err(text) => return failed(400, &Failure::new("", "PARSE_ERROR", text)),
    };
    let mut unknown = BTreeSet::new();
    let mut fates = vec![];
    let mut outcomes = vec![];
    for event in &events {
        let (fate, outcome) = prepare(app, event, &mut unknown);
        outcomes.extend(outcome.map(|outcome| (fates.len(), outcome)));
        fates.push(fate);
    }
    let (places, outcomes): (Vec<usize>, Vec<Outcome>) = outcomes.into_iter().unzip();
    let taken = match app.board.track(outcomes).await {
        Ok(taken) => taken,
        Err(error) => return refused(&unwritten(&error), ""),
    };
    for (place, taken) in places.into_iter().zip(taken) {
        if let Taken::Counted(count) = taken {
            fates[place].counted += count;
        }
    }
    let sound = (0..events.len()).filter(|place| fates[*place].refused.is_none());
    // Many at once, so that the store writes them together.
    let counts = stream::iter(sound.map(|place| {
        let event = &events[place];
        async move { (place, by_rollouts(app, event).await) }
    }));
    let counts: Vec<(usize, Result<usize, Problem>)> = counts.buffered(AT_ONCE_MAX).collect().await;
    for (place, count) in counts {
        match count {
            Ok(count) => fates[place].counted += count,
            Err(problem) if problem.status >= 500 => return refused(&problem, ""),
            Err(problem) => fates[place].refused = Some(problem.detail),
        }
    }
    let refusals = fates
        .iter()
        .enumerate()
        .filter_map(|(place, fate)| Some(json!({ "event": place, "errorDetails": fate.refused.as_ref()? })));
    let counted = fates.iter().filter(|fate| fate.counted > 0).count();
    answer::json(
        202,
        &json!({
            "events": events.len(), "counted": counted, "unknown": unknown,
            "refused": refusals.collect::<Vec<_>>(),
        }),
    )
}

/// One event, or `{ "events": [...] }`.
fn read(bytes: &[u8]) -> Result<Vec<Event>, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|e| format!("the body is no JSON: {e}"))?;
    let events = if value.get("events").is_some() {
        serde_json::from_value::<Many>(value).map(|body| body.events)
    } else {
        serde_json::from_value(value).map(|event| vec![event])
    };
    let events = events.map_err(|e| format!("an event is {{ trackingEventName, context, … }}: {e}"))?;
    if events.len() > EVENTS_MAX {
        return Err(format!("{} events; at most {EVENTS_MAX} may come at once", events.len()));
    }
    Ok(events)
}

fn key_of(event: &Event) -> Option<&str> {
    event.context.get("targetingKey").and_then(Value::as_str)
}

/// Looks at an event, and says what is to be written of it.
fn prepare(app: &App, event: &Event, unknown: &mut BTreeSet<String>) -> (Fate, Option<Outcome>) {
    let refuse = |text: String| (Fate { counted: 0, refused: Some(text) }, None);
    let name = event.tracking_event_name.as_str();
    let value = event.tracking_event_details.value.unwrap_or(VALUE_DEFAULT);
    let experiments: Vec<(usize, &MetricSpec)> = app.board.experiments_with(name).collect();
    if experiments.is_empty() && app.board.services_with(name).next().is_none() {
        unknown.insert(name.to_owned());
        return (Fate { counted: 0, refused: None }, None);
    }
    let Some(user) = key_of(event).and_then(User::of) else {
        return refuse("context.targetingKey: needed, so that it is known whose doing it was".into());
    };
    if event.id.as_ref().is_some_and(|id| id.is_empty() || id.len() > ID_BYTES_MAX) {
        return refuse(format!("id: must be 1 to {ID_BYTES_MAX} bytes"));
    }
    let fitted = |spec: &MetricSpec| spec.fitted(value).map_err(|text| format!("value: {text}"));
    let of_services = app.board.services_with(name).try_for_each(|(_, spec)| fitted(spec).map(drop));
    let to = experiments.iter().map(|(place, spec)| Ok((*place, fitted(spec)?))).collect();
    let to = match of_services.and(to) {
        Ok(to) => to,
        Err(text) => return refuse(text),
    };
    let outcome = Outcome { id: event.id.clone(), user, metric: name.to_owned(), to };
    (Fate { counted: 0, refused: None }, (!experiments.is_empty()).then_some(outcome))
}

/// Counts an event for the rollouts under way that have a metric of its name; of how many.
async fn by_rollouts(app: &App, event: &Event) -> Result<usize, Problem> {
    let name = event.tracking_event_name.as_str();
    let Some(key) = key_of(event) else { return Ok(0) };
    let mut counted = 0;
    for (service, _) in app.board.services_with(name) {
        let split = split(app, service)?;
        // Where everybody has the same version there is nothing to compare.
        if split.rollout.is_none() || split.canary == Weight::ZERO {
            continue;
        }
        let variant = variant_of_key(&split.salt, trim_key(key.as_bytes()), split.canary);
        let report = MetricReport {
            name: name.to_owned(),
            variant,
            epoch: None,
            value: Some(event.tracking_event_details.value.unwrap_or(VALUE_DEFAULT)),
            count: None,
            sum: None,
            sum_squares: None,
            source: None,
            seq: None,
        };
        let idempotency = event.id.as_deref().map(|id| once(id, event));
        let answer = app.handle.metric(service.clone(), report, idempotency).await;
        answer.map_err(|refusal| Problem::from(&refusal))?;
        counted += 1;
    }
    Ok(counted)
}

/// The id of an event as the core remembers it; an event of the same id that says something else is refused.
fn once(id: &str, event: &Event) -> Idempotency {
    let digest = |parts: &[&[u8]]| {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hex(&hash.finalize())
    };
    let value = event.tracking_event_details.value.unwrap_or(VALUE_DEFAULT).to_be_bytes();
    let key = key_of(event).unwrap_or_default();
    Idempotency {
        key: format!("track-{}", digest(&[id.as_bytes()])),
        request_hash: digest(&[event.tracking_event_name.as_bytes(), key.as_bytes(), &value]),
    }
}

/// What a client hears of a book that can't be written or read.
pub(in super::super) fn unwritten(error: &BookError) -> Problem {
    let code = match error {
        BookError::Busy => Code::Busy,
        BookError::Closed => Code::NotReady,
        BookError::Disk { .. } | BookError::TooNew(_) => Code::StoreFailed,
    };
    Problem::new(code, error.to_string())
}
