//! One POST to one receiver, everything bounded.
//!
//! A connection of its own for each: events are rare, and nothing stale is ever reused. Redirects are not followed: a
//! signed body goes where the config says. Source of what each status means: Standard Webhooks, "Response".

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use fw_model::Secret;
use fw_plane::net::{Origin, Scheme, connect, tls_config};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::words::Words;
use super::{Event, Format, Outcome, SettingError, Signer, discord, slack, teams, webhook};

/// So much of an answer is read, bytes; the rest is left.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Longest word of an answer that is repeated to people, bytes.
const WORD_BYTES_MAX: usize = 40;
/// Longest time a receiver may ask to be left alone.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Where a receiver is and what it understands.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// What it understands.
    pub format: Format,
    /// Its URL, `http` or `https`.
    pub url: Secret,
    /// Key of the signature; none = unsigned.
    pub signing: Option<Secret>,
    /// Further header fields.
    pub headers: Vec<(String, Secret)>,
    /// PEM file of certificate authorities; none = the web's public roots.
    pub ca: Option<PathBuf>,
    /// Under which people reach the dashboard.
    pub dashboard_url: Option<String>,
}

/// A receiver that takes a POST.
pub struct Http {
    format: Format,
    origin: Origin,
    path: Secret,
    headers: HeaderMap,
    signer: Option<Signer>,
    tls: Arc<rustls::ClientConfig>,
    dashboard_url: Option<String>,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http")
            .field("format", &self.format)
            .field("host", &self.origin.name)
            .finish_non_exhaustive()
    }
}

impl Http {
    /// Reads the settings; connects to nothing yet.
    ///
    /// # Errors
    /// In words without a secret: what of them can't be used.
    pub fn new(settings: &HttpSettings) -> Result<Http, SettingError> {
        let (origin, path) = place(settings.url.expose())?;
        let chat = settings.format != Format::Webhook;
        if chat && origin.scheme != Scheme::Https && !is_loopback(&origin.host) {
            return Err(SettingError("the URL must begin with https://: who reads it can post".into()));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &settings.headers {
            let text =
                |what| SettingError(format!("the header field {name} has a {what} that can't be sent"));
            let name: HeaderName = name.parse().map_err(|_| text("name"))?;
            if is_ours(&name) {
                return Err(SettingError(format!("the header field {name} is set by fw itself")));
            }
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| text("value"))?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        let host = HeaderValue::from_str(&origin.name);
        headers.insert(header::HOST, host.map_err(|_| SettingError("the URL's host can't be sent".into()))?);
        Ok(Http {
            format: settings.format,
            origin,
            path: Secret::new(path),
            headers,
            signer: settings.signing.as_ref().map(Signer::new).transpose()?,
            tls: tls_config(settings.ca.as_deref()).map_err(SettingError)?,
            dashboard_url: settings.dashboard_url.clone(),
        })
    }

    /// The word of its kind.
    pub(super) fn kind(&self) -> &'static str {
        match self.format {
            Format::Webhook => "webhook",
            Format::Slack => "slack",
            Format::Teams => "teams",
            Format::Discord => "discord",
        }
    }

    pub(super) fn host(&self) -> String {
        self.origin.name.clone()
    }

    /// The body of an event, and its type.
    fn body(&self, event: &Event) -> (Bytes, &'static str) {
        let words = || Words::of(event, self.dashboard_url.as_deref());
        let (value, kind) = match self.format {
            Format::Webhook => (webhook::render(event), webhook::CONTENT_TYPE),
            Format::Slack => (slack::render(&words()), "application/json"),
            Format::Teams => (teams::render(&words()), "application/json"),
            Format::Discord => (discord::render(&words()), "application/json"),
        };
        (value.to_string().into(), kind)
    }

