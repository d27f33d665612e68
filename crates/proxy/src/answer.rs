//! The proxy's own answers: small problem documents with a stable code (RFC 9457).

use bytes::Bytes;
use fw_api::problem::CONTENT_TYPE;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};

use crate::observe::Refused;
use crate::upstream::RespBody;

/// Written as it stands to a connection that is one too many.
pub(crate) const TOO_MANY_CONNECTIONS: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
content-type: application/problem+json\r\ncontent-length: 147\r\nconnection: close\r\nretry-after: 1\r\n\r\n\
{\"type\":\"/problems/too_many_connections\",\"title\":\"Service Unavailable\",\"status\":503,\
\"detail\":\"try again in a moment\",\"code\":\"too_many_connections\"}";

fn status(reason: Refused) -> StatusCode {
    match reason {
        Refused::Framing => StatusCode::BAD_REQUEST,
        Refused::UriTooLong => StatusCode::URI_TOO_LONG,
        Refused::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Refused::HeadTimeout => StatusCode::REQUEST_TIMEOUT,
        Refused::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Refused::Method => StatusCode::NOT_IMPLEMENTED,
        Refused::Connections | Refused::NoUpstream => StatusCode::SERVICE_UNAVAILABLE,
        Refused::Unreachable | Refused::UpstreamClosed => StatusCode::BAD_GATEWAY,
        Refused::Timeout => StatusCode::GATEWAY_TIMEOUT,
    }
}

/// An answer for this reason. `detail` is for people and must not need escaping in JSON.
pub(crate) fn answer(reason: Refused, detail: &str) -> Response<RespBody> {
    let status = status(reason);
    let (code, title) = (reason.code(), status.canonical_reason().unwrap_or("Error"));
    let body = format!(
        r#"{{"type":"/problems/{code}","title":"{title}","status":{},"detail":"{detail}","code":"{code}"}}"#,
        status.as_u16()
    );
    let mut response = Response::new(RespBody::Own(Some(Bytes::from(body))));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An answer after which the client's connection is closed: what follows can't be told apart.
pub(crate) fn closing(mut response: Response<RespBody>) -> Response<RespBody> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_a_problem_with_its_code() {
        for (reason, code) in Refused::ALL {
            let response = answer(reason, "a detail");
            let status = response.status().as_u16();
            let RespBody::Own(Some(body)) = response.into_body() else { panic!("no body") };
            let problem: fw_api::Problem = serde_json::from_slice(&body).unwrap();
            assert_eq!((problem.code.as_str(), problem.status), (code, status));
        }
    }

    #[test]
    fn the_ready_made_answer_has_the_length_it_says() {
        let text = std::str::from_utf8(TOO_MANY_CONNECTIONS).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
    }
}
