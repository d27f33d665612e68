//! One question over HTTP, everything bounded: a health URL, a gate, a check of somebody else's.
//!
//! A connection of its own for each; redirects are not followed, so that nobody is asked whom the config does not name.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fw_plane::net::{Origin, Scheme, connect, tls_config};
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

/// So much of an answer is read, bytes; a longer one is taken as empty.
pub const ANSWER_BYTES_MAX: usize = 64 << 10;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its status.
    pub status: StatusCode,
    /// Its body, at most [`ANSWER_BYTES_MAX`].
    pub body: Bytes,
}

/// Asks one URL after the other.
#[derive(Clone)]
pub struct Asker {
    tls: Arc<rustls::ClientConfig>,
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// `GET` or `POST`.
    pub method: Method,
    /// `http://` or `https://`.
    pub url: String,
    /// Header fields beside our own.
    pub headers: Vec<(String, String)>,
    /// JSON, for a POST.
    pub body: Option<serde_json::Value>,
    /// Longest time until the whole answer is there.
    pub within: Duration,
}

impl Question {
    /// A GET.
    pub fn get(url: impl Into<String>, within: Duration) -> Question {
        Question { method: Method::GET, url: url.into(), headers: vec![], body: None, within }
    }

    /// A POST of JSON.
    pub fn post(url: impl Into<String>, body: serde_json::Value, within: Duration) -> Question {
        Question { method: Method::POST, url: url.into(), headers: vec![], body: Some(body), within }
    }
}

impl Asker {
    /// With the web's public roots, or the authorities of a PEM file.
    ///
    /// # Errors
    /// In words: the file can't be used.
    pub fn new(ca: Option<&std::path::Path>) -> Result<Asker, String> {
        Ok(Asker { tls: tls_config(ca)? })
    }

    /// Asks once.
    ///
    /// # Errors
    /// In words, without the path and query of the URL: nobody there, no answer in time, or no HTTP.
    pub async fn ask(&self, question: &Question) -> Result<Asked, String> {
        let (origin, request) = request_of(question)?;
        let within = question.within;
        match timeout(within, self.exchange(&origin, request)).await {
            Ok(done) => done.map_err(|why| format!("{}: {why}", origin.name)),
            Err(_) => Err(format!("{}: no answer within {} s", origin.name, within.as_secs_f64())),
        }
    }

    async fn exchange(&self, origin: &Origin, request: Request<Full<Bytes>>) -> Result<Asked, String> {
        let stream = connect(origin, Duration::ZERO, &self.tls).await;
        let stream = stream.map_err(|e| format!("no connection: {e}"))?;
        let broken = |e: hyper::Error| format!("the connection broke: {e}");
        let (mut sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let driver = tokio::spawn(driver);
        let answer = sender.send_request(request).await.map_err(broken);
        let done = match answer {
            Ok(response) => {
                let status = response.status();
                let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
                Ok(Asked { status, body: body.map(|body| body.to_bytes()).unwrap_or_default() })
            }
            Err(why) => Err(why),
        };
        // Ends with its connection, which is not used again.
        driver.abort();
        done
    }
}

fn request_of(question: &Question) -> Result<(Origin, Request<Full<Bytes>>), String> {
    let unfit = |_| "the URL can't be read; write http://HOST:PORT/PATH".to_owned();
    let uri: Uri = question.url.replacen("h2c://", "http://", 1).parse().map_err(unfit)?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err("the URL has no scheme or no host".into());
    };
    let origin = Origin::parse(&format!("{scheme}://{authority}")).map_err(|e| e.to_string())?;
    if !matches!(origin.scheme, Scheme::Http | Scheme::Https) {
        return Err("the URL is neither http nor https".into());
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder()
        .method(question.method.clone())
        .uri(path)
        .header(header::HOST, &origin.name)
        .header(header::USER_AGENT, concat!("FactoryWager/", env!("CARGO_PKG_VERSION")));
    for (name, value) in &question.headers {
        request = request.header(name, value);
    }
    let body = match &question.body {
        None => Bytes::new(),
        Some(json) => {
            request = request.header(header::CONTENT_TYPE, "application/json");
            Bytes::from(json.to_string())
        }
    };
    let request = request.body(Full::new(body)).map_err(|_| "the request can't be written".to_owned())?;
    Ok((origin, request))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = [0; 4096];
                let _ = stream.read(&mut bytes).await;
                if answer.is_empty() {
                    std::future::pending::<()>().await;
                }
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        format!("http://{address}")
    }

    #[tokio::test]
    async fn an_answer_has_its_status_and_body() {
        let url = server("HTTP/1.1 503 x\r\ncontent-length: 4\r\n\r\nbusy").await;
        let asker = Asker::new(None).unwrap();
        let asked = asker.ask(&Question::get(format!("{url}/x?y"), Duration::from_secs(20))).await.unwrap();
        assert_eq!((asked.status.as_u16(), &asked.body[..]), (503, &b"busy"[..]));
    }

    #[tokio::test]
    async fn silence_and_absence_are_said_without_the_path() {
        let asker = Asker::new(None).unwrap();
        let url = format!("{}/secret-path", server("").await);
        let why = asker.ask(&Question::get(&url, Duration::from_millis(50))).await.unwrap_err();
        assert!(why.contains("no answer within 0.05 s") && !why.contains("secret"), "{why}");
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let question =
            Question::post(format!("http://{gone}/secret"), serde_json::json!({}), Duration::from_secs(20));
        let why = asker.ask(&question).await.unwrap_err();
        assert!(why.contains("no connection") && !why.contains("secret"), "{why}");
        for bad in ["", "/x", "ftp://a/b", "http://"] {
            assert!(asker.ask(&Question::get(bad, Duration::from_secs(1))).await.is_err(), "{bad}");
        }
    }
}
