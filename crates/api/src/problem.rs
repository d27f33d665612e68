//! Every refusal of the API: RFC 9457 `application/problem+json` with a stable `code`.
//!
//! One table maps codes to HTTP statuses; clients compare codes, people read `detail`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Content type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:literal, $title:literal;)*) => {
        /// The stable codes. Adding one is compatible; changing one is not.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $name),* }

        impl Code {
            /// All of them, for reference pages and tests.
            pub const ALL: &[Code] = &[$(Code::$name),*];

            /// The word in the `code` member.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code),* }
            }

            /// The HTTP status that goes with it.
            pub fn status(self) -> u16 {
                match self { $(Code::$name => $status),* }
            }

            /// The short text of the `title` member.
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title),* }
            }
        }
    };
}

codes! {
    /// The body or a parameter can't be read.
    BadRequest = "bad_request", 400, "The request could not be read";
    /// The config breaks rules; `errors` lists each.
    InvalidConfig = "invalid_config", 400, "The configuration has faults";
    /// No or an unknown token.
    Unauthorized = "unauthorized", 401, "A valid token is needed";
    /// The token lacks a role.
    Forbidden = "forbidden", 403, "The token may not do this";
    /// Host or Origin is not this server's.
    ForeignOrigin = "foreign_origin", 403, "Writes are taken from this server's own origin only";
    /// No such path.
    NotFound = "not_found", 404, "There is nothing here";
    /// No such rollout.
    UnknownRollout = "unknown_rollout", 404, "No such rollout";
    /// No receiver of notifications has this name.
    UnknownNotification = "unknown_notification", 404, "No receiver of notifications has this name";
    /// No such service, or it is not served here.
    UnknownService = "unknown_service", 404, "This server does not serve that service";
    /// No such feature flag.
    UnknownFlag = "unknown_flag", 404, "No such feature flag";
    /// No such release.
    UnknownRelease = "unknown_release", 404, "No such release";
    /// The path exists, the method does not.
    MethodNotAllowed = "method_not_allowed", 405, "This path does not take that method";
    /// It was there once, and is no longer kept.
    Gone = "no_longer_kept", 410, "No longer kept";
    /// Not possible in the rollout's present state.
    IllegalTransition = "illegal_transition", 409, "Not possible in the present state";
    /// A rollout of that service and region is under way.
    UnderWay = "under_way", 409, "A rollout is under way";
    /// `stable` is not the service's current version.
    StableMismatch = "stable_mismatch", 409, "The stable version is not the one that runs";
    /// A request says of what runs on the server, or of who approves, another thing than the server's own file.
    PolicyDiffers = "policy_differs", 409, "The server's own file says otherwise";
    /// The same idempotency key with another request.
    IdempotencyMismatch = "idempotency_mismatch", 422, "That Idempotency-Key was used for another request";
    /// The body took too long to arrive.
    RequestTimeout = "request_timeout", 408, "The request took too long to arrive";
    /// Request target over its limit.
    UriTooLong = "uri_too_long", 414, "The request target is too long";
    /// Header section over its limit.
    HeadersTooLarge = "headers_too_large", 431, "The request's headers are too large";
    /// Body over its limit.
    TooLarge = "too_large", 413, "The body is too large";
    /// Not `application/json`.
    UnsupportedMedia = "unsupported_media_type", 415, "Writes need Content-Type: application/json";
    /// Comes with a later version.
    NotYet = "not_yet_available", 501, "Not available in this version";
    /// The store refused; nothing was changed.
    StoreFailed = "store_failed", 503, "The event log could not be written";
    /// The log is not replayed yet, or the server is stopping.
    NotReady = "not_ready", 503, "The server is not ready";
    /// Too much at once.
    Busy = "busy", 503, "The server is busy";
    /// A bug; the log has more.
    Internal = "internal", 500, "Something went wrong here";
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A URI reference that names the kind: `/problems/CODE`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Short text, the same for each `code`.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What happened, where, and what to do.
    pub detail: String,
    /// Stable word to compare.
    pub code: String,
    /// Each fault, where there are several: `{"path", "message"}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
    /// The state that forbids it (409), as in `GET /api/v1/rollouts/{name}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub state: Option<serde_json::Value>,
}

/// One of several faults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    /// Where, such as `rollout.phases[1].percentage`.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Problem {
    /// A problem of this code.
    pub fn new(code: Code, detail: impl Into<String>) -> Problem {
        Problem {
            kind: format!("/problems/{}", code.as_str()),
            title: code.title().into(),
            status: code.status(),
            detail: detail.into(),
            code: code.as_str().into(),
            errors: vec![],
            state: None,
        }
    }

    /// With each fault listed.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<Fault>) -> Problem {
        self.errors = errors;
        self
    }

    /// With the state that forbids it.
    #[must_use]
    pub fn with_state(mut self, state: serde_json::Value) -> Problem {
        self.state = Some(state);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_statuses_are_errors() {
        for (i, a) in Code::ALL.iter().enumerate() {
            assert!((400..600).contains(&a.status()));
            assert!(Code::ALL[i + 1..].iter().all(|b| b.as_str() != a.as_str()));
        }
    }

    #[test]
    fn a_problem_reads_as_rfc_9457() {
        let text = serde_json::to_string(&Problem::new(Code::NotFound, "no /x; see /openapi.json")).unwrap();
        let want = r#"{"type":"/problems/not_found","title":"There is nothing here","status":404,"detail":"no /x; see /openapi.json","code":"not_found"}"#;
        assert_eq!(text, want);
    }
}
