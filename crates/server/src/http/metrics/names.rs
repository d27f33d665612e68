//! Every metric of `/metrics`: what it is called, what it means, what its labels are. The reference page is made of this.
//!
//! Names follow Prometheus: base units, `_total` on counters, `_ratio` for 0 to 1. Counters of a rollout begin anew with
//! the next one, as counters do when a process restarts.
//!
//! Source: prometheus.io/docs/practices/naming; OpenMetrics 1.0.

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Metric {
    /// Its name.
    pub(crate) name: &'static str,
    /// `gauge` or `counter`.
    pub(crate) kind: &'static str,
    /// Names of its labels.
    pub(crate) labels: &'static [&'static str],
    /// What it means, with its unit.
    pub(crate) help: &'static str,
}

const OF_SERVICE: &[&str] = &["service", "region"];
const BY_VARIANT: &[&str] = &["service", "region", "variant"];

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: "gauge", labels, help }
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: "counter", labels, help }
}

pub(super) const BUILD: Metric =
    gauge("fw_build_info", &["version"], "The version of this server: always 1.");
pub(super) const EVENTS: Metric =
    counter("fw_events_published_total", &[], "Events published over the log's life.");
pub(super) const STREAMS_OPEN: Metric = gauge("fw_streams_open", &[], "Event and split streams open now.");
pub(super) const STREAMS_CUT: Metric =
    counter("fw_streams_cut_total", &[], "Streams broken off because the client did not read.");
pub(super) const INFO: Metric = gauge(
    "fw_rollout_info",
    &["service", "region", "run", "status", "verdict"],
    "The latest rollout of a service: always 1, what it is as labels.",
);
pub(super) const RUNNING: Metric =
    gauge("fw_rollout_running", OF_SERVICE, "Whether the latest rollout is under way, 1 or 0.");
pub(super) const PHASE: Metric =
    gauge("fw_rollout_phase", OF_SERVICE, "Position of the phase from 0; -1 at stable.");
pub(super) const PROGRESS: Metric =
    gauge("fw_rollout_progress_ratio", OF_SERVICE, "Progress through the plan, 0 to 1.");
pub(super) const WAITING: Metric = gauge(
    "fw_rollout_waiting",
    &["service", "region", "kind"],
    "What the rollout waits for now: duration, evidence, criterion, gate, source, srm, concentrated, person or router; always 1.",
);
pub(super) const SHARE: Metric =
    gauge("fw_canary_share_ratio", OF_SERVICE, "Share of traffic that goes to the canary, 0 to 1.");
pub(super) const EPOCH: Metric =
    gauge("fw_split_epoch", OF_SERVICE, "Epoch of the split: grows with each change.");
pub(super) const HEALTH: Metric = gauge(
    "fw_health_score",
    OF_SERVICE,
    "Health of the canary in this phase, 0 to 100; absent without requests.",
);
pub(super) const RISK: Metric = gauge("fw_risk_score", OF_SERVICE, "Risk now, 0 to 100.");
pub(super) const REQUESTS: Metric = counter(
    "fw_rollout_canary_requests_total",
    OF_SERVICE,
    "Requests of the canary with an outcome, over the latest rollout.",
);
pub(super) const ERRORS: Metric =
    counter("fw_rollout_canary_errors_total", OF_SERVICE, "Errors of the canary, over the latest rollout.");
pub(super) const USERS: Metric = gauge(
    "fw_rollout_users",
    BY_VARIANT,
    "Different users of a version over the latest rollout, about (2.3 % standard error); absent where no data plane tells.",
);
pub(super) const PHASE_REQUESTS: Metric =
    gauge("fw_phase_requests", BY_VARIANT, "Requests with an outcome in this phase, by variant.");
pub(super) const PHASE_ERRORS: Metric =
    gauge("fw_phase_errors", BY_VARIANT, "Errors in this phase, by variant.");
pub(super) const PLANES: Metric = gauge("fw_data_planes", OF_SERVICE, "Data planes that are known.");
pub(super) const EVALUATIONS: Metric = counter(
    "fw_flag_evaluations_total",
    &["service", "flag", "variant"],
    "Answers to questions for a flag, by variant; empty = no value, the code's default holds.",
);
const OF_SINK: &[&str] = &["sink"];

pub(super) const NOTIFY_SENT: Metric =
    counter("fw_notify_sent_total", OF_SINK, "Events that a receiver of notifications took.");
pub(super) const NOTIFY_FAILED: Metric = counter(
    "fw_notify_failed_tries_total",
    OF_SINK,
    "Tries to tell a receiver that failed; each event is tried again until it is given up.",
);
pub(super) const NOTIFY_GIVEN_UP: Metric =
    counter("fw_notify_given_up_total", OF_SINK, "Events given up: the receiver never gets them.");
pub(super) const NOTIFY_MISSED: Metric = counter(
    "fw_notify_missed_total",
    OF_SINK,
    "Events that were no longer kept when the receiver could have been told.",
);
pub(super) const NOTIFY_BEHIND: Metric =
    gauge("fw_notify_behind_events", OF_SINK, "Published events that the receiver has not got yet.");
pub(super) const NOTIFY_STOPPED: Metric = gauge(
    "fw_notify_stopped",
    OF_SINK,
    "Whether the receiver answered 410 and is not told until the server starts anew, 1 or 0.",
);
pub(crate) const PROXY_CONNECTIONS: Metric =
    gauge("fw_proxy_connections", &["service"], "Client connections of the proxy open now.");
pub(crate) const PROXY_ACCEPTED: Metric =
    counter("fw_proxy_accepted_total", &["service"], "Client connections the proxy accepted.");

/// All of them, in the order of the page.
pub(super) const METRICS: &[Metric] = &[
    BUILD,
    EVENTS,
    STREAMS_OPEN,
    STREAMS_CUT,
    INFO,
    RUNNING,
    PHASE,
    PROGRESS,
    WAITING,
    SHARE,
    EPOCH,
    HEALTH,
    RISK,
    REQUESTS,
    ERRORS,
    USERS,
    PHASE_REQUESTS,
    PHASE_ERRORS,
    PLANES,
    EVALUATIONS,
    NOTIFY_SENT,
    NOTIFY_FAILED,
    NOTIFY_GIVEN_UP,
    NOTIFY_MISSED,
    NOTIFY_BEHIND,
    NOTIFY_STOPPED,
    PROXY_CONNECTIONS,
    PROXY_ACCEPTED,
];

/// The reference page, in Markdown.
pub fn reference_markdown() -> String {
    let mut page = String::from(
        "# Metrics\n\nMade from the code by `cargo xtask gen`; do not edit.\n\n`GET /metrics` serves these in Prometheus' text format. \
         Alert rules and a dashboard for Grafana are in [observability](../observability/README.md).\n\n\
         | name | kind | labels | what it is |\n|---|---|---|---|\n",
    );
    for Metric { name, kind, labels, help } in METRICS {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        page += &format!("| `{name}` | {kind} | {} | {help} |\n", labels.join(", "));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_the_rules_of_prometheus() {
        for Metric { name, kind, help, .. } in METRICS {
            assert!(
                name.starts_with("fw_") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{name}"
            );
            assert_eq!(name.ends_with("_total"), *kind == "counter", "{name}");
            assert!(
                help.ends_with('.') && METRICS.iter().filter(|other| other.name == *name).count() == 1,
                "{name}"
            );
        }
        assert!(
            reference_markdown().contains("| `fw_phase_errors` | gauge | `service`, `region`, `variant` |")
        );
    }
}
