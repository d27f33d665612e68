//! Custom metrics from anywhere: one value under an Idempotency-Key, or cumulative sums (contract section 4).
//!
//! A reporter of metrics is no data plane: it gets no split, and nothing waits for it.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use fw_api::wire::MetricReport;
use fw_api::{Code, Problem};

use super::answer::{self, Refused};
use super::body::{At, Bounds};
use super::planes::{RegionQuery, key_of};
use super::rollouts::idempotency;
use super::{App, METRIC_BODY_BYTES_MAX, body};

pub(super) async fn values(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    At(service): At<String>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response, Refused> {
    let query: RegionQuery = body::query(query.as_deref())?;
    let bounds = Bounds { bytes_max: METRIC_BODY_BYTES_MAX, within: app.limits.body_within };
    let bytes = body::bytes(&headers, body, bounds).await?;
    let report: MetricReport = body::object(&bytes, "a report of a metric")?;
    let key = key_of(&service, query.region.as_deref())?;
    let idempotency = idempotency(&Method::POST, &uri, &headers, &bytes)?;
    if report.value.is_some() && idempotency.is_none() {
        let text =
            "Idempotency-Key: needed with a single value, so that it counts once however often it is sent";
        return Err(Problem::new(Code::BadRequest, text).into());
    }
    Ok(answer::json(202, &app.handle.metric(key, report, idempotency).await?))
}
