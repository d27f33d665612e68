//! `fw serve`: the store, the core, the proxies and the API, started in order and stopped in order.
//!
//! Listeners open at once with the last split; nothing is moved by starting. On the way down the
//! proxies finish requests in flight, report once more, and the core commits what it has.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fw_model::ServiceKey;
use fw_model::flag::Slice;
use fw_model::plan::RouterKind;
use fw_providers::ask::Asker;
use fw_providers::traffic;
use fw_proxy::{ForcedVariant, Limits, Proxy, ProxySettings, Timeouts, TlsSettings};
use fw_runtime::config::ServiceConfig;
use fw_runtime::{Handle, ServiceDef, SystemClock};
use fw_store::{Journal, JournalError, MemoryJournal, MemoryLog, RolloutLog, SqliteJournal, SqliteLog};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::gates;
use crate::http::metrics::{Family, PROXY_ACCEPTED, PROXY_CONNECTIONS};
use crate::http::{self, App, FlagBoard, HttpSettings, ServedFlag};
use crate::notify::{Notifier, NotifyError, Timing};
use crate::releases::{ReleaseError, ReleaseSettings, Releases};
use crate::stories::{ShelfError, Stories};
use crate::waves::{Waves, WavesError};
use crate::{BindError, check_bind};

/// Listen address where nothing else is said.
const LISTEN_DEFAULT: ([u8; 4], u16) = ([127, 0, 0, 1], 3002);
/// How long requests in flight may take when stopping.
const DRAIN_GRACE: Duration = Duration::from_secs(30);

/// Where events are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreChoice {
    /// Gone with the process; for demos and tests.
    Memory,
    /// A SQLite database file.
    Sqlite(PathBuf),
}

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// One for each service.
    pub configs: Vec<ServiceConfig>,
    /// Where the API listens; none = the config's port on loopback, else 127.0.0.1:3002.
    pub listen: Option<SocketAddr>,
    /// Where events are kept.
    pub store: StoreChoice,
}

