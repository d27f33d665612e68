//! Server-sent event streams: a bounded buffer a client, a heartbeat, and an end for slow ones.
//!
//! A pump hands frames to the connection through a small channel. When the client does not read,
//! the channel fills; after [`Limits::stall_max`](super::Limits::stall_max) the pump gives up and the
//! connection is broken off. The client comes back with `Last-Event-ID` and misses nothing; nobody else
//! notices. Frames are shared between clients, so a waiting one costs its channel, not its text.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Limits;

/// Frames that may wait for one client.
const FRAMES_MAX: usize = 32;
/// What a silent stream sends to show that it lives.
const HEARTBEAT: Bytes = Bytes::from_static(b": alive\n\n");

/// Turns true when the server stops: streams end then, and everything else goes on to its end.
#[derive(Debug, Clone)]
pub(super) struct Closing(pub(super) watch::Receiver<bool>);

/// How many streams there are and were; shown in the metrics.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Open now.
    pub(super) open: AtomicU64,
    /// Broken off because the client did not read, so far.
    pub(super) cut: AtomicU64,
}

/// Where a pump puts frames.
pub(super) struct Out {
    frames: mpsc::Sender<Bytes>,
    stall_max: Duration,
    cut: Arc<AtomicBool>,
}

/// The client is gone, or was cut off.
#[derive(Debug)]
pub(super) struct Gone;

impl Out {
    /// Hands a frame over; waits until the client is cut off for being slow.
    pub(super) async fn send(&self, frame: Bytes) -> Result<(), Gone> {
        match tokio::time::timeout(self.stall_max, self.frames.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Gone),
            Err(_) => {
                self.cut.store(true, Ordering::Release);
                Err(Gone)
            }
        }
    }
}

/// Counts a stream for as long as it lives.
struct Counted(Arc<Counters>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a stream is opened with.
pub(super) struct Opening {
    /// When to send heartbeats and when to give up.
    pub(super) limits: Limits,
    /// Where it is counted.
    pub(super) counters: Arc<Counters>,
    /// When the server stops; none where it is not told.
    pub(super) closing: Option<Closing>,
}

/// A stream answer; `pump` runs until it returns, the client is gone, or the server stops.
pub(super) fn stream<F>(opening: Opening, pump: impl FnOnce(Out) -> F) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let Opening { limits, counters, closing } = opening;
    let (frames, taken) = mpsc::channel(FRAMES_MAX);
    let cut = Arc::new(AtomicBool::new(false));
    let work = pump(Out { frames: frames.clone(), stall_max: limits.stall_max, cut: cut.clone() });
    counters.open.fetch_add(1, Ordering::Relaxed);
    let counted = Counted(counters);
    let was_cut = cut.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = work => {}
            () = heartbeat(&frames, limits.heartbeat_every) => {}
            () = frames.closed() => {}
            () = closed(closing) => {}
        }
        if was_cut.load(Ordering::Acquire) {
            counted.0.cut.fetch_add(1, Ordering::Relaxed);
        }
    });
    let mut response = Response::new(body(taken, cut));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// The frames as a body; broken off rather than ended when the client was cut off.
fn body(taken: mpsc::Receiver<Bytes>, cut: Arc<AtomicBool>) -> Body {
    Body::new(StreamBody::new(futures_util::stream::unfold((taken, cut), |(mut taken, cut)| async move {
        let frame = taken.recv().await;
        if cut.load(Ordering::Acquire) {
            return Some((Err(io::Error::from(io::ErrorKind::TimedOut)), (taken, cut)));
        }
        Some((Ok(Frame::data(frame?)), (taken, cut)))
    })))
}

/// Ends only when the client is gone.
async fn heartbeat(frames: &mpsc::Sender<Bytes>, every: Duration) {
    let mut ticks = tokio::time::interval_at(Instant::now() + every, every);
    loop {
        ticks.tick().await;
        // A full channel needs no heartbeat.
        if let Err(TrySendError::Closed(_)) = frames.try_send(HEARTBEAT) {
            return;
        }
    }
}

async fn closed(closing: Option<Closing>) {
    match closing {
        // A sender that is gone has stopped serving too.
        Some(Closing(mut told)) => drop(told.wait_for(|closing| *closing).await),
        None => std::future::pending().await,
    }
}
