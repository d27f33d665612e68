//! Whether an instance answers as one that is ready: a GET with a short end, some times in a row.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// So much of an answer is read, bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Longest time one question may take.
const TRY_TIME_MAX: Duration = Duration::from_secs(5);

/// How readiness is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyCheck {
    /// The path that is asked for, such as `/healthz`. Any answer from 200 to 299 is a success.
    pub path: String,
    /// Pause between two questions.
    pub interval: Duration,
    /// So long it may take until an instance is ready.
    pub timeout: Duration,
    /// Successes in a row that make it ready; at least 1.
    pub successes: u32,
}

impl Default for ReadyCheck {
    /// `/healthz` every 200 ms, twice in a row, within a minute.
    fn default() -> ReadyCheck {
        ReadyCheck {
            path: "/healthz".into(),
            interval: Duration::from_millis(200),
            timeout: Duration::from_secs(60),
            successes: 2,
        }
    }
}

/// Asks once.
///
/// # Errors
/// In words, why it is not ready.
pub(super) async fn ask(at: SocketAddr, path: &str) -> Result<(), String> {
    match tokio::time::timeout(TRY_TIME_MAX, answer(at, path)).await {
        Ok(Ok(status)) if status.is_success() => Ok(()),
        Ok(Ok(status)) => Err(format!("{path} answers {status}")),
        Ok(Err(why)) => Err(why),
        Err(_) => Err(format!("{path} gives no answer within {} s", TRY_TIME_MAX.as_secs())),
    }
}

async fn answer(at: SocketAddr, path: &str) -> Result<http::StatusCode, String> {
    let stream = TcpStream::connect(at).await.map_err(|e| format!("{at} takes no connection: {e}"))?;
    let broken = |e: hyper::Error| format!("{path} gives no whole answer: {e}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let request = Request::get(path).header(header::HOST, at.to_string()).header(header::CONNECTION, "close");
    let request = request.body(Empty::<Bytes>::new()).map_err(|e| format!("{path:?} is no path: {e}"))?;
    let path = path.to_owned();
    let asking = async move {
        let broken = |e: String| format!("{path} gives no whole answer: {e}");
        let response = sender.send_request(request).await.map_err(|e| broken(e.to_string()))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        body.map(|_| status).map_err(|e| broken(e.to_string()))
    };
    // Driven here, not in a task of its own: it ends with the question, whose sender goes with its answer.
    let (answer, _) = tokio::join!(asking, connection);
    answer
}
