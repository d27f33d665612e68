//! One request, from its whole head to its response: assign, send, count, and try elsewhere if need be.
//!
//! Connecting comes before a byte of the body is touched, so a canary that can't be reached costs
//! nothing: the request goes to stable and is counted as the canary's error. A request not yet sent
//! when the split changes is assigned anew, so a newer epoch is confirmed at once.

use std::convert::Infallible;
use std::rc::Rc;

use fw_model::Variant;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use hyper::body::{Body, Incoming};

use crate::accept::{Busy, ConnCtx};
use crate::answer::{answer, closing};
use crate::assign::{Visitor, take_forced};
use crate::observe::{Observation, Refused};
use crate::route::LocalRoute;
use crate::upstream::{
    Conn, Download, Fault, Link, Load, ReqBody, RespBody, SendFailure, Tunnel, Upload, grpc_status, headers,
};

/// Times one request is tried on connections that turn out dead, or assigned anew.
const ATTEMPTS_MAX: u32 = 5;
const VARIANT: HeaderName = HeaderName::from_static("x-fw-variant");

/// Answers a request. Never fails: what goes wrong is an answer too.
pub(crate) async fn handle(
    ctx: Rc<ConnCtx>,
    request: Request<Incoming>,
) -> Result<Response<RespBody>, Infallible> {
    if let Some(refusal) = ctx.wire.next_request() {
        ctx.worker.refused(refusal.reason);
        return Ok(closing(answer(refusal.reason, refusal.detail)));
    }
    let busy = ctx.wire.enter();
    let mut exchange = match Exchange::new(&ctx, request) {
        Ok(exchange) => exchange,
        Err(response) => {
            ctx.wire.resume();
            return Ok(*response);
        }
    };
    let response = exchange.run(busy).await;
    if exchange.upgrade && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        ctx.wire.resume();
    }
    Ok(response)
}

/// A request under way.
struct Exchange {
    ctx: Rc<ConnCtx>,
    observation: Observation,
    visitor: Visitor,
    upload: Option<Rc<Upload>>,
    /// It may leave HTTP.
    upgrade: bool,
    /// The canary could not be reached; its error is counted, and stable answers uncounted.
    canary_failed: bool,
    request: Option<Request<ReqBody>>,
}

/// Where a request is to go.
struct Choice {
    route: Rc<LocalRoute>,
    variant: Variant,
    target: usize,
}

impl Exchange {
    fn new(ctx: &Rc<ConnCtx>, request: Request<Incoming>) -> Result<Exchange, Box<Response<RespBody>>> {
        let observation = Observation::begin(&ctx.worker);
        let (mut parts, incoming) = request.into_parts();
        let refuse = |reason, detail| {
            ctx.worker.refused(reason);
            Err(Box::new(answer(reason, detail)))
        };
        if parts.method == Method::CONNECT {
            return refuse(Refused::Method, "CONNECT is not served here");
        }
        let bytes_max = ctx.worker.settings.limits.body_bytes_max;
        if bytes_max > 0 && incoming.size_hint().lower() > bytes_max {
            ctx.wire.linger();
            return refuse(Refused::BodyTooLarge, "the request body is too large")
                .map_err(|response| Box::new(closing(*response)));
        }
        let upgrade = ctx.wire.may_upgrade() && is_tunnel(&parts);
        to_origin_form(&mut parts);
        let mut visitor = Visitor::default();
        if let Some(rule) = &ctx.worker.forced {
            visitor.forced = take_forced(&mut parts.headers, rule, ctx.peer.ip());
            ctx.worker.stats.forced.add(u64::from(visitor.forced.is_some()));
        }
        headers::to_upstream(&mut parts.headers, ctx, parts.version, upgrade);
        parts.version = Version::HTTP_11;
        let mut exchange = Exchange {
            ctx: Rc::clone(ctx),
            observation,
            visitor,
            upload: None,
            upgrade,
            canary_failed: false,
            request: None,
        };
        let body = exchange.body(incoming, bytes_max);
        exchange.request = Some(Request::from_parts(parts, body));
        Ok(exchange)
    }

