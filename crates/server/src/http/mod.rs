//! The HTTP API (contract section 4): routes over `fw_runtime::Handle`, one file a group of routes.
//!
//! A request passes, in order: the socket's bounds (`listen`, `socket`), Host and Origin (`origin`), the
//! token's role (`crate::auth`), the route, and there the body's type and limit (`body`). Every refusal is
//! RFC 9457 problem+json. Nothing here decides anything about a rollout.

mod answer;
mod body;
mod events;
mod feed;
mod flags;
mod gate;
mod listen;
mod live;
pub(crate) mod metrics;
mod notifications;
pub(crate) mod ofrep;
mod openapi;
mod origin;
mod page;
mod planes;
mod read;
mod releases;
mod reports;
mod rollouts;
mod socket;
mod sse;
mod values;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware;
use axum::response::Response;
use axum::routing::{any, get, post};
use fw_api::{Code, Problem};
use fw_runtime::Handle;
use fw_runtime::config::{EvaluationRate, TokenConfig};

use crate::notify::Notifier;
use crate::releases::Releases;
use crate::stories::Stories;
use crate::waves::Waves;

pub use flags::{FlagBoard, ServedFlag};
pub use listen::{serve, serve_with};
pub use metrics::reference_markdown as metrics_reference;
pub use ofrep::OFREP_BODY_BYTES_MAX;
pub use openapi::openapi_text;

/// Largest body of a control request, bytes.
pub const CONTROL_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Largest body of a report, bytes.
pub const REPORT_BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Largest body of a report of a custom metric, bytes.
pub const METRIC_BODY_BYTES_MAX: usize = 16 * 1024;

/// Appends Prometheus text of whatever runs beside the API.
pub type ExtraMetrics = Arc<dyn Fn(&mut String) + Send + Sync>;

/// What the routes work with.
#[derive(Clone)]
pub struct App {
    /// The way to the core.
    pub handle: Handle,
    /// What the operator set.
    pub settings: Arc<HttpSettings>,
    /// Feature flags of all services.
    pub board: Arc<FlagBoard>,
    /// True once the log is replayed and the listeners are bound.
    pub ready: Arc<AtomicBool>,
    /// What reports are made of.
    stories: Arc<Stories>,
    /// Metrics of the proxies.
    pub metrics: ExtraMetrics,
    /// Who is told of events.
    notifier: Arc<Notifier>,
    /// Releases; none in a process that has no place to keep them.
    releases: Option<Releases>,
    /// Rollouts over several regions; none where nothing has them.
    waves: Option<Arc<Waves>>,
    /// Times and counts beyond which a client is let go.
    limits: Limits,
    /// Recent event frames, shared by all streams.
    feed: Arc<feed::Feed>,
    /// What each client may still ask to be evaluated.
    evaluations: Arc<ofrep::Rates>,
}

/// What the operator set.
#[derive(Debug, Clone, Default)]
pub struct HttpSettings {
    /// Whether `/events` is there.
    pub sse_enabled: bool,
    /// Who may do what; empty = loopback without tokens.
    pub tokens: Vec<TokenConfig>,
    /// Hosts and origins beside loopback.
    pub hosts: Vec<String>,
    /// How many evaluations of flags one client may ask for; none = unlimited.
    pub evaluation_rate: Option<EvaluationRate>,
}

/// Times and counts beyond which a client is let go.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once; more wait in the listener's queue.
    pub connections_max: usize,
    /// A request head must arrive within this time.
    pub head_within: Duration,
    /// A request body must arrive within this time.
    pub body_within: Duration,
    /// A client that takes nothing of what is sent for this long is cut off.
    pub stall_max: Duration,
    /// How often a silent stream shows that it lives.
    pub heartbeat_every: Duration,
}

impl Default for Limits {
    /// Heartbeats as in contract section 4; the rest is generous to slow lines and short for idlers.
    fn default() -> Self {
        Limits {
            connections_max: 16_384,
            head_within: Duration::from_secs(10),
            body_within: Duration::from_secs(30),
            stall_max: Duration::from_secs(10),
            heartbeat_every: Duration::from_secs(15),
        }
    }
}

