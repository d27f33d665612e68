//! `regions[n]`: where the service runs, each with the keys it has of its own, laid over the rest of the config.
//!
//! Each region becomes a config by itself (`service@region`); α stays the whole's, and each has its share of it.

use fw_model::Region;

use super::root::read_one;
use super::{Rules, metrics, rollout, traffic, versions};
use crate::config::format;
use crate::config::service::{RegionConfig, RemoteServer, ServiceConfig, plan_hash};
use crate::config::table::{Key, Kind, Section};
use crate::config::tree::{Entry, Node, Origin, Value, View, merge};

/// The key of the list.
pub(in crate::config) const REGIONS_KEY: &str = "regions";

static REGION_KIND: Kind = Kind::Section(&REGION);

/// The list.
pub(super) const REGIONS: Key = Key::optional(
    REGIONS_KEY,
    Kind::List { of: &REGION_KIND, min: 0, max: fw_engine::waves::REGIONS_MAX },
    "[]",
    "Where the service runs, in the order it is rolled out. Each has a rollout of its own.",
);

/// One region.
pub(super) static REGION: Section = Section {
    title: "regions[n]",
    doc: "What differs in one region; everything else is as in the rest of the config. `rollout.analysis.alpha` is that of all regions together and stands there.",
    keys: &[
        Key::required("name", Kind::Text(format::REGION), "Its name, such as eu-west-1."),
        Key::optional(
            "server",
            Kind::Text(format::URL),
            "= this server",
            "The `fw serve` that runs this region, when another one does: `http://` or `https://`, host and port.",
        ),
        Key::optional(
            "tokenEnv",
            Kind::Text(format::ENV),
            "= no token",
            "The environment variable that has the token for `server`; its role is operator.",
        ),
        Key::optional(
            "proxy",
            Kind::Bool,
            "true",
            "Whether this server runs the region's proxy; `false` where `fw proxy --region NAME` processes do.",
        ),
        Key::optional(
            "versions",
            Kind::Section(&versions::VERSIONS),
            "= of the config",
            "Where its instances answer.",
        ),
        Key::optional(
            "traffic",
            Kind::Section(&traffic::TRAFFIC),
            "= of the config",
            "Where its proxy listens, and more.",
        ),
        Key::optional(
            "rollout",
            Kind::Section(&rollout::ROLLOUT),
            "= of the config",
            "Phases and policies of its own.",
        ),
        metrics::METRICS,
    ],
    exclusive: &[],
};

/// Keys of a region that are no keys of a config.
const OWN: [&str; 4] = ["name", "server", "tokenEnv", "proxy"];
/// Keys of a config that a region's does not have: the whole has them.
const OF_THE_WHOLE: [&str; 6] = [REGIONS_KEY, "waves", "region", "notifications", "auth", "ofrep"];

/// Reads every region; `share` is what each has of the whole's α. Faults get the region's path in front.
pub(super) fn read(rules: &mut Rules<'_>, share: f64) -> Vec<RegionConfig> {
    let root = rules.view();
    let items = root.get(REGIONS_KEY).items();
    let mut regions: Vec<RegionConfig> = vec![];
    for (i, node) in items.iter().enumerate() {
        let view = View(Some(node));
        let Some(name) = view.get("name").text().and_then(|name| Region::new(name).ok()) else { continue };
        let path = format!("{REGIONS_KEY}[{i}]");
        if regions.iter().any(|r| r.name == name) {
            rules.fault(&format!("{path}.name"), format!("{name} stands twice: each region once"));
        }
        check(rules, view, &path);
        let config = one(rules, node, &path, share);
        let server = view.get("server").text().map(|url| RemoteServer {
            url: url.trim_end_matches('/').to_owned(),
            token_env: view.get("tokenEnv").text().map(str::to_owned),
        });
        let own_proxy = server.is_none() && view.get("proxy").boolean().unwrap_or(true);
        regions.push(RegionConfig { name, server, own_proxy, config });
    }
    apart(rules, &regions);
    regions
}

fn check(rules: &mut Rules<'_>, region: View<'_>, path: &str) {
    let h2c = region.get("server").text().is_some_and(|url| url.starts_with("h2c:"));
    if h2c {
        rules.fault(&format!("{path}.server"), "must begin with http:// or https://");
    }
    if region.get("tokenEnv").exists() && !region.get("server").exists() {
        rules.fault(&format!("{path}.tokenEnv"), "goes with `server`: this server needs no token for itself");
    }
    if region.get("rollout").get("analysis").get("alpha").exists() {
        let text = "is that of all regions together: write it under `rollout.analysis` of the config";
        rules.fault(&format!("{path}.rollout.analysis.alpha"), text);
    }
}

/// The config of one region.
fn one(rules: &mut Rules<'_>, region: &Node, path: &str, share: f64) -> ServiceConfig {
    let prefixes = rules.prefixes_with(region, path);
    let mut overlay = region.clone();
    overlay.set_origin(Origin(prefixes.len()));
    let name = region.get("name").cloned();
    let keep = |node: &Node, without: &[&str]| -> Vec<Entry> {
        node.entries().iter().filter(|e| !without.contains(&e.key.as_str())).cloned().collect()
    };
    let root = rules.root();
    let mut base = keep(root, &OF_THE_WHOLE);
    base.extend(name.map(|node| Entry { key: "region".into(), place: node.place, node }));
    let base = Node { value: Value::Map(base), ..root.clone() };
    let overlay = Node { value: Value::Map(keep(&overlay, &OWN)), ..overlay };
    let merged = merge(&base, &overlay, &|key| super::rivals(key));
    let mut own = Rules::new(&merged, &prefixes);
    let mut config = read_one(&mut own, false);
    rules.take(own.into_faults());
    config.plan.analysis.alpha *= share;
    config.plan_hash = plan_hash(&config.plan);
    config
}

/// Two proxies of one server can't listen in one place.
fn apart(rules: &mut Rules<'_>, regions: &[RegionConfig]) {
    let listens = |r: &RegionConfig| r.config.traffic.listen.filter(|at| r.own_proxy && at.port() != 0);
    for (i, region) in regions.iter().enumerate() {
        let Some(at) = listens(region) else { continue };
        if let Some(other) = regions[..i].iter().find(|other| listens(other) == Some(at)) {
            let text = format!(
                "its proxy would listen on {at} as that of {} does: give it a `traffic.listen` of its own, or `proxy: false`",
                other.name
            );
            rules.fault(&format!("{REGIONS_KEY}[{i}]"), text);
        }
    }
}
