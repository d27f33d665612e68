//! Releases over HTTP: begun, listed, shown, approved, cancelled, undone. What follows is `crate::releases`.

use axum::body::Body;
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::response::Response;
use fw_api::{Code, Problem};
use fw_engine::release::{Local, Rejection, Release, Resolution, TaskId};
use fw_engine::rollout::Requested;
use fw_model::release::{Answer, ChangeSize, Finding, Strategy};
use fw_runtime::config;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{self, Refused};
use super::body::{At, Bounds};
use super::gate::Actor;
use super::rollouts::{checked_reason, faults, idempotency};
use super::{App, CONTROL_BODY_BYTES_MAX, body};
use crate::releases::{ReleaseError, ReleaseRequest, Releases};

/// Most findings that may come with a start.
const FINDINGS_MAX: usize = 200;
/// Releases of a list where nothing is said, and at most.
const LIST_DEFAULT: usize = 50;
const LIST_MAX: usize = 1000;

/// What a start is asked with: the config, and what was found where it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StartBody {
    config: Value,
    #[serde(default)]
    environment: Option<String>,
    #[serde(default)]
    strategy: Option<Strategy>,
    #[serde(default)]
    auto_approve: bool,
    #[serde(default)]
    findings: Vec<Finding>,
    #[serde(default)]
    change: Option<ChangeSize>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    without_rollout: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ActBody {
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    task: Option<u32>,
    #[serde(default, rename = "as")]
    resolution: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ListQuery {
    service: Option<String>,
    limit: Option<usize>,
}

fn all(app: &App) -> Result<&Releases, Refused> {
    app.releases.as_ref().ok_or_else(|| {
        Problem::new(Code::NotReady, "releases are not open in this process: start it with `fw serve`").into()
    })
}

pub(super) async fn list(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Response, Refused> {
    let query: ListQuery = body::query(query.as_deref())?;
    let releases = all(&app)?;
    let of =
        |release: &Release| query.service.as_ref().is_none_or(|name| release.id.key.to_string() == *name);
    let limit = query.limit.unwrap_or(LIST_DEFAULT).min(LIST_MAX);
    let shown: Vec<Value> =
        releases.all().iter().filter(|r| of(r)).take(limit).map(|r| releases.summary(r)).collect();
    Ok(answer::json(200, &json!({ "releases": shown })))
}

pub(super) async fn detail(State(app): State<App>, At(name): At<String>) -> Result<Response, Refused> {
    let releases = all(&app)?;
    let release = releases.release(&name).map_err(problem)?;
    Ok(answer::json(200, &releases.detail(&release)))
}

pub(super) async fn report(State(app): State<App>, At(name): At<String>) -> Result<Response, Refused> {
    let releases = all(&app)?;
    let release = releases.release(&name).map_err(problem)?;
    let mut response = Response::new(Body::from(releases.report(&release)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/markdown; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

pub(super) async fn start(
    State(app): State<App>,
    Extension(Actor(actor)): Extension<Actor>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let bounds = Bounds { bytes_max: CONTROL_BODY_BYTES_MAX, within: app.limits.body_within };
    let bytes = body::bytes(&headers, body, bounds).await?;
    let asked: StartBody =
        body::object(&bytes, "a release: {\"config\", \"strategy\"?, \"autoApprove\"?, …}")?;
    if asked.findings.len() > FINDINGS_MAX {
        let text = format!("findings: expected at most {FINDINGS_MAX}");
        return Err(Problem::new(Code::BadRequest, text).into());
    }
    let key = idempotency(&Method::POST, &uri, &headers, &bytes)?
        .map(|it| format!("{}\n{}", it.key, it.request_hash));
    // What is sent has its environment merged already.
    let config = config::load_json(&asked.config, None).map_err(faults)?;
    let reason = checked_reason(asked.reason)?;
    let request = ReleaseRequest {
        config,
        environment: asked.environment,
        strategy: asked.strategy,
        auto_approve: asked.auto_approve,
        without_rollout: asked.without_rollout,
        local: Local { findings: asked.findings, change: asked.change },
        by: Requested { actor, reason },
        key,
    };
    let releases = all(&app)?;
    if asked.dry_run {
        let release = releases.rehearse(request).await.map_err(problem)?;
        let mut detail = releases.detail(&release);
        detail["dryRun"] = true.into();
        return Ok(answer::json(200, &detail));
    }
    let release = releases.start(request).await.map_err(problem)?;
    let mut response = answer::json(201, &releases.detail(&release));
    if let Ok(place) = HeaderValue::from_str(&format!("/api/v1/releases/{}", release.id)) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

pub(super) async fn act(
    State(app): State<App>,
    Extension(Actor(actor)): Extension<Actor>,
    At((name, action)): At<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let bounds = Bounds { bytes_max: CONTROL_BODY_BYTES_MAX, within: app.limits.body_within };
    let bytes = body::bytes(&headers, body, bounds).await?;
    let asked: ActBody = match bytes.trim_ascii() {
        [] => ActBody::default(),
        _ => body::object(&bytes, "an action's {\"reason\"?}")?,
    };
    let releases = all(&app)?;
    let by = Requested { actor, reason: checked_reason(asked.reason)? };
    let done = match action.as_str() {
        "approve" => releases.answer(&name, Answer::Approve, by).await,
        "reject" => releases.answer(&name, Answer::Reject, by).await,
        "cancel" => releases.cancel(&name, by).await,
        "undo" => releases.undo(&name, by).await,
        "resolve" => {
            let (task, resolution) = resolution(asked.task, asked.resolution.as_deref())?;
            releases.resolve(&name, task, resolution, by).await
        }
        other => {
            let text = format!("{other:?} is no action: approve, reject, cancel, undo and resolve are");
            return Err(Problem::new(Code::NotFound, text).into());
        }
    };
    let release = done.map_err(problem)?;
    Ok(answer::json(200, &releases.detail(&release)))
}

fn resolution(task: Option<u32>, word: Option<&str>) -> Result<(TaskId, Resolution), Problem> {
    let resolution = match word {
        Some("done") => Some(Resolution::Done),
        Some("failed") => Some(Resolution::Failed),
        Some("again") => Some(Resolution::Again),
        _ => None,
    };
    task.map(TaskId).zip(resolution).ok_or_else(|| {
        Problem::new(Code::BadRequest, "expected \"task\": its number, and \"as\": done, failed or again")
    })
}

fn problem(error: ReleaseError) -> Refused {
    let text = error.to_string();
    let code = match error {
        ReleaseError::Unknown(_) => Code::UnknownRelease,
        ReleaseError::UnknownService(_) => Code::UnknownService,
        ReleaseError::UnderWay(_) => Code::UnderWay,
        ReleaseError::PolicyDiffers { .. } => Code::PolicyDiffers,
        ReleaseError::Unsound(_) => Code::InvalidConfig,
        ReleaseError::Rejected(
            Rejection::AlreadyStarted(_) | Rejection::NotNow { .. } | Rejection::NoSuchTask(_),
        ) => Code::IllegalTransition,
        ReleaseError::Journal(_) | ReleaseError::Record(_) => Code::StoreFailed,
        ReleaseError::Internal(_) => Code::Internal,
    };
    Problem::new(code, text).into()
}
