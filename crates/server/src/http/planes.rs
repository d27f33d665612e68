//! What data planes use: the split as a stream, and their reports (contract section 6).

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use fw_api::{Code, Problem, Report, SplitMessage};
use fw_model::{Region, ServiceKey, ServiceName, Split};
use serde::Deserialize;

use super::answer::{self, Refused};
use super::body::{At, Bounds};
use super::{App, REPORT_BODY_BYTES_MAX, body, sse};

/// What may report.
const KINDS: [&str; 2] = ["proxy", "sdk"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RegionQuery {
    pub(super) region: Option<String>,
}

/// The service of a path, in a region.
///
/// # Errors
/// 400 for a name that is none.
pub(super) fn key_of(service: &str, region: Option<&str>) -> Result<ServiceKey, Problem> {
    let bad = |e: fw_model::IdError| Problem::new(Code::BadRequest, e.to_string());
    let service = ServiceName::new(service).map_err(bad)?;
    let region = region.filter(|name| !name.is_empty()).map(Region::new).transpose().map_err(bad)?;
    Ok(ServiceKey { service, region })
}

pub(super) async fn split(
    State(app): State<App>,
    At(service): At<String>,
    RawQuery(query): RawQuery,
    closing: Option<Extension<sse::Closing>>,
) -> Result<Response, Refused> {
    let query: RegionQuery = body::query(query.as_deref())?;
    let mut splits = app.handle.split(&key_of(&service, query.region.as_deref())?)?;
    let opening = sse::Opening {
        limits: app.limits,
        counters: app.feed.counters.clone(),
        closing: closing.map(|Extension(closing)| closing),
    };
    splits.mark_changed();
    Ok(sse::stream(opening, move |out| async move {
        // A client that is behind gets the newest split: the ones between say nothing any more.
        while splits.changed().await.is_ok() {
            let frame = split_frame(&splits.borrow_and_update().clone());
            if out.send(frame).await.is_err() {
                return;
            }
        }
    }))
}

fn split_frame(split: &Split) -> Bytes {
    // A split is strings, whole numbers and finite times, which always serialise.
    let data = serde_json::to_string(&SplitMessage::from(split)).unwrap_or_default();
    format!("event: split\nid: {}\ndata: {data}\n\n", split.epoch.0).into()
}

pub(super) async fn observations(
    State(app): State<App>,
    headers: HeaderMap,
    At(service): At<String>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response, Refused> {
    let query: RegionQuery = body::query(query.as_deref())?;
    let bounds = Bounds { bytes_max: REPORT_BODY_BYTES_MAX, within: app.limits.body_within };
    let bytes = body::bytes(&headers, body, bounds).await?;
    let report: Report = body::object(&bytes, "a report")?;
    let key = key_of(&service, region_of(&query, &report)?)?;
    Ok(answer::json(202, &app.handle.report(key, report, false).await?))
}

/// The region a report is for: as asked, else as its source says; both must not differ.
fn region_of<'a>(query: &'a RegionQuery, report: &'a Report) -> Result<Option<&'a str>, Problem> {
    let source = &report.source;
    if !KINDS.contains(&source.kind.as_str()) {
        let text = format!("source.kind: expected {}, not {:?}", KINDS.join(" or "), source.kind);
        return Err(Problem::new(Code::BadRequest, text));
    }
    match (query.region.as_deref(), source.region.as_deref()) {
        (Some(asked), Some(own)) if asked != own => {
            let text = format!("source.region is {own:?}, but the report was sent for {asked:?}");
            Err(Problem::new(Code::BadRequest, text))
        }
        (asked, own) => Ok(asked.or(own)),
    }
}
