//! The whole config, and the environments that are laid over it.

use fw_model::plan::RouterKind;
use fw_model::{Plan, Region, ServiceKey, ServiceName};

use super::{
    Rules, analysis, auth, business, flags, gate, metrics, notifications, ofrep, regions, release, rollout,
    traffic, versions, waves,
};
use crate::config::format;
use crate::config::service::{ServerConfig, ServiceConfig, TrafficConfig, plan_hash};
use crate::config::table::{Key, Kind, Section, missing_in};

/// The key of the environments.
pub(crate) const ENVIRONMENTS: &str = "environments";
/// Most environments.
const ENVIRONMENTS_MAX: usize = 32;
/// The service of a config that names none.
const SERVICE_DEFAULT: &str = "default";

const SERVICE: Key = Key::optional(
    "service",
    Kind::Text(format::SERVICE),
    r#""default""#,
    "What is being released. Names the rollout in the CLI and the API.",
);
const REGION: Key = Key::optional(
    "region",
    Kind::Text(format::REGION),
    "= none",
    "Where it runs, if the same service is rolled out region by region.",
);
const VERSIONS: Key = Key::optional(
    "versions",
    Kind::Section(&versions::VERSIONS),
    "= needed for the proxy",
    "The version that runs and the one being rolled out.",
);
const TRAFFIC: Key = Key::optional(
    "traffic",
    Kind::Section(&traffic::TRAFFIC),
    "= defaults of its keys",
    "What moves traffic, and how requests are told apart.",
);
const ROLLOUT_KEY: Key = Key::optional(
    "rollout",
    Kind::Section(&rollout::ROLLOUT),
    "= the four phases 5, 25, 50 and 100 %",
    "The plan: phases and policies.",
);
const BUSINESS: Key = Key::optional(
    "business",
    Kind::Section(&business::BUSINESS),
    "= none",
    "What things cost and earn; for reports alone.",
);
const RELEASE: Key = Key::optional(
    "release",
    Kind::Section(&release::RELEASE),
    "= defaults of its keys",
    "What happens around the rollout: `fw release`.",
);
const OFREP: Key = Key::optional(
    "ofrep",
    Kind::Section(&ofrep::OFREP),
    "= unlimited",
    "How many evaluations of flags one client may ask for.",
);
const AUTH: Key = Key::optional(
    "auth",
    Kind::Section(&auth::AUTH),
    "= none: loopback only",
    "Who may talk to the API. Without tokens the server listens on loopback only.",
);

/// Every key of a config.
pub(crate) static ROOT: Section = Section {
    title: "The config",
    doc: "One service. The `rollout` mapping alone, without anything around it, is a config too: service `default`, router `sdk`.",
    keys: &[
        SERVICE,
        REGION,
        VERSIONS,
        TRAFFIC,
        ROLLOUT_KEY,
        regions::REGIONS,
        waves::WAVES,
        metrics::METRICS,
        BUSINESS,
        RELEASE,
        flags::SEGMENTS,
        flags::FLAGS,
        OFREP,
        notifications::NOTIFICATIONS,
        AUTH,
        Key::optional(
            ENVIRONMENTS,
            Kind::Overlays { of: &OVERLAY, max: ENVIRONMENTS_MAX },
            "= none",
            "Keys laid over the above by `--env NAME`: mappings merge, lists and single values are replaced.",
        ),
    ],
    exclusive: &[],
};

/// What an environment may hold: everything but environments.
static OVERLAY: Section = Section {
    title: "environments",
    doc: "The same keys as the config itself.",
    keys: &[
        SERVICE,
        REGION,
        VERSIONS,
        TRAFFIC,
        ROLLOUT_KEY,
        regions::REGIONS,
        waves::WAVES,
        metrics::METRICS,
        BUSINESS,
        RELEASE,
        flags::SEGMENTS,
        flags::FLAGS,
        OFREP,
        notifications::NOTIFICATIONS,
        AUTH,
    ],
    exclusive: &[],
};

/// Reads a merged tree with its regions. The result is sound only when `rules` holds no fault afterwards.
pub(crate) fn read(rules: &mut Rules<'_>, bare: bool) -> ServiceConfig {
    let root = rules.view();
    if let Some(node) = root.0 {
        missing_in(&ROOT, node, "", &mut |path, node, message| rules.fault_at(node, path, message));
    }
    let mut config = read_one(rules, bare);
    config.waves = waves::read(rules, &config.plan);
    if let Some(plan) = &config.waves {
        config.regions = regions::read(rules, plan.region_weight());
    }
    name_versions(rules, &mut config);
    config
}

