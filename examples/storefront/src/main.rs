//! A small web service to deploy and release, healthy or with a fault: what somebody's own service could look like.
//!
//! Nothing of FactoryWager is in it. `GET /` shows the version, `GET /healthz` says whether it is well. It ends in order on
//! SIGTERM: what is in flight is answered, with `Connection: close`.

mod fault;

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use fault::Fault;

/// Longest time that requests in flight have to end.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(20);
/// Longest time a client may take to send its head.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);
/// Connections at once; more wait.
const CONNECTIONS_MAX: usize = 10_000;

/// What it was told.
struct Shop {
    version: String,
    fault: Fault,
}

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("storefront: {why}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<(), String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let host = variable("HOST").map_or(Ok(Ipv4Addr::LOCALHOST.into()), |host| {
        host.parse::<IpAddr>().map_err(|_| format!("HOST={host} is no IP address"))
    })?;
    let port = variable("PORT")
        .map_or(Ok(8081), |port| port.parse::<u16>().map_err(|_| format!("PORT={port} is no port")))?;
    let version =
        variable("APP_VERSION").or_else(|| variable("FW_VERSION")).unwrap_or_else(|| "1.0.0".into());
    let fault = variable("FAULT").map_or(Ok(Fault::default()), |fault| fault.parse())?;
    let runtime = tokio::runtime::Runtime::new().map_err(|e| format!("can't start: {e}"))?;
    let shop = Arc::new(Shop { version, fault });
    runtime.block_on(serve(SocketAddr::new(host, port), shop))
}

async fn serve(at: SocketAddr, shop: Arc<Shop>) -> Result<(), String> {
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| format!("signals can't be had: {e}"))?;
    let listener = TcpListener::bind(at).await.map_err(|e| format!("can't listen on {at}: {e}"))?;
    println!("storefront {} listens on {at}", shop.version);
    let (stop, stopping) = watch::channel(false);
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            Some(_) = open.join_next() => {}
            accepted = listener.accept(), if open.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => drop(open.spawn(connection(stream, Arc::clone(&shop), stopping.clone()))),
                // Out of descriptors: some come back.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
    drop(listener);
    println!("storefront {} stops; {} connections are open", shop.version, open.len());
    stop.send_replace(true);
    let drained = async { while open.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_TIME_MAX, drained).await.is_err() {
        println!("storefront {} cuts off what is left", shop.version);
    }
    Ok(())
}

/// Serves one connection until its client, or the end of the service, closes it.
async fn connection(stream: TcpStream, shop: Arc<Shop>, mut stopping: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let shop = Arc::clone(&shop);
        async move { Ok::<_, Infallible>(shop.answer(&request).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_MAX);
    let served = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    tokio::select! {
        // A client that broke off is its own affair.
        _ = served.as_mut() => return,
        _ = stopping.wait_for(|stopping| *stopping) => served.as_mut().graceful_shutdown(),
    }
    let _ = served.await;
}

impl Shop {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/healthz") => self.health(),
            (&Method::GET, "/") => {
                tokio::time::sleep(self.fault.latency).await;
                if self.fault.fails() {
                    return text(StatusCode::INTERNAL_SERVER_ERROR, "the till is broken\n".into());
                }
                text(StatusCode::OK, format!("storefront {}\n", self.version))
            }
            (_, "/" | "/healthz") => text(StatusCode::METHOD_NOT_ALLOWED, "only GET is served here\n".into()),
            _ => text(StatusCode::NOT_FOUND, "nothing is sold here\n".into()),
        }
    }

    fn health(&self) -> Response<Full<Bytes>> {
        let (status, word) = match self.fault.unhealthy {
            true => (StatusCode::SERVICE_UNAVAILABLE, "unhealthy"),
            false => (StatusCode::OK, "ok"),
        };
        let version = self.version.replace(['"', '\\'], "").replace(char::is_control, "");
        let mut response = text(status, format!("{{\"status\":\"{word}\",\"version\":\"{version}\"}}\n"));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
