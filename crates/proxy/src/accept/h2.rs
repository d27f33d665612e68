//! Serving HTTP/2: hyper speaks it, and each stream is a request like any other.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::client::Client;
use super::conn::{ConnCtx, Drain};
use super::watched::{Busy, Watched, Wire};
use crate::answer::Own;
use crate::clock::Timer;
use crate::exchange::{Answered, Outcome, exchange};
use crate::h1::{Asked, Buf, Framing};
use crate::observe::{Observation, Refused};
use crate::upstream::{Coding, Fault, Front, NOT_WHOLE, PIECE_BYTES_MAX, headers, write_end, write_piece};

/// Streams a client may have open at once on a connection.
const H2_STREAMS_MAX: u32 = 256;

/// Runs HTTP/2 streams in the worker's own thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalExec;

impl<F: Future + 'static> hyper::rt::Executor<F> for LocalExec {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}

/// Serves a connection to its end.
pub(super) async fn serve(client: Client, ctx: Rc<ConnCtx>) {
    let worker = Rc::clone(&ctx.worker);
    let wire = Wire::new(&worker.deadlines);
    let (stream, first) = client.into_parts();
    let io = Watched::new(stream, first, Rc::clone(&wire), &worker);
    let service_ctx = Rc::clone(&ctx);
    // Boxed: hyper moves the future of a stream about.
    let service = service_fn(move |request| Box::pin(handle(Rc::clone(&service_ctx), wire.enter(), request)));
    let list_max = u32::try_from(worker.settings.limits.header_bytes_max).unwrap_or(u32::MAX);
    let conn = http2::Builder::new(LocalExec)
        .max_concurrent_streams(H2_STREAMS_MAX)
        .max_header_list_size(list_max)
        .serve_connection(TokioIo::new(io), service);
    let mut conn = pin!(conn);
    let (mut drained, mut drain) = (pin!(worker.drained()), Drain::default());
    let ended = std::future::poll_fn(|cx| {
        if drain.begins(&worker, drained.as_mut(), cx) {
            conn.as_mut().graceful_shutdown();
        }
        conn.as_mut().poll(cx)
    })
    .await;
    if let Err(error) = ended {
        tracing::debug!(%error, peer = %ctx.peer, "HTTP/2 connection ended");
    }
}

async fn handle(
    ctx: Rc<ConnCtx>,
    busy: Busy,
    request: Request<Incoming>,
) -> Result<Response<RespBody>, Infallible> {
    let (parts, incoming) = request.into_parts();
    let refuse = |reason, detail| {
        ctx.worker.refused(reason);
        Ok(own(Own::new(reason, detail)))
    };
    if parts.method == Method::CONNECT {
        return refuse(Refused::Method, "CONNECT is not served here");
    }
    let bytes_max = ctx.worker.settings.limits.body_bytes_max;
    if bytes_max > 0 && incoming.size_hint().lower() > bytes_max {
        return refuse(Refused::BodyTooLarge, "the request body is too large");
    }
    let mut asked = asked(&parts, &incoming);
    headers::to_upstream(&mut asked, &ctx, false);
    let mut front = Stream::new(incoming, bytes_max, ctx.worker.settings.timeouts.body_idle, &ctx);
    Ok(match exchange(&ctx, &mut asked, &mut front).await {
        Outcome::Own(answer) => own(answer),
        // Nobody is left to read it.
        Outcome::Gone => own(Own::new(Refused::Framing, "the client has left")),
        Outcome::Answered(answered) => response(*answered, asked, front, &ctx, busy),
    })
}

/// The request as HTTP/1.1 has it.
fn asked(parts: &http::request::Parts, incoming: &Incoming) -> Asked {
    let mut asked = Asked { method: parts.method.clone(), ..Asked::default() };
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    asked.target.extend_from_slice(target.as_bytes());
    if !parts.headers.contains_key(http::header::HOST)
        && let Some(authority) = parts.uri.authority()
    {
        asked.fields.push(b"host", authority.as_str().as_bytes());
    }
    asked.fields.extend(&parts.headers);
    let length = parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    asked.framing = match length {
        _ if incoming.is_end_stream() => Framing::None,
        Some(length) => Framing::Length(length),
        None => Framing::Chunked,
    };
    // A body that could be there and is not (RFC 9110 section 8.6).
    if asked.framing == Framing::None
        && length.is_none()
        && matches!(parts.method, Method::POST | Method::PUT | Method::PATCH)
    {
        asked.fields.push(b"content-length", b"0");
    }
    asked
}

fn own(own: Own) -> Response<RespBody> {
    let fields =
        own.fields().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    let mut response = Response::new(RespBody::Whole(Some(Bytes::from(own.body))));
    *response.status_mut() = own.status;
    response.headers_mut().extend(fields);
    response
}

