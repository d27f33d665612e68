//! `GET /metrics`: Prometheus text format 0.0.4.
//!
//! Source: prometheus.io/docs/instrumenting/exposition_formats.

use std::fmt::Write;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use fw_model::Variant;

use super::App;
use super::answer::Refused;
use crate::auth::{self, Need};

pub(super) async fn metrics(State(app): State<App>, headers: HeaderMap) -> Result<Response, Refused> {
    auth::actor(&app.settings.tokens, &headers, Need::View)?;
    let mut text = render(&app);
    (app.metrics)(&mut text);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// A metric with a line for each service.
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
        let _ = writeln!(self.lines, "{}{{{}}} {value}", self.name, labels.join(","));
    }

    fn write(&self, out: &mut String) {
        if !self.lines.is_empty() {
            let _ = write!(
                out,
                "# HELP {} {}\n# TYPE {} {}\n{}",
                self.name, self.help, self.name, self.kind, self.lines
            );
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn render(app: &App) -> String {
    let mut info = Family::new(
        "fw_rollout_info",
        "gauge",
        "The latest rollout of a service: 1, with its status as a label.",
    );
    let mut share =
        Family::new("fw_canary_share_ratio", "gauge", "Share of traffic that goes to the canary, 0 to 1.");
    let mut epoch = Family::new("fw_split_epoch", "counter", "Changes of the split so far.");
    let mut health =
        Family::new("fw_health_score", "gauge", "Health score of the canary in this phase, 0 to 100.");
    let mut requests =
        Family::new("fw_phase_requests", "gauge", "Requests with an outcome in this phase, by variant.");
    let mut errors = Family::new("fw_phase_errors", "gauge", "Errors in this phase, by variant.");
    let mut sources = Family::new("fw_data_planes", "gauge", "Data planes that are known.");
    let mut events = Family::new("fw_events_published_total", "counter", "Events published so far.");
    for (key, service) in &app.handle.views().services {
        let name = key.service.as_str();
        let region = key.region.as_ref().map_or("", |r| r.as_str());
        let labels = [("service", name), ("region", region)];
        let split = service.split.borrow().clone();
        share.add(&labels, f64::from(split.canary.units()) / 100_000.0);
        epoch.add(&labels, split.epoch.0 as f64);
        sources.add(&labels, service.sources as f64);
        let Some(run) = &service.run else { continue };
        let id = run.run.to_string();
        info.add(&[labels[0], labels[1], ("run", &id), ("status", &run.status.status)], 1.0);
        if let Some(score) = run.status.health {
            health.add(&labels, score);
        }
        for variant in Variant::ALL {
            let counts = if variant == Variant::Canary { &run.counts.canary } else { &run.counts.stable };
            let labels = [labels[0], labels[1], ("variant", variant.as_str())];
            requests.add(&labels, counts.requests as f64);
            errors.add(&labels, counts.errors as f64);
        }
    }
    events.add(&[], *app.handle.newest_event().borrow() as f64);
    let mut out = String::new();
    let _ = writeln!(out, "# HELP fw_build_info The version of this server.\n# TYPE fw_build_info gauge");
    let _ = writeln!(out, "fw_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
    [info, share, epoch, health, requests, errors, sources, events]
        .iter()
        .for_each(|family| family.write(&mut out));
    out
}
