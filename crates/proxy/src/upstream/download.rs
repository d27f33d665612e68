//! A response body on its way: read from whichever version of HTTP the upstream speaks, counted, never stored.
//!
//! Whoever reads it drives the connection it comes from. When it ends, the connection goes back to its
//! pool, even while the last bytes still wait for a slow client.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use fw_plane::net::Stream;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Body as _;
use hyper::body::Incoming;

use super::h2::Feeder;
use super::{Conn, Front, SendFailure, grpc_status, write_end, write_piece};
use crate::h1::{Asked, Body, Buf, Framing};
use crate::observe::Observation;
use crate::worker::Worker;

/// The body was cut short by the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut;

/// A response body under way.
#[derive(Debug)]
pub(crate) struct Download {
    source: Source,
    /// The upstream's connection is not to be used again.
    pub(crate) closes: bool,
    /// The trailer section, once it came; never set where it is passed on as it stands.
    trailers: Option<HeaderMap>,
}

#[derive(Debug)]
enum Source {
    H1(Box<H1>),
    H2(Box<H2>),
}

#[derive(Debug)]
struct H1 {
    /// None once the body is over.
    conn: Option<Conn>,
    held: Buf,
    /// Of `held`, bytes of the body to be passed on as they stand.
    clear: usize,
    body: Body,
    trailer_lines: Vec<u8>,
}

#[derive(Debug)]
struct H2 {
    incoming: Incoming,
    feeder: Option<Feeder>,
    worker: Rc<Worker>,
    over: bool,
}

/// How a body is to be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// As it comes, its framing included; where the upstream speaks HTTP/1.1.
    Raw,
    /// In this framing.
    Framed(Framing),
}

impl Download {
    pub(super) fn h1(mut conn: Conn, body: Body) -> Download {
        let held = conn.take_held();
        let h1 = H1 { conn: Some(conn), held, clear: 0, body, trailer_lines: Vec::new() };
        Download { source: Source::H1(Box::new(h1)), closes: false, trailers: None }
    }

    pub(super) fn h2(incoming: Incoming, feeder: Option<Feeder>, worker: &Rc<Worker>) -> Download {
        let over = incoming.is_end_stream();
        let h2 = H2 { incoming, feeder, worker: Rc::clone(worker), over };
        Download { source: Source::H2(Box::new(h2)), closes: false, trailers: None }
    }

    /// How the body is framed in HTTP/1.1; none where that must be decided by who passes it on.
    pub(crate) fn framing(&self) -> Option<Framing> {
        match &self.source {
            Source::H2(h2) => h2.over.then_some(Framing::None),
            Source::H1(h1) => match h1.body {
                Body::Over => Some(Framing::None),
                Body::Length(n) => Some(Framing::Length(n)),
                Body::Chunked { .. } => Some(Framing::Chunked),
                Body::UntilClose => None,
            },
        }
    }

    /// Whether it can be passed on as it stands.
    pub(crate) fn is_h1(&self) -> bool {
        matches!(self.source, Source::H1(_))
    }

    /// Whether all of it was read.
    pub(crate) fn is_over(&self) -> bool {
        match &self.source {
            Source::H1(h1) => h1.body.is_over(),
            Source::H2(h2) => h2.over,
        }
    }

    /// Bytes to be passed on as they stand.
    pub(crate) fn cleared(&self) -> &[u8] {
        match &self.source {
            Source::H1(h1) => &h1.held.data()[..h1.clear],
            Source::H2(_) => &[],
        }
    }

    /// Whether bytes were read that are not looked at yet.
    pub(crate) fn has_more(&self) -> bool {
        matches!(&self.source, Source::H1(h1) if !h1.body.is_over() && h1.held.len() > h1.clear)
    }

    /// So many of [`Self::cleared`] were passed on.
    pub(crate) fn consume(&mut self, n: usize) {
        if let Source::H1(h1) = &mut self.source {
            h1.clear -= n;
            h1.held.consume(n);
        }
    }

    /// The trailer section of a body that is over.
    pub(crate) fn take_trailers(&mut self) -> Option<HeaderMap> {
        self.trailers.take()
    }

    /// Moves an upload on that goes on beside the response.
    ///
    /// # Errors
    /// The client's fault.
    pub(crate) fn poll_upload(
        &mut self,
        cx: &mut Context<'_>,
        asked: &Asked,
        front: &mut impl Front,
        observation: &mut Observation,
    ) -> Result<(), SendFailure> {
        match &mut self.source {
            Source::H1(h1) => match &mut h1.conn {
                Some(conn) => conn.poll_upload(cx, asked, front, observation),
                None => Ok(()),
            },
            Source::H2(h2) => match &h2.feeder {
                Some(feeder) => {
                    feeder.poll_upload(cx, front, observation, &h2.worker).map_err(SendFailure::Fault)
                }
                None => Ok(()),
            },
        }
    }

