//! What data planes use: the split as a stream, and their reports.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use fw_api::{Code, Problem, Report, SplitMessage};
use fw_model::{Region, ServiceKey, ServiceName};
use serde::Deserialize;

use super::answer::{self, Refused};
use super::{App, REPORT_BODY_BYTES_MAX, body, sse};
use crate::auth::{self, Need};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RegionQuery {
    region: Option<String>,
}

fn key_of(service: &str, region: Option<&str>) -> Result<ServiceKey, Problem> {
    let bad = |e: fw_model::IdError| Problem::new(Code::BadRequest, e.to_string());
    let service = ServiceName::new(service).map_err(bad)?;
    let region = region.filter(|r| !r.is_empty()).map(Region::new).transpose().map_err(bad)?;
    Ok(ServiceKey { service, region })
}

pub(super) async fn split(
    State(app): State<App>,
    headers: HeaderMap,
    Path(service): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    auth::actor(&app.settings.tokens, &headers, Need::Report)?;
    let query: RegionQuery = body::query(query.as_deref())?;
    let mut splits = app.handle.split(&key_of(&service, query.region.as_deref())?)?;
    splits.mark_changed();
    Ok(sse::stream(move |out| async move {
        while splits.changed().await.is_ok() {
            let split = splits.borrow_and_update().clone();
            let data = serde_json::to_string(&SplitMessage::from(&*split)).unwrap_or_default();
            let frame = format!("event: split\nid: {}\ndata: {data}\n\n", split.epoch.0);
            if out.send(frame.into()).await.is_err() {
                return;
            }
        }
    }))
}

pub(super) async fn observations(
    State(app): State<App>,
    headers: HeaderMap,
    Path(service): Path<String>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response, Refused> {
    auth::actor(&app.settings.tokens, &headers, Need::Report)?;
    let query: RegionQuery = body::query(query.as_deref())?;
    let bytes = body::bytes(body, REPORT_BODY_BYTES_MAX).await?;
    let report: Report = body::parse(&bytes)?;
    if !matches!(report.source.kind.as_str(), "proxy" | "sdk") {
        let text = format!("source.kind is \"proxy\" or \"sdk\", not {:?}", report.source.kind);
        return Err(Problem::new(Code::BadRequest, text).into());
    }
    let region = query.region.clone().or_else(|| report.source.region.clone());
    let key = key_of(&service, region.as_deref())?;
    Ok(answer::json(202, &app.handle.report(key, report, false).await?))
}
