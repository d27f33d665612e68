//! HTTP/2 and TLS, in and out, and gRPC's own statuses.

use std::sync::Arc;

use fw_model::Variant;
use fw_proxy::{Proxy, ProxySettings, TlsSettings};
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use crate::support::*;

async fn h2_client(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> http2::SendRequest<Body> {
    let (sender, driver) = http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
    tokio::spawn(driver);
    sender
}

fn h2_get(path: &str) -> Request<Body> {
    Request::get(format!("http://shop.test{path}")).body(empty()).unwrap()
}

/// Tells the version it was asked in, the host and the cookies.
async fn telling() -> Server {
    Server::start(|request| async move {
        let header = |name: &str| request.headers().get(name).map_or("", |v| v.to_str().unwrap()).to_owned();
        let host = match request.version() {
            Version::HTTP_2 => request.uri().authority().unwrap().to_string(),
            _ => header("host"),
        };
        let text =
            format!("{:?} {host} {} {}", request.version(), header("cookie"), header("x-forwarded-proto"));
        Response::new(full(text))
    })
    .await
}

#[tokio::test]
async fn http_2_comes_in_with_prior_knowledge() {
    let server = telling().await;
    let proxy = proxy(split(&server.url(), &server.url(), 0)).await;
    let mut client = h2_client(TcpStream::connect(proxy.local_addr()).await.unwrap()).await;
    let mut answers = Vec::new();
    for _ in 0..100 {
        client.ready().await.unwrap();
        let mut request = h2_get("/");
        request.headers_mut().append("cookie", HeaderValue::from_static("a=1"));
        request.headers_mut().append("cookie", HeaderValue::from_static("b=2"));
        answers.push(client.send_request(request));
    }
    for answer in answers {
        let answer = in_time("an answer", async { read(answer.await.unwrap()).await.unwrap() }).await;
        assert_eq!(answer.text(), "HTTP/1.1 shop.test a=1; b=2 http");
    }
    assert_eq!(counts(&proxy, Variant::Stable), (100, 0, 0));
}

#[tokio::test]
async fn http_2_goes_out_to_h2c_upstreams() {
    let server = telling().await;
    let url = format!("h2c://{}", server.addr);
    let proxy = proxy(split(&url, &url, 100_000)).await;
    let mut client = Client::connect(proxy.local_addr()).await;
    for _ in 0..10 {
        assert_eq!(client.get("/", &[]).await.text(), "HTTP/2.0 shop.test  http");
    }
    let body = full(vec![b'x'; 100_000]);
    let answer = client.ask(Request::post("/").header("host", "a").body(body).unwrap()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(counts(&proxy, Variant::Canary), (11, 0, 0));
    assert!(proxy.stats().upstream_connects <= 2, "one connection a worker");
    proxy.apply(moved(&split(&url, &url, 0), 0));
    until("confirmation", || proxy.report().confirmed_epoch == 2).await;
}

#[tokio::test]
async fn an_h2c_upstream_that_is_gone_is_connected_to_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    // The first connection ends after its handshake; later ones serve.
    tokio::spawn(async move {
        let mut first = true;
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if std::mem::take(&mut first) {
                let _ = h2::server::handshake(stream).await;
                continue;
            }
            let service = hyper::service::service_fn(|_| async {
                Ok::<_, std::convert::Infallible>(Response::new(full("ok")))
            });
            let conn = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(conn.serve_connection(TokioIo::new(stream), service));
        }
    });
    let url = format!("h2c://{addr}");
    let proxy = proxy(split(&url, &url, 0)).await;
    let mut client = Client::connect(proxy.local_addr()).await;
    let began = std::time::Instant::now();
    while client.get("/", &[]).await.status != 200 {
        assert!(began.elapsed() < DEADLINE);
    }
}

async fn grpc(status: &'static str, in_trailers: bool) -> Server {
    Server::start(move |_| async move {
        let trailers =
            HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static(status))]);
        let mut response = Response::builder().header("content-type", "application/grpc");
        if !in_trailers {
            response = response.header("grpc-status", status);
        }
        let mut frames = vec![Ok(Frame::data("message".into()))];
        frames.extend(in_trailers.then(|| Ok(Frame::trailers(trailers))));
        response.body(StreamBody::new(futures_util::stream::iter(frames)).boxed()).unwrap()
    })
    .await
}

#[tokio::test]
async fn grpc_statuses_count_by_the_rule() {
    for (status, in_trailers, error) in [("0", true, 0), ("14", true, 1), ("13", false, 1), ("5", true, 0)] {
        let server = grpc(status, in_trailers).await;
        let url = format!("h2c://{}", server.addr);
        let proxy = proxy(split(&url, &url, 0)).await;
        let mut client = h2_client(TcpStream::connect(proxy.local_addr()).await.unwrap()).await;
        let answer =
            in_time("an answer", async { read(client.send_request(h2_get("/")).await.unwrap()).await }).await;
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.text()), (200, "message"));
        let carried = if in_trailers { answer.trailers.unwrap() } else { answer.headers };
        assert_eq!(carried["grpc-status"], status);
        assert_eq!(counts(&proxy, Variant::Stable), (1, error, 0), "{status}");
    }
}

