//! One worker: a thread with an event loop of its own, and everything its requests use.
//!
//! Workers share the listener and nothing else. Splits come in over a channel; a worker puts each
//! together with its own pools and lets go of the old one when nothing assigned under it can be sent any more.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fw_plane::net::Origin;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::spawn_local;
use tokio_rustls::TlsAcceptor;

use crate::accept;
use crate::assign::ForcedRule;
use crate::clock::Deadlines;
use crate::date::Date;
use crate::h1::Buffers;
use crate::observe::{AgeSlots, Refused, WorkerStats};
use crate::proxy::Drained;
use crate::route::{LocalRoute, Routing};
use crate::settings::ProxySettings;
use crate::shared::Shared;
use crate::upstream::Upstream;

/// Connections on their way from one worker to another.
pub(crate) const HANDOVER_MAX: usize = 1024;
/// More connections than another worker has, before new ones are handed over to it.
const IMBALANCE_MAX: u64 = 1;
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// A connection handed over.
pub(crate) type Handover = (std::net::TcpStream, SocketAddr);

/// What a worker thread is started with.
pub(crate) struct WorkerStart {
    pub(crate) index: usize,
    pub(crate) settings: Arc<ProxySettings>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) forced: Option<ForcedRule>,
    pub(crate) tls_server: Option<TlsAcceptor>,
    pub(crate) tls_client: Arc<rustls::ClientConfig>,
    pub(crate) listener: std::net::TcpListener,
    pub(crate) routes: watch::Receiver<Arc<Routing>>,
    pub(crate) drain: watch::Receiver<Option<Instant>>,
    pub(crate) others: Vec<mpsc::Sender<Handover>>,
    pub(crate) handed_over: mpsc::Receiver<Handover>,
    pub(crate) seed: u64,
}

/// A worker, as its tasks see it.
pub(crate) struct Worker {
    pub(crate) settings: Arc<ProxySettings>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) forced: Option<ForcedRule>,
    pub(crate) tls_server: Option<TlsAcceptor>,
    pub(crate) tls_client: Arc<rustls::ClientConfig>,
    pub(crate) stats: Arc<WorkerStats>,
    pub(crate) deadlines: Rc<Deadlines>,
    pub(crate) ages: AgeSlots,
    pub(crate) rng: RefCell<fastrand::Rng>,
    pub(crate) buffers: Rc<Buffers>,
    date: RefCell<Date>,
    index: usize,
    route: RefCell<Rc<LocalRoute>>,
    retired: RefCell<Vec<Rc<LocalRoute>>>,
    upstreams: RefCell<HashMap<Arc<Origin>, Rc<Upstream>>>,
    others: Vec<mpsc::Sender<Handover>>,
    draining: Cell<bool>,
    drain: Notify,
    connection_ended: Notify,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Worker({})", self.index)
    }
}

/// Runs a worker on this thread until it is told to drain.
///
/// # Errors
/// What the system said when the event loop could not be made.
pub(crate) fn run(start: WorkerStart) -> std::io::Result<Drained> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    Ok(local.block_on(&runtime, start.run()).unwrap_or_default())
}

impl WorkerStart {
    async fn run(self) -> std::io::Result<Drained> {
        let WorkerStart { mut routes, mut drain, mut handed_over, listener, .. } = self;
        let listener = TcpListener::from_std(listener)?;
        let view = &self.shared.workers[self.index];
        let upstreams = RefCell::new(HashMap::new());
        let first =
            LocalRoute::new(Arc::clone(&routes.borrow_and_update()), |origin| pool(&upstreams, origin));
        let worker = Rc::new(Worker {
            stats: Arc::clone(&view.stats),
            deadlines: Deadlines::new(),
            ages: AgeSlots::new(Arc::clone(&view.ages)),
            rng: RefCell::new(fastrand::Rng::with_seed(self.seed)),
            buffers: Rc::default(),
            date: RefCell::default(),
            index: self.index,
            route: RefCell::new(Rc::new(first)),
            retired: RefCell::default(),
            upstreams,
            others: self.others,
            draining: Cell::new(false),
            drain: Notify::new(),
            connection_ended: Notify::new(),
            settings: self.settings,
            shared: Arc::clone(&self.shared),
            forced: self.forced,
            tls_server: self.tls_server,
            tls_client: self.tls_client,
        });
        worker.publish_confirmed();
        spawn_local(Rc::clone(&worker.deadlines).run());
        spawn_local(Rc::clone(&worker).keep_house());
        let accepting = spawn_local(accept::accept_loop(Rc::clone(&worker), listener));
        let until = loop {
            tokio::select! {
                changed = drain.changed() => match changed {
                    Ok(()) => if let Some(until) = *drain.borrow_and_update() { break until },
                    // The handle is gone: stop at once.
                    Err(_) => break Instant::now(),
                },
                Ok(()) = routes.changed() => worker.take_route(Arc::clone(&routes.borrow_and_update())),
                Some((stream, peer)) = handed_over.recv() => worker.adopt(stream, peer),
            }
        };
        accepting.abort();
        Ok(worker.drain(until, routes).await)
    }
}

fn pool(upstreams: &RefCell<HashMap<Arc<Origin>, Rc<Upstream>>>, origin: &Arc<Origin>) -> Rc<Upstream> {
    let mut upstreams = upstreams.borrow_mut();
    Rc::clone(upstreams.entry(Arc::clone(origin)).or_insert_with(|| Upstream::new(Arc::clone(origin))))
}

