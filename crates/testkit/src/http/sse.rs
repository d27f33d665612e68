//! Reads server-sent events, once or for as long as it takes, resuming by `Last-Event-ID`.
//!
//! [`SseParser`] turns bytes into frames as browsers do; [`SseStream`] is one connection;
//! [`SseFollower`] stays on through restarts of the server, as `EventSource` does, and keeps every frame,
//! so that a test can say that none was missing and none came twice.
//!
//! Source: HTML standard, section 9.2 "Server-sent events".

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::task::JoinHandle;

use super::client::{CLIENT_TIMEOUT, Failure, complete, connect};
use crate::wait::eventually;

/// Pause before connecting again.
const RECONNECT_AFTER: Duration = Duration::from_millis(20);
/// Longest line, in bytes; a longer one is a defect of the server.
const LINE_BYTES_MAX: usize = 4 << 20;

/// One dispatched event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SseFrame {
    /// The last event id at this moment: the frame's own, or that of an earlier one. Empty: none yet.
    pub id: String,
    /// The `event:` name; empty when the frame has none (`onmessage` gets it).
    pub event: String,
    /// The data, lines joined by a line feed.
    pub data: String,
}

/// Turns the bytes of a stream into frames.
#[derive(Debug, Default)]
pub struct SseParser {
    line: Vec<u8>,
    after_cr: bool,
    begun: bool,
    id: String,
    event: String,
    data: Option<String>,
    comments: u64,
}

impl SseParser {
    /// Takes the next bytes; gives the frames they complete.
    ///
    /// # Panics
    /// When a line is longer than 4 MiB.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<SseFrame> {
        let mut frames = Vec::new();
        for &byte in bytes {
            let second_of_crlf = std::mem::take(&mut self.after_cr) && byte == b'\n';
            match byte {
                b'\n' if second_of_crlf => {}
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    frames.extend(self.line());
                }
                _ => self.line.push(byte),
            }
            assert!(
                self.line.len() <= LINE_BYTES_MAX,
                "a line of a stream has more than {LINE_BYTES_MAX} bytes"
            );
        }
        frames
    }

    /// How many comment lines (heartbeats) were seen.
    pub fn comments(&self) -> u64 {
        self.comments
    }

    /// Ends a line; an empty one ends a frame.
    fn line(&mut self) -> Option<SseFrame> {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        let line = if self.begun { line.as_str() } else { line.strip_prefix('\u{feff}').unwrap_or(&line) };
        self.begun = true;
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return self.data.take().map(|data| SseFrame { id: self.id.clone(), event, data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => self.comments += 1,
            "data" => match &mut self.data {
                None => self.data = Some(value.to_owned()),
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
            },
            "event" => value.clone_into(&mut self.event),
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            _ => {}
        }
        None
    }
}

/// Why a stream gave no further frame.
#[derive(Debug, thiserror::Error)]
pub enum SseError {
    /// The request failed, or the stream broke.
    #[error("the stream broke")]
    Broken(#[source] Failure),
    /// The answer was not an event stream.
    #[error("the answer was {0}, not an event stream")]
    Refused(StatusCode, String),
    /// The server ended the stream.
    #[error("the stream ended")]
    Ended,
    /// No frame came in time.
    #[error("no frame came in time")]
    Silent,
}

/// One connection to an event stream.
#[derive(Debug)]
pub struct SseStream {
    body: Incoming,
    parser: SseParser,
    ready: std::collections::VecDeque<SseFrame>,
}

impl SseStream {
    /// Opens the stream at `path`, after the event with this id when one is given.
    ///
    /// # Errors
    /// [`SseError::Broken`], or [`SseError::Refused`] with status and content type.
    pub async fn open(addr: SocketAddr, path: &str, last_id: Option<&str>) -> Result<SseStream, SseError> {
        let opened = tokio::time::timeout(CLIENT_TIMEOUT, Self::request(addr, path, last_id)).await;
        opened.unwrap_or(Err(SseError::Broken(Failure::Timeout)))
    }