    fn body(&mut self, incoming: Incoming, bytes_max: u64) -> ReqBody {
        if incoming.is_end_stream() {
            return ReqBody::Empty;
        }
        let upload = Rc::new(Upload::default());
        self.upload = Some(Rc::clone(&upload));
        self.observation.uploads(Rc::clone(&upload));
        ReqBody::Stream { incoming, upload, bytes_max }
    }

    async fn run(&mut self, busy: Busy) -> Response<RespBody> {
        let (mut last_try, mut wary) = (None, false);
        for _ in 0..ATTEMPTS_MAX {
            let Some(choice) = self.choose() else { continue };
            let Choice { route, variant, target } = choice;
            let upstream = Rc::clone(&route.targets(variant)[target].upstream);
            let link = match upstream.pooled(&self.ctx.worker, wary) {
                Some(link) => link,
                // Boxed, as is all that is rare: the future of a request is moved about, so it stays small.
                None => match Box::pin(self.connect(&route, variant, target)).await {
                    Connected::Yes(link) => link,
                    Connected::Elsewhere => continue,
                    Connected::Never => return self.unreachable(variant),
                },
            };
            let load = upstream.load();
            let Some(request) = self.request.take() else { break };
            let again = again(&request, &link);
            match link.send(request, &mut self.observation, &self.ctx.worker).await {
                Ok((response, conn)) => {
                    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                        return Box::pin(self.switch(&route, variant, response, conn)).await;
                    }
                    return self.respond(&route, variant, response, conn, load, busy);
                }
                Err(SendFailure::NotSent(request)) => {
                    self.request = Some(*request);
                    wary = true;
                }
                Err(SendFailure::Closed) if again.is_some() && self.no_fault() && last_try.is_none() => {
                    self.request = again;
                    (last_try, wary) = (Some(()), true);
                }
                Err(failure) => return self.failed(&failure),
            }
        }
        self.failed(&SendFailure::Closed)
    }

    /// Assigns the request and picks an instance. `None` when the canary turned out to be unreachable.
    fn choose(&mut self) -> Option<Choice> {
        let worker = Rc::clone(&self.ctx.worker);
        let route = worker.route();
        let request = self.request.as_ref()?;
        let mut key_cell = None;
        let (mut variant, mut unit) = (Variant::Stable, false);
        if !self.canary_failed {
            let mut rng = worker.rng.borrow_mut();
            let assigned = self.visitor.assign(&route.routing, request.headers(), &mut rng);
            (variant, unit) = (assigned.variant, assigned.unit);
            if variant == Variant::Canary {
                key_cell = assigned.key.map(Observation::key_cell);
            }
        }
        self.observation.keyed(key_cell);
        if variant == Variant::Canary && route.targets(variant).is_empty() {
            variant = Variant::Stable;
        }
        let now_ms = worker.deadlines.now_ms();
        let counted = self.visitor.forced.is_none() && !self.canary_failed;
        let picked = pick(&route, variant, now_ms);
        // Where all of the canary's instances are left alone, any of them may stand for it.
        self.observation.place(&route, variant, picked.unwrap_or(0), counted);
        if unit {
            self.observation.unit();
        }
        match picked {
            Some(target) => Some(Choice { route, variant, target }),
            None => {
                self.observation.unreachable();
                self.canary_failed = true;
                None
            }
        }
    }

    /// Connects to the instance, else to its siblings; a canary without a reachable one fails over.
    async fn connect(&mut self, route: &Rc<LocalRoute>, variant: Variant, first: usize) -> Connected {
        let worker = Rc::clone(&self.ctx.worker);
        let targets = route.targets(variant);
        for step in 0..targets.len() {
            let target = (first + step) % targets.len();
            let upstream = &targets[target].upstream;
            if step > 0 && upstream.is_ejected(worker.deadlines.now_ms()) {
                continue;
            }
            let connected = upstream.connect(&worker).await;
            let current = worker.is_current(route);
            match connected {
                // A newer split came meanwhile: it decides. The connection waits in its pool.
                Ok(link) if !current => {
                    if let Link::H1(conn) = link {
                        conn.give_back();
                    }
                    return Connected::Elsewhere;
                }
                Ok(link) if step == 0 => return Connected::Yes(link),
                Ok(link) => {
                    let counted = self.visitor.forced.is_none() && !self.canary_failed;
                    self.observation.place(route, variant, target, counted);
                    return Connected::Yes(link);
                }
                Err(_) if !current => return Connected::Elsewhere,
                Err(_) => {}
            }
        }
        if variant == Variant::Stable {
            return Connected::Never;
        }
        self.observation.unreachable();
        self.canary_failed = true;
        Connected::Elsewhere
    }

    fn respond(
        &mut self,
        route: &Rc<LocalRoute>,
        variant: Variant,
        response: Response<Incoming>,
        conn: Option<Conn>,
        load: Load,
        busy: Busy,
    ) -> Response<RespBody> {
        let (mut parts, incoming) = response.into_parts();
        let closes = self.head(route, variant, &mut parts, false);
        let conn = self.keep_driving(conn, closes);
        let body = if incoming.is_end_stream() {
            self.observation.done();
            if let Some(conn) = conn {
                conn.give_back();
            }
            RespBody::Empty
        } else {
            RespBody::Stream(Download {
                incoming,
                conn,
                observation: std::mem::replace(&mut self.observation, Observation::nothing(&self.ctx.worker)),
                timer: self.ctx.worker.deadlines.timer(),
                idle: self.ctx.worker.settings.timeouts.body_idle,
                _load: load,
                _busy: busy,
            })
        };
        Response::from_parts(parts, body)
    }

    /// Counts a response head and makes it fit for the client. True if the upstream will close.
    fn head(
        &mut self,
        route: &LocalRoute,
        variant: Variant,
        parts: &mut http::response::Parts,
        upgraded: bool,
    ) -> bool {
        let grpc = is_grpc(&parts.headers);
        let grpc_code = if grpc { grpc_status(&parts.headers) } else { None };
        self.observation.head(parts.status.as_u16(), grpc_code, grpc, !upgraded);
        let closes = headers::to_client(&mut parts.headers, upgraded) || parts.version == Version::HTTP_10;
        parts.version = Version::HTTP_11;
        parts.extensions.clear();
        if let Some(cookie) = self.visitor.set_cookie(&route.routing, self.ctx.tls) {
            parts.headers.append(header::SET_COOKIE, cookie);
        }
        if self.ctx.worker.settings.expose_variant {
            parts.headers.insert(VARIANT, HeaderValue::from_static(variant.as_str()));
        }
        closes
    }

    /// Who drives the connection from here: the response body, or, while an upload goes on, a task.
    fn keep_driving(&self, conn: Option<Conn>, closes: bool) -> Option<Conn> {
        let mut conn = conn?;
        if closes {
            conn.will_close();
        }
        if self.upload.as_ref().is_some_and(|upload| !upload.done.get()) {
            conn.detach();
            return None;
        }
        Some(conn)
    }

    /// The upstream leaves HTTP; both ends are joined once the client has its 101.
    async fn switch(
        &mut self,
        route: &Rc<LocalRoute>,
        variant: Variant,
        response: Response<Incoming>,
        conn: Option<Conn>,
    ) -> Response<RespBody> {
        let (Some(conn), true) = (conn, self.upgrade) else {
            // A 101 nobody asked for.
            return self.failed(&SendFailure::Closed);
        };
        let (mut parts, _) = response.into_parts();
        self.head(route, variant, &mut parts, true);
        self.observation.done();
        let (io, early) = conn.into_upgraded().await;
        self.ctx.tunnel.replace(Some(Tunnel { io, early }));
        Response::from_parts(parts, RespBody::Empty)
    }

    fn no_fault(&self) -> bool {
        self.upload.as_ref().is_none_or(|upload| upload.fault.get().is_none())
    }

    fn unreachable(&mut self, variant: Variant) -> Response<RespBody> {
        self.observation.failed();
        self.refuse(Refused::Unreachable, &format!("no {variant} upstream can be reached"))
    }

    /// No response head came: whose fault was it?
    fn failed(&mut self, failure: &SendFailure) -> Response<RespBody> {
        match self.upload.as_ref().and_then(|upload| upload.fault.get()) {
            Some(Fault::TooLarge) => {
                self.observation.client_gone();
                self.ctx.wire.linger();
                return closing(self.refuse(Refused::BodyTooLarge, "the request body is too large"));
            }
            Some(Fault::Client) => {
                self.observation.client_gone();
                self.ctx.wire.linger();
                let detail = self.ctx.wire.broken().unwrap_or("the request body was not received whole");
                return closing(self.refuse(Refused::Framing, detail));
            }
            None => {}
        }
        self.observation.failed();
        match failure {
            SendFailure::Timeout => self.refuse(Refused::Timeout, "the upstream did not answer in time"),
            SendFailure::NotSent(_) | SendFailure::Closed => {
                self.refuse(Refused::UpstreamClosed, "the upstream closed the connection without an answer")
            }
        }
    }

    fn refuse(&self, reason: Refused, detail: &str) -> Response<RespBody> {
        self.ctx.worker.refused(reason);
        answer(reason, detail)
    }
}

