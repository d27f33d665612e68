//! Good configs: the contract's example, the seed's objects, and that what is shown reads back.

use std::time::Duration;

use fw_model::plan::{Evidence, RouterKind};
use fw_model::split::{DeadMan, Stickiness};
use fw_model::{Plan, Variant};

use crate::config::{
    EvaluationRate, Role, ServiceConfig, effective_json, effective_yaml, load_file, load_json, load_str,
};

pub(in crate::config) const CONTRACT: &str = include_str!("contract.yaml");
pub(in crate::config) const SEED: &str = include_str!("seed.json");
const PRODUCTION: &str = include_str!("seed-production.json");
const STAGING: &str = include_str!("seed-staging.json");

pub(super) fn load(text: &str) -> ServiceConfig {
    load_str("fw.yaml", text, None).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn the_contract_example_says_what_it_says() {
    let config = load(CONTRACT);
    let mut want = Plan::seed("checkout".parse().unwrap());
    want.stable.version = "1.4.2".into();
    want.stable.urls = vec!["http://127.0.0.1:8081".into()];
    want.canary.version = "1.5.0".into();
    want.canary.urls = vec!["http://127.0.0.1:8082".into()];
    want.router = RouterKind::Proxy;
    want.stickiness = Stickiness::Cookie("fw_key".into());
    assert_eq!(config.plan, want);
    assert_eq!(config.traffic.listen, Some("127.0.0.1:8080".parse().unwrap()));
    assert_eq!(config.server.port, Some(3002));
    assert!(config.server.sse_enabled);
    assert_eq!(config.server.tokens[0].roles, [Role::Operator]);
}

#[test]
fn its_environments_change_what_they_name_and_nothing_else() {
    let base = load(CONTRACT);
    let production = load_str("fw.yaml", CONTRACT, Some("production")).unwrap();
    let mut want = base.plan.clone();
    want.risk_threshold = 85.0;
    want.phases = load(PRODUCTION).plan.phases;
    assert_eq!(production.plan, want);
    assert_ne!(production.plan_hash, base.plan_hash);
    let staging = load_str("fw.yaml", CONTRACT, Some("staging")).unwrap();
    assert_eq!(staging.plan.phases, load(STAGING).plan.phases);
}

#[test]
fn the_seed_object_alone_is_a_config() {
    let config = load(SEED);
    let mut want = Plan::seed("default".parse().unwrap());
    want.phases.iter_mut().for_each(|p| p.criteria = Default::default());
    assert_eq!(config.plan, want);
    assert_eq!((config.traffic.listen, config.server.port), (None, Some(3002)));
    let value: serde_json::Value = serde_json::from_str(SEED).unwrap();
    assert_eq!(load_json(&value, None).unwrap(), config);
}

#[test]
fn the_seed_objects_of_environments_are_configs_too() {
    let production = load(PRODUCTION).plan;
    let shares: Vec<f64> = production.phases.iter().map(|p| p.percentage.value()).collect();
    assert_eq!(shares, [1.0, 5.0, 20.0, 50.0, 100.0]);
    assert_eq!(production.phases[4].duration, Duration::from_secs(3600));
    assert_eq!((production.phases[1].id, production.phases[1].description.as_str()), (1, "Phase 1 (5 %)"));
    assert_eq!(production.risk_threshold, 85.0);
    assert_eq!(load(STAGING).plan.phases.len(), 3);
}

#[test]
fn the_seed_object_as_yaml_means_the_same() {
    let yaml = "
phases:
  - { id: 0, percentage: 5, duration: 2, riskScore: 65, description: 'Initial canary' }
  - { id: 1, percentage: 25, duration: 3, riskScore: 55, description: 'Limited rollout' }
  - { id: 2, percentage: 50, duration: 4, riskScore: 45, description: 'Balanced rollout' }
  - { id: 3, percentage: 100, duration: 5, riskScore: 35, description: 'Full deployment' }
autoAdvance: true            # Automatically advance phases
riskThreshold: 70
enableRollback: true
monitoringInterval: 30
sseEnabled: true
port: 3002
";
    assert_eq!(load(yaml), load(SEED));
}

#[test]
fn a_service_alone_gets_every_default() {
    let config = load("service: checkout\n");
    assert_eq!(config.plan, Plan::seed("checkout".parse().unwrap()));
    assert_eq!(config.server.port, None);
}

#[test]
fn every_key_can_be_set() {
    let config = load(FULL);
    let plan = &config.plan;
    assert_eq!(plan.key.to_string(), "shop@eu-west-1");
    assert_eq!(plan.stable.version, "1.10");
    assert_eq!(plan.canary.urls, ["h2c://[::1]:9000", "https://b.example"]);
    assert_eq!(plan.stickiness, Stickiness::Header("X-User-Id".into()));
    assert_eq!((&plan.errors.http[..], &plan.errors.grpc[..]), (&[(500, 502), (504, 504)][..], &[14][..]));
    assert_eq!(plan.dead_man, Some(DeadMan { after: Duration::from_secs(300), then: Variant::Stable }));
    assert_eq!(plan.phases[0].duration, Duration::from_millis(500));
    assert_eq!(plan.phases[0].max_duration, Some(Duration::from_secs(5400)));
    assert_eq!(plan.phases[0].percentage.weight().units(), 1);
    assert_eq!(
        (plan.triggers.health, plan.triggers.error_rate, plan.triggers.response_time),
        (None, Some(2.5), None)
    );
    assert_eq!(plan.analysis.evidence, Evidence::Observed);
    assert_eq!((plan.analysis.latency_floor_ms, plan.analysis.warm_up), (2.5, Duration::ZERO));
    assert!(!plan.auto_advance && !plan.enable_rollback && !config.server.sse_enabled);
    assert_eq!(config.traffic.forced_variant_header.as_deref(), Some("X-FW-Variant"));
    let traffic = &config.traffic;
    assert_eq!((traffic.expose_variant, traffic.workers), (true, Some(2)));
    assert_eq!((traffic.limits.body_bytes_max, traffic.limits.header_count_max), (5_000_000_000, 7));
    assert_eq!(traffic.timeouts.header_read, Duration::from_secs(1));
    assert_eq!(
        (traffic.timeouts.connect, traffic.timeouts.body_idle),
        (Duration::ZERO, Duration::from_secs(86_400))
    );
    assert_eq!(config.server.hosts, ["fw.example.com:3002"]);
    assert_eq!(config.server.tokens[0].sha256, "ab".repeat(32));
    assert_eq!(config.server.evaluation_rate, Some(EvaluationRate { per_second: 50, burst: 200 }));
}

#[test]
fn a_rate_is_its_own_burst_and_zero_is_none() {
    let rate = |text: &str| load(&format!("service: a\nofrep: {text}\n")).server.evaluation_rate;
    assert_eq!(rate("{ ratePerSecond: 20 }"), Some(EvaluationRate { per_second: 20, burst: 20 }));
    for unlimited in ["{}", "{ ratePerSecond: 0 }", "{ ratePerSecond: 0, burst: 9 }", "{ burst: 9 }"] {
        assert_eq!(rate(unlimited), None, "{unlimited}");
    }
}

#[test]
fn what_is_shown_reads_back_as_the_same_config() {
    for text in [CONTRACT, SEED, PRODUCTION, STAGING, FULL, "service: a\n"] {
        let config = load(text);
        let yaml = effective_yaml(&config);
        assert_eq!(load(&yaml), config, "{yaml}");
        assert_eq!(load_json(&effective_json(&config), None).as_ref(), Ok(&config));
    }
}

#[test]
fn yaml_and_json_details_are_read_as_the_standards_have_them() {
    let pair = load(
        "{\n\t\"phases\":[{\"percentage\":1e2,\"duration\":2,\"description\":\"go \\ud83d\\ude80\\/\"}]\r\n}",
    );
    assert_eq!(pair.plan.phases[0].description, "go 🚀/");
    let anchors = "rollout: { phases: [ &p { percentage: 100, duration: 1 } ] }\nenvironments: { e: { rollout: { phases: [ *p ] } } }\n";
    assert_eq!(load_str("fw.yaml", anchors, Some("e")).unwrap().plan.phases.len(), 1);
    assert_eq!(load("\u{feff}service: a\r\nregion: b\r\n").plan.key.to_string(), "a@b");
    assert_eq!(load("service: !!str 5\n").plan.key.to_string(), "5");
}

#[test]
fn files_of_a_config_are_found_from_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fw.yaml");
    std::fs::write(&path, "service: a\ntraffic: { tls: { cert: c.pem, key: /k.pem } }\n").unwrap();
    let tls = load_file(&path, None).unwrap().traffic.tls.unwrap();
    assert_eq!((tls.cert, tls.key), (folder.path().join("c.pem"), "/k.pem".into()));
}