fn response(
    answered: Answered,
    asked: Asked,
    front: Stream,
    ctx: &Rc<ConnCtx>,
    busy: Busy,
) -> Response<RespBody> {
    let headers = answered.head.fields.to_map();
    // Three digits, so always a status.
    let status = StatusCode::from_u16(answered.head.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let coding = match answered.download.framing() {
        Some(Framing::Chunked) => Coding::Framed(Framing::None),
        _ if !answered.download.is_h1() => Coding::Framed(Framing::None),
        _ => Coding::Raw,
    };
    let body = if answered.download.is_over() {
        RespBody::Whole(None)
    } else {
        let out = Buf::new(&ctx.worker.buffers);
        let mut streamed = Box::new(Streamed {
            answered,
            asked,
            front,
            coding,
            out,
            timer: ctx.worker.deadlines.timer(),
            idle: ctx.worker.settings.timeouts.body_idle,
            _busy: busy,
        });
        // A small body is here already, nearly always.
        streamed.early().unwrap_or(RespBody::Streamed(streamed))
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// The client's side of a stream.
#[derive(Debug)]
struct Stream {
    incoming: Incoming,
    uploaded: bool,
    bytes: u64,
    bytes_max: u64,
    /// What came and was not handed on.
    piece: Bytes,
    timer: Timer,
    timing: bool,
    idle: std::time::Duration,
}

impl Stream {
    fn new(incoming: Incoming, bytes_max: u64, idle: std::time::Duration, ctx: &ConnCtx) -> Stream {
        let (uploaded, timer) = (incoming.is_end_stream(), ctx.worker.deadlines.timer());
        Stream { incoming, uploaded, bytes: 0, bytes_max, piece: Bytes::new(), timer, timing: false, idle }
    }
}

impl Front for Stream {
    fn is_uploaded(&self) -> bool {
        self.uploaded
    }

    fn poll_upload(
        &mut self,
        cx: &mut Context<'_>,
        framing: Framing,
        out: &mut Buf,
        observation: &mut Observation,
    ) -> Poll<Result<(), Fault>> {
        if self.piece.is_empty() && !self.incoming.is_end_stream() {
            let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
                if self.timing && self.timer.fired() {
                    return Poll::Ready(Err(NOT_WHOLE));
                }
                if !self.timing {
                    self.timing = true;
                    self.timer.set(self.idle, cx);
                }
                return Poll::Pending;
            };
            self.timing = false;
            match frame {
                None => {}
                Some(Err(_)) => return Poll::Ready(Err(NOT_WHOLE)),
                // Trailers of a request go no further.
                Some(Ok(frame)) => self.piece = frame.into_data().unwrap_or_default(),
            }
            self.bytes += self.piece.len() as u64;
            if self.bytes_max > 0 && self.bytes > self.bytes_max {
                return Poll::Ready(Err(Fault::TooLarge));
            }
            observation.bytes_in(self.piece.len() as u64);
        }
        let n = self.piece.len().min(PIECE_BYTES_MAX);
        write_piece(framing, &self.piece[..n], out);
        self.piece.advance(n);
        if self.piece.is_empty() && self.incoming.is_end_stream() {
            write_end(framing, b"", out);
            self.uploaded = true;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_gone(&mut self, _: &mut Context<'_>) -> bool {
        // hyper drops the request.
        false
    }
}

/// A response body.
#[derive(Debug)]
pub(crate) enum RespBody {
    /// All of it, or nothing more.
    Whole(Option<Bytes>),
    /// On its way from an upstream.
    Streamed(Box<Streamed>),
}

/// A response body on its way, with what must live as long.
#[derive(Debug)]
pub(crate) struct Streamed {
    answered: Answered,
    asked: Asked,
    front: Stream,
    coding: Coding,
    out: Buf,
    timer: Timer,
    idle: std::time::Duration,
    _busy: Busy,
}

/// The response body can't be passed on; the client sees it cut short.
#[derive(Debug, thiserror::Error)]
#[error("the response body was not received whole")]
pub(crate) struct NotWhole;

impl Streamed {
    /// The body if it came with its head.
    fn early(&mut self) -> Option<RespBody> {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        if self.coding != Coding::Raw || !self.answered.download.has_more() {
            return None;
        }
        let Poll::Ready(Some(Ok(frame))) = self.poll(&mut cx) else { return None };
        let data = frame.into_data().ok()?;
        if self.answered.download.is_over() {
            return Some(RespBody::Whole(Some(data)));
        }
        // To be handed out first.
        self.out.push(&data);
        None
    }

    fn take(&mut self) -> Option<Bytes> {
        let cleared = self.answered.download.cleared();
        if !self.out.is_empty() {
            let bytes = Bytes::copy_from_slice(self.out.data());
            self.out.clear();
            return Some(bytes);
        }
        if cleared.is_empty() {
            return None;
        }
        let bytes = Bytes::copy_from_slice(cleared);
        self.answered.download.consume(bytes.len());
        Some(bytes)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, NotWhole>>> {
        loop {
            if let Some(data) = self.take() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            let Streamed { answered: Answered { download, observation, .. }, asked, front, .. } = self;
            if download.is_over() {
                return Poll::Ready(download.take_trailers().map(|map| Ok(Frame::trailers(map))));
            }
            if !front.is_uploaded() && download.poll_upload(cx, asked, front, observation).is_err() {
                observation.client_gone();
                return Poll::Ready(Some(Err(NotWhole)));
            }
            match download.poll_next(cx, self.coding, front.is_uploaded(), &mut self.out, observation) {
                Poll::Ready(Ok(())) => self.timer.clear(),
                Poll::Ready(Err(_)) => return Poll::Ready(Some(Err(NotWhole))),
                Poll::Pending if self.timer.fired() => {
                    observation.cut_short();
                    return Poll::Ready(Some(Err(NotWhole)));
                }
                Poll::Pending => {
                    self.timer.set(self.idle, cx);
                    return Poll::Pending;
                }
            }
        }
    }
}

impl Body for RespBody {
    type Data = Bytes;
    type Error = NotWhole;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, NotWhole>>> {
        let this = self.get_mut();
        let frame = match this {
            RespBody::Whole(bytes) => return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            RespBody::Streamed(streamed) => ready!(streamed.poll(cx)),
        };
        if frame.is_none() {
            *this = RespBody::Whole(None);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, RespBody::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            RespBody::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            RespBody::Streamed(_) => SizeHint::default(),
        }
    }
}
