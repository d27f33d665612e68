//! OpenFeature remote evaluation (OFREP 0.3.0): flags for every language that has an OpenFeature SDK.
//!
//! `POST /ofrep/v1/evaluate/flags/{key}` gives one flag, `POST /ofrep/v1/evaluate/flags` all of them with an ETag over
//! the answer, `GET /ofrep/v1/events` tells when to ask again, `POST /ofrep/v1/track` takes what users did. Who gets what
//! is decided by the model alone, with the split as it is now; of who asked, only experiments remember a hash. Paths are taken
//! with slashes too many or at the end, because clients send such. Answers have every field that any known client needs: see
//! `forms`, and `fragments` for how they are put together.
//!
//! Source: open-feature/protocol, service/openapi.yaml and event-streams.yaml.

mod cors;
mod forms;
mod fragments;
mod rate;
mod stream;
mod track;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use fw_api::Problem;
use fw_model::{ServiceKey, Split};
use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_128;

use super::body::{self, Bounds};
use super::flags::{Entry, Who};
use super::{App, answer};

pub(super) use cors::allow;
pub(super) use forms::refused;
use forms::{Failure, failed};
pub(crate) use fragments::Fragments;
pub(super) use rate::{Rates, over};
pub(super) use track::unwritten;

/// Largest body of an evaluation, bytes.
pub const OFREP_BODY_BYTES_MAX: usize = 64 * 1024;
/// Where it is told that something changed. A client whose page is in the background may close the stream after 120 s.
const STREAMS: &str = concat!(
    r#""eventStreams":[{"endpoint":{"requestUri":"/ofrep/v1/events"},"#,
    r#""inactivityDelaySec":120,"type":"sse"}],"#
);
/// Room for a flag's answer, bytes; most are shorter.
const ITEM_BYTES: usize = 256;

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

/// Appends one flag's answer by its service's split; or why there is none.
fn put(
    out: &mut Vec<u8>,
    app: &App,
    entry: &Entry,
    split: &Result<Arc<Split>, Problem>,
    who: &Who,
) -> Result<(), Failure> {
    let key = &entry.served.flag.key;
    let split = split.as_ref().map_err(|p| Failure::general(key, p.detail.as_str()))?;
    let evaluated = app.board.evaluate(entry, split, who);
    let (variant, reason) =
        evaluated.map_err(|e| Failure::new(key, "TARGETING_KEY_MISSING", e.to_string()))?;
    entry.fragments.write(out, variant, reason, split);
    Ok(())
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
    let mut item = Vec::with_capacity(ITEM_BYTES);
    match put(&mut item, app, entry, &split(app, &entry.served.service), &who) {
        Ok(()) => answer::json_bytes(200, item),
        Err(failure) => failed(400, &failure),
    }
}

async fn all(app: &App, headers: &HeaderMap, body: Body) -> Response {
    let who = match who(app, "", headers, body).await {
        Ok(who) => who,
        Err(response) => return *response,
    };
    let entries = app.board.entries();
    let mut whole = Vec::with_capacity((entries.len() + 1) * ITEM_BYTES);
    whole.push(b'{');
    // With tokens a browser could not follow it: an EventSource sends no header, and a token in a URL gets into logs.
    if app.settings.tokens.is_empty() && app.settings.sse_enabled {
        whole.extend_from_slice(STREAMS.as_bytes());
    }
    whole.extend_from_slice(b"\"flags\":[");
    // One split a service: an answer that mixed two would hold values that never stood together.
    let mut splits: Vec<(&ServiceKey, Result<Arc<Split>, Problem>)> = vec![];
    for (place, entry) in entries.iter().enumerate() {
        if place > 0 {
            whole.push(b',');
        }
        let service = &entry.served.service;
        let known = splits.iter().position(|(of, _)| *of == service).unwrap_or_else(|| {
            splits.push((service, split(app, service)));
            splits.len() - 1
        });
        if let Err(failure) = put(&mut whole, app, entry, &splits[known].1, &who) {
            whole.extend_from_slice(failure.json().to_string().as_bytes());
        }
    }
    whole.extend_from_slice(b"],\"metadata\":{}}");
    tagged(headers, whole)
}

/// The answer with an ETag over all of it, so over the flags and over who asks; 304 for one who has it.
fn tagged(headers: &HeaderMap, whole: Vec<u8>) -> Response {
    // Only a client compares tags, its own, so nobody gains by two answers with the same one.
    let tag = format!("\"{:032x}\"", xxh3_128(&whole));
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
        answer::json_bytes(200, whole)
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