pub(in crate::config) const FULL: &str = r#"
service: shop
region: eu-west-1
versions:
  stable: { version: 1.10, url: http://localhost:80/ }
  canary: { version: 1.11-rc.1, urls: [ "h2c://[0::1]:9000", https://B.example:443 ] }
traffic:
  router: proxy
  listen: "[::1]:8443"
  tls: { cert: cert.pem, key: key.pem }
  stickiness: { header: X-User-Id }
  errors: { http: [ [500, 502], 504 ], grpc: [ 14 ] }
  forcedVariantHeader: X-FW-Variant
  deadMan: { after: 5m, then: stable }
  exposeVariant: true
  upstreamCa: ca.pem
  workers: 2
  limits: { headerBytes: 2048, headerCount: 7, uriBytes: 4096, bodyBytes: 5000000000, connections: 9, idleUpstream: 0 }
  timeouts: { headerRead: 1, connect: 0, responseHead: 250ms, idleKeepAlive: 2s, idleUpstream: 3s, upgradeIdle: 4s, bodyIdle: 1d }
rollout:
  phases:
    - { id: 7, percentage: 0.001, duration: 500ms, maxDuration: 1h30m, riskScore: 1.5, description: "first: # \"quoted\"" }
    - percentage: 100
      duration: 0.5
      successCriteria: { errorRate: 0, responseTime: 250.5, healthScore: 99 }
  autoAdvance: false
  riskThreshold: 0
  enableRollback: false
  rollbackTriggers: { health: off, errorRate: 2.5, responseTime: null }
  monitoringInterval: 1m
  sseEnabled: false
  port: 4000
  analysis: { evidence: observed, onInconclusive: rollback, sharedBreach: rollback, noSafeTarget: hold, onConcentrated: rollback, clustering: ignore, alpha: 0.05, latencyFloorMs: 2.5, warmUp: 0 }
metrics:
  - { name: conversion_rate, role: gating }
  - { name: revenue.eur, kind: amount, cap: 499.5, better: higher, role: rollback, margin: 2.5, per: request, window: 10, unit: "€/order" }
  - { name: "2", kind: proportion, better: lower, role: display, margin: 0, per: value, window: 0s }
ofrep: { ratePerSecond: 50, burst: 200 }
auth:
  tokens: [ { name: ci, sha256: "ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB", roles: [ viewer, operator, approver, reporter ] } ]
  hosts: [ FW.example.com:3002 ]
"#;
