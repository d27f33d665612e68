//! One HTTP/2 connection to an upstream (prior knowledge), shared by the worker's requests.
//!
//! Streams share the connection, so it has a task of its own. A request counts as sent once the
//! connection wrote something after taking it.

use std::cell::Cell;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri, header};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;

use super::h1::{Patience, UpstreamIo};
use super::{ReqBody, SendFailure};
use crate::accept::{LocalExec, Stream};
use crate::observe::Observation;
use crate::worker::Worker;

/// A handle on the connection.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    sender: http2::SendRequest<ReqBody>,
    written: Rc<Cell<u64>>,
}

impl Shared {
    pub(super) async fn open(stream: Stream) -> io::Result<Shared> {
        let (io, written) = UpstreamIo::new(stream);
        let (sender, driver) =
            http2::Builder::new(LocalExec).handshake(TokioIo::new(io)).await.map_err(io::Error::other)?;
        tokio::task::spawn_local(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "an HTTP/2 upstream connection ended");
            }
        });
        Ok(Shared { sender, written })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    pub(super) async fn send(
        mut self,
        mut request: Request<ReqBody>,
        observation: &mut Observation,
        worker: &Rc<Worker>,
    ) -> Result<Response<Incoming>, SendFailure> {
        let patience = Patience::new(request.body(), worker);
        if self.sender.ready().await.is_err() {
            return Err(SendFailure::NotSent(Box::new(request)));
        }
        let host = to_h2(&mut request);
        let before = self.written.get();
        let mut answer = pin!(self.sender.try_send_request(request));
        std::future::poll_fn(|cx| {
            let answer = answer.as_mut().poll(cx);
            if observation.is_unsent() && self.written.get() != before {
                observation.sent();
            }
            match answer {
                Poll::Ready(Ok(response)) => Poll::Ready(Ok(response)),
                Poll::Ready(Err(mut error)) => Poll::Ready(Err(match error.take_message() {
                    Some(mut request) => {
                        from_h2(&mut request, host.clone());
                        SendFailure::NotSent(Box::new(request))
                    }
                    None => SendFailure::Closed,
                })),
                Poll::Pending => patience.check(self.written.get(), cx).map(|()| Err(SendFailure::Timeout)),
            }
        })
        .await
    }
}

/// HTTP/2 names the host in `:authority` (RFC 9113 section 8.3.1). The Host field that was taken out.
fn to_h2(request: &mut Request<ReqBody>) -> Option<HeaderValue> {
    let host = request.headers_mut().remove(header::HOST)?;
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let uri = Uri::builder().scheme(Scheme::HTTP).authority(host.as_bytes()).path_and_query(path).build();
    if let Ok(uri) = uri {
        *request.uri_mut() = uri;
    }
    *request.version_mut() = http::Version::HTTP_2;
    Some(host)
}

/// Undoes [`to_h2`]: the request may go to another upstream.
fn from_h2(request: &mut Request<ReqBody>, host: Option<HeaderValue>) {
    if let Some(host) = host {
        request.headers_mut().insert(header::HOST, host);
    }
    if let Some(path) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = Uri::from(path);
    }
    *request.version_mut() = http::Version::HTTP_11;
}