impl App {
    /// The routes' state, with the default limits.
    pub fn new(
        handle: Handle,
        settings: HttpSettings,
        board: Arc<FlagBoard>,
        ready: Arc<AtomicBool>,
        metrics: ExtraMetrics,
    ) -> App {
        let feed = Arc::new(feed::Feed::new(handle.clone()));
        let stories = Arc::new(Stories::in_memory(handle.clone()));
        App {
            handle,
            settings: Arc::new(settings),
            board,
            ready,
            stories,
            metrics,
            notifier: Arc::default(),
            releases: None,
            waves: None,
            limits: Limits::default(),
            feed,
            evaluations: Arc::default(),
        }
    }

    /// The same with stories that outlive the process.
    #[must_use]
    pub fn with_stories(self, stories: Arc<Stories>) -> App {
        App { stories, ..self }
    }

    /// The same with receivers of notifications.
    #[must_use]
    pub fn with_notifier(self, notifier: Arc<Notifier>) -> App {
        App { notifier, ..self }
    }

    /// The same with releases.
    #[must_use]
    pub fn with_releases(self, releases: Releases) -> App {
        App { releases: Some(releases), ..self }
    }

    /// The same with rollouts over several regions.
    #[must_use]
    pub fn with_waves(self, waves: Arc<Waves>) -> App {
        App { waves: Some(waves), ..self }
    }

    /// The rollouts over several regions, when the name means one of them.
    fn regional(&self, name: &str) -> Option<&Waves> {
        self.waves.as_deref().filter(|waves| waves.has(name))
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> App {
        App { limits, ..self }
    }
}

/// All routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/", get(page::page))
        .route("/assets/{name}", get(page::asset))
        .route("/healthz", get(read::healthz))
        .route("/readyz", get(read::readyz))
        .route("/status", get(read::status))
        .route("/events", get(events::events))
        .route("/metrics", get(metrics::metrics))
        .route("/openapi.json", get(openapi::openapi))
        .route("/api/v1/rollouts", get(rollouts::list).post(rollouts::start))
        .route("/api/v1/rollouts/{name}", get(rollouts::detail))
        .route("/api/v1/rollouts/{name}/live", get(live::live))
        .route("/api/v1/rollouts/{name}/history", get(rollouts::history))
        .route("/api/v1/rollouts/{name}/reports/{kind}", get(reports::report))
        .route("/api/v1/rollouts/{name}/{action}", post(rollouts::act))
        .route("/api/v1/services/{service}/split", get(planes::split))
        .route("/api/v1/services/{service}/observations", post(planes::observations))
        .route("/api/v1/services/{service}/metrics", post(values::values))
        .route("/api/v1/kpis", get(reports::key_numbers))
        .route("/api/v1/releases", get(releases::list).post(releases::start))
        .route("/api/v1/releases/{name}", get(releases::detail))
        .route("/api/v1/releases/{name}/report", get(releases::report))
        .route("/api/v1/releases/{name}/{action}", post(releases::act))
        .route("/api/v1/flags", get(flags::list))
        .route("/api/v1/flags/{key}", get(flags::one))
        .route("/api/v1/notifications", get(notifications::list))
        .route("/api/v1/notifications/{name}/test", post(notifications::test))
        .route("/ofrep/{*rest}", any(ofrep::serve))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), gate::gate))
        .with_state(app)
}

async fn not_found(state: State<App>, request: Request) -> Response {
    if ofrep::is_ofrep(request.uri().path()) {
        return ofrep::serve(state, request).await;
    }
    let text = format!("there is no {}: see /openapi.json for what there is", request.uri().path());
    answer::problem(&Problem::new(Code::NotFound, text))
}

async fn method_not_allowed(request: Request) -> Response {
    let text = format!("{} does not take {}: see /openapi.json", request.uri().path(), request.method());
    answer::problem(&Problem::new(Code::MethodNotAllowed, text))
}
