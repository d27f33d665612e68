//! Bodies and queries: limited, UTF-8, JSON with the place of a fault.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use fw_api::{Code, Problem};
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;

/// Longest query, bytes.
const QUERY_BYTES_MAX: usize = 4096;

/// Whether the body says it is JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()) else { return false };
    value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// The whole body, at most `max` bytes.
pub(super) async fn bytes(body: Body, max: usize) -> Result<Vec<u8>, Problem> {
    match Limited::new(body, max).collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Problem::new(Code::TooLarge, format!("at most {max} bytes are taken here")))
        }
        Err(error) => Err(Problem::new(Code::BadRequest, format!("the body did not arrive whole: {error}"))),
    }
}

/// The body as a value; an empty one as `{}`.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if let Err(e) = std::str::from_utf8(bytes) {
        let text = format!("the body is not UTF-8: byte {} is where it stops being text", e.valid_up_to());
        return Err(Problem::new(Code::BadRequest, text));
    }
    let text: &[u8] = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(text)
        .map_err(|e| Problem::new(Code::BadRequest, format!("the body is not what is expected here: {e}")))
}

/// The query as a value.
pub(super) fn query<T: DeserializeOwned>(query: Option<&str>) -> Result<T, Problem> {
    let query = query.unwrap_or("");
    if query.len() > QUERY_BYTES_MAX {
        return Err(Problem::new(
            Code::BadRequest,
            format!("the query is longer than {QUERY_BYTES_MAX} bytes"),
        ));
    }
    serde_urlencoded::from_str(query)
        .map_err(|e| Problem::new(Code::BadRequest, format!("the query can't be read: {e}")))
}
