//! The HTTP API (contract section 4): routes over `fw_runtime::Handle`, one file a group of routes.
//!
//! Every refusal is RFC 9457 problem+json. Requests pass, in order: Host/Origin, the body's limit
//! and type, the token's role, the route.

mod answer;
mod body;
mod events;
mod later;
mod listen;
mod metrics;
mod page;
mod planes;
mod read;
mod rollouts;
mod sse;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{any, get, post};
use fw_api::{Code, Problem};
use fw_runtime::Handle;
use fw_runtime::config::TokenConfig;

use crate::auth;

pub use listen::serve;

/// Largest body of a control request, bytes.
pub const CONTROL_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Largest body of a report, bytes.
pub const REPORT_BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Appends Prometheus text of whatever runs beside the API.
pub type ExtraMetrics = Arc<dyn Fn(&mut String) + Send + Sync>;

/// What the routes work with.
#[derive(Clone)]
pub struct App {
    /// The way to the core.
    pub handle: Handle,
    /// What the operator set.
    pub settings: Arc<HttpSettings>,
    /// True once the log is replayed and the listeners are bound.
    pub ready: Arc<AtomicBool>,
    /// Metrics of the proxies.
    pub metrics: ExtraMetrics,
    /// Recent event frames, shared by all streams.
    pub(crate) feed: Arc<events::Feed>,
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
}

impl App {
    /// The routes' state.
    pub fn new(handle: Handle, settings: HttpSettings, ready: Arc<AtomicBool>, metrics: ExtraMetrics) -> App {
        let feed = Arc::new(events::Feed::new(handle.clone()));
        App { handle, settings: Arc::new(settings), ready, metrics, feed }
    }
}

/// All routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/", get(page::page))
        .route("/healthz", get(read::healthz))
        .route("/readyz", get(read::readyz))
        .route("/status", get(read::status))
        .route("/events", get(events::events))
        .route("/metrics", get(metrics::metrics))
        .route("/openapi.json", get(page::openapi))
        .route("/api/v1/rollouts", get(rollouts::list).post(rollouts::start))
        .route("/api/v1/rollouts/{name}", get(rollouts::detail))
        .route("/api/v1/rollouts/{name}/history", get(rollouts::history))
        .route("/api/v1/rollouts/{name}/reports/{kind}", get(later::reports))
        .route("/api/v1/rollouts/{name}/{action}", post(rollouts::act))
        .route("/api/v1/services/{service}/split", get(planes::split))
        .route("/api/v1/services/{service}/observations", post(planes::observations))
        .route("/api/v1/services/{service}/metrics", post(later::metrics))
        .route("/api/v1/kpis", any(later::kpis))
        .route("/api/v1/releases", any(later::releases))
        .route("/api/v1/releases/{*rest}", any(later::releases))
        .route("/api/v1/flags", any(later::flags))
        .route("/api/v1/flags/{*rest}", any(later::flags))
        .route("/ofrep/{*rest}", any(later::ofrep))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

async fn not_found(request: Request) -> Response {
    let text = format!("there is no {}: see /openapi.json for what there is", request.uri().path());
    answer::problem(&Problem::new(Code::NotFound, text))
}

async fn method_not_allowed(request: Request) -> Response {
    let text = format!("{} does not take {}: see /openapi.json", request.uri().path(), request.method());
    answer::problem(&Problem::new(Code::MethodNotAllowed, text))
}

/// Host and Origin before anything else; writes need JSON.
async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let probe = matches!(request.uri().path(), "/healthz" | "/readyz");
    if !probe
        && let Err(problem) = auth::own_origin(request.headers(), request.uri().host(), &app.settings.hosts)
    {
        return answer::problem(&problem);
    }
    let writes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if writes && !body::is_json(request.headers()) {
        let text = "send Content-Type: application/json";
        return answer::problem(&Problem::new(Code::UnsupportedMedia, text));
    }
    next.run(request).await
}
