//! The config with every default written out: `fw config show`, and what a client sends to a server.
//!
//! What is written reads back as the same config; a test holds it to that.

mod notifications;
mod regions;
mod release;

use fw_model::flag::{Assign, Forced, Weighted};
use fw_model::plan::{AnalysisPolicy, Business, MetricKind, MetricSpec, RouterKind, Version};
use fw_model::split::Stickiness;
use fw_model::{Phase, Plan};
use serde::Serialize;

use super::duration;
use super::service::{
    FlagConfig, ServerConfig, ServiceConfig, TrafficConfig, TrafficLimits, TrafficTimeouts,
};
use super::tree::{Node, Resolved, Scalar, Value, from_json, to_json};

/// The config as JSON, every default written out.
pub fn effective_json(config: &ServiceConfig) -> serde_json::Value {
    to_json(&tree(config))
}

/// The config as one server or client gives it to another, and as it is kept: without who may ask the server, how often, and
/// whom it tells, which is each server's own business.
pub fn request_json(config: &ServiceConfig) -> serde_json::Value {
    let mut json = effective_json(config);
    if let Some(object) = json.as_object_mut() {
        ["auth", "ofrep", "notifications"].iter().for_each(|key| drop(object.remove(*key)));
    }
    json
}

/// The config as YAML, every default written out, keys in the order of the reference.
pub fn effective_yaml(config: &ServiceConfig) -> String {
    let mut out = String::new();
    block(&tree(config), 0, &mut out);
    out
}

fn tree(config: &ServiceConfig) -> Node {
    let plan = &config.plan;
    let mut entries = vec![("service", Node::text(plan.key.service.as_str()))];
    if let Some(region) = &plan.key.region {
        entries.push(("region", Node::text(region.as_str())));
    }
    entries.push((
        "versions",
        Node::map([("stable", version(&plan.stable)), ("canary", version(&plan.canary))]),
    ));
    entries.push(("traffic", traffic(plan, &config.traffic)));
    entries.push(("rollout", rollout(plan, &config.server)));
    if let Some(waves) = &config.waves {
        entries.push(("regions", Node::list(config.regions.iter().map(regions::region))));
        entries.push(("waves", regions::waves(waves)));
    }
    entries.push(("metrics", Node::list(plan.metrics.iter().map(metric))));
    entries.push(("business", business(&plan.business)));
    entries.push(("release", release::release(&config.release)));
    entries.push(("flags", Node::list(config.flags.iter().map(flag))));
    entries.push(("ofrep", ofrep(&config.server)));
    entries.push(("notifications", Node::list(config.notifications.iter().map(notifications::sink))));
    entries.push(("auth", auth(&config.server)));
    Node::map(entries)
}

fn business(business: &Business) -> Node {
    let mut entries = vec![];
    if !business.currency.is_empty() {
        entries.push(("currency", Node::text(&business.currency)));
    }
    entries.extend(business.error_cost.map(|cost| ("errorCost", Node::number(cost))));
    entries.extend([
        ("revenue", Node::text(&business.revenue)),
        ("conversion", Node::text(&business.conversion)),
        ("satisfaction", Node::text(&business.satisfaction)),
    ]);
    Node::map(entries)
}

fn flag(config: &FlagConfig) -> Node {
    let flag = &config.flag;
    let mut entries = vec![("key", Node::text(&flag.key)), ("enabled", Node::boolean(flag.enabled))];
    match &flag.assign {
        Assign::Rollout { stable, canary } => {
            entries.extend([("stable", from_json(stable)), ("canary", from_json(canary))]);
        }
        Assign::Weights(weighted) => {
            let variant = |one: &Weighted<serde_json::Value>| {
                Node::map([
                    ("name", Node::text(&one.name)),
                    ("value", from_json(&one.value)),
                    ("weight", Node::number(f64::from(one.weight.units()) / 1000.0)),
                ])
            };
            entries.push(("variants", Node::list(weighted.iter().map(variant))));
        }
    }
    let force = |forced: &Forced| {
        let keys = Node::list(forced.keys.iter().map(Node::text));
        Node::map([("variant", Node::text(&forced.variant)), ("keys", keys)])
    };
    entries.push(("force", Node::list(flag.forced.iter().map(force))));
    // Conditions are written out: a segment stands in each rule that names it.
    let rules = flag.rules.iter().zip(&config.conditions).map(|(rule, condition)| {
        let mut entries = vec![("if", from_json(condition.source()))];
        entries.extend(rule.variant.as_ref().map(|variant| ("variant", Node::text(variant))));
        Node::map(entries)
    });
    entries.push(("rules", Node::list(rules)));
    if let Some(slice) = &flag.exclusive {
        let percent = |weight: fw_model::Weight| Node::number(f64::from(weight.units()) / 1000.0);
        entries.push((
            "exclusive",
            Node::map([
                ("group", Node::text(&slice.group)),
                ("from", percent(slice.from)),
                ("to", percent(slice.to)),
            ]),
        ));
    }
    if matches!(flag.assign, Assign::Weights(_)) {
        entries.push(("metrics", Node::list(config.metrics.iter().map(Node::text))));
    }
    Node::map(entries)
}

