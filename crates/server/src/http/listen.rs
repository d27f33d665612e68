//! Serving the router: HTTP/1.1 and h2c, bounded in connections, heads and stalls, with a graceful end.
//!
//! Every connection may take only so long to bring its first request, so that one that says nothing, or
//! stops in the middle of a head, holds its place for seconds and not for ever. What is written must be
//! read (`socket.rs`). At the end, streams are told to end, requests under way are waited for, and then
//! whatever is left is dropped.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::{Extension, Router};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::Limits;
use super::socket::Socket;
use super::sse::Closing;

/// Longest request head, bytes; beyond is 431.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Requests at once on one HTTP/2 connection.
const H2_STREAMS_MAX: u32 = 64;
/// How often an HTTP/2 connection is asked whether it lives, and how long it may take to say so.
const H2_PING_EVERY: Duration = Duration::from_secs(20);
/// How long requests under way may take once told to stop; streams are ended at once.
const GRACE: Duration = Duration::from_secs(2);
/// Pause after a failed accept (out of file descriptors), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `shutdown` resolves, then lets requests under way end.
///
/// # Errors
/// None at present: failed accepts are logged and tried again.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    serve_with(listener, router, Limits::default(), shutdown).await
}

/// As [`serve`], with other limits.
///
/// # Errors
/// As [`serve`].
pub async fn serve_with(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (close, closing) = watch::channel(false);
    let router = router.layer(Extension(Closing(closing)));
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let graceful = GracefulShutdown::new();
    let server = server(limits);
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let accepting = async {
            // Closed never: the semaphore lives as long as this loop.
            let place = places.clone().acquire_owned().await;
            (place, accept(&listener).await)
        };
        let (place, stream) = tokio::select! {
            accepted = accepting => accepted,
            () = &mut shutdown => break,
        };
        while connections.try_join_next().is_some() {}
        let connection = connection(stream, &server, router.clone(), limits, graceful.watcher());
        connections.spawn(async move {
            connection.await;
            drop(place);
        });
    }
    drop(listener);
    close.send_replace(true);
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    connections.shutdown().await;
    Ok(())
}

fn server(limits: Limits) -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_within)
        .max_buf_size(HEAD_BYTES_MAX);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .max_concurrent_streams(H2_STREAMS_MAX)
        .keep_alive_interval(H2_PING_EVERY)
        .keep_alive_timeout(H2_PING_EVERY);
    server
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(target: "fw_server", %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One connection to its end. How a client ends it is its own business.
fn connection(
    stream: TcpStream,
    server: &auto::Builder<TokioExecutor>,
    router: Router,
    limits: Limits,
    watcher: Watcher,
) -> impl Future<Output = ()> + Send + use<> {
    let asked = Arc::new(AtomicBool::new(false));
    let (routes, told) = (TowerToHyperService::new(router), asked.clone());
    let service = service_fn(move |request| {
        told.store(true, Ordering::Relaxed);
        routes.call(request)
    });
    let socket = TokioIo::new(Socket::new(stream, limits.stall_max));
    let served = watcher.watch(server.serve_connection(socket, service).into_owned());
    async move {
        let mut served = std::pin::pin!(served);
        tokio::select! {
            _ = &mut served => return,
            () = tokio::time::sleep(limits.head_within) => {}
        }
        if asked.load(Ordering::Relaxed) {
            let _ = served.await;
        }
    }
}
