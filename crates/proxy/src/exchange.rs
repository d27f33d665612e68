//! One request, from its whole head to its response: assign, send, count, and try elsewhere if need be.
//!
//! Connecting comes before a byte of the body is touched, so a canary that can't be reached costs
//! nothing: the request goes to stable and is counted as the canary's error. A request not yet sent
//! when the split changes is assigned anew, so a newer epoch is confirmed at once. Which version of HTTP the
//! client speaks is not known here.

use std::rc::Rc;

use fw_model::Variant;
use http::header;

use crate::accept::ConnCtx;
use crate::answer::Own;
use crate::assign::{Visitor, take_forced};
use crate::h1::{Asked, RespHead};
use crate::observe::{Observation, Refused};
use crate::route::LocalRoute;
use crate::upstream::{Download, Fault, Front, Link, Load, SendFailure, headers};

/// Times one request is tried on connections that turn out dead, or assigned anew.
const ATTEMPTS_MAX: u32 = 5;
const VARIANT: &[u8] = b"x-fw-variant";

/// How a request ended.
pub(crate) enum Outcome {
    /// An upstream answered.
    Answered(Box<Answered>),
    /// The proxy answers itself.
    Own(Own),
    /// The client has left.
    Gone,
}

/// An upstream's answer.
#[derive(Debug)]
pub(crate) struct Answered {
    /// Fit for the client, but for what frames the body.
    pub(crate) head: RespHead,
    /// The upstream named the length of the body.
    pub(crate) length: bool,
    /// The upstream said when it answered.
    pub(crate) date: bool,
    pub(crate) download: Download,
    pub(crate) observation: Observation,
    /// Held until the end for what its drop does.
    pub(crate) load: Load,
}

/// A request under way.
pub(crate) struct Exchange<'a, F> {
    ctx: &'a Rc<ConnCtx>,
    asked: &'a Asked,
    front: &'a mut F,
    observation: Observation,
    visitor: Visitor,
    /// The canary could not be reached; its error is counted, and stable answers uncounted.
    canary_failed: bool,
}

/// Where a request is to go.
struct Choice {
    route: Rc<LocalRoute>,
    variant: Variant,
    target: usize,
}

/// Answers a request. Never fails: what goes wrong is an outcome too.
pub(crate) async fn exchange(ctx: &Rc<ConnCtx>, asked: &mut Asked, front: &mut impl Front) -> Outcome {
    let mut visitor = Visitor::default();
    if let Some(rule) = &ctx.worker.forced {
        visitor.forced = take_forced(&mut asked.fields, rule, ctx.peer.ip());
        ctx.worker.stats.forced.add(u64::from(visitor.forced.is_some()));
    }
    let observation = Observation::begin(&ctx.worker);
    Exchange { ctx, asked, front, observation, visitor, canary_failed: false }.run().await
}

impl<F: Front> Exchange<'_, F> {
    async fn run(mut self) -> Outcome {
        let (mut tried_again, mut wary) = (false, false);
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
            // RFC 9110 section 9.2.2, on a connection that was used before.
            let repeatable =
                link.is_reused() && self.front.is_uploaded() && self.asked.method.is_idempotent();
            match link.send(self.asked, self.front, &mut self.observation, &self.ctx.worker).await {
                Ok((head, _)) if head.status == 101 && !self.asked.upgrade => {
                    // Nobody asked for it.
                    return self.failed(&SendFailure::Closed);
                }
                Ok((head, download)) => return self.respond(&route, variant, head, download, load),
                Err(SendFailure::NotSent) => wary = true,
                Err(SendFailure::Closed) if repeatable && !tried_again => (tried_again, wary) = (true, true),
                Err(failure) => return self.failed(&failure),
            }
        }
        self.failed(&SendFailure::Closed)
    }

    /// Assigns the request and picks an instance. `None` when the canary turned out to be unreachable.
    fn choose(&mut self) -> Option<Choice> {
        let worker = Rc::clone(&self.ctx.worker);
        let route = worker.route();
        let mut key_cell = None;
        let (mut variant, mut unit) = (Variant::Stable, false);
        if !self.canary_failed {
            let mut rng = worker.rng.borrow_mut();
            let assigned = self.visitor.assign(&route.routing, &self.asked.fields, &mut rng);
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
                    link.give_back();
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
        mut self,
        route: &LocalRoute,
        variant: Variant,
        mut head: RespHead,
        mut download: Download,
        load: Load,
    ) -> Outcome {
        let upgraded = head.status == 101;
        let told = headers::to_client(&mut head.fields, upgraded);
        download.closes = told.closes || head.closes;
        let code = if told.grpc { grpc_code(&head) } else { None };
        self.observation.head(head.status, code, told.grpc, !upgraded);
        if let Some(cookie) = self.visitor.set_cookie(&route.routing, self.ctx.tls) {
            head.fields.push(header::SET_COOKIE.as_str().as_bytes(), cookie.as_bytes());
        }
        if self.ctx.worker.settings.expose_variant {
            head.fields.remove(VARIANT);
            head.fields.push(VARIANT, variant.as_str().as_bytes());
        }
        if upgraded || download.is_over() {
            self.observation.done();
        }
        if !upgraded && download.is_over() {
            download.finish(self.front.is_uploaded());
        }
        let (length, date, observation) = (told.length, told.date, self.observation);
        Outcome::Answered(Box::new(Answered { head, length, date, download, observation, load }))
    }

    fn unreachable(&mut self, variant: Variant) -> Outcome {
        self.observation.failed();
        self.refuse(Refused::Unreachable, format!("no {variant} upstream can be reached"))
    }

    /// No response head came: whose fault was it?
    fn failed(&mut self, failure: &SendFailure) -> Outcome {
        match failure {
            SendFailure::Fault(fault) => {
                self.observation.client_gone();
                let (reason, detail) = match fault {
                    Fault::TooLarge => (Refused::BodyTooLarge, "the request body is too large"),
                    Fault::Client(detail) => (Refused::Framing, *detail),
                };
                self.ctx.worker.refused(reason);
                Outcome::Own(Own::closing(reason, detail))
            }
            SendFailure::Unfit => {
                self.observation.client_gone();
                self.refuse(Refused::Framing, "the request target is no URI")
            }
            SendFailure::Gone => {
                self.observation.client_gone();
                Outcome::Gone
            }
            SendFailure::Timeout => {
                self.observation.failed();
                self.refuse(Refused::Timeout, "the upstream did not answer in time")
            }
            SendFailure::NotSent | SendFailure::Closed => {
                self.observation.failed();
                self.refuse(Refused::UpstreamClosed, "the upstream closed the connection without an answer")
            }
        }
    }

    fn refuse(&self, reason: Refused, detail: impl Into<String>) -> Outcome {
        self.ctx.worker.refused(reason);
        Outcome::Own(Own::new(reason, detail))
    }
}

fn grpc_code(head: &RespHead) -> Option<u16> {
    std::str::from_utf8(head.fields.get(b"grpc-status")?).ok()?.parse().ok()
}

enum Connected {
    Yes(Link),
    /// Choose anew.
    Elsewhere,
    Never,
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
