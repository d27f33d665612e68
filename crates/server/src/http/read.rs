//! `/status` and the probes.

use std::sync::atomic::Ordering;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use fw_api::Status;
use serde::Deserialize;

use super::answer::{self, Refused};
use super::{App, body};
use crate::auth::{self, Need};

/// Which rollout.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    pub(super) rollout: Option<String>,
    pub(super) region: Option<String>,
}

pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

pub(super) async fn readyz(State(app): State<App>) -> Response {
    if app.ready.load(Ordering::Acquire) {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "starting\n").into_response()
    }
}

pub(super) async fn status(
    State(app): State<App>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    auth::actor(&app.settings.tokens, &headers, Need::View)?;
    let which: Which = body::query(query.as_deref())?;
    Ok(answer::json(200, &status_of(&app, &which)?))
}

/// The status that a query means.
pub(super) fn status_of(app: &App, which: &Which) -> Result<Status, Refused> {
    let run = app.handle.latest(which.rollout.as_deref(), which.region.as_deref())?;
    Ok(run.map_or_else(Status::none, |run| run.status.clone()))
}
