//! Phases that are too short for their traffic to prove anything, where somebody worked out how long they need.

use std::time::Duration;

use super::{Look, Proposal};
use crate::config::duration::{self, Per};
use crate::config::fix::op::Op;
use crate::config::fix::path::Path;
use crate::config::section::ENVIRONMENTS;
use crate::config::tree::{Node, Resolved, Scalar, Value, View};

/// Durations below what the facts say are raised to it, in whole seconds or minutes.
pub(super) fn too_short(look: &Look<'_>) -> Vec<Proposal> {
    let Some(needed) = &look.facts.min_durations else { return vec![] };
    let Some(list) = list(look) else { return vec![] };
    let items = list.find(look.tree).map_or(&[][..], Node::items);
    if items.len() != needed.len() {
        return vec![];
    }
    let one = |(i, (node, needed)): (usize, (&Node, &Duration))| phase(&list.item(i), node, rounded(*needed));
    items.iter().zip(needed).enumerate().filter_map(one).collect()
}

fn phase(at: &Path, node: &Node, needed: Duration) -> Option<Proposal> {
    let view = View(Some(node));
    let now = view.get("duration").duration(Per::Minute).filter(|now| *now < needed)?;
    let mut ops = vec![Op::Set { at: at.key("duration"), to: written(node, "duration", needed)? }];
    if view.get("maxDuration").duration(Per::Minute).is_some_and(|max| max < needed) {
        ops.push(Op::Set { at: at.key("maxDuration"), to: written(node, "maxDuration", needed)? });
    }
    Some(Proposal {
        rule: "short-phase",
        at: at.key("duration"),
        message: format!(
            "{} is too short to prove anything with this traffic: {} now",
            duration::write(now),
            duration::write(needed)
        ),
        ops,
    })
}

/// The list of phases that holds for the environment.
fn list(look: &Look<'_>) -> Option<Path> {
    if look.bare {
        return Some(Path::default().key("phases"));
    }
    let own = look.env.map(|env| Path::default().keys([ENVIRONMENTS, env, "rollout", "phases"]));
    let base = Path::default().keys(["rollout", "phases"]);
    own.into_iter().chain([base]).find(|path| path.find(look.tree).is_some())
}

/// As the key had it: a bare number of minutes, where that stays whole, else a text.
fn written(node: &Node, key: &str, to: Duration) -> Option<Scalar> {
    let Value::Scalar(old) = &node.get(key)?.value else { return None };
    let is_number = matches!(old.resolved, Resolved::Number(_));
    let minutes = to.as_secs() / 60;
    if is_number && to == Duration::from_secs(60 * minutes) {
        return Some(Scalar::plain(minutes.to_string()));
    }
    Some(Scalar::text(duration::write(to)))
}

/// Up to a whole second, from two minutes on to a whole minute.
fn rounded(needed: Duration) -> Duration {
    let seconds = needed.as_secs() + u64::from(needed.subsec_nanos() > 0);
    Duration::from_secs(if seconds > 120 { seconds.div_ceil(60) * 60 } else { seconds })
}
