//! What comes in: bodies, queries and path parts; limited, UTF-8, with the place of a fault.
//!
//! Reading a body is also where its type is asked for, so no write can forget it: a web page can send
//! a form or plain text to any address, but not `application/json` (it would have to ask first).

use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use fw_api::{Code, Problem};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::answer::Refused;

/// Longest query, bytes.
const QUERY_BYTES_MAX: usize = 4096;
/// How much of a body that is too large is still read, so that the client hears why before the connection ends.
const DRAIN_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long that may take.
const DRAIN_MAX: Duration = Duration::from_secs(2);

/// How much of a body is taken, and for how long it may arrive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes.
    pub(super) bytes_max: usize,
    /// From the first byte of the body to the last.
    pub(super) within: Duration,
}

/// The whole body of a write.
///
/// # Errors
/// 415 if it does not say that it is JSON, 413 beyond the limit, 408 when it takes too long, 400 when it breaks off.
pub(super) async fn bytes(headers: &HeaderMap, body: Body, bounds: Bounds) -> Result<Vec<u8>, Problem> {
    if !is_json(headers) {
        return Err(Problem::new(Code::UnsupportedMedia, "send Content-Type: application/json"));
    }
    let mut body = Limited::new(body, bounds.bytes_max + DRAIN_BYTES_MAX);
    let too_large =
        || Problem::new(Code::TooLarge, format!("at most {} bytes are taken here", bounds.bytes_max));
    if announced(headers).is_some_and(|length| length > bounds.bytes_max as u64) {
        if !headers.contains_key(header::EXPECT) {
            drain(&mut body).await;
        }
        return Err(too_large());
    }
    match tokio::time::timeout(bounds.within, collect(&mut body, bounds.bytes_max)).await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => {
            drain(&mut body).await;
            Err(too_large())
        }
        Ok(Err(problem)) => Err(problem),
        Err(_) => {
            let text = format!("the body did not arrive within {} s", bounds.within.as_secs_f64());
            Err(Problem::new(Code::RequestTimeout, text))
        }
    }
}

/// Up to `max` bytes; none when there are more.
async fn collect(body: &mut Limited<Body>, max: usize) -> Result<Option<Vec<u8>>, Problem> {
    let mut bytes = vec![];
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) if error.is::<LengthLimitError>() => return Ok(None),
            Err(_) => return Err(Problem::new(Code::BadRequest, "the body did not arrive whole")),
        };
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > max {
            return Ok(None);
        }
        bytes.extend_from_slice(data);
    }
    Ok(Some(bytes))
}

/// Reads on and forgets: closing a connection with unread bytes would take the answer with it.
async fn drain(body: &mut Limited<Body>) {
    let read = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = tokio::time::timeout(DRAIN_MAX, read).await;
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    value
        .and_then(|v| v.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// The body as an object of a type. `what` names it, such as `a report`.
///
/// # Errors
/// 400 with line and column, and what was expected there.
pub(super) fn object<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Problem> {
    let bad = |text: String| Problem::new(Code::BadRequest, text);
    if let Err(e) = std::str::from_utf8(bytes) {
        return Err(bad(format!("the body is not UTF-8: it stops being text at byte {}", e.valid_up_to())));
    }
    match bytes.trim_ascii_start().first() {
        None => Err(bad(format!("the body is empty: {what} is expected, a JSON object"))),
        // Serde would take a list for a struct, field by field.
        Some(b'[') => Err(bad(format!("the body is a list: {what} is expected, a JSON object"))),
        Some(_) => serde_json::from_slice(bytes).map_err(|e| bad(format!("the body is not {what}: {e}"))),
    }
}

/// The query as a value. What it does not know is passed over.
///
/// # Errors
/// 400 naming the parameter.
pub(super) fn query<T: DeserializeOwned>(query: Option<&str>) -> Result<T, Problem> {
    let query = query.unwrap_or("");
    if query.len() > QUERY_BYTES_MAX {
        let text = format!("the query is longer than {QUERY_BYTES_MAX} bytes");
        return Err(Problem::new(Code::BadRequest, text));
    }
    if decoded(query).is_none() {
        return Err(Problem::new(Code::BadRequest, "the query is not UTF-8, percent-encoded"));
    }
    serde_urlencoded::from_str(query)
        .map_err(|e| Problem::new(Code::BadRequest, format!("the query can't be read: {e}")))
}

/// The text with its percent-encodings resolved; none when one is none, or it is not UTF-8.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut bytes = vec![];
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digits = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        bytes.push(digits.and_then(|hex| u8::from_str_radix(hex, 16).ok())?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).ok()
}

/// Parts of the path, refused as a problem where they are not UTF-8.
pub(super) struct At<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for At<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let refuse =
            |_: PathRejection| Problem::new(Code::BadRequest, "the path is not UTF-8, percent-encoded");
        let Path(parts) = Path::from_request_parts(parts, state).await.map_err(refuse)?;
        Ok(At(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Small {
        #[allow(dead_code)] // Only whether it can be read matters.
        seq: u64,
    }

    #[test]
    fn a_fault_has_its_place_and_says_what_was_expected() {
        let of = |text: &[u8]| object::<Small>(text, "a report").unwrap_err().detail;
        for (text, part) in [
            (&b"{\n  \"seq\": \"x\"\n}"[..], "expected u64 at line 2 column 12"),
            (b"{\"seq\":1", "EOF while parsing an object at line 1 column 8"),
            (b"{} {}", "missing field `seq` at line 1 column 2"),
            (b" \n", "is empty"),
            (b"[1]", "is a list"),
            (b"\"text\"", "expected struct Small"),
            (b"{\"seq\": \xff}", "at byte 8"),
        ] {
            assert!(of(text).contains(part), "{}", of(text));
        }
        assert!(object::<Small>(b" {\"seq\":1}", "a report").is_ok());
    }

    #[test]
    fn a_query_that_is_no_text_is_refused() {
        for bad in ["a=%FF", "a=%F", "a=%zz", "%"] {
            assert!(query::<std::collections::BTreeMap<String, String>>(Some(bad)).is_err(), "{bad}");
        }
        let good: std::collections::BTreeMap<String, String> = query(Some("a=%C3%A9+b")).unwrap();
        assert_eq!(good["a"], "é b");
    }
}
