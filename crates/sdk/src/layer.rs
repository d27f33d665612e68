//! A tower layer for axum, hyper and tonic: assigns each request, tags it, records status and time.
//!
//! The key is found as the split says: in a header, or in a cookie that is set for visitors who have none, as
//! the proxy does. Handlers read [`Assigned`] from the request's extensions. Time runs until the response head;
//! a body that breaks later, or a gRPC status in trailers behind a body, is not seen here.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use fw_model::split::{ErrorRule, Stickiness, trim_key};
use fw_model::{Salt, Variant};
use fw_plane::cookie;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::assignment::{Assignment, Outcome};
use crate::rollout::Rollout;
use crate::view::View;

/// Where gRPC puts its status when there is no body.
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Puts every request on a version. Add it inside whatever answers by itself, so that only what your code
/// serves is counted.
#[derive(Debug, Clone)]
pub struct AssignLayer {
    rollout: Rollout,
    secure: bool,
}

impl AssignLayer {
    /// For the requests of this rollout.
    pub fn new(rollout: Rollout) -> AssignLayer {
        AssignLayer { rollout, secure: false }
    }

    /// Whether the cookie for visitors without a key is sent over TLS only. Default: no.
    #[must_use]
    pub fn secure_cookie(mut self, secure: bool) -> AssignLayer {
        self.secure = secure;
        self
    }
}

impl<S> Layer<S> for AssignLayer {
    type Service = Assign<S>;

    fn layer(&self, inner: S) -> Assign<S> {
        Assign { inner, layer: self.clone() }
    }
}

/// Which version a request was put on: found in its extensions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assigned {
    /// The version that serves.
    pub variant: Variant,
    /// The epoch of the split it was made under.
    pub epoch: u64,
    /// The canary's share of traffic then, 0 to 100 percent.
    pub percentage: f64,
}

impl Assigned {
    /// Whether the new version serves.
    pub fn is_canary(&self) -> bool {
        self.variant == Variant::Canary
    }
}

/// The service that [`AssignLayer`] makes.
#[derive(Debug, Clone)]
pub struct Assign<S> {
    inner: S,
    layer: AssignLayer,
}

impl<S, B, R> Service<Request<B>> for Assign<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Recorded<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let began = Instant::now();
        let view = self.layer.rollout.view();
        let fresh = fresh_key(&view.stickiness, request.headers());
        let key = match &fresh {
            Some(key) => Some(key.as_bytes().as_slice()),
            None => key_of(&view.stickiness, request.headers()),
        };
        let assignment = self.layer.rollout.assign(key.unwrap_or_default()).into_owned();
        request.extensions_mut().insert(Assigned {
            variant: assignment.variant(),
            epoch: assignment.epoch(),
            percentage: assignment.percentage(),
        });
        let cookie = fresh.and_then(|key| fresh_cookie(&view.stickiness, &key, self.layer.secure));
        let seen = Seen { assignment: Some(assignment), began, view, cookie };
        Recorded { inner: self.inner.call(request), seen }
    }
}

pin_project! {
    /// The answer under way; its outcome is counted when its head is there.
    #[derive(Debug)]
    pub struct Recorded<F> {
        #[pin]
        inner: F,
        seen: Seen,
    }
}

impl<F, R, E> Future for Recorded<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut answer = ready!(this.inner.poll(cx));
        this.seen.record(match &answer {
            Ok(response) => outcome(response, &this.seen.view.errors),
            Err(_) => Outcome::Error,
        });
        if let (Ok(response), Some(cookie)) = (&mut answer, this.seen.cookie.take()) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Poll::Ready(answer)
    }
}

/// What is known of a request while it is served.
#[derive(Debug)]
struct Seen {
    assignment: Option<Assignment<'static>>,
    began: Instant,
    view: Arc<View>,
    cookie: Option<HeaderValue>,
}

impl Seen {
    fn record(&mut self, outcome: Outcome) {
        if let Some(assignment) = self.assignment.take() {
            assignment.record(outcome, self.began.elapsed());
        }
    }
}

impl Drop for Seen {
    /// The client left before there was an answer: no error of the version.
    fn drop(&mut self) {
        self.record(Outcome::ClientAbort);
    }
}

fn outcome<R>(response: &Response<R>, rule: &ErrorRule) -> Outcome {
    let status = response.status().as_u16();
    let grpc = response.headers().get(GRPC_STATUS).and_then(|code| code.to_str().ok()?.trim().parse().ok());
    match rule.is_error(status, grpc) {
        true => Outcome::Error,
        false if (400..500).contains(&status) => Outcome::ClientError,
        false => Outcome::Success,
    }
}

/// The key of a request, where the split says it is.
fn key_of<'a>(stickiness: &Stickiness, headers: &'a HeaderMap) -> Option<&'a [u8]> {
    match stickiness {
        Stickiness::None => None,
        Stickiness::Header(name) => headers.get(name).map(|value| trim_key(value.as_bytes())),
        Stickiness::Cookie(name) => headers
            .get_all(header::COOKIE)
            .iter()
            .find_map(|field| cookie::in_field(field.as_bytes(), name.as_bytes())),
    }
}

/// A key for a visitor who has no cookie yet: 32 hex characters.
fn fresh_key(stickiness: &Stickiness, headers: &HeaderMap) -> Option<Salt> {
    let missing = matches!(stickiness, Stickiness::Cookie(_)) && key_of(stickiness, headers).is_none();
    missing.then(|| Salt::from_bits(fastrand::u128(..)))
}

fn fresh_cookie(stickiness: &Stickiness, key: &Salt, secure: bool) -> Option<HeaderValue> {
    let Stickiness::Cookie(name) = stickiness else { return None };
    // A name that can't stand in a header is no cookie's; such a visitor gets none.
    cookie::set(name, key.as_bytes(), secure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let fields = fields
            .iter()
            .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        fields.collect()
    }

    #[test]
    fn the_key_is_where_the_split_says() {
        let found = |stickiness: &Stickiness, fields: &[(&'static str, &'static str)]| {
            key_of(stickiness, &headers(fields)).map(|key| String::from_utf8_lossy(key).into_owned())
        };
        let (header, cookie) = (Stickiness::Header("x-user".into()), Stickiness::Cookie("k".into()));
        assert_eq!(found(&header, &[("x-user", " ann ")]).as_deref(), Some("ann"));
        assert_eq!(found(&header, &[("cookie", "x-user=ann")]), None);
        assert_eq!(found(&cookie, &[("cookie", "a=k; k = 1=2 ;k=3")]).as_deref(), Some("1=2"));
        assert_eq!(found(&cookie, &[("cookie", "kk=1; k=")]), None);
        assert_eq!(found(&Stickiness::None, &[("x-user", "ann")]), None);
        assert!(fresh_key(&cookie, &headers(&[])).is_some());
        assert!(fresh_key(&cookie, &headers(&[("cookie", "k=1")])).is_none());
        assert!(fresh_key(&header, &headers(&[])).is_none());
    }

    #[test]
    fn outcomes_follow_the_rule_of_the_split() {
        let of = |status: u16, grpc: Option<&'static str>| {
            let mut response = Response::builder().status(status);
            if let Some(code) = grpc {
                response = response.header("grpc-status", code);
            }
            outcome(&response.body(()).unwrap(), &ErrorRule::default())
        };
        assert_eq!(of(204, None), Outcome::Success);
        assert_eq!(of(404, None), Outcome::ClientError);
        assert_eq!(of(503, None), Outcome::Error);
        assert_eq!(of(200, Some("14")), Outcome::Error);
        assert_eq!(of(200, Some("5")), Outcome::Success);
    }
}
