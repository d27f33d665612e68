//! `/status` and the probes.

use std::sync::atomic::Ordering;

use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use fw_api::{Code, Problem, Status};
use fw_runtime::Refusal;
use serde::Deserialize;

use super::answer::{self, Refused};
use super::{App, body};

/// Which rollout.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    /// A service, `service@region`, or a run.
    pub(super) rollout: Option<String>,
    /// A region.
    pub(super) region: Option<String>,
}

pub(super) async fn healthz() -> Response {
    ([(header::CACHE_CONTROL, "no-store")], "ok\n").into_response()
}

pub(super) async fn readyz(State(app): State<App>) -> Result<Response, Refused> {
    if app.ready.load(Ordering::Acquire) {
        return Ok(([(header::CACHE_CONTROL, "no-store")], "ready\n").into_response());
    }
    Err(Problem::new(Code::NotReady, "the log is being replayed, or the server is stopping").into())
}

pub(super) async fn status(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Response, Refused> {
    let which: Which = body::query(query.as_deref())?;
    Ok(answer::json(200, &status_of(&app, &which).await?))
}

/// The status that a query means; of an older run too.
pub(super) async fn status_of(app: &App, which: &Which) -> Result<Status, Refused> {
    if let (Some(name), None) = (which.rollout.as_deref(), which.region.as_deref())
        && let Some(waves) = app.regional(name)
    {
        return Ok(waves.status(name).await?);
    }
    match app.handle.latest(which.rollout.as_deref(), which.region.as_deref()) {
        Ok(run) => Ok(run.map_or_else(Status::none, |run| run.status.clone())),
        Err(Refusal::UnknownRollout(name)) => {
            let detail = app.handle.detail(&name, None).await?;
            // The detail is the status and more.
            serde_json::from_value(detail).map_err(|error| {
                tracing::error!(target: "fw_server", %error, name, "a stored run has no status");
                Problem::new(Code::Internal, format!("what is stored of {name} can't be shown")).into()
            })
        }
        Err(other) => Err(other.into()),
    }
}
