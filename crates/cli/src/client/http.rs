//! One request, one answer, everything bounded.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fw_api::{Problem, problem};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Client, ClientError};

/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Longest wait for an answer's head.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(60);
/// Largest answer, bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Sends a request and reads the JSON of the answer.
pub(super) async fn exchange(
    client: &Client,
    method: Method,
    path: &str,
    body: Option<&Value>,
    key: Option<&str>,
) -> Result<Value, ClientError> {
    let mut request = client.request(method, path);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let bytes = match body {
        None => Bytes::new(),
        Some(body) => {
            request = request.header(header::CONTENT_TYPE, "application/json");
            Bytes::from(body.to_string())
        }
    };
    let (status, bytes) = whole(client, request.header(header::ACCEPT, "application/json"), bytes).await?;
    answer(client, status, &bytes)
}

/// Reads text, such as a report.
pub(super) async fn text(client: &Client, path: &str) -> Result<String, ClientError> {
    let (status, bytes) = whole(client, client.request(Method::GET, path), Bytes::new()).await?;
    if !status.is_success() {
        // A refusal; what is none is said as one.
        answer(client, status, &bytes)?;
    }
    String::from_utf8(bytes.into()).map_err(|_| ClientError::Protocol("the answer is no text".into()))
}

/// Sends a request and reads the answer to its end.
async fn whole(
    client: &Client,
    request: http::request::Builder,
    body: Bytes,
) -> Result<(StatusCode, Bytes), ClientError> {
    let request = request.body(Full::new(body));
    let request = request.map_err(|e| ClientError::Protocol(format!("the request can't be written: {e}")))?;
    let response = client.send(request).await?;
    let status = response.status();
    let bytes = timeout(ANSWER_MAX, collect(response.into_body()))
        .await
        .map_err(|_| client.unreachable("the answer broke off", false))?
        .map_err(|why| client.unreachable(&why, false))?;
    Ok((status, bytes))
}

impl Client {
    /// A request with what every request has.
    pub(super) fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let mut request = Request::builder()
            .method(method)
            .uri(self.address.path(path))
            .header(header::HOST, self.address.authority())
            .header(header::USER_AGENT, concat!("fw/", env!("CARGO_PKG_VERSION")));
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, token.0.clone());
        }
        request
    }

    /// Sends a request over a connection of its own and waits for the head of the answer.
    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, ClientError> {
        let connect = timeout(CONNECT_MAX, TcpStream::connect(self.address.target())).await;
        let stream =
            connect.map_err(|_| self.unreachable("no connection within 5 s", false))?.map_err(|e| {
                self.unreachable(&io_words(&e), e.kind() == std::io::ErrorKind::ConnectionRefused)
            })?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|e| self.unreachable(&e.to_string(), false))?;
        // Ends with the answer's body; its error is seen there.
        tokio::spawn(connection);
        timeout(ANSWER_MAX, sender.send_request(request))
            .await
            .map_err(|_| self.unreachable("no answer within 60 s", false))?
            .map_err(|e| self.unreachable(&format!("it does not answer as a server does ({e})"), false))
    }

    /// The error of a server that gives no answer.
    pub(super) fn unreachable(&self, cause: &str, refused: bool) -> ClientError {
        ClientError::Unreachable { server: self.server(), cause: cause.to_owned(), refused }
    }
}

fn io_words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "nothing listens there (connection refused)".into(),
        _ => error.to_string(),
    }
}

/// The whole body, or why it can't be had.
pub(super) async fn collect(mut body: Incoming) -> Result<Bytes, String> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| format!("the answer broke off ({e})"))?;
        if let Some(data) = frame.data_ref() {
            if bytes.len() + data.len() > ANSWER_BYTES_MAX {
                return Err("the answer is larger than 64 MiB".into());
            }
            bytes.extend_from_slice(data);
        }
    }
    Ok(bytes.freeze())
}

/// The JSON of a success, or the refusal.
pub(super) fn answer(client: &Client, status: StatusCode, bytes: &[u8]) -> Result<Value, ClientError> {
    if status.is_success() {
        return serde_json::from_slice(bytes).map_err(|e| {
            ClientError::Protocol(format!(
                "the answer of {} is not JSON ({e}): is it a FactoryWager server?",
                client.server()
            ))
        });
    }
    Err(match serde_json::from_slice::<Problem>(bytes) {
        Ok(problem) => ClientError::Problem(Box::new(problem)),
        Err(_) => ClientError::Protocol(format!(
            "{} answered {status} without {}: is it a FactoryWager server?",
            client.server(),
            problem::CONTENT_TYPE
        )),
    })
}
