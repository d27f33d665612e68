//! Bodies, trailers and header fields on their way through.

use std::time::Duration;

use bytes::Bytes;
use fw_model::Variant;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

fn channel() -> (tokio::sync::mpsc::Sender<Frame<Bytes>>, Body) {
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<Frame<Bytes>>(1);
    let stream = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx).map(|f| f.map(Ok)));
    (sender, StreamBody::new(stream).boxed())
}

#[tokio::test]
async fn bodies_stream_both_ways_at_once() {
    let server = Server::start(|request| async move {
        let mut incoming = request.into_body();
        let (sender, body) = channel();
        tokio::spawn(async move {
            while let Some(Ok(frame)) = incoming.frame().await {
                sender.send(frame).await.unwrap();
            }
        });
        Response::new(body)
    })
    .await;
    let proxy = proxy(split(&server.url(), &server.url(), 0)).await;
    let mut client = Client::connect(proxy.local_addr()).await;
    let (sender, body) = channel();
    let request = Request::post("/").header("host", "a").body(body).unwrap();
    sender.send(Frame::data("first".into())).await.unwrap();
    let mut response = in_time("the head", client.send(request)).await.unwrap().into_body();
    // Each piece comes back before the next one is sent: nothing waits for the end of the body.
    for text in ["second", "third"] {
        let frame = in_time("a piece", response.frame()).await.unwrap().unwrap();
        assert!(!frame.into_data().unwrap().is_empty());
        sender.send(Frame::data(text.into())).await.unwrap();
    }
    assert_eq!(in_time("the third", response.frame()).await.unwrap().unwrap().into_data().unwrap(), "third");
    drop(sender);
    assert!(in_time("the end", response.frame()).await.is_none());
}

#[tokio::test]
async fn a_large_body_comes_back_whole_through_a_slow_reader() {
    const SIZE: usize = 8 << 20;
    let server = Server::start(|request| async move {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        Response::new(full(body))
    })
    .await;
    let proxy = proxy(split(&server.url(), &server.url(), 0)).await;
    let mut client = Client::connect(proxy.local_addr()).await;
    let sent: Vec<u8> = (0..SIZE).map(|i| (i * 31 % 251) as u8).collect();
    let request = Request::post("/").header("host", "a").body(full(sent.clone())).unwrap();
    let mut response = in_time("the head", client.send(request)).await.unwrap().into_body();
    let mut got = Vec::new();
    while let Some(frame) = in_time("a piece", response.frame()).await {
        got.extend_from_slice(&frame.unwrap().into_data().unwrap());
        tokio::time::sleep(Duration::from_micros(300)).await;
    }
    assert!(got == sent);
    let stats = proxy.stats();
    until("the bytes to be counted", || proxy.stats().bytes_in[0] == SIZE as u64).await;
    assert_eq!(stats.bytes_out[0], SIZE as u64);
}

#[tokio::test]
async fn a_reader_that_stops_stops_the_upstream() {
    let (sender, body) = channel();
    let body = std::sync::Arc::new(std::sync::Mutex::new(Some(body)));
    let server = Server::start(move |_| {
        let body = body.lock().unwrap().take().unwrap();
        async move { Response::new(body) }
    })
    .await;
    let proxy = proxy(split(&server.url(), &server.url(), 0)).await;
    let mut stream = TcpStream::connect(proxy.local_addr()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut sent = 0_usize;
    let piece = Bytes::from(vec![b'x'; 1 << 20]);
    loop {
        let send = sender.send(Frame::data(piece.clone()));
        match tokio::time::timeout(Duration::from_secs(2), send).await {
            Ok(done) => done.unwrap(),
            Err(_) => break,
        }
        sent += 1;
        assert!(sent < 200, "200 MiB went to a client that reads nothing");
    }
    // And it goes on when the client reads.
    let mut buf = vec![0; 1 << 16];
    let mut read = 0;
    while read < (sent + 1) << 20 {
        read += in_time("more", stream.read(&mut buf)).await.unwrap();
        if read >= 1 << 20 {
            break;
        }
    }
    assert!(read >= 1 << 20);
}

#[tokio::test]
async fn server_sent_events_are_not_held_back() {
    let upstream = Raw::start(|mut conn| async move {
        conn.head().await;
        conn.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n").await;
        // The rest only after the client has seen the first: it says so by closing.
        while conn.read().await > 0 {}
    })
    .await;
    let proxy = proxy(split(&upstream.url(), &upstream.url(), 0)).await;
    let mut client = Client::connect(proxy.local_addr()).await;
    let mut response = in_time("the head", client.send(get("/", &[]))).await.unwrap().into_body();
    let first = in_time("the event", response.frame()).await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "data: 1\n\n");
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let server = Server::start(|request| async move {
        let body = request.into_body().collect().await.unwrap();
        let sum = body.trailers().unwrap()["x-sum"].clone();
        let (sender, body) = channel();
        tokio::spawn(async move {
            sender.send(Frame::data("data".into())).await.unwrap();
            sender
                .send(Frame::trailers(HeaderMap::from_iter([("x-back".parse().unwrap(), sum)])))
                .await
                .unwrap();
        });
        Response::builder().header("trailer", "x-back").body(body).unwrap()
    })
    .await;
    let proxy = proxy(split(&server.url(), &server.url(), 0)).await;
    let mut client = Client::connect(proxy.local_addr()).await;
    let (sender, body) = channel();
    tokio::spawn(async move {
        sender.send(Frame::data("data".into())).await.unwrap();
        let sum = HeaderValue::from_static("42");
        sender.send(Frame::trailers(HeaderMap::from_iter([("x-sum".parse().unwrap(), sum)]))).await.unwrap();
    });
    let request =
        Request::post("/").header("host", "a").header("te", "trailers").header("trailer", "x-sum").body(body);
    let answer = client.ask(request.unwrap()).await;
    assert_eq!(
        (answer.text(), &answer.trailers.as_ref().unwrap()["x-back"]),
        ("data", &HeaderValue::from_static("42"))
    );
}

