//! Upstreams, clients and splits for these tests.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fw_model::split::Stickiness;
use fw_model::{Epoch, LogId, Plan, Salt, Split, Variant, Weight};
use fw_proxy::{Proxy, ProxySettings};
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Long enough for any of these tests on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) type Body = BoxBody<Bytes, Infallible>;

pub(crate) fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed()
}

pub(crate) fn empty() -> Body {
    Empty::new().boxed()
}

/// Waits until `done` is true; panics with `what` at the deadline.
pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < DEADLINE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Fails a test that hangs.
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("hangs: {what}"))
}

/// A well-behaved upstream: HTTP/1.1 and HTTP/2 with prior knowledge.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) requests: Arc<AtomicU64>,
}

impl Server {
    /// Answers each request by `answer`.
    pub(crate) async fn start<F, R>(answer: F) -> Server
    where
        F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
        R: Future<Output = Response<Body>> + Send + 'static,
    {
        Server::start_on(TcpListener::bind("127.0.0.1:0").await.unwrap(), answer)
    }

    pub(crate) fn start_on<F, R>(listener: TcpListener, answer: F) -> Server
    where
        F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
        R: Future<Output = Response<Body>> + Send + 'static,
    {
        let addr = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (answer, counter) = (answer.clone(), Arc::clone(&counter));
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        counter.fetch_add(1, Ordering::SeqCst);
                        let response = answer(request);
                        async move { Ok::<_, Infallible>(response.await) }
                    });
                    let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
                });
            }
        });
        Server { addr, requests }
    }

    /// Answers every request with this text.
    pub(crate) async fn saying(text: &'static str) -> Server {
        Server::start(move |_| async move { Response::new(full(text)) }).await
    }

    /// Answers every request with this status.
    pub(crate) async fn status(status: u16) -> Server {
        Server::start(move |_| async move { Response::builder().status(status).body(full("x")).unwrap() })
            .await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(crate) fn count(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }
}

/// An upstream that keeps every byte it gets and answers as it is told, whatever it got.
pub(crate) struct Raw {
    pub(crate) addr: SocketAddr,
    pub(crate) got: Arc<Mutex<Vec<u8>>>,
}

impl Raw {
    /// Runs `script` on each connection; what it reads through [`RawConn`] is kept.
    pub(crate) async fn start<F, R>(script: F) -> Raw
    where
        F: Fn(RawConn) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let got = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&got);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(script(RawConn { stream, got: Arc::clone(&kept), head: Vec::new() }));
            }
        });
        Raw { addr, got }
    }

    /// Answers each request head with these bytes and reads on.
    pub(crate) async fn answering(bytes: &'static [u8]) -> Raw {
        Raw::start(move |mut conn| async move {
            while conn.head().await.is_some() {
                conn.send(bytes).await;
            }
        })
        .await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.got.lock().unwrap()).into_owned()
    }
}

/// A connection of a [`Raw`] upstream.
pub(crate) struct RawConn {
    pub(crate) stream: TcpStream,
    got: Arc<Mutex<Vec<u8>>>,
    head: Vec<u8>,
}

impl RawConn {
    /// All that its upstream got so far, over all connections.
    pub(crate) fn all(&self) -> String {
        String::from_utf8_lossy(&self.got.lock().unwrap()).into_owned()
    }

    /// The next request head; none at the end.
    pub(crate) async fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.head.windows(4).position(|w| w == b"\r\n\r\n") {
                let head: Vec<u8> = self.head.drain(..end + 4).collect();
                return Some(String::from_utf8(head).unwrap());
            }
            if self.read().await == 0 {
                return None;
            }
        }
    }

    /// Reads more; 0 at the end.
    pub(crate) async fn read(&mut self) -> usize {
        let mut buf = [0; 4096];
        let n = self.stream.read(&mut buf).await.unwrap_or(0);
        self.got.lock().unwrap().extend_from_slice(&buf[..n]);
        self.head.extend_from_slice(&buf[..n]);
        n
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }
}

/// A split between two upstreams; `canary` in units of 1/100 000.
pub(crate) fn split(stable: &str, canary: &str, weight: u32) -> Split {
    let mut plan = Plan::seed("shop".parse().unwrap());
    plan.stable.urls = vec![stable.to_owned()];
    plan.canary.urls = vec![canary.to_owned()];
    let mut split = Split::resting(&plan, LogId("log".into()), Epoch(1), Salt::from_bits(77));
    split.canary = Weight::new(weight).unwrap();
    split.stickiness = Stickiness::None;
    split
}

/// The same split with another weight, one epoch later.
pub(crate) fn moved(split: &Split, weight: u32) -> Split {
    Split { canary: Weight::new(weight).unwrap(), epoch: split.epoch.next(), ..split.clone() }
}

pub(crate) fn settings() -> ProxySettings {
    ProxySettings { listen: "127.0.0.1:0".parse().unwrap(), workers: Some(2), ..ProxySettings::default() }
}

/// A proxy with test settings.
pub(crate) async fn proxy(split: Split) -> Proxy {
    Proxy::start(settings(), split).await.unwrap()
}

/// A client connection that takes one request after the other.
pub(crate) struct Client(http1::SendRequest<Body>);

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<http::HeaderMap>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr) -> Client {
        let stream = TcpStream::connect(addr).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(driver);
        Client(sender)
    }

    pub(crate) async fn send(&mut self, request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        self.0.ready().await?;
        self.0.send_request(request).await
    }

    pub(crate) async fn ask(&mut self, request: Request<Body>) -> Answer {
        in_time("an answer", async { read(self.send(request).await.unwrap()).await.unwrap() }).await
    }

    pub(crate) async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(get(path, headers)).await
    }
}

/// The whole of a response.
pub(crate) async fn read(response: Response<Incoming>) -> hyper::Result<Answer> {
    let (parts, body) = response.into_parts();
    let body = body.collect().await?;
    let trailers = body.trailers().cloned();
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.to_bytes(), trailers })
}

pub(crate) fn get(path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get(path).header("host", "shop.test");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(empty()).unwrap()
}

/// Sends bytes and reads until the other side closes.
pub(crate) async fn raw(addr: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is an end too.
    let _ = in_time("the connection to close", stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Requests, errors, client aborts of a variant over all its cells.
pub(crate) fn counts(proxy: &Proxy, variant: Variant) -> (u64, u64, u64) {
    proxy
        .report()
        .cells
        .iter()
        .filter(|cell| cell.variant == variant)
        .fold((0, 0, 0), |sum, cell| (sum.0 + cell.requests, sum.1 + cell.errors, sum.2 + cell.client_aborts))
}