    /// Reads on: bytes go to [`Self::cleared`] or, framed anew, to `out`. `uploaded` says that the request is whole.
    ///
    /// # Errors
    /// [`Cut`], counted already.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        coding: Coding,
        uploaded: bool,
        out: &mut Buf,
        observation: &mut Observation,
    ) -> Poll<Result<(), Cut>> {
        let polled = match &mut self.source {
            Source::H1(h1) => h1.poll_next(cx, coding, out, observation),
            Source::H2(h2) => h2.poll_next(cx, coding, out, observation, &mut self.trailers),
        };
        if let Err(cut) = ready!(polled) {
            observation.cut_short();
            return Poll::Ready(Err(cut));
        }
        if self.is_over() {
            observation.done();
            self.finish(uploaded);
        }
        Poll::Ready(Ok(()))
    }

    /// Lets go of the connection of a body that is over.
    pub(crate) fn finish(&mut self, uploaded: bool) {
        let Source::H1(h1) = &mut self.source else { return };
        let trailers = trailers(&std::mem::take(&mut h1.trailer_lines));
        if !trailers.is_empty() {
            self.trailers = Some(trailers);
        }
        if let Some(conn) = h1.conn.take()
            && uploaded
            && !self.closes
            && h1.held.len() == h1.clear
        {
            conn.give_back();
        }
    }

    /// The upstream's stream and what came early, after a 101.
    pub(crate) fn into_tunnel(self) -> Option<(Stream, Buf)> {
        let Source::H1(mut h1) = self.source else { return None };
        let (stream, _) = h1.conn.take()?.into_stream();
        Some((stream, h1.held))
    }
}

impl H1 {
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        coding: Coding,
        out: &mut Buf,
        observation: &Observation,
    ) -> Poll<Result<(), Cut>> {
        if self.held.len() == self.clear {
            let Some(conn) = &mut self.conn else { return Poll::Ready(Err(Cut)) };
            match ready!(conn.poll_fill(cx, &mut self.held)) {
                Ok(n) if n > 0 => {}
                Ok(_) if self.body == Body::UntilClose => {
                    self.body = Body::Over;
                    if let Coding::Framed(framing) = coding {
                        write_end(framing, b"", out);
                    }
                    return Poll::Ready(Ok(()));
                }
                _ => return Poll::Ready(Err(Cut)),
            }
        }
        let done = match coding {
            Coding::Raw => self.clear_more(observation),
            Coding::Framed(framing) => self.reframe(framing, out, observation),
        };
        Poll::Ready(done.map_err(|broken| {
            tracing::debug!(what = broken.0, "an upstream's body is broken");
            Cut
        }))
    }

    fn clear_more(&mut self, observation: &Observation) -> Result<(), crate::h1::Broken> {
        let (taken, data) = self.body.follow(&self.held.data()[self.clear..])?;
        self.clear += taken;
        observation.bytes_out(data as u64);
        Ok(())
    }

    fn reframe(
        &mut self,
        framing: Framing,
        out: &mut Buf,
        observation: &Observation,
    ) -> Result<(), crate::h1::Broken> {
        while !self.held.is_empty() && !self.body.is_over() {
            let bytes = self.held.data();
            let step = self.body.step(bytes)?;
            self.trailer_lines.extend_from_slice(&bytes[step.framing - step.trailers..step.framing]);
            write_piece(framing, &bytes[step.framing..step.framing + step.data], out);
            observation.bytes_out(step.data as u64);
            self.held.consume(step.framing + step.data);
        }
        if self.body.is_over() && framing == Framing::Chunked {
            write_end(framing, &std::mem::take(&mut self.trailer_lines), out);
        }
        Ok(())
    }
}

impl H2 {
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        coding: Coding,
        out: &mut Buf,
        observation: &mut Observation,
        trailers: &mut Option<HeaderMap>,
    ) -> Poll<Result<(), Cut>> {
        let framing = match coding {
            Coding::Framed(framing) => framing,
            Coding::Raw => Framing::None,
        };
        match ready!(Pin::new(&mut self.incoming).poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    observation.bytes_out(data.len() as u64);
                    write_piece(framing, &data, out);
                }
                Err(frame) => {
                    if let Ok(map) = frame.into_trailers() {
                        if observation.is_grpc()
                            && let Some(code) = grpc_status(&map)
                        {
                            observation.grpc_trailer(code);
                        }
                        *trailers = Some(map);
                    }
                }
            },
            Some(Err(_)) => return Poll::Ready(Err(Cut)),
            None => self.over = true,
        }
        if !self.over && self.incoming.is_end_stream() {
            self.over = true;
        }
        if self.over {
            write_end(framing, &lines(trailers.as_ref()), out);
        }
        Poll::Ready(Ok(()))
    }
}

/// A trailer section as lines, the empty one behind them included; nothing where there is none.
fn lines(trailers: Option<&HeaderMap>) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, value) in trailers.into_iter().flatten() {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            lines.extend_from_slice(part);
        }
    }
    if !lines.is_empty() {
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

/// The other way round. The lines were checked as they came in.
fn trailers(lines: &[u8]) -> HeaderMap {
    let fields = lines.split(|&b| b == b'\n').filter_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        let value = line[colon + 1..].trim_ascii();
        Some((HeaderName::from_bytes(&line[..colon]).ok()?, HeaderValue::from_bytes(value).ok()?))
    });
    fields.fold(HeaderMap::new(), |mut map, (name, value)| {
        map.append(name, value);
        map
    })
}
