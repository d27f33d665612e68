//! One client connection from its first byte to its last.
//!
//! TLS, then HTTP/1.1 or HTTP/2, then perhaps a tunnel. The connection's task drives everything its
//! requests need, upstream connections included.

use std::cell::RefCell;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Context;
use std::time::Duration;

use http::HeaderValue;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::guard::{Guard, Protocol, Wire};
use super::stream::Stream;
use crate::handle::handle;
use crate::upstream::{Tunnel, splice};
use crate::worker::Worker;

/// How long, and how much, is read after a refusal so that the client can read the answer.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 1 << 20;
/// Streams a client may have open at once on an HTTP/2 connection.
const H2_STREAMS_MAX: u32 = 256;

/// What requests of one connection share.
#[derive(Debug)]
pub(crate) struct ConnCtx {
    pub(crate) worker: Rc<Worker>,
    pub(crate) peer: SocketAddr,
    /// The peer's address as it goes into `X-Forwarded-For`.
    pub(crate) peer_text: HeaderValue,
    pub(crate) tls: bool,
    pub(crate) wire: Rc<Wire>,
    /// The upstream's end, once a request was answered with 101.
    pub(crate) tunnel: RefCell<Option<Tunnel>>,
}

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
pub(crate) async fn serve(worker: Rc<Worker>, tcp: TcpStream, peer: SocketAddr) {
    // A connection that is gone already shows at the first read.
    let _ = tcp.set_nodelay(true);
    let wire = Wire::new(&worker.deadlines);
    let opened = tokio::select! {
        biased;
        opened = open(&worker, &wire, tcp) => opened,
        // Nothing was asked yet, so nothing is left unanswered.
        () = worker.drained() => None,
    };
    let Some((mut guard, protocol)) = opened else { return };
    let tls = worker.tls_server.is_some();
    // An address is ASCII without control characters.
    let Ok(peer_text) = HeaderValue::from_str(&peer.ip().to_canonical().to_string()) else { return };
    let ctx = Rc::new(ConnCtx { worker, peer, peer_text, tls, wire, tunnel: RefCell::default() });
    match protocol {
        Protocol::Http1 => http1(guard, ctx).await,
        Protocol::Http2 => {
            guard.pass_all();
            http2(guard, ctx).await;
        }
    }
}

/// TLS, where it is served, and the protocol: agreed on by ALPN or told by the first bytes.
async fn open(worker: &Rc<Worker>, wire: &Rc<Wire>, tcp: TcpStream) -> Option<(Guard, Protocol)> {
    let Some(acceptor) = worker.tls_server.clone() else {
        let mut guard = Guard::new(Stream::Tcp(tcp), Rc::clone(wire), worker);
        let protocol = std::future::poll_fn(|cx| guard.poll_protocol(cx)).await?;
        return Some((guard, protocol));
    };
    let timeout = worker.settings.timeouts.header_read.max(Duration::from_secs(1));
    let stream = tokio::time::timeout(timeout, acceptor.accept(tcp)).await.ok()?.ok()?;
    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let guard = Guard::new(Stream::Tls(Box::new(stream.into())), Rc::clone(wire), worker);
    Some((guard, if h2 { Protocol::Http2 } else { Protocol::Http1 }))
}

async fn http1(guard: Guard, ctx: Rc<ConnCtx>) {
    let worker = Rc::clone(&ctx.worker);
    let service_ctx = Rc::clone(&ctx);
    let service = service_fn(move |request| handle(Rc::clone(&service_ctx), request));
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None);
    if worker.settings.limits.header_count_max > 100 {
        builder.max_headers(worker.settings.limits.header_count_max);
    }
    let mut conn = builder.serve_connection(TokioIo::new(guard), service);
    let ended = {
        let (mut drained, mut drain) = (pin!(worker.drained()), Drain::default());
        std::future::poll_fn(|cx| {
            if drain.begins(&worker, drained.as_mut(), cx) {
                Pin::new(&mut conn).graceful_shutdown();
            }
            Pin::new(&mut conn).poll(cx)
        })
        .await
    };
    if let Err(error) = ended {
        tracing::debug!(%error, peer = %ctx.peer, "connection ended");
        return;
    }
    let tunnel = ctx.tunnel.take();
    if tunnel.is_none() && !ctx.wire.lingers() {
        return;
    }
    let parts = conn.into_parts();
    let (stream, held) = parts.io.into_inner().into_stream();
    match tunnel {
        Some(tunnel) => {
            let mut early = parts.read_buf.to_vec();
            early.extend_from_slice(&held);
            splice(stream, early, tunnel, worker.settings.timeouts.upgrade_idle, &worker).await;
        }
        None => linger(stream).await,
    }
}

/// Whether a connection was told of the end. Asked at every poll, so it looks at the worker's flag only.
#[derive(Default)]
struct Drain {
    asked: bool,
    begun: bool,
}

impl Drain {
    /// True once, when the worker begins to drain. `drained` sees to the waking.
    fn begins(
        &mut self,
        worker: &Worker,
        drained: Pin<&mut impl Future<Output = ()>>,
        cx: &mut Context<'_>,
    ) -> bool {
        if self.begun || (self.asked && !worker.is_draining()) {
            return false;
        }
        self.asked = true;
        self.begun = drained.poll(cx).is_ready();
        self.begun
    }
}

/// Reads on for a moment: closing with bytes unread would reset the connection under the answer.
/// Source: RFC 9112 section 9.6.
async fn linger(mut stream: Stream) {
    let drain = async {
        let mut buf = [0_u8; 4096];
        let mut total = 0;
        while total < LINGER_BYTES_MAX {
            match stream.read(&mut buf).await {
                Ok(n) if n > 0 => total += n,
                _ => break,
            }
        }
    };
    // Over time or not, the connection is closed next.
    let _ = tokio::time::timeout(LINGER, drain).await;
}

async fn http2(guard: Guard, ctx: Rc<ConnCtx>) {
    let worker = Rc::clone(&ctx.worker);
    let service_ctx = Rc::clone(&ctx);
    let service = service_fn(move |request| handle(Rc::clone(&service_ctx), request));
    let list_max = u32::try_from(worker.settings.limits.header_bytes_max).unwrap_or(u32::MAX);
    let conn = http2::Builder::new(LocalExec)
        .max_concurrent_streams(H2_STREAMS_MAX)
        .max_header_list_size(list_max)
        .serve_connection(TokioIo::new(guard), service);
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
