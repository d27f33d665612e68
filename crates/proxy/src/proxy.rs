//! The handle on a running proxy: start it, move its split, read its counts, stop it.
//!
//! The handle is cheap to call from any thread or runtime; the work is done by worker threads that
//! share nothing on the request path. It decides nothing: splits come in, counts go out.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fw_api::wire::{HistogramWire, InFlightWire, Report, SourceWire};
use fw_model::{Epoch, Histogram, Region, Split, Variant};
use fw_plane::{Applied, DataPlane};
use tokio::sync::{Mutex as AsyncMutex, oneshot, watch};

use crate::observe::Refused;
use crate::route::Routing;
use crate::settings::ProxySettings;
use crate::shared::{Shared, WorkerView};
use crate::start;

/// A running proxy. Dropping it stops it at once; [`Proxy::shutdown`] stops it gently.
#[derive(Debug)]
pub struct Proxy {
    local: SocketAddr,
    region: Option<Region>,
    shared: Arc<Shared>,
    state: Mutex<State>,
    routes: watch::Sender<Arc<Routing>>,
    drain: watch::Sender<Option<Instant>>,
    workers: AsyncMutex<Vec<oneshot::Receiver<Drained>>>,
}

#[derive(Debug)]
struct State {
    routing: Arc<Routing>,
    /// Routings that may not be confirmed yet: serial and epoch, oldest first, of the present log.
    epochs: VecDeque<(u64, Epoch)>,
    source: String,
    seq: u64,
}

/// Why a proxy could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address can't be listened on.
    #[error("cannot listen on {addr}: {hint}")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// What is wrong and what to do.
        hint: String,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The certificate, key or CA file can't be used.
    #[error("TLS: {0}")]
    Tls(String),
    /// The split names an upstream that can't be used.
    #[error("the split can't be used: {0}")]
    Split(String),
    /// A setting is out of range.
    #[error("{0}")]
    Setting(String),
    /// A worker thread could not be started.
    #[error("cannot start a worker thread")]
    Worker(#[source] std::io::Error),
}

/// What [`Proxy::shutdown`] left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drained {
    /// Connections that ended by themselves within the grace.
    pub finished: u64,
    /// Connections cut off at its end.
    pub aborted: u64,
}