fn version(version: &Version) -> Node {
    let mut entries = vec![("version", Node::text(&version.version))];
    match version.urls.as_slice() {
        [] => {}
        [one] => entries.push(("url", Node::text(one))),
        many => entries.push(("urls", Node::list(many.iter().map(Node::text)))),
    }
    Node::map(entries)
}

fn traffic(plan: &Plan, traffic: &TrafficConfig) -> Node {
    let router = match plan.router {
        RouterKind::Proxy => "proxy",
        RouterKind::Sdk => "sdk",
    };
    let mut entries = vec![("router", Node::text(router))];
    if let Some(listen) = traffic.listen {
        entries.push(("listen", Node::text(listen.to_string())));
    }
    if let Some(tls) = &traffic.tls {
        let file = |path: &std::path::Path| Node::text(path.display().to_string());
        entries.push(("tls", Node::map([("cert", file(&tls.cert)), ("key", file(&tls.key))])));
    }
    entries.push((
        "stickiness",
        match &plan.stickiness {
            Stickiness::None => Node::text("none"),
            Stickiness::Cookie(name) => Node::map([("cookie", Node::text(name))]),
            Stickiness::Header(name) => Node::map([("header", Node::text(name))]),
        },
    ));
    let code = |code: u16| Node::number(f64::from(code));
    let ranges = plan.errors.http.iter().map(|&(from, to)| Node::list([code(from), code(to)]));
    let codes = plan.errors.grpc.iter().map(|&c| code(c));
    entries.push(("errors", Node::map([("http", Node::list(ranges)), ("grpc", Node::list(codes))])));
    if let Some(header) = &traffic.forced_variant_header {
        entries.push(("forcedVariantHeader", Node::text(header)));
    }
    entries.push(("exposeVariant", Node::boolean(traffic.expose_variant)));
    if let Some(file) = &traffic.upstream_ca {
        entries.push(("upstreamCa", Node::text(file.display().to_string())));
    }
    if let Some(workers) = traffic.workers {
        entries.push(("workers", Node::number(workers as f64)));
    }
    entries.push(("limits", limits(&traffic.limits)));
    entries.push(("timeouts", timeouts(&traffic.timeouts)));
    if let Some(dead_man) = plan.dead_man {
        let then = Node::text(dead_man.then.as_str());
        entries.push((
            "deadMan",
            Node::map([("after", Node::text(duration::write(dead_man.after))), ("then", then)]),
        ));
    }
    Node::map(entries)
}

fn limits(limits: &TrafficLimits) -> Node {
    let sizes = [
        ("headerBytes", limits.header_bytes_max as f64),
        ("headerCount", limits.header_count_max as f64),
        ("uriBytes", limits.uri_bytes_max as f64),
        ("bodyBytes", limits.body_bytes_max as f64),
        ("connections", limits.connections_max as f64),
        ("idleUpstream", limits.idle_upstream_max as f64),
    ];
    Node::map(sizes.map(|(key, size)| (key, Node::number(size))))
}

fn timeouts(timeouts: &TrafficTimeouts) -> Node {
    let times = [
        ("headerRead", timeouts.header_read),
        ("connect", timeouts.connect),
        ("responseHead", timeouts.response_head),
        ("idleKeepAlive", timeouts.idle_keep_alive),
        ("idleUpstream", timeouts.idle_upstream),
        ("upgradeIdle", timeouts.upgrade_idle),
        ("bodyIdle", timeouts.body_idle),
    ];
    Node::map(times.map(|(key, time)| (key, Node::text(duration::write(time)))))
}

fn rollout(plan: &Plan, server: &ServerConfig) -> Node {
    let trigger = |limit: Option<f64>| limit.map_or_else(|| Node::text("off"), Node::number);
    let mut entries = vec![
        ("phases", Node::list(plan.phases.iter().map(phase))),
        ("autoAdvance", Node::boolean(plan.auto_advance)),
        ("riskThreshold", Node::number(plan.risk_threshold)),
        ("enableRollback", Node::boolean(plan.enable_rollback)),
        (
            "rollbackTriggers",
            Node::map([
                ("health", trigger(plan.triggers.health)),
                ("errorRate", trigger(plan.triggers.error_rate)),
                ("responseTime", trigger(plan.triggers.response_time)),
            ]),
        ),
        ("monitoringInterval", Node::number(plan.monitoring_interval.as_secs_f64())),
        ("sseEnabled", Node::boolean(server.sse_enabled)),
    ];
    if let Some(port) = server.port {
        entries.push(("port", Node::number(f64::from(port))));
    }
    entries.push(("analysis", analysis(&plan.analysis)));
    Node::map(entries)
}

