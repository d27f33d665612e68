//! `GET /metrics`: Prometheus text format 0.0.4. What there is, is in `names`.
//!
//! The label `run` is on the info metric only, so that a new run does not make new series of everything.
//!
//! Source: prometheus.io/docs/instrumenting/exposition_formats.

mod names;

use std::fmt::Write;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use fw_model::{ServiceKey, Variant};
use fw_runtime::{RunView, ServiceView};

use super::App;
pub use names::reference_markdown;
pub(crate) use names::{Metric, PROXY_ACCEPTED, PROXY_CONNECTIONS};

pub(super) async fn metrics(State(app): State<App>) -> Response {
    let mut text = render(&app);
    flags(&app).write(&mut text);
    notifications(&app).iter().for_each(|family| family.write(&mut text));
    (app.metrics)(&mut text);
    let head = [
        (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (head, text).into_response()
}

/// What was handed out of every flag; an answer without a value has the variant "".
fn flags(app: &App) -> Family {
    let mut evaluations = Family::new(names::EVALUATIONS);
    for entry in app.board.entries() {
        let (flag, service) = (&entry.served.flag, entry.served.service.to_string());
        let names = flag.variants().into_iter().enumerate().map(|(place, (name, _))| (Some(place), name));
        for (place, name) in names.chain([(None, "")]) {
            let labels = [("service", service.as_str()), ("flag", &flag.key), ("variant", name)];
            evaluations.add(&labels, entry.evaluations(place) as f64);
        }
    }
    evaluations
}

/// How telling each receiver goes.
fn notifications(app: &App) -> [Family; 6] {
    let mut families = [
        names::NOTIFY_SENT,
        names::NOTIFY_FAILED,
        names::NOTIFY_GIVEN_UP,
        names::NOTIFY_MISSED,
        names::NOTIFY_BEHIND,
        names::NOTIFY_STOPPED,
    ]
    .map(Family::new);
    for (sink, t) in app.notifier.tallies(*app.feed.newest().borrow()) {
        let values = [t.sent, t.failed_tries, t.given_up, t.missed, t.behind, u64::from(t.stopped)];
        for (family, value) in families.iter_mut().zip(values) {
            family.add(&[("sink", sink)], value as f64);
        }
    }
    families
}

/// A metric with a line for each set of labels.
pub(crate) struct Family {
    metric: Metric,
    lines: String,
}

impl Family {
    pub(crate) fn new(metric: Metric) -> Family {
        Family { metric, lines: String::new() }
    }

    /// Labels must be those that the metric names, in their order.
    pub(crate) fn add(&mut self, labels: &[(&str, &str)], value: f64) {
        debug_assert!(labels.iter().map(|(name, _)| *name).eq(self.metric.labels.iter().copied()));
        let labels: Vec<String> =
            labels.iter().map(|(name, text)| format!("{name}=\"{}\"", escape(text))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.lines, "{}{labels} {value}", self.metric.name);
    }

    /// Nothing for a metric without a line.
    pub(crate) fn write(&self, out: &mut String) {
        if !self.lines.is_empty() {
            let (Metric { name, kind, help, .. }, lines) = (self.metric, &self.lines);
            let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{lines}");
        }
    }
}

/// A label's value.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The metrics of services.
struct Services {
    share: Family,
    epoch: Family,
    planes: Family,
    info: Family,
    running: Family,
    phase: Family,
    progress: Family,
    waiting: Family,
    health: Family,
    risk: Family,
    requests: Family,
    errors: Family,
    users: Family,
    phase_requests: Family,
    phase_errors: Family,
}

impl Services {
    fn new() -> Services {
        Services {
            share: Family::new(names::SHARE),
            epoch: Family::new(names::EPOCH),
            planes: Family::new(names::PLANES),
            info: Family::new(names::INFO),
            running: Family::new(names::RUNNING),
            phase: Family::new(names::PHASE),
            progress: Family::new(names::PROGRESS),
            waiting: Family::new(names::WAITING),
            health: Family::new(names::HEALTH),
            risk: Family::new(names::RISK),
            requests: Family::new(names::REQUESTS),
            errors: Family::new(names::ERRORS),
            users: Family::new(names::USERS),
            phase_requests: Family::new(names::PHASE_REQUESTS),
            phase_errors: Family::new(names::PHASE_ERRORS),
        }
    }

    fn add(&mut self, key: &ServiceKey, service: &ServiceView) {
        let region = key.region.as_ref().map_or("", |region| region.as_str());
        let labels = [("service", key.service.as_str()), ("region", region)];
        let split = service.split.borrow().clone();
        self.share.add(&labels, f64::from(split.canary.units()) / 100_000.0);
        self.epoch.add(&labels, split.epoch.0 as f64);
        self.planes.add(&labels, service.sources as f64);
        if let Some(run) = &service.run {
            self.add_run(labels, run);
        }
    }

    fn add_run(&mut self, labels: [(&str, &str); 2], run: &RunView) {
        let (status, state, id) = (&run.status, &run.status.state, run.run.to_string());
        let verdict = status.verdict.as_deref().unwrap_or("");
        let [service, region] = labels;
        self.info
            .add(&[service, region, ("run", &id), ("status", &status.status), ("verdict", verdict)], 1.0);
        self.running.add(&labels, f64::from(u8::from(state.is_running)));
        self.phase.add(&labels, state.current_phase.map_or(-1.0, |phase| phase as f64));
        self.progress.add(&labels, status.progress / 100.0);
        let mut kinds: Vec<&str> = status.waiting_on.iter().map(|reason| reason.kind.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            self.waiting.add(&[service, region, ("kind", kind)], 1.0);
        }
        self.requests.add(&labels, state.total_requests as f64);
        self.errors.add(&labels, state.total_errors as f64);
        for (family, value) in [(&mut self.health, status.health), (&mut self.risk, status.risk)] {
            if let Some(value) = value {
                family.add(&labels, value);
            }
        }
        for variant in Variant::ALL {
            let counts = match variant {
                Variant::Canary => &run.counts.canary,
                Variant::Stable => &run.counts.stable,
            };
            let labels = [service, region, ("variant", variant.as_str())];
            if let Some(users) = run.detail["users"][variant.as_str()].as_f64() {
                self.users.add(&labels, users);
            }
            self.phase_requests.add(&labels, counts.requests as f64);
            self.phase_errors.add(&labels, counts.errors as f64);
        }
    }

    fn families(self) -> [Family; 15] {
        [
            self.info,
            self.running,
            self.phase,
            self.progress,
            self.waiting,
            self.share,
            self.epoch,
            self.health,
            self.risk,
            self.requests,
            self.errors,
            self.users,
            self.phase_requests,
            self.phase_errors,
            self.planes,
        ]
    }
}

fn render(app: &App) -> String {
    let counters = &app.feed.counters;
    let mut build = Family::new(names::BUILD);
    build.add(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    let mut events = Family::new(names::EVENTS);
    events.add(&[], *app.feed.newest().borrow() as f64);
    let mut open = Family::new(names::STREAMS_OPEN);
    open.add(&[], counters.open.load(Ordering::Relaxed) as f64);
    let mut cut = Family::new(names::STREAMS_CUT);
    cut.add(&[], counters.cut.load(Ordering::Relaxed) as f64);
    let mut services = Services::new();
    for (key, service) in &app.handle.views().services {
        services.add(key, service);
    }
    let mut out = String::new();
    [build, events, open, cut].iter().chain(&services.families()).for_each(|family| family.write(&mut out));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_empty_families_are_left_out() {
        let metric = Metric { name: "fw_x", kind: "gauge", labels: &["a"], help: "Help." };
        let mut family = Family::new(metric);
        let mut out = String::new();
        family.write(&mut out);
        assert_eq!(out, "");
        family.add(&[("a", "b\"c\\d\ne")], 1.5);
        family.add(&[("a", "")], 2.0);
        family.write(&mut out);
        assert_eq!(
            out,
            "# HELP fw_x Help.\n# TYPE fw_x gauge\nfw_x{a=\"b\\\"c\\\\d\\ne\"} 1.5\nfw_x{a=\"\"} 2\n"
        );
    }
}
