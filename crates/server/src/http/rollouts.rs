//! Rollouts: list, start, detail, history, and what a person may do.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::Response;
use fw_api::{Code, Problem};
use fw_engine::Target;
use fw_runtime::{Command, Idempotency, PAGE_MAX, StartRequest, config};
use fw_store::RolloutFilter;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::answer::{self, Refused};
use super::{App, CONTROL_BODY_BYTES_MAX, body};
use crate::auth::{self, Need};

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

pub(super) async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    auth::actor(&app.settings.tokens, &headers, Need::View)?;
    let query: ListQuery = body::query(query.as_deref())?;
    let filter = RolloutFilter { unended: query.unended.unwrap_or(false), ..RolloutFilter::default() };
    let rollouts = app.handle.list(filter, query.limit.unwrap_or(100)).await?;
    Ok(answer::json(200, &json!({ "rollouts": rollouts })))
}

pub(super) async fn detail(
    State(app): State<App>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Response, Refused> {
    auth::actor(&app.settings.tokens, &headers, Need::View)?;
    Ok(answer::json(200, &app.handle.detail(&name, None).await?))
}

pub(super) async fn history(
    State(app): State<App>,
    headers: HeaderMap,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    auth::actor(&app.settings.tokens, &headers, Need::View)?;
    let query: HistoryQuery = body::query(query.as_deref())?;
    let rows = app.handle.history(&name, query.after.unwrap_or(0), query.limit.unwrap_or(PAGE_MAX)).await?;
    let event = |row: fw_store::Published| {
        let mut value: Value = serde_json::from_str(&row.data).unwrap_or(Value::Null);
        value["id"] = row.id.into();
        value
    };
    Ok(answer::json(200, &json!({ "events": rows.into_iter().map(event).collect::<Vec<_>>() })))
}

pub(super) async fn start(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response, Refused> {
    let actor = auth::actor(&app.settings.tokens, &headers, Need::Operate)?;
    let query: StartQuery = body::query(query.as_deref())?;
    let bytes = body::bytes(body, CONTROL_BODY_BYTES_MAX).await?;
    let value: Value = body::parse(&bytes)?;
    let config = config::load_json(&value, query.env.as_deref()).map_err(|faults| {
        let text =
            format!("the configuration has {} faults; each is listed", faults.to_problem_errors().len());
        Problem::new(Code::InvalidConfig, text).with_errors(faults.to_problem_errors())
    })?;
    let request = StartRequest {
        plan: config.plan,
        plan_hash: config.plan_hash,
        actor,
        reason: checked_reason(query.reason)?,
        idempotency: idempotency(&headers, &uri, &bytes)?,
    };
    let detail = app.handle.start(request).await?;
    let mut response = answer::json(201, &detail);
    let place = format!("/api/v1/rollouts/{}", detail["run"].as_str().unwrap_or_default());
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

pub(super) async fn act(
    State(app): State<App>,
    Path((name, action)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let actor = auth::actor(&app.settings.tokens, &headers, Need::Operate)?;
    let bytes = body::bytes(body, CONTROL_BODY_BYTES_MAX).await?;
    let asked: ActionBody = body::parse(&bytes)?;
    let command = command_of(&action, asked.to.as_ref())?;
    let reason = checked_reason(asked.reason)?;
    let idempotency = idempotency(&headers, &uri, &bytes)?;
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
        other => {
            let text = format!("{other:?} is no action: pause, resume, advance, rollback and abort are");
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
            number => number.parse().ok().and_then(position),
        },
        Some(_) => None,
    };
    target.ok_or_else(|| {
        Problem::new(
            Code::BadRequest,
            "\"to\" is \"previous\", \"stable\" or the position of a phase, from 0",
        )
    })
}

fn checked_reason(reason: Option<String>) -> Result<Option<String>, Problem> {
    match reason {
        Some(text) if text.chars().count() > REASON_CHARS_MAX => {
            Err(Problem::new(Code::BadRequest, format!("a reason has at most {REASON_CHARS_MAX} characters")))
        }
        other => Ok(other.filter(|text| !text.trim().is_empty())),
    }
}

fn idempotency(headers: &HeaderMap, uri: &Uri, body: &[u8]) -> Result<Option<Idempotency>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=KEY_BYTES_MAX).contains(&key.len()));
    let Some(key) = key else {
        let text = format!("an Idempotency-Key is 1 to {KEY_BYTES_MAX} visible ASCII characters");
        return Err(Problem::new(Code::BadRequest, text));
    };
    let mut hash = Sha256::new();
    hash.update(uri.to_string().as_bytes());
    hash.update([0]);
    hash.update(body);
    let request_hash = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    Ok(Some(Idempotency { key: key.to_owned(), request_hash }))
}
