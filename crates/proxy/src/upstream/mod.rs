//! The other side: instances, their pools, and one request sent to one of them.
//!
//! Each worker has its own [`Upstream`] a instance, so pools need no lock. An instance that can't be
//! connected to is left alone for a moment ([`EJECT_MS`]); there are no active probes.

mod counted;
mod download;
mod front;
mod h1;
mod h2;
pub(crate) mod headers;
mod patience;
mod tunnel;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use fw_plane::net::{Origin, Scheme, connect};
use http::HeaderMap;

use crate::h1::{Asked, RespHead};
use crate::observe::Observation;
use crate::worker::Worker;

pub(crate) use download::{Coding, Download};
pub(crate) use front::{Fault, Front, NOT_WHOLE, PIECE_BYTES_MAX, write_end, write_piece};
pub(crate) use h1::{Conn, poll_fill};
pub(crate) use tunnel::splice;

/// How long an instance that could not be connected to is left alone, ms.
pub(crate) const EJECT_MS: u64 = 1000;

/// One upstream instance as one worker sees it.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) origin: Arc<Origin>,
    idle: RefCell<Vec<Conn>>,
    h2: RefCell<Option<h2::Shared>>,
    in_flight: Cell<u32>,
    ejected_until_ms: Cell<u64>,
}

/// A request under way at an instance, for choosing the least loaded one.
#[derive(Debug)]
pub(crate) struct Load(Rc<Upstream>);

impl Drop for Load {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get() - 1);
    }
}

/// A connection ready to take a request.
pub(crate) enum Link {
    H1(Conn),
    H2(h2::Shared),
}

/// Why no response head came.
#[derive(Debug)]
pub(crate) enum SendFailure {
    /// Nothing of the request was sent: it may be tried again, whatever it is.
    NotSent,
    /// The connection ended first, or what came is no response.
    Closed,
    /// The client's fault.
    Fault(Fault),
    /// The client has left.
    Gone,
    /// The request can't be said in the upstream's version of HTTP.
    Unfit,
    /// The upstream took too long.
    Timeout,
}

impl Upstream {
    pub(crate) fn new(origin: Arc<Origin>) -> Rc<Upstream> {
        Rc::new(Upstream {
            origin,
            idle: RefCell::default(),
            h2: RefCell::default(),
            in_flight: Cell::new(0),
            ejected_until_ms: Cell::new(0),
        })
    }

    /// Counts a request as under way.
    pub(crate) fn load(self: &Rc<Self>) -> Load {
        self.in_flight.set(self.in_flight.get() + 1);
        Load(Rc::clone(self))
    }

    /// Requests under way.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.get()
    }

    /// Whether it is left alone at present.
    pub(crate) fn is_ejected(&self, now_ms: u64) -> bool {
        now_ms < self.ejected_until_ms.get()
    }

    /// A connection from the pool, the one used last first. `wary` looks closely at each, as is right
    /// after one turned out dead.
    pub(crate) fn pooled(&self, worker: &Worker, wary: bool) -> Option<Link> {
        if self.origin.scheme == Scheme::H2c {
            let mut shared = self.h2.borrow_mut();
            if shared.as_ref().is_some_and(h2::Shared::is_closed) {
                *shared = None;
            }
            return shared.clone().map(Link::H2);
        }
        loop {
            let mut conn = self.idle.borrow_mut().pop()?;
            worker.stats.pool_idle.sub(1);
            let hot = !wary && conn.idle_since_ms() == worker.deadlines.now_ms();
            if hot || conn.is_usable() {
                return Some(Link::H1(conn));
            }
        }
    }

    /// A new connection; the instance is left alone for a moment if there is none to be had.
    ///
    /// # Errors
    /// What the system, the TLS library or the time-out said.
    pub(crate) async fn connect(self: &Rc<Self>, worker: &Rc<Worker>) -> std::io::Result<Link> {
        match self.open(worker).await {
            Ok(link) => {
                self.ejected_until_ms.set(0);
                Ok(link)
            }
            Err(error) => {
                tracing::debug!(upstream = %self.origin.name, %error, "connect failed");
                self.ejected_until_ms.set(worker.deadlines.now_ms() + EJECT_MS);
                Err(error)
            }
        }
    }

    async fn open(self: &Rc<Self>, worker: &Rc<Worker>) -> std::io::Result<Link> {
        let timeout = worker.settings.timeouts.connect;
        let stream = connect(&self.origin, timeout, &worker.tls_client).await?;
        worker.stats.connects.add(1);
        if self.origin.scheme == Scheme::H2c {
            let shared = h2::Shared::open(stream).await?;
            *self.h2.borrow_mut() = Some(shared.clone());
            return Ok(Link::H2(shared));
        }
        Ok(Link::H1(Conn::new(stream, self, worker)))
    }

    /// Whether a route names it: its owners are the pool table, its idle connections, and routes or requests.
    pub(crate) fn is_named(self: &Rc<Self>) -> bool {
        Rc::strong_count(self) > 1 + self.idle.borrow().len()
    }

    /// Closes connections unused since `before_ms`.
    pub(crate) fn evict(&self, before_ms: u64, worker: &Worker) {
        let mut idle = self.idle.borrow_mut();
        let old = idle.len();
        idle.retain(|conn| conn.idle_since_ms() >= before_ms);
        worker.stats.pool_idle.sub((old - idle.len()) as u64);
    }

    fn keep(&self, conn: Conn, worker: &Worker) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < worker.settings.limits.idle_upstream_max {
            worker.stats.pool_idle.add(1);
            idle.push(conn);
        }
    }
}

impl Link {
    /// It is not needed after all.
    pub(crate) fn give_back(self) {
        if let Link::H1(conn) = self {
            conn.give_back();
        }
    }

    /// Whether it carried a request before, so that it may have died unnoticed.
    pub(crate) fn is_reused(&self) -> bool {
        match self {
            Link::H1(conn) => conn.is_reused(),
            Link::H2(_) => true,
        }
    }

    /// Sends a request and waits for the response head. The body, if there is one, is still to be read.
    ///
    /// # Errors
    /// [`SendFailure`].
    pub(crate) async fn send(
        self,
        asked: &Asked,
        front: &mut impl Front,
        observation: &mut Observation,
        worker: &Rc<Worker>,
    ) -> Result<(RespHead, Download), SendFailure> {
        match self {
            Link::H1(conn) => {
                let ((head, body), conn) = conn.send(asked, front, observation).await?;
                Ok((head, Download::h1(conn, body)))
            }
            Link::H2(shared) => {
                let (response, feeder) = shared.send(asked, front, observation, worker).await?;
                let (parts, incoming) = response.into_parts();
                let mut head = RespHead { status: parts.status.as_u16(), ..RespHead::default() };
                head.fields.extend(&parts.headers);
                Ok((head, Download::h2(incoming, feeder, worker)))
            }
        }
    }
}

/// The gRPC status code in a trailer section.
pub(crate) fn grpc_status(headers: &HeaderMap) -> Option<u16> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}
