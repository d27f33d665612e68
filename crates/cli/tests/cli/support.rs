//! A server whose answers a test writes down, and the binary run against it.
//!
//! The server speaks just enough HTTP/1.1 for the client: one request a connection. Requests are kept,
//! so that a test can look at what was really sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// `GET` or `POST`.
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// As text.
    pub(crate) body: String,
}

impl Request {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// What a test answers.
pub(crate) struct Answer {
    status: u16,
    content_type: &'static str,
    body: String,
}

impl Answer {
    /// 200 with JSON.
    pub(crate) fn json(body: impl ToString) -> Answer {
        Answer { status: 200, content_type: "application/json", body: body.to_string() }
    }

    /// A problem.
    pub(crate) fn problem(problem: &fw_api::Problem) -> Answer {
        let body = serde_json::to_string(problem).unwrap();
        Answer { status: problem.status, content_type: fw_api::problem::CONTENT_TYPE, body }
    }

    /// Events, then the end of the connection.
    pub(crate) fn events(body: impl ToString) -> Answer {
        Answer { status: 200, content_type: "text/event-stream", body: body.to_string() }
    }

    /// Anything.
    pub(crate) fn raw(status: u16, content_type: &'static str, body: &str) -> Answer {
        Answer { status, content_type, body: body.to_owned() }
    }
}

/// A server that lives as long as the test process.
pub(crate) struct Server {
    /// Its base URL.
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Starts one; the handler gets the request and how many came before it.
    pub(crate) fn start(handler: impl Fn(&Request, usize) -> Answer + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(vec![]));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that was killed in the middle is no failure of the server.
                let _ = stream.and_then(|stream| serve(stream, &handler, &seen));
            }
        });
        Server { url, requests }
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: TcpStream,
    handler: &impl Fn(&Request, usize) -> Answer,
    seen: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = vec![];
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { method, path, headers, body: String::new() };
    let length = request.header("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    request.body = String::from_utf8_lossy(&body).into_owned();
    let before = {
        let mut seen = seen.lock().unwrap();
        seen.push(request.clone());
        seen.len() - 1
    };
    let answer = handler(&request, before);
    // Without a length the end of the connection ends the body, as a broken event stream does.
    write!(
        stream,
        "HTTP/1.1 {} X\r\ncontent-type: {}\r\nconnection: close\r\n\r\n{}",
        answer.status, answer.content_type, answer.body
    )
}

/// The binary with a clean environment.
pub(crate) fn fw(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fw"));
    for name in ["FW_SERVER", "FW_TOKEN", "NO_COLOR", "DEBUG", "RUST_LOG"] {
        command.env_remove(name);
    }
    command.env("TZ", "UTC").args(arguments).stdin(Stdio::null());
    command
}

/// Longest life of a process of a test; a busy machine needs a hundredth of it.
const LIFE_MAX: Duration = Duration::from_secs(120);

/// Kills a process that outlives [`LIFE_MAX`], so that a bug fails a test instead of hanging it.
pub(crate) struct Watchdog(Option<mpsc::Sender<()>>);

impl Watchdog {
    /// Watches a process until dropped. Drop it before the process is waited for by anything else.
    pub(crate) fn over(child: &Child) -> Watchdog {
        let id = child.id().to_string();
        let (sender, dropped) = mpsc::channel::<()>();
        std::thread::spawn(move || {
            if dropped.recv_timeout(LIFE_MAX) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-9", &id]).status();
            }
        });
        Watchdog(Some(sender))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.take();
    }
}

/// Exit code, stdout, stderr.
pub(crate) fn run(command: &mut Command) -> (i32, String, String) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let watchdog = Watchdog::over(&child);
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    drop(watchdog);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().expect("ended by itself"), text(stdout), text(stderr))
}

/// The status of a running rollout with other fields laid over it.
pub(crate) fn status(fields: serde_json::Value) -> serde_json::Value {
    let mut status: serde_json::Value = serde_json::from_str(include_str!("../data/running.json")).unwrap();
    // What is waited for shows its age, which depends on now.
    status["waitingOn"] = serde_json::json!([]);
    status.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    status
}

/// A frame of the event stream.
pub(crate) fn frame(id: u64, kind: &str, fields: serde_json::Value) -> String {
    let mut event = status(fields);
    event["type"] = kind.into();
    event["timestamp"] = "2026-01-01T15:40:00Z".into();
    format!("id: {id}\ndata: {event}\n\n")
}

/// Everything below a folder: each file's path, kind, mode and content, as one digest a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tree(std::collections::BTreeMap<std::path::PathBuf, String>);

impl Tree {
    /// As it is now. Times are left aside: reading changes them.
    pub(crate) fn of(folder: &std::path::Path) -> Tree {
        let mut files = std::collections::BTreeMap::new();
        let mut open = vec![folder.to_owned()];
        while let Some(path) = open.pop() {
            let data = std::fs::symlink_metadata(&path).unwrap();
            let what = if data.is_dir() {
                open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                "folder".to_owned()
            } else if data.is_symlink() {
                format!("link to {}", std::fs::read_link(&path).unwrap().display())
            } else {
                use sha2::Digest;
                let digest = sha2::Sha256::digest(std::fs::read(&path).unwrap());
                digest.iter().map(|byte| format!("{byte:02x}")).collect()
            };
            #[cfg(unix)]
            let what = format!("{what} {:o}", std::os::unix::fs::PermissionsExt::mode(&data.permissions()));
            files.insert(path.strip_prefix(folder).unwrap().to_owned(), what);
        }
        Tree(files)
    }
}