    fn request(&self, event: &Event, now: SystemTime) -> Result<Request<Full<Bytes>>, http::Error> {
        let (body, kind) = self.body(event);
        let mut request = Request::builder().method(Method::POST).uri(self.path.expose());
        request = request.header(header::CONTENT_TYPE, kind);
        if self.format == Format::Webhook {
            let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
            request = request.header("webhook-id", &event.id).header("webhook-timestamp", seconds);
            if let Some(signer) = &self.signer {
                request = request.header("webhook-signature", signer.sign(&event.id, seconds, &body));
            }
        }
        request = request.header(header::USER_AGENT, concat!("FactoryWager/", env!("CARGO_PKG_VERSION")));
        let mut request = request.body(Full::new(body))?;
        request.headers_mut().extend(self.headers.clone());
        Ok(request)
    }

    /// Posts an event once.
    pub(super) async fn post(&self, event: &Event, now: SystemTime) -> Outcome {
        let Ok(request) = self.request(event, now) else {
            return Outcome::failed("the request can't be written: its URL or a header field is unfit");
        };
        let stream = match connect(&self.origin, Duration::ZERO, &self.tls).await {
            Ok(stream) => stream,
            Err(error) => return Outcome::failed(format!("no connection to {}: {error}", self.origin.name)),
        };
        let broken = |error: hyper::Error| Outcome::failed(format!("the connection broke: {error}"));
        let (mut sender, driver) = match http1::handshake(TokioIo::new(stream)).await {
            Ok(both) => both,
            Err(error) => return broken(error),
        };
        // Ends with its connection, which ends when this call does.
        let driver = Driver(tokio::spawn(driver));
        let outcome = match sender.send_request(request).await {
            Ok(response) => self.judge(response, now).await,
            Err(error) => broken(error),
        };
        drop(driver);
        outcome
    }

    async fn judge(&self, response: Response<Incoming>, now: SystemTime) -> Outcome {
        let status = response.status();
        if status.is_success() {
            return Outcome::Done;
        }
        if status == StatusCode::GONE {
            return Outcome::Gone;
        }
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| asked(value, now));
        if status.is_redirection() {
            let why = format!(
                "it answered {status}: redirects are not followed, write its new URL into the config"
            );
            return Outcome::Failed { why, retry_after };
        }
        let word = match Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await {
            Ok(body) => self.word(&body.to_bytes()),
            Err(_) => String::new(),
        };
        Outcome::Failed { why: format!("it answered {status}{word}"), retry_after }
    }

    /// The answer, when it is one plain word, such as Slack's `invalid_blocks`. Anything longer may repeat our URL.
    fn word(&self, body: &[u8]) -> String {
        let plain = |b: &u8| b.is_ascii_lowercase() || *b == b'_';
        let text = std::str::from_utf8(body).unwrap_or_default().trim();
        let is_word = (1..=WORD_BYTES_MAX).contains(&text.len()) && text.as_bytes().iter().all(plain);
        if is_word && !self.path.expose().contains(text) { format!(" ({text})") } else { String::new() }
    }
}

/// A task that ends with its owner.
struct Driver(tokio::task::JoinHandle<Result<(), hyper::Error>>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Header fields that say what the body is and how long.
fn is_ours(name: &HeaderName) -> bool {
    let fixed = [
        header::HOST,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        header::UPGRADE,
    ];
    fixed.contains(name) || name.as_str().starts_with("webhook-")
}

/// Origin and the rest of a URL. What is wrong is said without the URL.
fn place(url: &str) -> Result<(Origin, String), SettingError> {
    let wrong = |what: &str| SettingError(format!("the URL {what}; write https://HOST/PATH"));
    let uri: Uri = url.parse().map_err(|_| wrong("can't be read"))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(wrong("has no scheme or no host"));
    };
    if scheme != "http" && scheme != "https" {
        return Err(wrong("is neither http nor https"));
    }
    if authority.as_str().contains('@') {
        return Err(wrong("has a user name, which belongs into a header field"));
    }
    let origin =
        Origin::parse(&format!("{scheme}://{authority}")).map_err(|_| wrong("has no usable host or port"))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Ok((origin, path.to_owned()))
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// How long the receiver asks to be left alone: seconds, or until a date. At most an hour.
///
/// Source: RFC 9110 section 10.2.3.
fn asked(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or(Duration::ZERO),
    };
    Some(wait.min(RETRY_AFTER_MAX))
}