#[tokio::test]
async fn expect_100_continue_is_answered_when_the_upstream_reads() {
    let server = Server::start(|request| async move {
        assert!(!request.headers().contains_key("expect"));
        let body = request.into_body().collect().await.unwrap().to_bytes();
        Response::new(full(body))
    })
    .await;
    let proxy = proxy(split(&server.url(), &server.url(), 0)).await;
    let mut stream = TcpStream::connect(proxy.local_addr()).await.unwrap();
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut interim = [0; 25];
    in_time("100", stream.read_exact(&mut interim)).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    let mut answer = String::new();
    in_time("the answer", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nhello"), "{answer}");
}

#[tokio::test]
async fn answers_without_a_body_keep_the_connection_in_step() {
    let upstream = Raw::start(|mut conn| async move {
        while let Some(head) = conn.head().await {
            let answer: &[u8] = match head.split(' ').next().unwrap() {
                "HEAD" => b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n",
                "DELETE" => b"HTTP/1.1 204 No Content\r\n\r\n",
                "OPTIONS" => b"HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\netag: x\r\n\r\n",
                _ => b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody",
            };
            conn.send(answer).await;
        }
    })
    .await;
    let proxy = proxy(split(&upstream.url(), &upstream.url(), 0)).await;
    let text = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\nDELETE / HTTP/1.1\r\nHost: a\r\n\r\nOPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n\
        GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = raw(proxy.local_addr(), text).await;
    let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).map(|part| &part[..3]).collect();
    assert_eq!(statuses, ["200", "204", "304", "200"], "{answer}");
    assert!(answer.contains("content-length: 1000\r\n") && answer.ends_with("\r\n\r\nbody"), "{answer}");
    assert_eq!(counts(&proxy, Variant::Stable), (4, 0, 0));
}

#[tokio::test]
async fn an_http_1_0_client_gets_the_body_until_the_end_of_the_connection() {
    let upstream =
        Raw::answering(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n").await;
    let proxy = proxy(split(&upstream.url(), &upstream.url(), 0)).await;
    let answer = raw(proxy.local_addr(), b"GET / HTTP/1.0\r\n\r\n").await;
    assert!(!answer.contains("chunked") && answer.ends_with("\r\n\r\nbody"), "{answer}");
}

#[tokio::test]
async fn per_hop_fields_stay_and_forwarded_fields_are_added() {
    let upstream = Raw::answering(
        b"HTTP/1.1 200 OK\r\nconnection: x-hop, keep-alive\r\nx-hop: 1\r\nkeep-alive: timeout=9\r\nx-end: 1\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let proxy = proxy(split(&upstream.url(), &upstream.url(), 0)).await;
    let mut client = Client::connect(proxy.local_addr()).await;
    let headers = [
        ("connection", "x-mine, keep-alive"),
        ("x-mine", "1"),
        ("keep-alive", "1"),
        ("proxy-connection", "keep-alive"),
        ("te", "gzip"),
        ("x-forwarded-for", "10.9.8.7"),
        ("x-forwarded-proto", "https"),
        ("x-kept", "1"),
    ];
    let answer = client.get("/path?q=1", &headers).await;
    let mut names: Vec<&str> = answer.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "date", "x-end"]);
    let got = upstream.text();
    let (line, fields) = got.split_once("\r\n").unwrap();
    assert_eq!(line, "GET /path?q=1 HTTP/1.1");
    let mut fields: Vec<&str> = fields.trim_end().split("\r\n").collect();
    fields.sort_unstable();
    let want = [
        "host: shop.test",
        "x-forwarded-for: 10.9.8.7, 127.0.0.1",
        "x-forwarded-host: shop.test",
        "x-forwarded-proto: http",
        "x-kept: 1",
    ];
    assert_eq!(fields, want);
}
