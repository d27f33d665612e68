//! A receiver on loopback that answers as it is told and remembers what it got.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::support::DEADLINE;

/// What it answers.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// A status, with further header lines.
    Status(u16, &'static str),
    /// Nothing, while the connection stays open.
    Nothing,
}

/// One request that came.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) at: Instant,
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Got {
    /// A header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> String {
        let find = |line: &str| {
            let (own, value) = line.split_once(':')?;
            own.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        };
        self.head.lines().find_map(find).unwrap_or_default()
    }
}

/// The receiver.
pub(crate) struct Receiver {
    pub(crate) addr: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

impl Receiver {
    /// Answers these in turn, then 204 for ever.
    pub(crate) async fn start(answers: impl IntoIterator<Item = Answer>) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let got = Arc::new(Mutex::new(vec![]));
        let answers = Arc::new(Mutex::new(answers.into_iter().collect::<VecDeque<_>>()));
        let (seen, next) = (got.clone(), answers.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (seen, next) = (seen.clone(), next.clone());
                tokio::spawn(serve(stream, seen, next));
            }
        });
        Receiver { addr, got, answers }
    }

    /// What comes after the answers that are left.
    pub(crate) fn then(&self, answer: Answer) {
        self.answers.lock().unwrap().push_back(answer);
    }

    /// Everything that came.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// The ids that came, in order, each try.
    pub(crate) fn ids(&self) -> Vec<u64> {
        let number = |got: Got| got.header("webhook-id").rsplit('-').next().unwrap().parse().unwrap();
        self.got().into_iter().map(number).collect()
    }

    /// Waits until so many requests came.
    pub(crate) async fn until(&self, requests: usize) {
        let end = Instant::now() + DEADLINE;
        while self.got().len() < requests {
            assert!(Instant::now() < end, "{requests} requests expected, not {:?}", self.ids());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn serve(mut stream: TcpStream, got: Arc<Mutex<Vec<Got>>>, answers: Arc<Mutex<VecDeque<Answer>>>) {
    let mut bytes = vec![];
    let (head, length, start) = loop {
        let mut piece = [0; 4096];
        let Ok(read @ 1..) = stream.read(&mut piece).await else { return };
        bytes.extend_from_slice(&piece[..read]);
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let length = head
            .lines()
            .find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_owned));
        break (head, length.unwrap().trim().parse::<usize>().unwrap(), end + 4);
    };
    while bytes.len() < start + length {
        let mut piece = [0; 4096];
        let Ok(read @ 1..) = stream.read(&mut piece).await else { return };
        bytes.extend_from_slice(&piece[..read]);
    }
    let body = serde_json::from_slice(&bytes[start..]).unwrap();
    got.lock().unwrap().push(Got { at: Instant::now(), head, body });
    let answer = answers.lock().unwrap().pop_front().unwrap_or(Answer::Status(204, ""));
    match answer {
        Answer::Status(status, headers) => {
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n{headers}\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        Answer::Nothing => {
            let _ = stream.read(&mut [0]).await;
        }
    }
}
