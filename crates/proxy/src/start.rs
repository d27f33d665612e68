//! From settings to running worker threads: everything that can fail does so here, before a request.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot, watch};

use crate::accept;
use crate::assign::ForcedRule;
use crate::proxy::{Drained, StartError};
use crate::route::Routing;
use crate::settings::ProxySettings;
use crate::shared::Shared;
use crate::worker::{self, HANDOVER_MAX, Handover, WorkerStart};

/// Most worker threads.
const WORKERS_MAX: usize = 256;
/// Bounds of `limits.header_bytes_max`, so that any sound browser gets through and no request takes all memory.
const HEADER_BYTES: std::ops::RangeInclusive<usize> = 1024..=384 * 1024;

/// What runs.
pub(crate) struct Started {
    pub(crate) local: SocketAddr,
    pub(crate) shared: Arc<Shared>,
    /// Each resolves when its worker has ended.
    pub(crate) workers: Vec<oneshot::Receiver<Drained>>,
}

/// Starts the workers; listening when it returns.
///
/// # Errors
/// [`StartError`].
pub(crate) fn start(
    settings: ProxySettings,
    routes: &watch::Sender<Arc<Routing>>,
    drain: &watch::Sender<Option<Instant>>,
) -> Result<Started, StartError> {
    check(&settings)?;
    let forced = forced_rule(&settings)?;
    let tls_server = settings.tls.as_ref().map(accept::tls_acceptor).transpose().map_err(StartError::Tls)?;
    let tls_client = fw_plane::net::tls_config(settings.upstream_ca.as_deref()).map_err(StartError::Tls)?;
    let count =
        settings.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let count = count.clamp(1, WORKERS_MAX);
    let listener = accept::listen(settings.listen).map_err(|source| refused(settings.listen, source))?;
    let local = listener.local_addr().map_err(|source| refused(settings.listen, source))?;
    let (settings, shared) = (Arc::new(settings), Shared::new(count));
    let (others, receivers): (Vec<mpsc::Sender<Handover>>, Vec<_>) =
        (0..count).map(|_| mpsc::channel(HANDOVER_MAX)).unzip();
    let mut workers = Vec::with_capacity(count);
    for (index, handed_over) in receivers.into_iter().enumerate() {
        let start = WorkerStart {
            index,
            settings: Arc::clone(&settings),
            shared: Arc::clone(&shared),
            forced: forced.clone(),
            tls_server: tls_server.clone(),
            tls_client: Arc::clone(&tls_client),
            listener: listener.try_clone().map_err(StartError::Worker)?,
            routes: routes.subscribe(),
            drain: drain.subscribe(),
            others: others.clone(),
            handed_over,
            seed: getrandom::u64().map_err(|e| StartError::Worker(io::Error::other(e)))?,
        };
        workers.push(spawn(start)?);
    }
    Ok(Started { local, shared, workers })
}

fn spawn(start: WorkerStart) -> Result<oneshot::Receiver<Drained>, StartError> {
    let (done, receiver) = oneshot::channel();
    let name = format!("fw-proxy-{}", start.index);
    std::thread::Builder::new()
        .name(name)
        .spawn(move || match worker::run(start) {
            // Nobody may be waiting any more; then nobody minds.
            Ok(drained) => _ = done.send(drained),
            Err(error) => tracing::error!(%error, "a worker could not run"),
        })
        .map_err(StartError::Worker)?;
    Ok(receiver)
}

fn check(settings: &ProxySettings) -> Result<(), StartError> {
    let limits = &settings.limits;
    if !HEADER_BYTES.contains(&limits.header_bytes_max) {
        let (min, max) = (HEADER_BYTES.start(), HEADER_BYTES.end());
        return Err(StartError::Setting(format!("limits.header_bytes_max must be {min} to {max} bytes")));
    }
    if limits.connections_max == 0 || limits.header_count_max == 0 || limits.uri_bytes_max == 0 {
        return Err(StartError::Setting(
            "limits for connections, header fields and the URI must be above 0".into(),
        ));
    }
    Ok(())
}

fn forced_rule(settings: &ProxySettings) -> Result<Option<ForcedRule>, StartError> {
    let Some(forced) = &settings.forced_variant else { return Ok(None) };
    let header = forced
        .header
        .parse()
        .map_err(|_| StartError::Setting(format!("{:?} can't be a header's name", forced.header)))?;
    if forced.token.as_ref().is_some_and(String::is_empty) {
        return Err(StartError::Setting(
            "the forced variant's token is empty; leave it out for loopback only".into(),
        ));
    }
    Ok(Some(ForcedRule { header, token: forced.token.clone() }))
}

fn refused(addr: SocketAddr, source: io::Error) -> StartError {
    let hint = match source.kind() {
        io::ErrorKind::AddrInUse => "another process listens there; stop it or choose another address",
        io::ErrorKind::PermissionDenied => "not permitted; ports below 1024 need the right to bind them",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => "the system refused",
    };
    StartError::Listen { addr, hint: hint.into(), source }
}
