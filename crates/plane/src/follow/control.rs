//! Talking to the control plane: one stream of splits, one report at a time.
//!
//! A small HTTP/1.1 client over the same connector the proxy's upstreams use. Each call opens its own
//! connection: one a second is cheap, and nothing stale is ever reused.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fw_api::wire::{Report, ReportAnswer, SplitMessage};
use fw_model::{ServiceKey, Split};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::sse::Decoder;
use crate::net::{Origin, Scheme, connect, tls_config};

/// Longest answer to a report, bytes.
const ANSWER_BYTES_MAX: usize = 4 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// From the request until the head of its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// The stream carries a heartbeat every 15 s; three missed ones are the end of it.
const STREAM_SILENCE_MAX: Duration = Duration::from_secs(45);

/// Which control plane to follow, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlSettings {
    /// Base URL of the control plane, such as `http://127.0.0.1:3002`.
    pub url: String,
    /// The service and region to follow.
    pub key: ServiceKey,
    /// Sent as `Authorization: Bearer`.
    pub token: Option<String>,
}

/// The control URL or token can't be used; the text says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingError(String);

/// A call that did not succeed; all are worth another try.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No connection could be opened.
    #[error("can't connect to {0}")]
    Connect(String, #[source] std::io::Error),
    /// Nothing came for so long.
    #[error("the control plane did not answer within {0:?}")]
    Slow(Duration),
    /// The connection broke in the middle.
    #[error("the connection to the control plane broke")]
    Broken(#[source] hyper::Error),
    /// It refused, and said why.
    #[error("the control plane answered {0}: {1}")]
    Status(StatusCode, String),
    /// An answer or event makes no sense.
    #[error("the control plane sent what can't be read: {0}")]
    Unreadable(String),
    /// The stream was closed in order.
    #[error("the stream of splits ended")]
    Ended,
}

/// Where the control plane is and how to be let in.
#[derive(Debug, Clone)]
pub struct Control {
    origin: Arc<Origin>,
    tls: Arc<rustls::ClientConfig>,
    host: HeaderValue,
    token: Option<HeaderValue>,
    key: ServiceKey,
}

impl Control {
    /// Reads the settings; connects to nothing yet.
    ///
    /// # Errors
    /// [`SettingError`] when URL or token can't be used.
    pub fn new(settings: &ControlSettings) -> Result<Control, SettingError> {
        let setting = SettingError;
        let origin = Origin::parse(&settings.url).map_err(|e| setting(format!("control {e}")))?;
        if origin.scheme == Scheme::H2c {
            return Err(setting("the control plane is reached over http:// or https://".into()));
        }
        let token = settings.token.as_ref().map(|token| {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| setting("the token has a character it must not have".into()))?;
            value.set_sensitive(true);
            Ok::<_, SettingError>(value)
        });
        let host = HeaderValue::from_str(&origin.name).map_err(|e| setting(e.to_string()))?;
        Ok(Control {
            tls: tls_config(None).map_err(setting)?,
            host,
            origin: Arc::new(origin),
            token: token.transpose()?,
            key: settings.key.clone(),
        })
    }

    /// The service and region followed.
    pub fn key(&self) -> &ServiceKey {
        &self.key
    }

    /// Opens the stream of splits.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn splits(&self) -> Result<Splits, ControlError> {
        let region = self.key.region.as_ref().map_or(String::new(), |region| format!("?region={region}"));
        let path = format!("/api/v1/services/{}/split{region}", self.key.service);
        let response = self.call(Method::GET, &path, Bytes::new()).await?;
        if response.status() != StatusCode::OK {
            return Err(refusal(response).await);
        }
        Ok(Splits { body: response.into_body(), decoder: Decoder::default(), key: self.key.clone() })
    }

    /// Sends a report; the answer is the split now and the epochs that may be forgotten.
    ///
    /// # Errors
    /// [`ControlError`]; the next report carries everything again.
    pub async fn report(&self, report: &Report) -> Result<ReportAnswer, ControlError> {
        let body = serde_json::to_vec(report).map_err(|e| ControlError::Unreadable(e.to_string()))?;
        let path = format!("/api/v1/services/{}/observations", self.key.service);
        let response = self.call(Method::POST, &path, Bytes::from(body)).await?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        let body = read(response).await?;
        serde_json::from_slice(&body).map_err(|e| ControlError::Unreadable(e.to_string()))
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, ControlError> {
        let stream = connect(&self.origin, CONNECT_TIMEOUT, &self.tls)
            .await
            .map_err(|e| ControlError::Connect(self.origin.name.clone(), e))?;
        let (mut sender, driver) =
            http1::handshake(TokioIo::new(stream)).await.map_err(ControlError::Broken)?;
        // Ends with its connection, which ends when the answer is read or dropped.
        tokio::spawn(driver);
        let mut request = Request::builder().method(method).uri(path);
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, token);
        }
        let request = request
            .header(header::HOST, &self.host)
            .header(header::ACCEPT, "text/event-stream, application/json")
            .body(Full::new(body))
            .map_err(|e| ControlError::Unreadable(e.to_string()))?;
        match tokio::time::timeout(ANSWER_TIMEOUT, sender.send_request(request)).await {
            Ok(answer) => answer.map_err(ControlError::Broken),
            Err(_) => Err(ControlError::Slow(ANSWER_TIMEOUT)),
        }
    }
}

