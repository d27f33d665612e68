//! A version of the demo's shop: an HTTP service on a free port, with a fault if one is asked for.
//!
//! It is a plain service that knows nothing of rollouts. Its fault is spread evenly: at 20 % every
//! fifth request fails.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::args::Fault;

/// Names the version in every answer.
pub(super) const VERSION_HEADER: &str = "x-shop-version";

struct Shop {
    version: &'static str,
    fault: Fault,
    served: AtomicU64,
}

/// Starts a version; it runs as long as the process.
///
/// # Errors
/// No port can be had.
pub(super) async fn start(version: &'static str, fault: Fault) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let addr = listener.local_addr()?;
    let shop = Arc::new(Shop { version, fault, served: AtomicU64::new(0) });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, shop.clone()));
        }
    });
    Ok(addr)
}

async fn serve(stream: TcpStream, shop: Arc<Shop>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let shop = shop.clone();
        async move { Ok::<_, Infallible>(shop.answer(&request).await) }
    });
    // A client that goes away is no business of a shop.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

impl Shop {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let n = self.served.fetch_add(1, Ordering::Relaxed);
        let failed = match self.fault {
            Fault::None => false,
            Fault::ErrorRate(percent) => {
                let share = percent / 100.0;
                ((n + 1) as f64 * share).floor() > (n as f64 * share).floor()
            }
            Fault::Latency(more) => {
                tokio::time::sleep(more).await;
                false
            }
        };
        let (status, body) = if failed {
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("{{\"error\":\"out of stock keeping units\",\"version\":\"{}\"}}\n", self.version),
            )
        } else {
            (
                StatusCode::OK,
                format!("{{\"path\":\"{}\",\"version\":\"{}\"}}\n", request.uri().path(), self.version),
            )
        };
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        headers.insert(VERSION_HEADER, http::HeaderValue::from_static(self.version));
        response
    }
}
