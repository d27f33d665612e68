//! The forms of answers: every field that any known client needs, in every answer.
//!
//! The Python client fails without `variant`, without `errorDetails`, and with a reason it does not know; the
//! JavaScript clients want a `key` and an `errorCode` in every refusal. So success always has key, reason, variant and
//! metadata, and refusal always key, errorCode and errorDetails. A flag that is off has no value: that is how OFREP says
//! "use the code's default".

use axum::http::{HeaderValue, header};
use axum::response::Response;
use fw_api::Problem;
use serde_json::{Value, json};

use super::super::answer;

/// An evaluation that failed.
#[derive(Debug)]
pub(super) struct Failure {
    key: String,
    code: &'static str,
    details: String,
}

impl Failure {
    pub(super) fn new(key: &str, code: &'static str, details: impl Into<String>) -> Failure {
        Failure { key: key.to_owned(), code, details: details.into() }
    }

    pub(super) fn general(key: &str, details: impl Into<String>) -> Failure {
        Failure::new(key, "GENERAL", details)
    }

    pub(super) fn json(&self) -> Value {
        json!({ "key": self.key, "errorCode": self.code, "errorDetails": self.details })
    }
}

/// A refusal with this status.
pub(super) fn failed(status: u16, failure: &Failure) -> Response {
    answer::json(status, &failure.json())
}

/// A refusal of the server at large in OFREP's form.
pub(crate) fn refused(problem: &Problem, key: &str) -> Response {
    let code = match problem.status {
        400 | 413 | 415 => "PARSE_ERROR",
        _ => "GENERAL",
    };
    let mut response = failed(problem.status, &Failure::new(key, code, problem.detail.as_str()));
    if problem.status == 401 {
        let how = HeaderValue::from_static("Bearer realm=\"fw\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, how);
    }
    response
}
