//! `GET /metrics`: Prometheus text format 0.0.4.
//!
//! Counters of a rollout begin anew with the next one, as counters do when a process restarts; the
//! label `run` is on the info metric only, so that a new run does not make new series of everything.
//!
//! Source: prometheus.io/docs/instrumenting/exposition_formats.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use fw_model::{ServiceKey, Variant};
use fw_runtime::{RunView, ServiceView};

use super::App;

pub(super) async fn metrics(State(app): State<App>) -> Response {
    let mut text = render(&app);
    flags(&app).write(&mut text);
    (app.metrics)(&mut text);
    let head = [
        (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (head, text).into_response()
}

/// What was handed out of every flag; an answer without a value has the variant "".
fn flags(app: &App) -> Family {
    let mut evaluations = Family::new(
        "fw_flag_evaluations_total",
        "counter",
        "Answers to questions for a flag, by variant; empty = no value, the code's default holds.",
    );
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

/// A metric with a line for each set of labels.
struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    lines: String,
}

impl Family {
    fn new(name: &'static str, kind: &'static str, help: &'static str) -> Family {
        Family { name, kind, help, lines: String::new() }
    }

    fn add(&mut self, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> =
            labels.iter().map(|(name, text)| format!("{name}=\"{}\"", escape(text))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.lines, "{}{labels} {value}", self.name);
    }

    /// Nothing for a metric without a line.
    fn write(&self, out: &mut String) {
        if !self.lines.is_empty() {
            let Family { name, kind, help, lines } = self;
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
    health: Family,
    risk: Family,
    requests: Family,
    errors: Family,
    phase_requests: Family,
    phase_errors: Family,
}

impl Services {
    fn new() -> Services {
        let (gauge, counter) = ("gauge", "counter");
        let family = Family::new;
        Services {
            share: family(
                "fw_canary_share_ratio",
                gauge,
                "Share of traffic that goes to the canary, 0 to 1.",
            ),
            epoch: family("fw_split_epoch", gauge, "Epoch of the split: grows with each change."),
            planes: family("fw_data_planes", gauge, "Data planes that are known."),
            info: family(
                "fw_rollout_info",
                gauge,
                "The latest rollout of a service: always 1, what it is as labels.",
            ),
            running: family("fw_rollout_running", gauge, "Whether the latest rollout is under way, 1 or 0."),
            phase: family("fw_rollout_phase", gauge, "Position of the phase from 0; -1 at stable."),
            progress: family("fw_rollout_progress_ratio", gauge, "Progress through the plan, 0 to 1."),
            health: family(
                "fw_health_score",
                gauge,
                "Health of the canary in this phase, 0 to 100; absent without requests.",
            ),
            risk: family("fw_risk_score", gauge, "Risk now, 0 to 100."),
            requests: family(
                "fw_rollout_canary_requests_total",
                counter,
                "Requests of the canary with an outcome, over the latest rollout.",
            ),
            errors: family(
                "fw_rollout_canary_errors_total",
                counter,
                "Errors of the canary, over the latest rollout.",
            ),
            phase_requests: family(
                "fw_phase_requests",
                gauge,
                "Requests with an outcome in this phase, by variant.",
            ),
            phase_errors: family("fw_phase_errors", gauge, "Errors in this phase, by variant."),
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
            self.phase_requests.add(&labels, counts.requests as f64);
            self.phase_errors.add(&labels, counts.errors as f64);
        }
    }

    fn families(self) -> [Family; 13] {
        [
            self.info,
            self.running,
            self.phase,
            self.progress,
            self.share,
            self.epoch,
            self.health,
            self.risk,
            self.requests,
            self.errors,
            self.phase_requests,
            self.phase_errors,
            self.planes,
        ]
    }
}

fn render(app: &App) -> String {
    let mut build = Family::new("fw_build_info", "gauge", "The version of this server: always 1.");
    build.add(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    let mut events =
        Family::new("fw_events_published_total", "counter", "Events published over the log's life.");
    events.add(&[], *app.feed.newest().borrow() as f64);
    let counters = &app.feed.counters;
    let mut open = Family::new("fw_streams_open", "gauge", "Event and split streams open now.");
    open.add(&[], counters.open.load(Ordering::Relaxed) as f64);
    let mut cut =
        Family::new("fw_streams_cut_total", "counter", "Streams broken off because the client did not read.");
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
        let mut family = Family::new("fw_x", "gauge", "Help.");
        let mut out = String::new();
        family.write(&mut out);
        assert_eq!(out, "");
        family.add(&[("a", "b\"c\\d\ne")], 1.5);
        family.add(&[], 2.0);
        family.write(&mut out);
        assert_eq!(out, "# HELP fw_x Help.\n# TYPE fw_x gauge\nfw_x{a=\"b\\\"c\\\\d\\ne\"} 1.5\nfw_x 2\n");
    }
}