struct Certificates {
    dir: tempfile::TempDir,
    cert: CertificateDer<'static>,
}

impl Certificates {
    fn new() -> Certificates {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(dir.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        Certificates { cert: made.cert.der().clone(), dir }
    }

    fn settings(&self) -> TlsSettings {
        TlsSettings { cert: self.dir.path().join("cert.pem"), key: self.dir.path().join("key.pem") }
    }

    fn provider() -> Arc<rustls::crypto::CryptoProvider> {
        Arc::new(rustls::crypto::ring::default_provider())
    }

    async fn connect(
        &self,
        addr: std::net::SocketAddr,
        alpn: &[u8],
    ) -> tokio_rustls::client::TlsStream<TcpStream> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.cert.clone()).unwrap();
        let mut config = rustls::ClientConfig::builder_with_provider(Self::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        let tcp = TcpStream::connect(addr).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap()
    }
}

#[tokio::test]
async fn tls_comes_in_as_http_1_and_2() {
    let certificates = Certificates::new();
    let server = telling().await;
    let mut split = split(&server.url(), &server.url(), 0);
    split.stickiness = fw_model::split::Stickiness::Cookie("k".into());
    let settings = ProxySettings { tls: Some(certificates.settings()), ..settings() };
    let proxy = Proxy::start(settings, split).await.unwrap();
    let stream = certificates.connect(proxy.local_addr(), b"h2").await;
    let mut client = h2_client(stream).await;
    let answer =
        in_time("HTTP/2", async { read(client.send_request(h2_get("/")).await.unwrap()).await.unwrap() })
            .await;
    assert_eq!(answer.text(), "HTTP/1.1 shop.test  https");
    assert!(answer.header("set-cookie").ends_with("; Secure"));
    let stream = certificates.connect(proxy.local_addr(), b"http/1.1").await;
    let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(driver);
    let answer =
        in_time("HTTP/1.1", async { read(sender.send_request(get("/", &[])).await.unwrap()).await.unwrap() });
    assert_eq!(answer.await.text(), "HTTP/1.1 shop.test  https");
}

async fn tls_upstream(certificates: &Certificates) -> std::net::SocketAddr {
    let files = certificates.settings();
    let config = rustls::ServerConfig::builder_with_provider(Certificates::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificates.cert.clone()], PrivateKeyDer::from_pem_file(files.key).unwrap())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = hyper::service::service_fn(|_| async {
                    Ok::<_, std::convert::Infallible>(Response::new(full("secret")))
                });
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    addr
}

#[tokio::test]
async fn tls_goes_out_to_upstreams_that_can_prove_themselves() {
    let certificates = Certificates::new();
    let url = format!("https://localhost:{}", tls_upstream(&certificates).await.port());
    let trusting = ProxySettings { upstream_ca: Some(certificates.settings().cert), ..settings() };
    let proxy = Proxy::start(trusting, split(&url, &url, 0)).await.unwrap();
    let mut client = Client::connect(proxy.local_addr()).await;
    for _ in 0..3 {
        assert_eq!(client.get("/", &[]).await.text(), "secret");
    }
    // Without its authority the same upstream is as good as down.
    let proxy = Proxy::start(settings(), split(&url, &url, 0)).await.unwrap();
    assert_eq!(Client::connect(proxy.local_addr()).await.get("/", &[]).await.status, 502);
}

#[tokio::test]
async fn files_that_are_no_certificates_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let files = TlsSettings { cert: dir.path().join("no-such.pem"), key: dir.path().join("no-key.pem") };
    let settings = ProxySettings { tls: Some(files), ..settings() };
    let error = Proxy::start(settings, split("http://a", "http://b", 0)).await.unwrap_err().to_string();
    assert!(error.contains("no-such.pem"), "{error}");
}

#[tokio::test]
async fn requests_in_flight_on_http_2_finish_at_shutdown() {
    let gate = Arc::new(tokio::sync::Notify::new());
    let opened = Arc::clone(&gate);
    let server = Server::start(move |_| {
        let gate = Arc::clone(&opened);
        async move {
            gate.notified().await;
            Response::new(full("finished"))
        }
    })
    .await;
    let proxy = Arc::new(proxy(split(&server.url(), &server.url(), 0)).await);
    let mut client = h2_client(TcpStream::connect(proxy.local_addr()).await.unwrap()).await;
    let answer = tokio::spawn(client.send_request(h2_get("/")));
    until("the request at the upstream", || server.count() == 1).await;
    let stopping = Arc::clone(&proxy);
    let shutdown = tokio::spawn(async move { stopping.shutdown(DEADLINE).await });
    until("the listener to close", || std::net::TcpStream::connect(proxy.local_addr()).is_err()).await;
    gate.notify_waiters();
    let answer = in_time("the answer", answer).await.unwrap().unwrap();
    assert_eq!(in_time("the body", read(answer)).await.unwrap().text(), "finished");
    let drained = in_time("shutdown", shutdown).await.unwrap();
    // The looks at the listener may count as connections too.
    assert!(drained.finished >= 1 && drained.aborted == 0, "{drained:?}");
}