    async fn request(addr: SocketAddr, path: &str, last_id: Option<&str>) -> Result<SseStream, SseError> {
        let mut request = Request::get(path).header(header::ACCEPT, "text/event-stream");
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let request = request.body(Full::default()).map_err(|e| SseError::Broken(Failure::Request(e)))?;
        let mut request = request;
        complete(&mut request, addr).map_err(SseError::Broken)?;
        let mut connection = connect(addr).await.map_err(SseError::Broken)?;
        let answer = connection.send_request(request).await;
        let answer = answer.map_err(|e| SseError::Broken(Failure::Broken(e)))?;
        let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.unwrap_or_default().to_owned();
        if answer.status() != StatusCode::OK || !kind.starts_with("text/event-stream") {
            return Err(SseError::Refused(answer.status(), kind));
        }
        Ok(SseStream { body: answer.into_body(), parser: SseParser::default(), ready: Default::default() })
    }

    /// The next frame.
    ///
    /// # Errors
    /// [`SseError::Silent`] after `deadline`, [`SseError::Ended`], [`SseError::Broken`].
    pub async fn next(&mut self, deadline: Duration) -> Result<SseFrame, SseError> {
        tokio::time::timeout(deadline, self.read()).await.unwrap_or(Err(SseError::Silent))
    }

    /// How many comment lines (heartbeats) this connection brought so far.
    pub fn comments(&self) -> u64 {
        self.parser.comments()
    }

    async fn read(&mut self) -> Result<SseFrame, SseError> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Ok(frame);
            }
            match self.body.frame().await {
                None => return Err(SseError::Ended),
                Some(Err(e)) => return Err(SseError::Broken(Failure::Cut(e))),
                Some(Ok(part)) => {
                    self.ready.extend(part.data_ref().into_iter().flat_map(|b| self.parser.push(b)))
                }
            }
        }
    }
}

/// Follows a stream for as long as it lives, connecting again after each break from the last id seen.
#[derive(Debug)]
pub struct SseFollower {
    shared: Arc<Followed>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Followed {
    frames: Mutex<Vec<SseFrame>>,
    connections: AtomicU64,
}

impl Followed {
    /// A list is whole after each push, so a poisoned lock still guards a good one.
    fn with<T>(&self, look: impl FnOnce(&mut Vec<SseFrame>) -> T) -> T {
        look(&mut self.frames.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SseFollower {
    /// Follows the stream at `path`; begins after `last_id` when one is given.
    pub fn start(addr: SocketAddr, path: impl Into<String>, last_id: Option<&str>) -> SseFollower {
        let shared = Arc::new(Followed::default());
        let task = tokio::spawn(follow(addr, path.into(), last_id.map(str::to_owned), Arc::clone(&shared)));
        SseFollower { shared, task }
    }

    /// Every frame so far, in order of arrival.
    pub fn frames(&self) -> Vec<SseFrame> {
        self.shared.with(|frames| frames.clone())
    }

    /// How many times a stream was opened.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Acquire)
    }

    /// Waits until the frames satisfy a condition; says whether they did in time.
    pub async fn wait_until(&self, deadline: Duration, condition: impl Fn(&[SseFrame]) -> bool) -> bool {
        eventually(deadline, || self.shared.with(|frames| condition(frames))).await
    }
}

impl Drop for SseFollower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(addr: SocketAddr, path: String, mut last_id: Option<String>, shared: Arc<Followed>) {
    loop {
        if let Ok(mut stream) = SseStream::open(addr, &path, last_id.as_deref()).await {
            shared.connections.fetch_add(1, Ordering::AcqRel);
            while let Ok(frame) = stream.read().await {
                if !frame.id.is_empty() {
                    last_id = Some(frame.id.clone());
                }
                shared.with(|frames| frames.push(frame));
            }
        }
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}
