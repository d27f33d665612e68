//! A data-plane-only proxy and a control plane that comes and goes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fw_api::wire::{Report, ReportAnswer, SplitMessage};
use fw_model::split::DeadMan;
use fw_model::{Split, Variant};
use fw_proxy::remote::{RemoteSettings, run};
use fw_proxy::{Drained, ProxySettings};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::support::*;

/// A control plane in memory: a split to be streamed, reports to be kept.
struct Control {
    addr: SocketAddr,
    split: watch::Sender<Split>,
    reports: Arc<Mutex<Vec<Report>>>,
    closed: Arc<Mutex<Vec<u64>>>,
    up: watch::Sender<bool>,
}

impl Control {
    async fn start(split: Split) -> Control {
        Control::start_on("127.0.0.1:0".parse().unwrap(), split).await
    }

    async fn start_on(addr: SocketAddr, split: Split) -> Control {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(addr).unwrap();
        let listener = socket.listen(64).unwrap();
        let control = Control {
            addr: listener.local_addr().unwrap(),
            split: watch::Sender::new(split),
            reports: Arc::default(),
            closed: Arc::default(),
            up: watch::Sender::new(true),
        };
        control.serve(listener);
        control
    }

    fn serve(&self, listener: TcpListener) {
        let (split, reports, closed) =
            (self.split.clone(), Arc::clone(&self.reports), Arc::clone(&self.closed));
        let mut up = self.up.subscribe();
        let answer = move |request: http::Request<hyper::body::Incoming>| {
            let (split, reports, closed) = (split.clone(), Arc::clone(&reports), Arc::clone(&closed));
            async move {
                assert_eq!(request.headers()["authorization"], "Bearer s3cret");
                match request.uri().path() {
                    "/api/v1/services/shop/split" => stream(&split),
                    "/api/v1/services/shop/observations" => {
                        let body = request.into_body().collect().await.unwrap().to_bytes();
                        let report: Report = serde_json::from_slice(&body).unwrap();
                        report.checked_cells().unwrap();
                        reports.lock().unwrap().push(report);
                        let closed_epochs = closed.lock().unwrap().clone();
                        let answer =
                            ReportAnswer { split: SplitMessage::from(&*split.borrow()), closed_epochs };
                        let body = full(serde_json::to_vec(&answer).unwrap());
                        Response::builder().status(StatusCode::ACCEPTED).body(body).unwrap()
                    }
                    other => panic!("asked for {other}"),
                }
            }
        };
        tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let stream = tokio::select! {
                    stream = listener.accept() => stream.unwrap().0,
                    // Going down closes the listener and every connection, as a kill does.
                    _ = up.changed() => return,
                };
                let answer = answer.clone();
                connections.spawn(async move {
                    let service = hyper::service::service_fn(move |request| {
                        let answer = answer(request);
                        async move { Ok::<_, std::convert::Infallible>(answer.await) }
                    });
                    let io = hyper_util::rt::TokioIo::new(stream);
                    let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
                });
            }
        });
    }

    fn last(&self) -> Option<Report> {
        self.reports.lock().unwrap().last().cloned()
    }

    fn requests(&self) -> u64 {
        self.last().map_or(0, |report| report.cells.iter().map(|cell| cell.requests).sum())
    }

    async fn down(self) -> SocketAddr {
        self.up.send_replace(false);
        let addr = self.addr;
        until("the control plane to be down", || std::net::TcpStream::connect(addr).is_err()).await;
        addr
    }
}

fn stream(split: &watch::Sender<Split>) -> Response<Body> {
    let mut receiver = split.subscribe();
    receiver.mark_changed();
    let events = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.changed().await.ok()?;
        let message = SplitMessage::from(&*receiver.borrow_and_update());
        let text = format!(": x\nevent: split\ndata: {}\n\n", serde_json::to_string(&message).unwrap());
        Some((Ok(Frame::data(text.into())), receiver))
    });
    Response::builder()
        .header("content-type", "text/event-stream")
        .body(StreamBody::new(events).boxed())
        .unwrap()
}

/// A data-plane-only proxy running in this process.
struct Plane {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Drained>,
}

