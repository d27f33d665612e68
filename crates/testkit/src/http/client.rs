//! A client that never retries: what fails is counted by the test, not hidden by a library.
//!
//! One keep-alive connection, one request at a time. A connection that the server closed in order while
//! nothing was under way is replaced before the next request, because nothing was lost by that;
//! [`Client::connections`] counts them. A request that was begun and not answered is a [`Failure`].

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How long a request may take, from connecting to the last byte, unless told otherwise.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(30);

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its head.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// A header as text; empty when it is absent or no text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text, with replacement characters where it is none.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Why a request got no whole answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No connection could be made: the request was not sent.
    #[error("no connection")]
    Connect(#[source] std::io::Error),
    /// The connection broke before the whole head of the answer was there.
    #[error("the connection broke before an answer")]
    Broken(#[source] hyper::Error),
    /// The connection broke within the body of the answer.
    #[error("the answer's body was cut short")]
    Cut(#[source] hyper::Error),
    /// Nothing more came for the time allowed.
    #[error("no whole answer in time")]
    Timeout,
    /// The request itself cannot be written.
    #[error("the request is not valid")]
    Request(#[source] http::Error),
}

impl Failure {
    /// A short name, to count by: `connect`, `broken`, `cut`, `timeout`, `request`.
    pub fn kind(&self) -> &'static str {
        match self {
            Failure::Connect(_) => "connect",
            Failure::Broken(_) => "broken",
            Failure::Cut(_) => "cut",
            Failure::Timeout => "timeout",
            Failure::Request(_) => "request",
        }
    }
}

/// A keep-alive connection to one address.
#[derive(Debug)]
pub struct Client {
    addr: SocketAddr,
    timeout: Duration,
    connection: Option<SendRequest<Full<Bytes>>>,
    connections: u64,
}

impl Client {
    /// A client of this address; it connects at its first request.
    pub fn new(addr: SocketAddr) -> Client {
        Client { addr, timeout: CLIENT_TIMEOUT, connection: None, connections: 0 }
    }

    /// Allows each request this long instead of [`CLIENT_TIMEOUT`].
    pub fn timeout(mut self, timeout: Duration) -> Client {
        self.timeout = timeout;
        self
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> u64 {
        self.connections
    }

    /// Sends `GET path` and reads the whole answer.
    ///
    /// # Errors
    /// Any [`Failure`]; the connection is then given up.
    pub async fn get(&mut self, path: &str) -> Result<Answer, Failure> {
        let request = Request::get(path).body(Full::default()).map_err(Failure::Request)?;
        self.send(request).await
    }

    /// Sends `POST path` with a JSON body and reads the whole answer.
    ///
    /// # Errors
    /// Any [`Failure`]; the connection is then given up.
    pub async fn post_json(&mut self, path: &str, json: impl Into<Bytes>) -> Result<Answer, Failure> {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Full::new(json.into())).map_err(Failure::Request)?).await
    }

    /// Sends a request, once, and reads the whole answer. `Host` is added when it is missing.
    ///
    /// # Errors
    /// Any [`Failure`]; the connection is then given up.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let answer = match tokio::time::timeout(self.timeout, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::Timeout),
        };
        if answer.is_err() {
            self.connection = None;
        }
        answer
    }

    async fn exchange(&mut self, mut request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        complete(&mut request, self.addr)?;
        let mut connection = self.connected().await?;
        let sent = match connection.try_send_request(request).await {
            Err(mut unsent) if unsent.message().is_some() => {
                // Not one byte was written: the server closed the idle connection just now.
                let request = unsent.take_message().unwrap_or_default();
                connection = self.reconnected().await?;
                connection.send_request(request).await
            }
            sent => sent.map_err(|e| e.into_error()),
        };
        let answer = sent.map_err(Failure::Broken)?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(Failure::Cut)?.to_bytes();
        self.connection = Some(connection);
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    /// The open connection, or a new one when there is none that can be used.
    async fn connected(&mut self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        if let Some(mut connection) = self.connection.take()
            && connection.ready().await.is_ok()
        {
            return Ok(connection);
        }
        self.reconnected().await
    }

    async fn reconnected(&mut self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let connection = connect(self.addr).await?;
        self.connections += 1;
        Ok(connection)
    }
}

/// A new connection, carried by a task of its own until it ends.
pub(super) async fn connect(addr: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let stream = TcpStream::connect(addr).await.map_err(Failure::Connect)?;
    stream.set_nodelay(true).map_err(Failure::Connect)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(Failure::Broken)?;
    // Its error reaches whoever waits for the answer.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// Makes the target origin-form and adds `Host`.
pub(super) fn complete(request: &mut Request<Full<Bytes>>, addr: SocketAddr) -> Result<(), Failure> {
    if !request.headers().contains_key(header::HOST) {
        let host = http::HeaderValue::try_from(addr.to_string());
        request.headers_mut().insert(header::HOST, host.map_err(|e| Failure::Request(e.into()))?);
    }
    if let Some(path) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = Uri::from(path);
    }
    Ok(())
}
