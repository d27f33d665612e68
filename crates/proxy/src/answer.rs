//! The proxy's own answers: small problem documents with a stable code (RFC 9457).

use fw_api::problem::CONTENT_TYPE;
use http::StatusCode;

use crate::observe::Refused;

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

/// An answer of the proxy's own.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) status: StatusCode,
    /// The problem document.
    pub(crate) body: String,
    /// The client's connection is to be closed after it: what follows can't be told apart.
    pub(crate) close: bool,
}

impl Own {
    /// An answer for this reason. `detail` is for people and must not need escaping in JSON.
    pub(crate) fn new(reason: Refused, detail: impl Into<String>) -> Own {
        let status = status(reason);
        let (code, title, detail) =
            (reason.code(), status.canonical_reason().unwrap_or("Error"), detail.into());
        let body = format!(
            r#"{{"type":"/problems/{code}","title":"{title}","status":{},"detail":"{detail}","code":"{code}"}}"#,
            status.as_u16()
        );
        Own { status, body, close: false }
    }

    /// An answer after which the client's connection is closed.
    pub(crate) fn closing(reason: Refused, detail: impl Into<String>) -> Own {
        Own { close: true, ..Own::new(reason, detail) }
    }

    /// Its header fields, without length and date.
    pub(crate) fn fields(&self) -> [(&'static str, &'static str); 2] {
        [("content-type", CONTENT_TYPE), ("cache-control", "no-store")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_a_problem_with_its_code() {
        for (reason, code) in Refused::ALL {
            let own = Own::new(reason, "a detail");
            let problem: fw_api::Problem = serde_json::from_str(&own.body).unwrap();
            assert_eq!((problem.code.as_str(), problem.status), (code, own.status.as_u16()));
        }
    }

    #[test]
    fn the_ready_made_answer_has_the_length_it_says() {
        let text = std::str::from_utf8(TOO_MANY_CONNECTIONS).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
    }
}