fn phase(phase: &Phase) -> Node {
    let mut entries = vec![
        ("id", Node::number(phase.id as f64)),
        ("percentage", Node::number(phase.percentage.value())),
        ("duration", Node::text(duration::write(phase.duration))),
    ];
    if let Some(max) = phase.max_duration {
        entries.push(("maxDuration", Node::text(duration::write(max))));
    }
    entries.push(("riskScore", Node::number(phase.risk_score)));
    entries.push(("description", Node::text(&phase.description)));
    if !phase.criteria.is_empty() {
        let limits = [
            ("errorRate", phase.criteria.error_rate),
            ("responseTime", phase.criteria.response_time),
            ("healthScore", phase.criteria.health_score),
        ];
        let given = limits.into_iter().filter_map(|(key, limit)| Some((key, Node::number(limit?))));
        entries.push(("successCriteria", Node::map(given)));
    }
    if !phase.gates.is_empty() {
        entries.push(("gates", release::gates(&phase.gates)));
    }
    Node::map(entries)
}

fn analysis(policy: &AnalysisPolicy) -> Node {
    Node::map([
        ("evidence", word(&policy.evidence)),
        ("onInconclusive", word(&policy.on_inconclusive)),
        ("sharedBreach", word(&policy.shared_breach)),
        ("noSafeTarget", word(&policy.no_safe_target)),
        ("onConcentrated", word(&policy.on_concentrated)),
        ("clustering", word(&policy.clustering)),
        ("alpha", Node::number(policy.alpha)),
        ("latencyFloorMs", Node::number(policy.latency_floor_ms)),
        ("warmUp", Node::text(duration::write(policy.warm_up))),
    ])
}

fn metric(metric: &MetricSpec) -> Node {
    let mut entries = vec![("name", Node::text(&metric.name))];
    match metric.kind {
        MetricKind::Proportion => entries.push(("kind", Node::text("proportion"))),
        MetricKind::Amount { cap } => {
            entries.extend([("kind", Node::text("amount")), ("cap", Node::number(cap))]);
        }
    }
    entries.extend([
        ("better", word(&metric.better)),
        ("role", word(&metric.role)),
        ("margin", Node::number(metric.margin)),
        ("per", word(&metric.per)),
    ]);
    if !metric.window.is_zero() {
        entries.push(("window", Node::text(duration::write(metric.window))));
    }
    if !metric.unit.is_empty() {
        entries.push(("unit", Node::text(&metric.unit)));
    }
    Node::map(entries)
}

fn ofrep(server: &ServerConfig) -> Node {
    let Some(rate) = server.evaluation_rate else {
        return Node::map([("ratePerSecond", Node::number(0.0))]);
    };
    let number = |n: u32| Node::number(f64::from(n));
    Node::map([("ratePerSecond", number(rate.per_second)), ("burst", number(rate.burst))])
}

fn auth(server: &ServerConfig) -> Node {
    let token = |token: &super::service::TokenConfig| {
        Node::map([
            ("name", Node::text(&token.name)),
            ("sha256", Node::text(&token.sha256)),
            ("roles", Node::list(token.roles.iter().map(|role| Node::text(role.as_str())))),
        ])
    };
    Node::map([
        ("tokens", Node::list(server.tokens.iter().map(token))),
        ("hosts", Node::list(server.hosts.iter().map(Node::text))),
    ])
}

/// The word an enum is written as.
fn word<T: Serialize>(value: &T) -> Node {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Node::text(word),
        // Policies are unit enums, which serialise as texts; a test reads every one of them back.
        _ => Node::text(""),
    }
}

/// A mapping in block style; small mappings and lists inline.
fn block(node: &Node, indent: usize, out: &mut String) {
    let pad = "  ".repeat(indent);
    for entry in node.entries() {
        out.push_str(&format!("{pad}{}:", entry.key));
        match &entry.node.value {
            Value::Map(entries) if !is_flat(&entry.node) && !entries.is_empty() => {
                out.push('\n');
                block(&entry.node, indent + 1, out);
            }
            Value::List(items) if items.iter().any(|i| matches!(i.value, Value::Map(_))) => {
                out.push('\n');
                for item in items {
                    out.push_str(&format!("{pad}  - {}\n", inline(item)));
                }
            }
            _ => out.push_str(&format!(" {}\n", inline(&entry.node))),
        }
    }
}

/// Whether a mapping is short enough for one line: at most three single values.
fn is_flat(node: &Node) -> bool {
    node.entries().len() <= 3 && node.entries().iter().all(|e| matches!(e.node.value, Value::Scalar(_)))
}

fn inline(node: &Node) -> String {
    match &node.value {
        Value::Scalar(scalar) => scalar_text(scalar),
        Value::List(items) if items.is_empty() => "[]".into(),
        Value::List(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let pairs = entries.iter().map(|e| format!("{}: {}", e.key, inline(&e.node)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A text bare where that is safe, else in double quotes as JSON (which YAML reads alike).
fn scalar_text(scalar: &Scalar) -> String {
    match scalar.resolved {
        Resolved::Text if !is_bare_text(&scalar.text) => {
            serde_json::Value::from(scalar.text.as_str()).to_string()
        }
        _ => scalar.text.clone(),
    }
}

/// Whether a text needs no quotes to be read as that text, anywhere in YAML.
pub(super) fn is_bare_text(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        && Scalar::plain(text).resolved == Resolved::Text
}
