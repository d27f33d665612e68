//! One connection to `GET /events`.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::time::timeout;

use super::http::{ANSWER_MAX, answer, collect};
use super::sse::Parser;
use super::{Client, ClientError, escape};
use crate::output::StreamedEvent;

/// Longest silence: three heartbeats (contract section 4: one every 15 s).
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// A stream that is open.
pub(super) struct EventStream {
    client: Client,
    body: Incoming,
    parser: Parser,
    ready: VecDeque<StreamedEvent>,
}

impl Client {
    /// Opens the stream, of one rollout or all, after an event or from now.
    pub(super) async fn events(
        &self,
        rollout: Option<&str>,
        after: Option<u64>,
    ) -> Result<EventStream, ClientError> {
        let path = match rollout {
            None => "/events".to_owned(),
            Some(name) => format!("/events?rollout={}", escape(name)),
        };
        let mut request = self.request(Method::GET, &path).header(header::ACCEPT, "text/event-stream");
        if let Some(id) = after {
            request = request.header("last-event-id", id);
        }
        let request = request.body(Full::new(Bytes::new()));
        let request =
            request.map_err(|e| ClientError::Protocol(format!("the request can't be written: {e}")))?;
        let response = self.send(request).await?;
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let is_stream = kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
        if response.status().is_success() && is_stream {
            return Ok(EventStream {
                client: self.clone(),
                body: response.into_body(),
                parser: Parser::default(),
                ready: VecDeque::new(),
            });
        }
        let status = response.status();
        let bytes = timeout(ANSWER_MAX, collect(response.into_body())).await;
        let bytes = bytes.unwrap_or_else(|_| Ok(Bytes::new())).unwrap_or_default();
        answer(self, status, &bytes)?;
        Err(ClientError::Protocol(format!("{} does not answer /events with a stream", self.server())))
    }
}

impl EventStream {
    /// The next event; an error when the connection is over.
    pub(super) async fn next(&mut self) -> Result<StreamedEvent, ClientError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let frame = timeout(SILENCE_MAX, self.body.frame()).await;
            let frame = frame
                .map_err(|_| self.client.unreachable("not even a heartbeat for 45 s", false))?
                .ok_or_else(|| self.client.unreachable("the event stream ended", false))?
                .map_err(|e| self.client.unreachable(&format!("the event stream broke off ({e})"), false))?;
            let Some(data) = frame.data_ref() else {
                continue;
            };
            let frames = self.parser.feed(data).map_err(|e| ClientError::Protocol(e.to_string()))?;
            for frame in frames {
                self.ready.push_back(read(&frame)?);
            }
        }
    }
}

fn read(frame: &super::sse::Frame) -> Result<StreamedEvent, ClientError> {
    let id = frame.id.as_deref().and_then(|id| id.parse().ok());
    let json = serde_json::from_str(&frame.data).ok();
    json.and_then(|json| StreamedEvent::read(id, json))
        .ok_or_else(|| ClientError::Protocol("the event stream holds something that is no event".into()))
}