impl Plane {
    fn start(control: SocketAddr, state_dir: Option<PathBuf>) -> Plane {
        // A free port known beforehand, since the proxy listens only when it has a split.
        let addr = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let settings = ProxySettings { listen: addr, ..settings() };
        let remote = RemoteSettings {
            control: format!("http://{control}"),
            service: "shop".to_owned().try_into().unwrap(),
            region: None,
            state_dir,
            token: Some("s3cret".into()),
        };
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let shutdown = async { _ = stopped.await };
            run(settings, remote, shutdown).await.unwrap()
        });
        Plane { addr, stop, task }
    }

    async fn get(&self) -> String {
        let began = std::time::Instant::now();
        while tokio::net::TcpStream::connect(self.addr).await.is_err() {
            assert!(began.elapsed() < DEADLINE, "it does not listen");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Client::connect(self.addr).await.get("/", &[]).await.text().to_owned()
    }

    async fn until_says(&self, text: &str) {
        let began = std::time::Instant::now();
        while self.get().await != text {
            assert!(began.elapsed() < DEADLINE, "it never said {text}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn stop(self) -> Drained {
        self.stop.send(()).unwrap();
        in_time("the proxy to stop", self.task).await.unwrap()
    }
}

async fn pair() -> (Server, Server) {
    (Server::saying("stable").await, Server::saying("canary").await)
}

#[tokio::test]
async fn splits_come_in_reports_go_out_and_epochs_are_confirmed() {
    let (stable, canary) = pair().await;
    let first = split(&stable.url(), &canary.url(), 0);
    let control = Control::start(first.clone()).await;
    let plane = Plane::start(control.addr, None);
    assert_eq!(plane.get().await, "stable");
    until("the count", || control.requests() == 1).await;
    let second = moved(&first, 100_000);
    control.split.send_replace(second);
    plane.until_says("canary").await;
    until("confirmation", || control.last().unwrap().confirmed_epoch == 2).await;
    until("both epochs", || control.last().unwrap().cells.len() == 2).await;
    control.closed.lock().unwrap().push(1);
    until("the closed one to leave", || control.last().unwrap().cells.iter().all(|cell| cell.epoch == 2))
        .await;
    let before = control.requests();
    plane.get().await;
    plane.stop().await;
    assert_eq!(control.requests(), before + 1, "the last report carries the last request");
}

#[tokio::test]
async fn the_control_plane_may_die_and_come_back() {
    let (stable, canary) = pair().await;
    let first = split(&stable.url(), &canary.url(), 0);
    let control = Control::start(first.clone()).await;
    let plane = Plane::start(control.addr, None);
    plane.get().await;
    until("a report", || control.requests() == 1).await;
    let source = control.last().unwrap().source.id;
    let seq = control.last().unwrap().seq;
    let addr = control.down().await;
    for _ in 0..20 {
        assert_eq!(plane.get().await, "stable", "requests keep flowing");
    }
    let control = Control::start_on(addr, moved(&first, 100_000)).await;
    plane.until_says("canary").await;
    until("everything counted meanwhile", || control.requests() >= 22).await;
    let report = control.last().unwrap();
    assert_eq!(report.source.id, source);
    assert!(report.seq > seq);
    plane.stop().await;
}

#[tokio::test]
async fn the_last_split_outlives_a_restart_without_a_control_plane() {
    let dir = tempfile::tempdir().unwrap();
    let (stable, canary) = pair().await;
    let control = Control::start(split(&stable.url(), &canary.url(), 100_000)).await;
    let plane = Plane::start(control.addr, Some(dir.path().to_owned()));
    assert_eq!(plane.get().await, "canary");
    until("the state file", || dir.path().join("split-shop.json").exists()).await;
    let addr = control.down().await;
    plane.stop().await;
    let plane = Plane::start(addr, Some(dir.path().to_owned()));
    assert_eq!(plane.get().await, "canary");
    plane.stop().await;
}

#[tokio::test]
async fn without_a_split_it_waits_and_does_not_listen() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("split-shop.json"), "{ not a split").unwrap();
    let addr = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let plane = Plane::start(addr, Some(dir.path().to_owned()));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(tokio::net::TcpStream::connect(plane.addr).await.is_err());
    let (stable, canary) = pair().await;
    let control = Control::start_on(addr, split(&stable.url(), &canary.url(), 0)).await;
    assert_eq!(plane.get().await, "stable");
    plane.stop().await;
    drop(control);
    let waiting = Plane::start(addr, None);
    assert_eq!(waiting.stop().await, Drained::default(), "it can be stopped while it waits");
}

#[tokio::test]
async fn the_dead_mans_switch_moves_traffic_and_is_undone() {
    let (stable, canary) = pair().await;
    let mut first = split(&stable.url(), &canary.url(), 100_000);
    first.dead_man = Some(DeadMan { after: Duration::from_millis(2500), then: Variant::Stable });
    let control = Control::start(first.clone()).await;
    let plane = Plane::start(control.addr, None);
    assert_eq!(plane.get().await, "canary");
    until("two reports", || control.reports.lock().unwrap().len() >= 2).await;
    let addr = control.down().await;
    plane.until_says("stable").await;
    let _control = Control::start_on(addr, first).await;
    plane.until_says("canary").await;
    plane.stop().await;
}

#[tokio::test]
async fn settings_that_can_not_work_are_refused() {
    let remote = RemoteSettings {
        control: "ftp://x".into(),
        service: "shop".to_owned().try_into().unwrap(),
        region: None,
        state_dir: None,
        token: None,
    };
    let error = run(settings(), remote.clone(), std::future::pending()).await.unwrap_err();
    assert!(error.to_string().contains("http://"), "{error}");
    let error = run(
        settings(),
        RemoteSettings { control: "http://x".into(), token: Some("a\nb".into()), ..remote },
        std::future::pending(),
    );
    assert!(error.await.unwrap_err().to_string().contains("token"));
}
