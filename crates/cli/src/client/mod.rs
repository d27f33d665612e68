//! A small HTTP/1.1 client for one server: requests with JSON answers, and the event stream.
//!
//! It speaks plain HTTP, opens a connection a request (a command makes one or two), bounds every
//! wait and every body, and reads the server's problems as values. It never retries a write.

mod address;
mod events;
mod follow;
mod http;
mod sse;

use fw_api::Problem;
use serde_json::Value;

pub(crate) use address::Address;
pub(crate) use follow::{Follower, From};

/// The server when neither `--server` nor `$FW_SERVER` names one.
pub(crate) const SERVER_DEFAULT: &str = "http://127.0.0.1:3002";

/// Why there is no answer to use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// No answer at all: start it, or name another.
    #[error("the server at {server} cannot be reached: {cause}")]
    Unreachable {
        /// As it was named.
        server: String,
        /// In words.
        cause: String,
        /// Whether nobody listens there (as opposed to silence, or another protocol).
        refused: bool,
    },
    /// The server answered with a refusal.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    /// Something answered that is no FactoryWager server, or of another version.
    #[error("{0}")]
    Protocol(String),
}

impl ClientError {
    /// What happened and what to do, for people.
    pub(crate) fn advice(&self) -> String {
        match self {
            ClientError::Unreachable { .. } => format!(
                "{self}\n  start one with `fw serve -c factory-wager.yaml`, or name another with --server URL or $FW_SERVER"
            ),
            ClientError::Problem(_) | ClientError::Protocol(_) => self.to_string(),
        }
    }

    /// Whether the server said that there is no such thing (404).
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, ClientError::Problem(problem) if problem.status == 404)
    }
}

/// A server to talk to.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    address: Address,
    /// From `$FW_TOKEN`; never printed.
    token: Option<Token>,
}

/// A bearer token that does not show itself.
#[derive(Clone)]
struct Token(::http::HeaderValue);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Client {
    /// A client for a server, with a token if there is one.
    ///
    /// # Errors
    /// In words: the token holds characters that no token has.
    pub(crate) fn new(address: Address, token: Option<&str>) -> Result<Client, String> {
        let header = |token: &str| {
            let mut value = ::http::HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| "$FW_TOKEN holds characters that no token has".to_owned())?;
            value.set_sensitive(true);
            Ok::<_, String>(Token(value))
        };
        Ok(Client { address, token: token.map(header).transpose()? })
    }

    /// Where it talks to, as text.
    pub(crate) fn server(&self) -> String {
        self.address.to_string()
    }

    /// GET with a JSON answer.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, ClientError> {
        http::exchange(self, ::http::Method::GET, path, None, None).await
    }

    /// GET with an answer of text.
    pub(crate) async fn get_text(&self, path: &str) -> Result<String, ClientError> {
        http::text(self, path).await
    }

    /// POST of JSON with a JSON answer; the key makes a repetition harmless.
    pub(crate) async fn post(
        &self,
        path: &str,
        body: &Value,
        key: Option<&str>,
    ) -> Result<Value, ClientError> {
        http::exchange(self, ::http::Method::POST, path, Some(body), key).await
    }
}

/// A name as a piece of a path or query: everything but unreserved characters and `@` escaped.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'@' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_tokens_hidden() {
        assert_eq!(escape("checkout@eu-west-1.7"), "checkout@eu-west-1.7");
        assert_eq!(escape("a b/ü?"), "a%20b%2F%C3%BC%3F");
        let address = Address::parse("http://a:1").unwrap();
        let client = Client::new(address.clone(), Some("secret-token")).unwrap();
        assert!(!format!("{client:?}").contains("secret"));
        assert!(Client::new(address, Some("a\nb")).is_err());
    }
}