enum Connected {
    Yes(Link),
    /// Choose anew.
    Elsewhere,
    Never,
}

/// A copy of a request that may be sent twice: RFC 9110 section 9.2.2, on a connection that was used before.
fn again(request: &Request<ReqBody>, link: &Link) -> Option<Request<ReqBody>> {
    let sendable =
        link.is_reused() && matches!(request.body(), ReqBody::Empty) && request.method().is_idempotent();
    sendable.then(|| {
        let mut copy = Request::new(ReqBody::Empty);
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.headers_mut() = request.headers().clone();
        copy
    })
}

/// The instance with the fewest requests under way, taking turns among equals. `None` when the
/// canary's are all left alone; stable's are tried all the same, there is nowhere else to go.
fn pick(route: &LocalRoute, variant: Variant, now_ms: u64) -> Option<usize> {
    let targets = route.targets(variant);
    if let [only] = targets {
        return (variant == Variant::Stable || !only.upstream.is_ejected(now_ms)).then_some(0);
    }
    let first = route.turn(variant, targets.len());
    (0..targets.len())
        .map(|step| (first + step) % targets.len())
        .filter(|&target| !targets[target].upstream.is_ejected(now_ms))
        .min_by_key(|&target| targets[target].upstream.in_flight())
        .or((variant == Variant::Stable).then_some(first))
}

/// Whether an Upgrade leads out of HTTP. `h2c` does not, and is not taken up (RFC 9113 section 3.1).
fn is_tunnel(parts: &Parts) -> bool {
    let named = |value: &HeaderValue| {
        value
            .as_bytes()
            .split(|&b| b == b',')
            .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
    };
    let protocol = parts.headers.get(header::UPGRADE);
    protocol.is_some_and(|protocol| !protocol.as_bytes().eq_ignore_ascii_case(b"h2c"))
        && parts.headers.get_all(header::CONNECTION).iter().any(named)
}

/// Path and query only, and the host in Host, as an HTTP/1.1 origin server is asked.
fn to_origin_form(parts: &mut Parts) {
    let Some(authority) = parts.uri.authority() else { return };
    if !parts.headers.contains_key(header::HOST)
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        parts.headers.insert(header::HOST, host);
    }
    let path = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    parts.uri = Uri::from(path);
}

fn is_grpc(headers: &http::HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}
