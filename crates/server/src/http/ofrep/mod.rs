//! OpenFeature remote evaluation (OFREP 0.3.0): flags for every language that has an OpenFeature SDK.
//!
//! `POST /ofrep/v1/evaluate/flags/{key}` gives one flag, `POST /ofrep/v1/evaluate/flags` all of them with an ETag over
//! the answer, `GET /ofrep/v1/events` tells when to ask again, `POST /ofrep/v1/track` takes what users did. Who gets what
//! is decided by the model alone, with the split as it is now; of who asked, only experiments remember a hash. Paths are taken with slashes too many or at the end, because
//! clients send such. Answers have every field that any known client needs: see `forms`.
//!
//! Source: open-feature/protocol, service/openapi.yaml and event-streams.yaml.

mod cors;
mod forms;
mod rate;
mod stream;
mod track;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use fw_api::Problem;
use fw_model::{ServiceKey, Split};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::body::{self, Bounds};
use super::flags::{Entry, Who};
use super::{App, answer};
use crate::auth::hex;

pub(super) use cors::allow;
pub(super) use forms::refused;
use forms::{Failure, failed};
pub(super) use rate::{Rates, over};
pub(super) use track::unwritten;

/// Largest body of an evaluation, bytes.
pub const OFREP_BODY_BYTES_MAX: usize = 64 * 1024;
/// Where it is told that something changed.
const EVENTS: &str = "/ofrep/v1/events";
/// A client whose page is in the background may close the stream after this, seconds.
const INACTIVITY_SECONDS: u64 = 120;

/// Whether a path is one of these.
pub(crate) fn is_ofrep(path: &str) -> bool {
    path.split('/').find(|part| !part.is_empty()) == Some("ofrep")
}

/// Whether a path is where users' doings are told.
pub(crate) fn is_track(path: &str) -> bool {
    path.split('/').filter(|part| !part.is_empty()).eq(["ofrep", "v1", "track"])
}

/// What a path asks for.
enum Wanted {
    /// Every flag.
    All,
    /// One, by its key as it stands in the path.
    One(String),
    /// To be told of changes.
    Events,
    /// To tell what users did.
    Track,
}

/// None for a path that is not there.
fn wanted(segments: &[&str], sse_enabled: bool) -> Option<Wanted> {
    match segments {
        ["ofrep", "v1", "evaluate", "flags"] => Some(Wanted::All),
        // A client that does not encode slashes asks for a key all the same.
        ["ofrep", "v1", "evaluate", "flags", key @ ..] => Some(Wanted::One(key.join("/"))),
        ["ofrep", "v1", "events"] if sse_enabled => Some(Wanted::Events),
        ["ofrep", "v1", "track"] => Some(Wanted::Track),
        _ => None,
    }
}

/// Every request below `/ofrep`.
pub(super) async fn serve(State(app): State<App>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let segments: Vec<&str> = parts.uri.path().split('/').filter(|part| !part.is_empty()).collect();
    match (wanted(&segments, app.settings.sse_enabled), &parts.method) {
        (_, &Method::OPTIONS) => cors::preflight(),
        (Some(Wanted::All), &Method::POST) => all(&app, &parts.headers, body).await,
        (Some(Wanted::One(key)), &Method::POST) => one(&app, &key, &parts.headers, body).await,
        (Some(Wanted::Track), &Method::POST) => track::track(&app, &parts.headers, body).await,
        (Some(Wanted::Events), &Method::GET) => stream::events(&app, parts.extensions.get().cloned()).await,
        (Some(_), method) => {
            let text = format!("{} does not take {method}: see /openapi.json", parts.uri.path());
            failed(405, &Failure::general(last(&segments), text))
        }
        (None, _) => {
            let text = format!("there is no {}: see /openapi.json for what there is", parts.uri.path());
            failed(404, &Failure::general(last(&segments), text))
        }
    }
}

fn last<'a>(segments: &[&'a str]) -> &'a str {
    segments.last().copied().unwrap_or("")
}