/// One canary goes over all regions, whether its name stands in the config or in each region.
fn name_versions(rules: &mut Rules<'_>, config: &mut ServiceConfig) {
    let Some(first) = config.regions.first() else { return };
    let (name, plan) = (first.name.clone(), &first.config.plan);
    let (stable, canary) = (plan.stable.version.clone(), plan.canary.version.clone());
    for (i, region) in config.regions.iter().enumerate() {
        let own = &region.config.plan.canary.version;
        if *own != canary {
            let text = format!("would roll out {own}, and {name} {canary}: one canary goes over all regions");
            rules.fault(&format!("{}[{i}].versions.canary", regions::REGIONS_KEY), text);
        }
    }
    if let Some(waves) = &mut config.waves {
        (waves.stable, waves.canary) = (stable.clone(), canary.clone());
    }
    (config.plan.stable.version, config.plan.canary.version) = (stable, canary);
    config.plan_hash = plan_hash(&config.plan);
}

/// Reads a tree without its regions: a config that has none, or that of one region.
pub(super) fn read_one(rules: &mut Rules<'_>, bare: bool) -> ServiceConfig {
    let root = rules.view();
    let (stable, canary) = versions::read(root.get("versions"));
    let guess = if !bare && (!stable.urls.is_empty() || !canary.urls.is_empty()) {
        RouterKind::Proxy
    } else {
        RouterKind::Sdk
    };
    let below = root.get("traffic");
    let router = traffic::router(below).unwrap_or(guess);
    let mut plan = Plan::seed(key(rules));
    (plan.stable, plan.canary, plan.router) = (stable, canary, router);
    traffic::read_plan(below, &mut plan);
    rollout::read(root.get("rollout"), &mut plan);
    analysis::read(root.get("rollout").get("analysis"), &mut plan.analysis);
    plan.metrics = metrics::read(root.get("metrics"));
    plan.business = business::read(root.get("business"));
    let traffic = traffic::read(below, router);
    let server = ServerConfig {
        port: rollout::port(root.get("rollout")),
        sse_enabled: root.get("rollout").get("sseEnabled").boolean().unwrap_or(true),
        tokens: auth::read(root.get("auth")),
        hosts: auth::hosts(root.get("auth")),
        evaluation_rate: ofrep::read(root.get("ofrep")),
    };
    let release = release::read(root.get("release"));
    check(rules, &plan, &traffic, &server);
    let flags = flags::read(root);
    let notifications = notifications::read(root.get("notifications"));
    ServiceConfig {
        plan_hash: plan_hash(&plan),
        plan,
        traffic,
        server,
        flags,
        notifications,
        release,
        regions: vec![],
        waves: None,
    }
}

fn key(rules: &Rules<'_>) -> ServiceKey {
    let root = rules.view();
    let name = root.get("service").text().and_then(|name| ServiceName::new(name).ok());
    let default = || ServiceName::new(SERVICE_DEFAULT).expect("a constant that keeps the rule of names");
    let region = root.get("region").text().and_then(|name| Region::new(name).ok());
    ServiceKey { service: name.unwrap_or_else(default), region }
}

fn check(rules: &mut Rules<'_>, plan: &Plan, traffic: &TrafficConfig, server: &ServerConfig) {
    if rules.view().get(regions::REGIONS_KEY).items().is_empty() {
        check_plan(rules, plan, traffic, server);
    } else {
        // What is said of all regions need not be whole by itself; each region's config is.
        if rules.view().get("region").exists() {
            rules.fault("region", "can't stand beside `regions`: each region has its name there");
        }
        if !rules.view().get("flags").items().is_empty() {
            let text = "can't stand beside `regions`: which region's split decides a flag is not known; serve flags by a service without regions";
            rules.fault("flags", text);
        }
    }
    auth::check(rules);
    notifications::check(rules);
    release::check(rules);
}

fn check_plan(rules: &mut Rules<'_>, plan: &Plan, traffic: &TrafficConfig, server: &ServerConfig) {
    for broken in plan.check().err().unwrap_or_default() {
        rules.fault(&broken.path, broken.message);
    }
    versions::check(rules, plan);
    metrics::check(rules);
    flags::check(rules);
    traffic::check(rules, plan, traffic, server);
    for position in 0..plan.phases.len() {
        gate::check(rules, &format!("rollout.phases[{position}].gates"));
    }
}
