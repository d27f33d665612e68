//! Rollouts: list, start, detail, history, and what a person may do.
//!
//! A write is read in full and checked before the core hears of it, so a refused one changes nothing.

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::response::Response;
use fw_api::{Code, Problem};
use fw_engine::Target;
use fw_engine::rollout::Requested;
use fw_model::release::Answer;
use fw_runtime::{Command, Idempotency, PAGE_MAX, Refusal, StartRequest, config};
use fw_store::RolloutFilter;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::answer::{self, Refused};
use super::body::{At, Bounds};
use super::gate::Actor;
use super::{App, CONTROL_BODY_BYTES_MAX, body};
use crate::waves::StartAll;

/// Rollouts in a list where nothing else is asked.
const LIST_DEFAULT: usize = 100;
/// Longest Idempotency-Key, bytes.
const KEY_BYTES_MAX: usize = 255;
/// Longest reason, characters.
const REASON_CHARS_MAX: usize = 1000;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ListQuery {
    limit: Option<usize>,
    unended: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StartQuery {
    env: Option<String>,
    reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HistoryQuery {
    after: Option<u64>,
    limit: Option<usize>,
}

/// What a person sends with an action.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ActionBody {
    reason: Option<String>,
    to: Option<Value>,
}

pub(super) async fn list(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Response, Refused> {
    let query: ListQuery = body::query(query.as_deref())?;
    let filter = RolloutFilter { unended: query.unended.unwrap_or(false), ..RolloutFilter::default() };
    let rollouts = app.handle.list(filter, limit(query.limit, LIST_DEFAULT)?).await?;
    let regional = match &app.waves {
        Some(waves) => waves.list().await,
        None => vec![],
    };
    Ok(answer::json(200, &json!({ "rollouts": rollouts, "regional": regional })))
}

pub(super) async fn detail(State(app): State<App>, At(name): At<String>) -> Result<Response, Refused> {
    if let Some(waves) = app.regional(&name) {
        return Ok(answer::json(200, &waves.detail(&name).await?));
    }
    Ok(answer::json(200, &app.handle.detail(&name, None).await?))
}

pub(super) async fn history(
    State(app): State<App>,
    At(name): At<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    let query: HistoryQuery = body::query(query.as_deref())?;
    let limit = limit(query.limit, PAGE_MAX)?;
    if let Some(waves) = app.regional(&name) {
        let after = query.after.unwrap_or(0);
        let events = waves.history(&name).await?.into_iter();
        let page: Vec<Value> =
            events.filter(|event| event["id"].as_u64() > Some(after)).take(limit).collect();
        return Ok(answer::json(200, &json!({ "events": page })));
    }
    let rows = app.handle.history(&name, query.after.unwrap_or(0), limit).await?;
    let event = |row: fw_store::Published| {
        let mut value: Value =
            serde_json::from_str(&row.data).unwrap_or_else(|_| json!({ "type": row.kind }));
        value["id"] = row.id.into();
        value
    };
    Ok(answer::json(200, &json!({ "events": rows.into_iter().map(event).collect::<Vec<_>>() })))
}

fn limit(asked: Option<usize>, default: usize) -> Result<usize, Problem> {
    match asked {
        Some(limit) if !(1..=PAGE_MAX).contains(&limit) => {
            Err(Problem::new(Code::BadRequest, format!("limit: expected 1 to {PAGE_MAX}, not {limit}")))
        }
        asked => Ok(asked.unwrap_or(default)),
    }
}

/// How much a control request may bring.
fn bounds(app: &App) -> Bounds {
    Bounds { bytes_max: CONTROL_BODY_BYTES_MAX, within: app.limits.body_within }
}

pub(super) async fn start(
    State(app): State<App>,
    Extension(Actor(actor)): Extension<Actor>,
    uri: Uri,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response, Refused> {
    let query: StartQuery = body::query(query.as_deref())?;
    let bytes = body::bytes(&headers, body, bounds(&app)).await?;
    let value: serde_json::Map<String, Value> = body::object(&bytes, "a config")?;
    let config = config::load_json(&Value::Object(value), query.env.as_deref()).map_err(faults)?;
    let reason = checked_reason(query.reason)?;
    let idempotency = idempotency(&Method::POST, &uri, &headers, &bytes)?;
    let detail = match (&app.waves, config.waves.is_some()) {
        (Some(waves), true) => waves.start(StartAll { config, actor, reason, idempotency }).await?,
        (None, true) => return Err(Refusal::UnknownService(config.plan.key.to_string()).into()),
        (_, false) => {
            let (plan, plan_hash) = (config.plan, config.plan_hash);
            app.handle.start(StartRequest { plan, plan_hash, actor, reason, idempotency }).await?
        }
    };
    let mut response = answer::json(201, &detail);
    let place = format!("/api/v1/rollouts/{}", detail["run"].as_str().unwrap_or_default());
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

pub(super) fn faults(faults: config::Faults) -> Problem {
    let errors = faults.to_problem_errors();
    let text = match errors.as_slice() {
        [one] if one.path.is_empty() => format!("the configuration: {}", one.message),
        [one] => format!("the configuration, {}: {}", one.path, one.message),
        many => format!("the configuration has {} faults; each is listed", many.len() + faults.left_off()),
    };
    Problem::new(Code::InvalidConfig, text).with_errors(errors)
}

pub(super) async fn act(
    State(app): State<App>,
    Extension(Actor(actor)): Extension<Actor>,
    At((name, action)): At<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let bytes = body::bytes(&headers, body, bounds(&app)).await?;
    let asked = match bytes.trim_ascii() {
        [] => ActionBody::default(),
        _ => body::object(&bytes, "an action's {\"reason\"?, \"to\"?}")?,
    };
    let command = command_of(&action, asked.to.as_ref())?;
    let reason = checked_reason(asked.reason)?;
    let idempotency = idempotency(&Method::POST, &uri, &headers, &bytes)?;
    if let Some(waves) = app.regional(&name) {
        let by = Requested { actor, reason };
        return Ok(answer::json(200, &waves.command(&name, command, by, idempotency).await?));
    }
    let detail = app.handle.command(&name, command, actor, reason, idempotency).await?;
    Ok(answer::json(200, &detail))
}

fn command_of(action: &str, to: Option<&Value>) -> Result<Command, Problem> {
    let command = match action {
        "pause" => Command::Pause,
        "resume" => Command::Resume,
        "advance" => Command::Advance,
        "rollback" => return target_of(to).map(Command::Rollback),
        "abort" => Command::Abort,
        "approve" => Command::Answer { gate: None, answer: Answer::Approve },
        "reject" => Command::Answer { gate: None, answer: Answer::Reject },
        other => {
            let text = format!(
                "{other:?} is no action: pause, resume, advance, rollback, abort, approve and reject are"
            );
            return Err(Problem::new(Code::NotFound, text));
        }
    };
    if to.is_some_and(|to| !to.is_null()) {
        return Err(Problem::new(Code::BadRequest, format!("\"to\" goes with rollback, not with {action}")));
    }
    Ok(command)
}

fn target_of(to: Option<&Value>) -> Result<Target, Problem> {
    let position = |n: u64| usize::try_from(n).ok().map(Target::Phase);
    let target = match to {
        None | Some(Value::Null) => Some(Target::Previous),
        Some(Value::Number(n)) => n.as_u64().and_then(position),
        Some(Value::String(word)) => match word.as_str() {
            "previous" => Some(Target::Previous),
            "stable" => Some(Target::Stable),
            digits if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok().and_then(position),
            _ => None,
        },
        Some(_) => None,
    };
    target.ok_or_else(|| {
        let text = "\"to\": expected \"previous\", \"stable\" or the position of a phase, from 0";
        Problem::new(Code::BadRequest, text)
    })
}

/// A reason as it goes into the log and onto terminals: of bounded length, one paragraph of plain text.
pub(super) fn checked_reason(reason: Option<String>) -> Result<Option<String>, Problem> {
    let Some(text) = reason.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.chars().count() > REASON_CHARS_MAX {
        let text = format!("reason: expected at most {REASON_CHARS_MAX} characters");
        return Err(Problem::new(Code::BadRequest, text));
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::new(
            Code::BadRequest,
            "reason: expected plain text, without control characters",
        ));
    }
    Ok(Some(text))
}

/// The key of a request that may be sent twice, with a hash that tells it from another one.
pub(super) fn idempotency(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Option<Idempotency>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.as_bytes();
    let visible = key.iter().all(u8::is_ascii_graphic) && (1..=KEY_BYTES_MAX).contains(&key.len());
    let (true, None, Ok(key)) = (visible, values.next(), value.to_str()) else {
        let text = format!("Idempotency-Key: expected one, of 1 to {KEY_BYTES_MAX} visible ASCII characters");
        return Err(Problem::new(Code::BadRequest, text));
    };
    let mut hash = Sha256::new();
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    for part in [method.as_str().as_bytes(), target.as_bytes(), body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let request_hash = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    Ok(Some(Idempotency { key: key.to_owned(), request_hash }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_word_or_a_position() {
        let target = |to: Value| target_of(Some(&to)).ok();
        assert_eq!(target(Value::Null), Some(Target::Previous));
        assert_eq!(target("previous".into()), Some(Target::Previous));
        assert_eq!(target("stable".into()), Some(Target::Stable));
        assert_eq!(target(1.into()), Some(Target::Phase(1)));
        assert_eq!(target("2".into()), Some(Target::Phase(2)));
        for bad in [json!(-1), json!(1.5), json!("+1"), json!(""), json!("Stable"), json!(true), json!([])] {
            assert_eq!(target(bad.clone()), None, "{bad}");
        }
    }

    #[test]
    fn a_key_is_one_visible_word_and_its_hash_tells_requests_apart() {
        let with = |keys: &[&str]| -> HeaderMap {
            let mut headers = HeaderMap::new();
            for key in keys {
                headers.append("idempotency-key", key.parse().unwrap());
            }
            headers
        };
        let of = |path: &'static str, body: &[u8]| {
            let found = idempotency(&Method::POST, &Uri::from_static(path), &with(&["k1"]), body);
            found.unwrap().unwrap().request_hash
        };
        assert_eq!(of("/a", b"x"), of("/a", b"x"));
        assert_ne!(of("/a", b"x"), of("/a", b"y"));
        assert_ne!(of("/a", b"x"), of("/b", b"x"));
        assert_ne!(of("/a", b"bx"), of("/ab", b"x"));
        let uri = Uri::from_static("/a");
        assert!(idempotency(&Method::POST, &uri, &with(&[]), b"").unwrap().is_none());
        let long = "k".repeat(256);
        for bad in [&[""][..], &["a b"], &["a", "a"], &[&long]] {
            assert!(idempotency(&Method::POST, &uri, &with(bad), b"").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_reason_is_short_plain_text() {
        assert_eq!(checked_reason(Some("  because ".into())).unwrap().as_deref(), Some("because"));
        assert_eq!(checked_reason(Some(" \n".into())).unwrap(), None);
        for bad in ["a\nb".to_owned(), "\u{1b}[31mred".to_owned(), "x".repeat(1001)] {
            assert!(checked_reason(Some(bad)).is_err());
        }
    }
}
