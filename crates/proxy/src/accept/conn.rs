//! One client connection from its first byte to its last.
//!
//! TLS, then HTTP/1.1 or HTTP/2, then perhaps a tunnel. The connection's task drives everything its
//! requests need, upstream connections included.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::time::Duration;

use fw_plane::net::Stream;
use http::HeaderValue;
use tokio::net::TcpStream;

use super::client::{Client, Protocol};
use super::{h1, h2};
use crate::worker::Worker;

/// What requests of one connection share.
#[derive(Debug)]
pub(crate) struct ConnCtx {
    pub(crate) worker: Rc<Worker>,
    pub(crate) peer: SocketAddr,
    /// The peer's address as it goes into `X-Forwarded-For`.
    pub(crate) peer_text: HeaderValue,
    pub(crate) tls: bool,
    /// The client speaks HTTP/2.
    pub(crate) h2: bool,
}

/// Serves a connection to its end.
pub(crate) async fn serve(worker: Rc<Worker>, tcp: TcpStream, peer: SocketAddr) {
    // A connection that is gone already shows at the first read.
    let _ = tcp.set_nodelay(true);
    let opened = tokio::select! {
        biased;
        opened = open(&worker, tcp) => opened,
        // Nothing was asked yet, so nothing is left unanswered.
        () = worker.drained() => None,
    };
    let Some((client, protocol)) = opened else { return };
    let tls = worker.tls_server.is_some();
    // An address is ASCII without control characters.
    let Ok(peer_text) = HeaderValue::from_str(&peer.ip().to_canonical().to_string()) else { return };
    let h2 = protocol == Protocol::Http2;
    let ctx = Rc::new(ConnCtx { worker, peer, peer_text, tls, h2 });
    match protocol {
        Protocol::Http1 => h1::serve(client, ctx).await,
        // Boxed, so that a connection of HTTP/1.1 does not take the room of the other.
        Protocol::Http2 => Box::pin(h2::serve(client, ctx)).await,
    }
}

/// TLS, where it is served, and the protocol: agreed on by ALPN or told by the first bytes.
async fn open(worker: &Rc<Worker>, tcp: TcpStream) -> Option<(Client, Protocol)> {
    let Some(acceptor) = worker.tls_server.clone() else {
        let mut client = Client::new(Stream::Tcp(tcp), worker);
        let protocol = std::future::poll_fn(|cx| client.poll_protocol(cx)).await?;
        return Some((client, protocol));
    };
    let timeout = worker.settings.timeouts.header_read.max(Duration::from_secs(1));
    let stream = Box::pin(tokio::time::timeout(timeout, acceptor.accept(tcp))).await.ok()?.ok()?;
    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let client = Client::new(Stream::Tls(Box::new(stream.into())), worker);
    Some((client, if h2 { Protocol::Http2 } else { Protocol::Http1 }))
}

/// Whether a connection was told of the end. Asked at every poll, so it looks at the worker's flag only.
#[derive(Default)]
pub(super) struct Drain {
    asked: bool,
    begun: bool,
}

impl Drain {
    /// True once, when the worker begins to drain. `drained` sees to the waking.
    pub(super) fn begins(
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

    /// True from then on.
    pub(super) fn has_begun(
        &mut self,
        worker: &Worker,
        drained: Pin<&mut impl Future<Output = ()>>,
        cx: &mut Context<'_>,
    ) -> bool {
        self.begins(worker, drained, cx);
        self.begun
    }
}