impl Worker {
    /// The route requests are assigned under now.
    pub(crate) fn route(&self) -> Rc<LocalRoute> {
        Rc::clone(&self.route.borrow())
    }

    /// Whether `route` is still the one in force.
    pub(crate) fn is_current(&self, route: &Rc<LocalRoute>) -> bool {
        Rc::ptr_eq(&self.route.borrow(), route)
    }

    fn take_route(&self, routing: Arc<Routing>) {
        let new = Rc::new(LocalRoute::new(routing, |origin| pool(&self.upstreams, origin)));
        let old = self.route.replace(new);
        old.retire();
        self.retired.borrow_mut().push(old);
        self.publish_confirmed();
    }

    /// Tells which routing is confirmed here: the oldest under which a request may still be sent.
    pub(crate) fn publish_confirmed(&self) {
        let mut retired = self.retired.borrow_mut();
        retired.retain(|route| route.is_held());
        let serial = match retired.first() {
            Some(oldest) => oldest.routing.serial,
            None => self.route.borrow().routing.serial,
        };
        self.shared.confirm(self.index, serial);
    }

    /// Resolves when the worker drains.
    pub(crate) async fn drained(&self) {
        let drain = self.drain.notified();
        if !self.draining.get() {
            drain.await;
        }
    }

    /// Whether the worker drains: what [`Worker::drained`] says, for the price of a load.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// The time as a Date field has it, up to a second old.
    pub(crate) fn date(&self, write: impl FnOnce(&[u8])) {
        write(self.date.borrow_mut().text(self.deadlines.now_ms()));
    }

    /// Counts an answer of the proxy's own.
    pub(crate) fn refused(&self, reason: Refused) {
        self.stats.refused[reason as usize].add(1);
    }

    /// Takes a connection, or hands it to a worker that has fewer.
    pub(crate) fn place_connection(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr) {
        let count = |index: usize| self.shared.workers[index].stats.connections.get();
        let idlest = (0..self.others.len()).min_by_key(|&index| count(index)).unwrap_or(self.index);
        if count(self.index) <= count(idlest) + IMBALANCE_MAX {
            return self.take_connection(stream, peer);
        }
        let Ok(stream) = stream.into_std() else { return };
        if let Err(
            mpsc::error::TrySendError::Full((stream, peer))
            | mpsc::error::TrySendError::Closed((stream, peer)),
        ) = self.others[idlest].try_send((stream, peer))
        {
            self.adopt(stream, peer);
        }
    }

    fn adopt(self: &Rc<Self>, stream: std::net::TcpStream, peer: SocketAddr) {
        match TcpStream::from_std(stream) {
            Ok(stream) => self.take_connection(stream, peer),
            Err(error) => tracing::warn!(%error, "a connection could not be handed over"),
        }
    }

    fn take_connection(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr) {
        self.stats.accepted.add(1);
        if self.shared.connections.fetch_add(1, Ordering::Relaxed) >= self.settings.limits.connections_max {
            self.shared.connections.fetch_sub(1, Ordering::Relaxed);
            self.refused(Refused::Connections);
            // Straight to the socket, which the event loop does not know as writable yet. A fresh socket has
            // room for it; a client that is gone already needs no answer.
            let _ = SockRef::from(&stream).send(crate::answer::TOO_MANY_CONNECTIONS);
            return;
        }
        self.stats.connections.add(1);
        let open = OpenConnection(Rc::clone(self));
        spawn_local(async move {
            accept::serve(Rc::clone(&open.0), stream, peer).await;
        });
    }

    async fn keep_house(self: Rc<Self>) {
        let mut every = tokio::time::interval(HOUSEKEEPING);
        let idle = u64::try_from(self.settings.timeouts.idle_upstream.as_millis()).unwrap_or(u64::MAX);
        loop {
            every.tick().await;
            let before_ms = if idle == 0 { 0 } else { self.deadlines.now_ms().saturating_sub(idle) };
            let mut upstreams = self.upstreams.borrow_mut();
            upstreams.values().for_each(|upstream| upstream.evict(before_ms, &self));
            // An instance no route names any more: its idle connections hold it too, so they go first.
            upstreams.retain(|_, upstream| {
                let named = upstream.is_named();
                if !named {
                    upstream.evict(u64::MAX, &self);
                }
                named
            });
        }
    }

    async fn drain(&self, until: Instant, mut routes: watch::Receiver<Arc<Routing>>) -> Drained {
        let at_first = self.stats.connections.get();
        self.draining.set(true);
        self.drain.notify_waiters();
        while self.stats.connections.get() > 0 {
            tokio::select! {
                () = self.connection_ended.notified() => {}
                Ok(()) = routes.changed() => self.take_route(Arc::clone(&routes.borrow_and_update())),
                () = tokio::time::sleep_until(until.into()) => break,
            }
        }
        let aborted = self.stats.connections.get();
        // Idle connections point back at their pool and worker; only emptying the pools frees them.
        self.upstreams.borrow().values().for_each(|upstream| upstream.evict(u64::MAX, self));
        Drained { finished: at_first.saturating_sub(aborted), aborted }
    }
}

/// A client connection; its end is counted whatever ends it.
struct OpenConnection(Rc<Worker>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.stats.connections.sub(1);
        self.0.shared.connections.fetch_sub(1, Ordering::Relaxed);
        self.0.connection_ended.notify_one();
    }
}