/// Reads `{"context": {"targetingKey": …}}`; an absent context is an empty one.
async fn who(app: &App, key: &str, headers: &HeaderMap, body: Body) -> Result<Who, Box<Response>> {
    let bounds = Bounds { bytes_max: OFREP_BODY_BYTES_MAX, within: app.limits.body_within };
    let bytes = body::bytes(headers, body, bounds).await.map_err(|p| Box::new(refused(&p, key)))?;
    let refuse = |code, text: String| Box::new(failed(400, &Failure::new(key, code, text)));
    if bytes.trim_ascii().is_empty() {
        return Ok(Who::new(None, Map::new()));
    }
    let mut parsed: Value = serde_json::from_slice(&bytes)
        .map_err(|e| refuse("PARSE_ERROR", format!("the body is no JSON: {e}")))?;
    let Some(whole) = parsed.as_object_mut() else {
        return Err(refuse("PARSE_ERROR", "the body must be an object with a context".into()));
    };
    let context = match whole.remove("context") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(context)) => context,
        Some(_) => return Err(refuse("INVALID_CONTEXT", "the context must be an object".into())),
    };
    match context.get("targetingKey") {
        None | Some(Value::Null) => Ok(Who::new(None, context)),
        Some(Value::String(key)) => Ok(Who::new(Some(key.clone()), context)),
        Some(_) => Err(refuse("INVALID_CONTEXT", "targetingKey must be a text".into())),
    }
}

/// The split of a flag's service, as it is now.
fn split(app: &App, service: &ServiceKey) -> Result<Arc<Split>, Problem> {
    let splits = app.handle.split(service).map_err(|refusal| Problem::from(&refusal))?;
    Ok(splits.borrow().clone())
}

/// One flag's answer as an item by its service's split, or why there is none.
fn item(app: &App, entry: &Entry, split: &Result<Arc<Split>, Problem>, who: &Who) -> Result<Value, Failure> {
    let flag = &entry.served.flag;
    let split = split.as_ref().map_err(|p| Failure::general(&flag.key, p.detail.as_str()))?;
    let evaluation = app.board.evaluate(entry, split, who);
    let evaluation =
        evaluation.map_err(|e| Failure::new(&flag.key, "TARGETING_KEY_MISSING", e.to_string()))?;
    Ok(forms::success(flag, &evaluation, split))
}

async fn one(app: &App, segment: &str, headers: &HeaderMap, body: Body) -> Response {
    let Some(key) = body::decoded(segment) else {
        return failed(400, &Failure::new(segment, "PARSE_ERROR", "the key is not UTF-8, percent-encoded"));
    };
    let who = match who(app, &key, headers, body).await {
        Ok(who) => who,
        Err(response) => return *response,
    };
    let Some(entry) = app.board.entry(&key) else {
        let text = format!("no flag {key:?}: flags are in the config, under `flags`");
        return failed(404, &Failure::new(&key, "FLAG_NOT_FOUND", text));
    };
    match item(app, entry, &split(app, &entry.served.service), &who) {
        Ok(item) => answer::json(200, &item),
        Err(failure) => failed(400, &failure),
    }
}

async fn all(app: &App, headers: &HeaderMap, body: Body) -> Response {
    let who = match who(app, "", headers, body).await {
        Ok(who) => who,
        Err(response) => return *response,
    };
    // One split a service: an answer that mixed two would hold values that never stood together.
    let mut splits: BTreeMap<&ServiceKey, Result<Arc<Split>, Problem>> = BTreeMap::new();
    let answers = app.board.entries().iter().map(|entry| {
        let service = &entry.served.service;
        let split = splits.entry(service).or_insert_with(|| split(app, service));
        item(app, entry, split, &who).unwrap_or_else(|failure| failure.json())
    });
    let flags: Vec<Value> = answers.collect();
    let mut whole = Map::from_iter([("flags".to_owned(), json!(flags)), ("metadata".to_owned(), json!({}))]);
    // With tokens a browser could not follow it: an EventSource sends no header, and a token in a URL gets into logs.
    if app.settings.tokens.is_empty() && app.settings.sse_enabled {
        let endpoint = json!({ "requestUri": EVENTS });
        let stream = json!({ "type": "sse", "endpoint": endpoint, "inactivityDelaySec": INACTIVITY_SECONDS });
        whole.insert("eventStreams".to_owned(), json!([stream]));
    }
    tagged(headers, &whole)
}

/// The answer with an ETag over all of it, so over the flags and over who asks; 304 for one who has it.
fn tagged(headers: &HeaderMap, whole: &Map<String, Value>) -> Response {
    let bytes = serde_json::to_vec(whole).unwrap_or_default();
    let digest = Sha256::digest(&bytes);
    let tag = format!("\"{}\"", hex(&digest[..16]));
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|given| given == "*" || given.trim_start_matches("W/") == tag);
    let mut response = if is_known {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        answer::json(200, whole)
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