/// Figures for `/metrics`, since start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProxyStats {
    /// Client connections open now.
    pub connections: u64,
    /// Client connections taken since start.
    pub accepted: u64,
    /// Request body bytes sent to upstreams, stable then canary.
    pub bytes_in: [u64; 2],
    /// Response body bytes sent to clients, stable then canary.
    pub bytes_out: [u64; 2],
    /// Requests and connections the proxy refused by itself, by reason.
    pub refused: Vec<(&'static str, u64)>,
    /// Idle upstream connections kept now.
    pub pool_idle: u64,
    /// Upstream connections opened since start.
    pub upstream_connects: u64,
    /// Requests that a forced-variant header placed (in no cell).
    pub forced: u64,
}
impl Proxy {
    /// Opens the listener and starts the workers; listening when it returns.
    ///
    /// # Errors
    /// [`StartError`], which names the address or file and what to do.
    pub async fn start(settings: ProxySettings, split: Split) -> Result<Proxy, StartError> {
        let routing = Arc::new(Routing::new(split, 1).map_err(StartError::Split)?);
        let region = settings.region.clone();
        let (routes, drain) = (watch::Sender::new(Arc::clone(&routing)), watch::Sender::new(None));
        let started = start::start(settings, &routes, &drain)?;
        let state = State {
            epochs: VecDeque::from([(1, routing.split.epoch)]),
            routing,
            source: uuid::Uuid::new_v4().to_string(),
            seq: 0,
        };
        Ok(Proxy {
            local: started.local,
            region,
            shared: started.shared,
            state: Mutex::new(state),
            routes,
            drain,
            workers: AsyncMutex::new(started.workers),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change under the lock is made of steps that can't panic, so the state is sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it listens (the port picked, if 0 was asked for).
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Moves to another split. Requests in flight finish where they are; none is dropped.
    ///
    /// A split of another log begins the counts anew, under a new source id, because epochs compare
    /// only inside one log.
    pub fn apply(&self, split: Split) -> Applied {
        let mut state = self.state();
        let now = &state.routing.split;
        if !now.yields_to(&split) {
            return Applied::Older;
        }
        if *now == split {
            return Applied::Unchanged;
        }
        let other_log = now.log_id != split.log_id;
        let routing = match Routing::new(split, state.routing.serial + 1) {
            Ok(routing) => Arc::new(routing.after(&state.routing)),
            Err(why) => {
                tracing::warn!(%why, "a split can't be used; the last one stays");
                return Applied::Refused(why);
            }
        };
        if other_log {
            tracing::warn!(log = %routing.split.log_id.0, "taking a split of another log; counts begin anew");
            self.shared.registry.clear();
            state.epochs.clear();
            state.source = uuid::Uuid::new_v4().to_string();
            state.seq = 0;
        }
        state.epochs.push_back((routing.serial, routing.split.epoch));
        state.routing = Arc::clone(&routing);
        // Sent under the lock, so that workers see splits in the order they were taken.
        self.routes.send_replace(routing);
        if other_log { Applied::OtherLog } else { Applied::Taken }
    }

    /// The split in force.
    pub fn split(&self) -> Split {
        self.state().routing.split.clone()
    }

    /// Cumulative counts since start; `seq` grows with each call.
    pub fn report(&self) -> Report {
        let mut state = self.state();
        state.seq += 1;
        self.shared.reported();
        let confirmed = self.shared.confirmed_serial();
        while state.epochs.get(1).is_some_and(|&(serial, _)| serial <= confirmed) {
            state.epochs.pop_front();
        }
        let confirmed_epoch = match state.epochs.front() {
            Some(&(serial, epoch)) if serial <= confirmed => epoch.0,
            // The workers have not all come to this log's first split yet.
            _ => 0,
        };
        let mut cells = self.shared.registry.cells();
        state.routing.add_users(&mut cells);
        Report {
            source: SourceWire {
                id: state.source.clone(),
                kind: "proxy".into(),
                region: self.region.as_ref().map(Region::to_string),
            },
            seq: state.seq,
            confirmed_epoch,
            cells,
            in_flight: self.in_flight(),
        }
    }

    fn in_flight(&self) -> InFlightWire {
        let mut ages = [Histogram::default(), Histogram::default()];
        let now = Instant::now();
        self.shared.workers.iter().for_each(|worker| worker.ages.read(now, &mut ages));
        let wire = |variant: Variant| {
            let ages = &ages[variant.index()];
            (!ages.is_empty()).then(|| HistogramWire::from(ages))
        };
        InFlightWire { stable: wire(Variant::Stable), canary: wire(Variant::Canary) }
    }

    /// Frees the cells of these epochs, except the one in force and any with requests in flight.
    pub fn forget(&self, closed_epochs: &[u64]) {
        let now = self.state().routing.split.epoch.0;
        let closed: Vec<u64> = closed_epochs.iter().copied().filter(|&epoch| epoch != now).collect();
        self.shared.registry.forget(&closed);
    }

    /// Resolves when something deserves a report at once: three new errors since the last
    /// [`Proxy::report`], or a newly confirmed epoch.
    pub async fn burst(&self) {
        self.shared.burst().await;
    }

    /// Figures for `/metrics`.
    pub fn stats(&self) -> ProxyStats {
        let mut stats = ProxyStats::default();
        let mut refused = [0; Refused::ALL.len()];
        for WorkerView { stats: worker, .. } in &self.shared.workers {
            stats.connections += worker.connections.get();
            stats.accepted += worker.accepted.get();
            stats.pool_idle += worker.pool_idle.get();
            stats.upstream_connects += worker.connects.get();
            stats.forced += worker.forced.get();
            for variant in Variant::ALL.map(Variant::index) {
                stats.bytes_in[variant] += worker.bytes_in[variant].get();
                stats.bytes_out[variant] += worker.bytes_out[variant].get();
            }
            refused.iter_mut().zip(&worker.refused).for_each(|(sum, one)| *sum += one.get());
        }
        stats.refused = Refused::ALL.iter().zip(refused).map(|((_, code), n)| (*code, n)).collect();
        stats
    }

    /// Stops accepting, lets requests in flight finish for at most `grace`, then cuts off the rest.
    pub async fn shutdown(&self, grace: Duration) -> Drained {
        let mut workers = self.workers.lock().await;
        self.drain.send_replace(Some(Instant::now() + grace));
        let mut drained = Drained::default();
        for worker in workers.drain(..) {
            // A worker that died has nothing left to drain.
            let one = worker.await.unwrap_or_default();
            drained.finished += one.finished;
            drained.aborted += one.aborted;
        }
        drained
    }
}

impl DataPlane for Proxy {
    fn apply(&self, split: Split) -> Applied {
        Proxy::apply(self, split)
    }

    fn report(&self) -> Report {
        Proxy::report(self)
    }

    fn forget(&self, closed_epochs: &[u64]) {
        Proxy::forget(self, closed_epochs);
    }

    fn burst(&self) -> impl Future<Output = ()> + Send {
        Proxy::burst(self)
    }
}
