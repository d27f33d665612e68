//! Server-sent event streams: a bounded buffer a client, a heartbeat, and an end for slow ones.
//!
//! A pump hands frames to the connection through a small channel. When the client does not read,
//! the channel fills; after [`STALL_MAX`] the pump gives up and the stream ends. The client comes back
//! with `Last-Event-ID` and misses nothing; nobody else notices.

use std::future::Future;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::sync::mpsc;

/// Frames that may wait for one client.
const FRAMES_MAX: usize = 64;
/// A client that takes nothing for this long is cut off.
const STALL_MAX: Duration = Duration::from_secs(10);
/// How often a silent stream shows that it lives.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(15);

/// Where a pump puts frames.
pub(super) struct Out(mpsc::Sender<Bytes>);

/// The client is gone, or was cut off.
pub(super) struct Gone;

impl Out {
    /// Hands a frame over; waits at most [`STALL_MAX`].
    pub(super) async fn send(&self, frame: Bytes) -> Result<(), Gone> {
        match tokio::time::timeout(STALL_MAX, self.0.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}

/// A stream answer; `pump` runs until it returns or the client is gone.
pub(super) fn stream<F>(pump: impl FnOnce(Out) -> F) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let (frames, taken) = mpsc::channel(FRAMES_MAX);
    let work = pump(Out(frames.clone()));
    tokio::spawn(async move {
        let heartbeat = async {
            let mut ticks =
                tokio::time::interval_at(tokio::time::Instant::now() + HEARTBEAT_EVERY, HEARTBEAT_EVERY);
            loop {
                ticks.tick().await;
                // A full channel needs no heartbeat.
                if let Err(mpsc::error::TrySendError::Closed(_)) =
                    frames.try_send(Bytes::from_static(b": alive\n\n"))
                {
                    return;
                }
            }
        };
        tokio::select! {
            () = work => {}
            () = heartbeat => {}
            () = frames.closed() => {}
        }
    });
    let body = StreamBody::new(futures_util::stream::unfold(taken, |mut taken| async move {
        let frame = taken.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(Frame::data(frame)), taken))
    }));
    let mut response = Response::new(Body::new(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