/// A server could not be started. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address needs tokens.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The API's address can't be listened on.
    #[error(
        "the API cannot listen on {addr}: {source} (is another server running there? choose another --listen)"
    )]
    Listen {
        /// Which.
        addr: SocketAddr,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The store can't be opened.
    #[error(transparent)]
    Store(#[from] fw_store::Error),
    /// The book of experiments can't be opened.
    #[error(transparent)]
    Book(#[from] fw_flags::book::BookError),
    /// The stories of past rollouts can't be opened.
    #[error(transparent)]
    Stories(#[from] ShelfError),
    /// The log and the configs don't fit.
    #[error(transparent)]
    Boot(#[from] fw_runtime::BootError),
    /// A receiver of notifications can't be used.
    #[error(transparent)]
    Notify(#[from] NotifyError),
    /// The journal beside the store can't be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Regional rollouts can't be taken up again.
    #[error(transparent)]
    Waves(#[from] WavesError),
    /// Nobody can be asked over TLS.
    #[error("requests to webhooks, health URLs and other servers can't be made: {0}")]
    Asker(String),
    /// Releases can't be opened.
    #[error(transparent)]
    Releases(#[from] ReleaseError),
    /// OFREP knows flags by their key alone.
    #[error("the flag {flag:?} is in the configs of {first} and {second}: a key may stand in one only")]
    FlagTwice {
        /// The key.
        flag: String,
        /// One service that has it.
        first: ServiceKey,
        /// The other.
        second: ServiceKey,
    },
    /// Parts of a group may not overlap, whichever service has them.
    #[error(
        "the flags {first:?} and {second:?} of two services take overlapping parts of the group {group:?}: \
         give them other parts, or another group to one"
    )]
    SlicesOverlap {
        /// The group.
        group: String,
        /// One flag.
        first: String,
        /// The other.
        second: String,
    },
    /// A proxy can't be started.
    #[error("the proxy of {key}: {source}")]
    Proxy {
        /// Of which service.
        key: ServiceKey,
        /// Why.
        source: fw_proxy::StartError,
    },
}

/// A running server.
pub struct Server {
    /// The way to the core.
    pub handle: Handle,
    /// Rollouts over several regions.
    pub waves: Arc<Waves>,
    /// Releases.
    pub releases: Releases,
    addr: SocketAddr,
    proxies: Vec<(ServiceKey, Arc<Proxy>)>,
    loops: Vec<JoinHandle<()>>,
    stop_loops: watch::Sender<bool>,
    tellers: Vec<JoinHandle<()>>,
    stop_telling: watch::Sender<bool>,
    stop_http: oneshot::Sender<()>,
    http: JoinHandle<()>,
}

impl Server {
    /// Starts everything; listening and ready on return.
    ///
    /// # Errors
    /// [`ServeError`]; nothing is left running.
    pub async fn start(options: ServeOptions) -> Result<Server, ServeError> {
        let addr = listen_addr(&options);
        let settings = http_settings(&options);
        check_bind(addr, &settings.tokens)?;
        check_flags(&options.configs)?;
        let listener = TcpListener::bind(addr).await.map_err(|source| ServeError::Listen { addr, source })?;
        let addr = listener.local_addr().unwrap_or(addr);
        let log: Arc<dyn RolloutLog> = match &options.store {
            StoreChoice::Memory => Arc::new(MemoryLog::new()),
            StoreChoice::Sqlite(path) => Arc::new(open_sqlite(path)?),
        };
        let board = Arc::new(board(&options)?);
        let served: Vec<&ServiceConfig> = options.configs.iter().flat_map(ServiceConfig::served).collect();
        let defs = served.iter().map(|c| ServiceDef { plan: c.plan.clone() }).collect();
        // Before anything is published: a receiver that is new begins here.
        let notifier =
            Notifier::open(log.clone(), Arc::new(SystemClock), &options.configs, Timing::default())?;
        let bits =
            Box::new(|| uuid::Uuid::new_v4().as_u128() ^ uuid::Uuid::new_v4().as_u128().rotate_left(64));
        let handle = Handle::start_core(log, Arc::new(SystemClock), bits, defs)?;
        let stories = Arc::new(stories(&options, &handle)?);
        let (stop_loops, stopping) = watch::channel(false);
        let (stop_telling, telling_stops) = watch::channel(false);
        let tellers = notifier.start(&handle.newest_event(), &telling_stops);
        let (mut proxies, mut loops) = (vec![], vec![]);
        for config in options.configs.iter().flat_map(own_proxies) {
            let key = config.plan.key.clone();
            let proxy = start_proxy(config, &handle).await?;
            let Ok(split) = handle.split(&key) else { continue };
            let take = {
                let (handle, key) = (handle.clone(), key.clone());
                move |report| {
                    let (handle, key) = (handle.clone(), key.clone());
                    async move { handle.report(key, report, true).await.map_err(|refusal| refusal.to_string()) }
                }
            };
            loops.push(tokio::spawn(traffic::proxy::drive(proxy.clone(), split, stopping.clone(), take)));
            proxies.push((key, proxy));
        }
        let (waves, releases) = around_rollouts(&options, &handle, &stopping, &mut loops)?;
        loops.push(tokio::spawn(stories.clone().shelve(stopping.clone())));
        let ready = Arc::new(AtomicBool::new(true));
        let app = App::new(handle.clone(), settings, board, ready.clone(), proxy_metrics(&proxies))
            .with_stories(stories)
            .with_notifier(Arc::new(notifier))
            .with_releases(releases.clone())
            .with_waves(waves.clone());
        let (stop_http, stopped) = oneshot::channel::<()>();
        let router = http::router(app);
        let http = tokio::spawn(async move {
            let told = async {
                let _ = stopped.await;
                ready.store(false, Ordering::Release);
            };
            let _ = http::serve(listener, router, told).await;
        });
        Ok(Server {
            handle,
            waves,
            releases,
            addr,
            proxies,
            loops,
            stop_loops,
            tellers,
            stop_telling,
            stop_http,
            http,
        })
    }

    /// Where the API listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where the proxies listen.
    pub fn proxy_addrs(&self) -> Vec<(ServiceKey, SocketAddr)> {
        self.proxies.iter().map(|(key, proxy)| (key.clone(), proxy.local_addr())).collect()
    }

    /// Stops: requests in flight end, the last counts are reported and committed, then the API goes.
    pub async fn stop(self) {
        for (key, proxy) in &self.proxies {
            let drained = proxy.shutdown(DRAIN_GRACE).await;
            if drained.aborted > 0 {
                tracing::warn!(target: "fw_server", service = %key, aborted = drained.aborted, "connections were cut off");
            }
        }
        self.stop_loops.send_replace(true);
        for running in self.loops {
            let _ = running.await;
        }
        self.handle.stop().await;
        // What is not told by then is told after the next start.
        self.stop_telling.send_replace(true);
        for telling in self.tellers {
            let _ = telling.await;
        }
        let _ = self.stop_http.send(());
        let _ = self.http.await;
    }
}

fn listen_addr(options: &ServeOptions) -> SocketAddr {
    let port = options.configs.iter().find_map(|c| c.server.port);
    options.listen.unwrap_or_else(|| SocketAddr::from((LISTEN_DEFAULT.0, port.unwrap_or(LISTEN_DEFAULT.1))))
}

fn http_settings(options: &ServeOptions) -> HttpSettings {
    let servers = || options.configs.iter().map(|c| &c.server);
    HttpSettings {
        sse_enabled: servers().all(|s| s.sse_enabled),
        tokens: servers().flat_map(|s| s.tokens.clone()).collect(),
        hosts: servers().flat_map(|s| s.hosts.clone()).collect(),
        // One server, one bound: the tightest that any of its configs asks for.
        evaluation_rate: servers().filter_map(|s| s.evaluation_rate).min_by_key(|r| (r.per_second, r.burst)),
    }
}

/// The flags of all services, with the book of experiments beside the store.
fn board(options: &ServeOptions) -> Result<FlagBoard, ServeError> {
    let flags = options.configs.iter().flat_map(ServedFlag::of).collect();
    let metrics = options.configs.iter().map(|c| (c.plan.key.clone(), c.plan.metrics.clone())).collect();
    let file = match &options.store {
        StoreChoice::Memory => None,
        StoreChoice::Sqlite(path) => Some(path.with_extension("experiments.db")),
    };
    Ok(FlagBoard::open(flags, metrics, file.as_deref())?)
}

/// The stories of past runs, beside the store.
fn stories(options: &ServeOptions, handle: &Handle) -> Result<Stories, ShelfError> {
    match &options.store {
        StoreChoice::Memory => Ok(Stories::in_memory(handle.clone())),
        StoreChoice::Sqlite(path) => Stories::open(handle.clone(), &path.with_extension("stories.db")),
    }
}

/// What runs around rollouts: webhooks among their gates, rollouts over regions, releases.
fn around_rollouts(
    options: &ServeOptions,
    handle: &Handle,
    stopping: &watch::Receiver<bool>,
    loops: &mut Vec<JoinHandle<()>>,
) -> Result<(Arc<Waves>, Releases), ServeError> {
    let asker = Arc::new(Asker::new(None).map_err(ServeError::Asker)?);
    loops.push(tokio::spawn(gates::run(handle.clone(), asker.clone(), stopping.clone())));
    let journal = open_journal(options)?;
    let waves = Waves::open(handle.clone(), journal.clone(), (*asker).clone(), &options.configs)?;
    let waves = Arc::new(waves);
    loops.extend(waves.run(stopping));
    let releases = open_releases(options, journal, handle, (asker, waves.clone()))?;
    loops.push(releases.run(stopping.clone()));
    Ok((waves, releases))
}

/// What happened to releases and regional rollouts, beside the store.
fn open_journal(options: &ServeOptions) -> Result<Arc<dyn Journal>, JournalError> {
    Ok(match &options.store {
        StoreChoice::Memory => Arc::new(MemoryJournal::default()),
        StoreChoice::Sqlite(path) => Arc::new(SqliteJournal::open(&path.with_extension("journal.db"))?),
    })
}

/// Releases, with the folder of their orders beside the store.
fn open_releases(
    options: &ServeOptions,
    journal: Arc<dyn Journal>,
    handle: &Handle,
    (asker, waves): (Arc<Asker>, Arc<Waves>),
) -> Result<Releases, ReleaseError> {
    let root = match &options.store {
        StoreChoice::Memory => std::env::temp_dir().join(format!("fw-{}", std::process::id())),
        StoreChoice::Sqlite(path) => {
            let root = std::path::absolute(path.with_extension("deploy"));
            root.unwrap_or_else(|_| path.with_extension("deploy"))
        }
    };
    let settings = ReleaseSettings { configs: options.configs.clone(), root, asker, waves: Some(waves) };
    Releases::open(journal, handle.clone(), settings)
}

/// The configs whose proxies run in this process.
fn own_proxies(config: &ServiceConfig) -> Vec<&ServiceConfig> {
    let own = match config.regions.as_slice() {
        [] => vec![config],
        regions => regions.iter().filter(|region| region.own_proxy).map(|region| &region.config).collect(),
    };
    own.into_iter().filter(|config| config.plan.router == RouterKind::Proxy).collect()
}

/// # Errors
/// When two services have a flag of one key, or overlapping parts of one group.
fn check_flags(configs: &[ServiceConfig]) -> Result<(), ServeError> {
    let mut seen: HashMap<String, ServiceKey> = HashMap::new();
    let mut slices: Vec<(&Slice, &str)> = vec![];
    for flag in configs.iter().flat_map(|config| &config.flags).map(|one| &one.flag) {
        let Some(slice) = &flag.exclusive else { continue };
        if let Some((_, first)) = slices.iter().find(|(other, _)| other.overlaps(slice)) {
            let (group, first) = (slice.group.clone(), (*first).to_owned());
            return Err(ServeError::SlicesOverlap { group, first, second: flag.key.clone() });
        }
        slices.push((slice, &flag.key));
    }
    for ServedFlag { service, flag, .. } in configs.iter().flat_map(ServedFlag::of) {
        if let Some(first) = seen.insert(flag.key.clone(), service.clone()) {
            return Err(ServeError::FlagTwice { flag: flag.key, first, second: service });
        }
    }
    Ok(())
}

fn open_sqlite(path: &Path) -> Result<SqliteLog, fw_store::Error> {
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        // If it can't be made, opening the database says what is wrong with the path.
        let _ = std::fs::create_dir_all(folder);
    }
    SqliteLog::open(path)
}

async fn start_proxy(config: &ServiceConfig, handle: &Handle) -> Result<Arc<Proxy>, ServeError> {
    let key = config.plan.key.clone();
    let split = handle.split(&key).map(|split| split.borrow().as_ref().clone());
    let split = split.map_err(|refusal| ServeError::Proxy {
        key: key.clone(),
        source: fw_proxy::StartError::Split(refusal.to_string()),
    })?;
    let proxy = Proxy::start(proxy_settings(config), split).await;
    proxy.map(Arc::new).map_err(|source| ServeError::Proxy { key, source })
}

/// The proxy's settings of a config.
fn proxy_settings(config: &ServiceConfig) -> ProxySettings {
    let traffic = &config.traffic;
    let (l, t) = (&traffic.limits, &traffic.timeouts);
    let defaults = ProxySettings::default();
    ProxySettings {
        listen: traffic.listen.unwrap_or(defaults.listen),
        tls: traffic
            .tls
            .as_ref()
            .map(|files| TlsSettings { cert: files.cert.clone(), key: files.key.clone() }),
        upstream_ca: traffic.upstream_ca.clone(),
        workers: traffic.workers,
        limits: Limits {
            header_bytes_max: l.header_bytes_max,
            header_count_max: l.header_count_max,
            uri_bytes_max: l.uri_bytes_max,
            body_bytes_max: l.body_bytes_max,
            connections_max: l.connections_max,
            idle_upstream_max: l.idle_upstream_max,
        },
        timeouts: Timeouts {
            header_read: t.header_read,
            connect: t.connect,
            response_head: t.response_head,
            idle_keep_alive: t.idle_keep_alive,
            idle_upstream: t.idle_upstream,
            upgrade_idle: t.upgrade_idle,
            body_idle: t.body_idle,
        },
        forced_variant: traffic
            .forced_variant_header
            .clone()
            .map(|header| ForcedVariant { header, token: None }),
        region: config.plan.key.region.clone(),
        expose_variant: traffic.expose_variant,
    }
}

fn proxy_metrics(proxies: &[(ServiceKey, Arc<Proxy>)]) -> http::ExtraMetrics {
    let proxies = proxies.to_vec();
    Arc::new(move |out: &mut String| {
        let (mut open, mut accepted) = (Family::new(PROXY_CONNECTIONS), Family::new(PROXY_ACCEPTED));
        for (key, proxy) in &proxies {
            let (service, stats) = (key.to_string(), proxy.stats());
            open.add(&[("service", &service)], stats.connections as f64);
            accepted.add(&[("service", &service)], stats.accepted as f64);
        }
        open.write(out);
        accepted.write(out);
    })
}

#[cfg(test)]
mod tests {
    use fw_runtime::config;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_flag_of_two_services_is_refused_by_name() {
        let with_flag = |service: &str, key: &str| {
            let flags = json!([{ "key": key, "stable": false, "canary": true }]);
            config::load_json(&json!({ "service": service, "flags": flags }), None).unwrap()
        };
        assert!(check_flags(&[with_flag("shop", "a"), with_flag("search", "b")]).is_ok());
        let sliced = |service: &str, key: &str, from: u32| {
            let flags = json!([{
                "key": key, "variants": [{ "name": "x", "value": 1, "weight": 100 }],
                "exclusive": { "group": "page", "from": from, "to": from + 20 },
            }]);
            config::load_json(&json!({ "service": service, "flags": flags }), None).unwrap()
        };
        assert!(check_flags(&[sliced("shop", "a", 0), sliced("search", "b", 20)]).is_ok());
        let refused = check_flags(&[sliced("shop", "a", 0), sliced("search", "b", 19)]).unwrap_err();
        assert!(refused.to_string().contains("\"a\" and \"b\" of two services"), "{refused}");
        let refused = check_flags(&[with_flag("shop", "a"), with_flag("search", "a")]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the flag \"a\" is in the configs of shop and search: a key may stand in one only"
        );
    }
}