async fn read(response: Response<Incoming>) -> Result<Bytes, ControlError> {
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect();
    match tokio::time::timeout(ANSWER_TIMEOUT, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) => Err(ControlError::Unreadable(error.to_string())),
        Err(_) => Err(ControlError::Slow(ANSWER_TIMEOUT)),
    }
}

async fn refusal(response: Response<Incoming>) -> ControlError {
    let status = response.status();
    let body = read(response).await.unwrap_or_default();
    let problem = serde_json::from_slice::<fw_api::Problem>(&body);
    ControlError::Status(status, problem.map_or_else(|_| "no reason given".into(), |problem| problem.detail))
}

/// The stream of splits of one service.
#[derive(Debug)]
pub struct Splits {
    body: Incoming,
    decoder: Decoder,
    key: ServiceKey,
}

impl Splits {
    /// The splits in the next piece of the stream; may be none (a heartbeat).
    ///
    /// # Errors
    /// [`ControlError`]; the stream is to be opened anew.
    pub async fn next(&mut self) -> Result<Vec<Split>, ControlError> {
        let frame = match tokio::time::timeout(STREAM_SILENCE_MAX, self.body.frame()).await {
            Ok(Some(frame)) => frame.map_err(ControlError::Broken)?,
            Ok(None) => return Err(ControlError::Ended),
            Err(_) => return Err(ControlError::Slow(STREAM_SILENCE_MAX)),
        };
        let Ok(bytes) = frame.into_data() else { return Ok(vec![]) };
        let events = self.decoder.push(&bytes).map_err(|e| ControlError::Unreadable(e.to_string()))?;
        let splits = events.iter().filter(|event| event.name == "split");
        splits.map(|event| read_split(&event.data, &self.key)).collect()
    }
}

fn read_split(data: &str, key: &ServiceKey) -> Result<Split, ControlError> {
    let message: SplitMessage =
        serde_json::from_str(data).map_err(|e| ControlError::Unreadable(e.to_string()))?;
    checked(message, key)
}

/// A split from outside: every range checked, and of the service asked for.
///
/// # Errors
/// [`ControlError::Unreadable`].
pub(super) fn checked(message: SplitMessage, key: &ServiceKey) -> Result<Split, ControlError> {
    let split = Split::try_from(message).map_err(|e| ControlError::Unreadable(e.to_string()))?;
    if split.key == *key {
        Ok(split)
    } else {
        Err(ControlError::Unreadable(format!("the split is of {}, not of {key}", split.key)))
    }
}
