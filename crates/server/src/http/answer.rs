//! Answers: JSON, and refusals as RFC 9457 problem documents.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use fw_api::Problem;
use fw_runtime::Refusal;
use serde::Serialize;

/// Seconds after which what was refused for lack of room or readiness may be tried again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// A refusal as an answer; a 401 says how to identify oneself, a 503 when to come back.
pub(super) fn problem(problem: &Problem) -> Response {
    let mut response = json(problem.status, problem);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(fw_api::problem::CONTENT_TYPE));
    match problem.status {
        401 => {
            drop(headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"fw\"")))
        }
        503 => drop(headers.insert(header::RETRY_AFTER, RETRY_AFTER)),
        _ => {}
    }
    response
}

/// A JSON answer that nobody keeps: it is of the moment.
pub(super) fn json<T: Serialize>(status: u16, value: &T) -> Response {
    // What is sent is made of strings, finite numbers and string keys, which always serialise.
    json_bytes(status, serde_json::to_vec(value).unwrap_or_default())
}

/// The same of what is JSON already.
pub(super) fn json_bytes(status: u16, bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Why a route did not do what was asked. Boxed: it is rare, and large beside an answer.
#[derive(Debug)]
pub(super) struct Refused(Box<Problem>);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Refused {
        Refused(Box::new(problem))
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Refused {
        Problem::from(&refusal).into()
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        problem(&self.0)
    }
}
