//! Regions and waves as the config writes them; α is left out of a region, as the whole has it.

use fw_engine::waves::{Condition, HaltOthers, OnPooled, OnUnreachable, Wave, WavesPlan};

use super::{Node, Value, metric, rollout, traffic, version};
use crate::config::duration;
use crate::config::section::write_after;
use crate::config::service::RegionConfig;

/// One region.
pub(super) fn region(region: &RegionConfig) -> Node {
    let plan = &region.config.plan;
    let mut entries = vec![("name", Node::text(region.name.as_str()))];
    if let Some(server) = &region.server {
        entries.push(("server", Node::text(&server.url)));
        entries.extend(server.token_env.iter().map(|name| ("tokenEnv", Node::text(name))));
    } else {
        entries.push(("proxy", Node::boolean(region.own_proxy)));
    }
    let versions = Node::map([("stable", version(&plan.stable)), ("canary", version(&plan.canary))]);
    entries.push(("versions", versions));
    entries.push(("traffic", traffic(plan, &region.config.traffic)));
    entries.push(("rollout", without_alpha(rollout(plan, &region.config.server))));
    entries.push(("metrics", Node::list(plan.metrics.iter().map(metric))));
    Node::map(entries)
}

fn without_alpha(mut rollout: Node) -> Node {
    if let Value::Map(entries) = &mut rollout.value {
        for entry in entries.iter_mut().filter(|e| e.key == "analysis") {
            if let Value::Map(analysis) = &mut entry.node.value {
                analysis.retain(|e| e.key != "alpha");
            }
        }
    }
    rollout
}

/// How the canary goes from region to region.
pub(super) fn waves(plan: &WavesPlan) -> Node {
    let halt_others = match plan.halt_others {
        HaltOthers::Hold => "hold",
        HaltOthers::Rollback => "rollback",
        HaltOthers::None => "none",
    };
    let on_unreachable = match plan.on_unreachable {
        OnUnreachable::Hold => "hold",
        OnUnreachable::Continue => "continue",
    };
    let pooled = match plan.pooled {
        OnPooled::Rollback => "rollback",
        OnPooled::Hold => "hold",
        OnPooled::Off => "off",
    };
    Node::map([
        ("order", Node::list(plan.waves.iter().map(wave))),
        ("haltOthers", Node::text(halt_others)),
        ("onUnreachable", Node::text(on_unreachable)),
        ("pooled", Node::text(pooled)),
    ])
}

fn wave(wave: &Wave) -> Node {
    let mut entries =
        vec![("regions", Node::list(wave.regions.iter().map(|region| Node::text(region.as_str()))))];
    for condition in &wave.after {
        match condition {
            Condition::Stagger(gap) => entries.push(("stagger", Node::text(duration::write(*gap)))),
            other => entries.extend(write_after(other).map(|text| ("after", Node::text(text)))),
        }
    }
    Node::map(entries)
}
